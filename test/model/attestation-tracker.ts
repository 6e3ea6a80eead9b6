// The tracker of model A: the host follows the public group, and decides by the word of its leaves
// in which state the members are (protocol-2.md §1).

import { commitAt, isInGroup } from './attestation-rules.ts';
import type { AttestationBounds, AttestationState, Commit, Honest, Statement } from './attestation-rules.ts';
import { lettersOf, without } from './letters.ts';
import type { Step } from './search.ts';

export interface Tracker {
  /** The decided state, and what follows from it publicly since. */
  readonly candidatesOf: (state: AttestationState) => readonly number[];
  readonly isPresent: (one: Honest, candidates: readonly number[]) => boolean;
  readonly decisions: (state: AttestationState) => Iterable<Step<AttestationState>>;
  /** A member after it has read the whole log. */
  readonly readLog: (one: Honest, log: readonly Commit[]) => Honest;
}

export function makeTracker(bounds: AttestationBounds): Tracker {
  const { rules } = bounds;
  const isPuppet = (name: string): boolean => bounds.puppets.includes(name);
  const topOf = (state: AttestationState): number => state.log.length - 1;

  const accepts = (one: Honest, { parent, by, opens, info }: Commit): boolean =>
    one.at === parent &&
    parent >= 0 &&
    by !== one.name &&
    opens.includes(one.name) &&
    (info === 'right' || (info === 'false-pub' && !rules.comparesPub));

  function readLog(one: Honest, log: readonly Commit[]): Honest {
    if (one.at < 0) return { ...one, read: log.length - 1 };
    let { at } = one;
    for (let number = one.read + 1; number < log.length; number += 1) {
      if (accepts({ ...one, at }, commitAt(log, number))) at = number;
    }
    return { ...one, at, read: log.length - 1 };
  }

  /** The decided state, and what follows from it publicly since. */
  function candidatesOf({ log, decision }: AttestationState): readonly number[] {
    const found = [decision.state];
    for (let number = decision.number + 1; number < log.length; number += 1) {
      const { parent, info } = commitAt(log, number);
      // Without a witness the tracker believes at once, and then takes only what follows from that.
      const isNext = rules.check === 'witness' ? found.includes(parent) : found.at(-1) === parent;
      if (isNext && (info !== 'other-join' || rules.check === 'roster')) found.push(number);
    }
    return found.length - 1 <= rules.candidates ? found : [decision.state, ...found.slice(-rules.candidates)];
  }

  /** Whose word counts first: the moderator, the decided state's leaves as they came, then those that joined since. */
  function orderOf(state: AttestationState, candidates: readonly number[]): string {
    const leaves = new Set(candidates.flatMap((number) => lettersOf(commitAt(state.log, number).leaves)));
    const order = [...leaves].join('');
    const { moderator } = bounds;
    return moderator !== undefined && order.includes(moderator) ? moderator + without(order, moderator) : order;
  }

  /** Awake, in a state that the tracker knows, and able to say so. */
  const isPresent = (one: Honest, candidates: readonly number[]): boolean =>
    one.awake && isInGroup(one) && candidates.includes(one.at);

  /** The true age, which no rule of the tracker changes: since when a member was there without a break. */
  function ageOf(state: AttestationState, name: string): number {
    const found = state.log.findIndex(({ leaves }) => leaves.includes(name));
    return name === bounds.moderator ? -1 : found * 100 + (state.log[found]?.leaves.indexOf(name) ?? 0);
  }

  function decide(state: AttestationState, { by, state: decided }: Statement): AttestationState {
    const candidates = candidatesOf(state);
    const others = state.honest.filter((one) => one.name !== by && isPresent(one, candidates));
    const itself = state.honest.find(({ name }) => name === by);
    const isTrue = itself === undefined || readLog(itself, state.log).at === decided;
    const isByEldest = isTrue && !others.some(({ name }) => ageOf(state, name) < ageOf(state, by));
    const info = decided === state.decision.state ? state.decision.info : commitAt(state.log, decided).info;
    const isLie = isPuppet(by) && !(state.log[decided]?.by === by && decided === candidates.at(-1));
    const left = isLie ? { ...state.left, attacks: state.left.attacks - 1 } : state.left;
    return { ...state, left, decision: { number: topOf(state), state: decided, info, isByEldest } };
  }

  /** What a member may be heard to say about the last commit number: a puppet anything, or nothing. */
  function* wordsOf(
    state: AttestationState,
    name: string,
    candidates: readonly number[],
  ): Iterable<Statement & { readonly orderly: boolean }> {
    // Commits that are publicly wrong void nobody's word.
    const newest = candidates.at(-1) ?? 0;
    const isMaker = newest !== state.decision.state && state.log[newest]?.by === name;
    if (isMaker && !rules.commitIsStatement) return;
    const one = state.honest.find((other) => other.name === name);
    if (one !== undefined && isPresent(one, candidates)) yield { by: name, state: one.at, orderly: true };
    else if (isMaker) yield { by: name, state: newest, orderly: true };
    else if (isPuppet(name) && state.left.attacks > 0 && bounds.tricks.includes('lies'))
      for (const candidate of candidates) yield { by: name, state: candidate, orderly: false };
    for (const old of state.replays) {
      if (old.by === name && candidates.includes(old.state)) yield { ...old, orderly: false };
    }
  }

  function* decisions(state: AttestationState): Iterable<Step<AttestationState>> {
    const top = topOf(state);
    if (state.isPaused || state.decision.number === top) return;
    const candidates = candidatesOf(state);
    const newest = candidates.at(-1) ?? 0;
    if (rules.check !== 'witness' || candidates.length === 1) {
      // Without a witness the newest is believed. Where nothing publicly right has come, the state stays, and nobody is asked.
      const info = newest === state.decision.state ? state.decision.info : commitAt(state.log, newest).info;
      const decision = { ...state.decision, number: top, state: newest, info };
      yield { name: `the tracker goes on to state ${newest} at ${top}`, orderly: true, next: { ...state, decision } };
      return;
    }
    const order = lettersOf(orderOf(state, candidates));
    if (rules.decides === 'number') {
      const words = order.flatMap((name) => [...wordsOf(state, name, candidates)]);
      const names = (candidate: number): number =>
        new Set(words.filter((word) => word.state === candidate).map(({ by }) => by)).size;
      for (const word of words) {
        if (candidates.some((other) => other !== word.state && names(other) > names(word.state))) continue;
        yield { name: `most are in state ${word.state}`, orderly: word.orderly, next: decide(state, word) };
      }
      return;
    }
    // The tracker waits for the word of all that are awake: that it comes in time is assumed.
    for (const name of order) {
      const words = [...wordsOf(state, name, candidates)];
      for (const word of words) {
        const title = `the tracker decides for state ${word.state} at ${top}, by ${name}'s word`;
        yield { name: title, orderly: word.orderly, next: decide(state, word) };
      }
      if (rules.decides === 'seniority' && words.some(({ orderly }) => orderly)) return;
    }
  }

  return { candidatesOf, isPresent, decisions, readLog };
}
