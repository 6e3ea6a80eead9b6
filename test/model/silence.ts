// Model C: a leaf that is not heard is removed by the host's order (protocol-2.md §4). Time passes in
// ticks: of 200 s where a room is full, of a part of the patience elsewhere.

import { lettersOf } from './letters.ts';
import type { Model, Property, Step } from './search.ts';

interface Leaf {
  readonly name: string;
  readonly awake: boolean;
  /** Whole ticks since it woke, one at most: it was heard since. */
  readonly settled: boolean;
  /** Ticks for which it was away in truth, until it was heard again; and for which the host has not heard it. */
  readonly absent: number;
  readonly silent: number;
  /** Ticks for which the host has heard it, over all. */
  readonly presence: number;
  /** A "here" that a paused host finds in the log. */
  readonly hasSaid: boolean;
}

/** A signed order to remove a leaf. */
interface Order {
  readonly leaf: string;
  /** In a full room the joiner that takes the place, in the same commit. */
  readonly joiner: string;
}

export interface SilenceState {
  readonly leaves: readonly Leaf[];
  readonly isPaused: boolean;
  readonly order: Order | null;
  /** Those that wait for a place, the first one first. */
  readonly waiting: string;
  /** A place that was made for the one that waits has gone to another. */
  readonly isStolen: boolean;
  readonly left: { readonly naps: number; readonly pauses: number; readonly commits: number; readonly joins: number };
}

/** Each is a rule of protocol-2.md §4, or one that the search has shown to be missing there. */
export interface SilenceRules {
  /** §4, "nobody votes". */
  readonly decides: 'host' | 'quorum';
  /** §4, "counting only time in which it was itself reading the log". */
  readonly countsOwnTimeOnly: boolean;
  /** §4, the order: it holds for the next commit alone, and a member that is back commits at once. */
  readonly orderNamesNumber: boolean;
  /** §4, a full room: a joiner can carry out the order in its own join, for there may be nobody else. */
  readonly joinerRemoves: boolean;
  /** §4, a full room: the order names the joiner for which it makes a place. */
  readonly orderNamesJoiner: boolean;
  /** §4, "absent longer than max(200 s, the time it had been present)". */
  readonly weighsPresence: boolean;
  /** §4, "shortest presence first". */
  readonly shortestFirst: boolean;
}

export const SILENCE_RULES: SilenceRules = {
  decides: 'host',
  countsOwnTimeOnly: true,
  orderNamesNumber: true,
  joinerRemoves: true,
  orderNamesJoiner: true,
  weighsPresence: true,
  shortestFirst: true,
};

export interface SilenceBounds {
  readonly rules: SilenceRules;
  readonly members: string;
  readonly puppets: string;
  readonly waiting: string;
  readonly capacity: number;
  readonly left: SilenceState['left'];
}

const PATIENCE_TICKS = 3;
/** 200 s: nobody is absent before that, not even in a full room. */
const GRACE_TICKS = 1;
const PRESENCE_MAX = 2;
const COUNT_MAX = PATIENCE_TICKS + 1;

const countUp = (value: number): number => Math.min(value + 1, COUNT_MAX);

export function silenceModel(
  bounds: SilenceBounds,
): Model<SilenceState> & { readonly properties: readonly Property<SilenceState>[] } {
  const { rules } = bounds;
  const isPuppet = (name: string): boolean => bounds.puppets.includes(name);
  /** Presence matters where somebody waits. */
  const presenceMax = bounds.waiting === '' ? 0 : PRESENCE_MAX;
  const newLeaf = (name: string): Leaf => ({
    name,
    awake: true,
    settled: false,
    absent: 0,
    silent: 0,
    presence: 0,
    hasSaid: false,
  });

  const initial: SilenceState = {
    leaves: lettersOf(bounds.members).map(newLeaf),
    isPaused: false,
    order: null,
    waiting: bounds.waiting,
    isStolen: false,
    left: bounds.left,
  };

  const isFull = ({ leaves }: SilenceState): boolean => leaves.length >= bounds.capacity;
  const setLeaf = (state: SilenceState, name: string, change: Partial<Leaf>): SilenceState => ({
    ...state,
    leaves: state.leaves.map((leaf) => (leaf.name === name ? { ...leaf, ...change } : leaf)),
  });
  const spend = (state: SilenceState, what: keyof SilenceState['left']): SilenceState => ({
    ...state,
    left: { ...state.left, [what]: state.left[what] - 1 },
  });

  // ---- Time.

  function passTime(state: SilenceState): SilenceState {
    const isCounting = !state.isPaused || !rules.countsOwnTimeOnly;
    const leaves = state.leaves.map((leaf): Leaf => {
      const isHeard = leaf.awake && !state.isPaused;
      return {
        ...leaf,
        // The truth about puppets matters to nobody.
        settled: leaf.awake && !isPuppet(leaf.name),
        absent: leaf.awake || isPuppet(leaf.name) ? 0 : countUp(leaf.absent),
        silent: isHeard ? 0 : isCounting ? countUp(leaf.silent) : leaf.silent,
        presence: isHeard ? Math.min(leaf.presence + 1, presenceMax) : leaf.presence,
        hasSaid: leaf.hasSaid || (leaf.awake && state.isPaused),
      };
    });
    return { ...state, leaves };
  }

  /** The host hears of a member, or will when it goes on. */
  const heard = (state: SilenceState, name: string): SilenceState =>
    setLeaf(state, name, state.isPaused ? { hasSaid: true } : { silent: 0 });

  // ---- The host.

  /** Leaves that a full room with somebody before it can spare, in the order in which they go. */
  function sparable({ leaves }: SilenceState): readonly Leaf[] {
    const absent = leaves.filter(
      ({ silent, presence }) => silent > (rules.weighsPresence ? Math.max(GRACE_TICKS, presence) : GRACE_TICKS),
    );
    return rules.shortestFirst
      ? absent.sort((one, other) => one.presence - other.presence || other.silent - one.silent)
      : absent;
  }

  function* hostSteps(state: SilenceState): Iterable<Step<SilenceState>> {
    const { left, leaves, waiting, order } = state;
    if (state.isPaused) {
      const read = leaves.map((leaf) =>
        leaf.hasSaid ? { ...leaf, hasSaid: false, silent: rules.countsOwnTimeOnly ? 0 : leaf.silent } : leaf,
      );
      yield {
        name: 'the host goes on, and reads the log',
        orderly: true,
        next: { ...state, isPaused: false, leaves: read },
      };
      return;
    }
    if (left.pauses > 0)
      yield { name: 'the host is paused', orderly: false, next: { ...spend(state, 'pauses'), isPaused: true } };
    if (order !== null || rules.decides !== 'host') return;
    for (const { name, silent } of leaves) {
      if (silent < PATIENCE_TICKS) continue;
      const joiner = isFull(state) ? waiting.slice(0, 1) : '';
      yield {
        name: `the host orders that ${name} goes, silent for the patience`,
        orderly: true,
        next: { ...state, order: { leaf: name, joiner } },
      };
    }
    const first = waiting.slice(0, 1);
    const spared = isFull(state) && waiting !== '' ? sparable(state)[0] : undefined;
    if (spared !== undefined) {
      yield {
        name: `the host orders that ${spared.name} makes place for ${first}`,
        orderly: true,
        next: { ...state, order: { leaf: spared.name, joiner: first } },
      };
    }
  }

  // ---- Commits.

  function remove(state: SilenceState, name: string): SilenceState {
    const leaves = state.leaves.filter((leaf) => leaf.name !== name);
    const gone = state.leaves.find((leaf) => leaf.name === name);
    // A member that is there after all comes back in, as soon as there is a place.
    const waiting = gone?.awake === true && !isPuppet(name) ? state.waiting + name : state.waiting;
    return {
      ...state,
      leaves,
      waiting,
      order: rules.orderNamesNumber || state.order?.leaf === name ? null : state.order,
    };
  }

  function* commitSteps(state: SilenceState): Iterable<Step<SilenceState>> {
    const { order, leaves, waiting, left } = state;
    const isAnybodyAwake = leaves.some(({ awake }) => awake);
    const isHonestAwake = leaves.some(({ awake, name }) => awake && !isPuppet(name));
    if (order !== null) {
      const { leaf, joiner } = order;
      if (joiner !== '' && waiting.startsWith(joiner) && rules.joinerRemoves) {
        const removed = remove(state, leaf);
        const next = { ...removed, leaves: [...removed.leaves, newLeaf(joiner)], waiting: removed.waiting.slice(1) };
        yield { name: `${joiner} joins, and removes ${leaf} by the order`, orderly: true, next };
      }
      if ((joiner === '' || !rules.orderNamesJoiner || !rules.joinerRemoves) && isAnybodyAwake) {
        yield { name: `a member removes ${leaf} by the order`, orderly: isHonestAwake, next: remove(state, leaf) };
      }
      const target = leaves.find(({ name }) => name === leaf);
      if (target?.awake === true && !isPuppet(leaf) && rules.orderNamesNumber) {
        yield {
          name: `${leaf} is back, and commits: the order is void`,
          orderly: true,
          next: heard({ ...state, order: null }, leaf),
        };
      }
      if (left.commits > 0 && isAnybodyAwake) {
        const next = { ...spend(state, 'commits'), order: rules.orderNamesNumber ? null : order };
        yield { name: 'a member commits something else', orderly: false, next };
      }
    }
    if (rules.decides === 'quorum') {
      const voters = leaves.filter(({ awake }) => awake);
      for (const { name } of leaves) {
        const ayes = voters.filter((voter) => voter.name !== name && isPuppet(voter.name)).length;
        if (ayes * 2 > leaves.length - 1)
          yield { name: `puppets vote that ${name} is silent`, orderly: false, next: remove(state, name) };
      }
      const silent = leaves.filter(({ silent: ticks }) => ticks >= PATIENCE_TICKS);
      const [first] = silent;
      const heard = leaves.filter(({ awake, name }) => awake && name !== first?.name).length;
      if (first !== undefined && heard * 2 > leaves.length) {
        yield { name: `more than half have not heard ${first.name}`, orderly: true, next: remove(state, first.name) };
      }
    }
  }

  function* joinSteps(state: SilenceState): Iterable<Step<SilenceState>> {
    const { waiting, leaves, left } = state;
    if (isFull(state)) return;
    const first = waiting.slice(0, 1);
    if (first !== '') {
      const joined = { ...state, leaves: [...leaves, newLeaf(first)], waiting: waiting.slice(1) };
      yield {
        name: `${first} joins`,
        orderly: true,
        next: { ...joined, order: rules.orderNamesNumber ? null : state.order },
      };
    }
    const puppet = lettersOf(bounds.puppets).find((name) => !leaves.some((leaf) => leaf.name === name));
    if (left.joins > 0 && puppet !== undefined) {
      const joined = { ...spend(state, 'joins'), leaves: [...leaves, newLeaf(puppet)], isStolen: waiting !== '' };
      yield { name: `the puppet ${puppet} joins`, orderly: false, next: joined };
    }
  }

  // ---- Sleep.

  function* sleepSteps(state: SilenceState): Iterable<Step<SilenceState>> {
    for (const { name, awake } of state.leaves) {
      const change = { awake: !awake, settled: false };
      if (!awake) yield { name: `${name} wakes`, orderly: false, next: setLeaf(state, name, change) };
      else if (isPuppet(name))
        yield { name: `${name} falls silent`, orderly: false, next: setLeaf(state, name, change) };
      else if (state.left.naps > 0)
        yield { name: `${name} closes the lid`, orderly: false, next: setLeaf(spend(state, 'naps'), name, change) };
    }
  }

  /** A member that is back commits, and an order is carried out, within less than a tick. */
  const isBusy = ({ order, leaves }: SilenceState): boolean =>
    rules.orderNamesNumber &&
    order !== null &&
    leaves.some(({ name, awake }) => name === order.leaf && awake && !isPuppet(name));

  function* steps(state: SilenceState): Iterable<Step<SilenceState>> {
    if (!isBusy(state)) yield { name: 'time passes', orderly: true, next: passTime(state) };
    yield* hostSteps(state);
    yield* commitSteps(state);
    yield* joinSteps(state);
    yield* sleepSteps(state);
  }

  // ---- Properties.

  const goneIn = (before: SilenceState, after: SilenceState): readonly Leaf[] =>
    before.leaves.filter(({ name }) => !after.leaves.some((leaf) => leaf.name === name));

  const properties: readonly Property<SilenceState>[] = [
    {
      kind: 'step',
      title: 'an honest member that is there is never removed',
      holds: (before, after) =>
        !goneIn(before, after).some(({ name, awake, settled }) => !isPuppet(name) && awake && settled),
    },
    {
      kind: 'step',
      title: 'a member that is away for less than the patience stays, where nobody waits before a full room',
      holds: (before, after) =>
        goneIn(before, after).every(
          ({ name, absent, awake }) => isPuppet(name) || awake || absent >= PATIENCE_TICKS || bounds.waiting !== '',
        ),
    },
    {
      kind: 'step',
      title: 'a full room spares a friend that is away for less than 200 s, or for less than it was there',
      holds: (before, after) =>
        goneIn(before, after).every(
          ({ name, absent, awake, presence }) =>
            isPuppet(name) || awake || absent >= PATIENCE_TICKS || absent > Math.max(GRACE_TICKS, presence),
        ),
    },
    {
      kind: 'step',
      title: 'a puppet that was there for a shorter time goes before a friend',
      holds: (before, _, step) => {
        const name = / orders that (\w) makes place/.exec(step)?.[1];
        const chosen = before.leaves.find((leaf) => leaf.name === name);
        if (chosen === undefined || isPuppet(chosen.name)) return true;
        return !before.leaves.some(
          ({ name: other, silent, presence }) =>
            isPuppet(other) && presence < chosen.presence && silent > Math.max(GRACE_TICKS, presence),
        );
      },
    },
    {
      kind: 'always',
      title: 'the place that is made for a friend goes to the friend',
      holds: ({ isStolen }) => !isStolen,
    },
    {
      kind: 'recovers',
      title: 'a dead leaf goes while an honest member is there',
      from: ({ leaves }) => leaves.some(({ name, awake }) => awake && !isPuppet(name)),
      good: ({ leaves, isPaused }) => !isPaused && leaves.every(({ awake }) => awake),
    },
    {
      kind: 'recovers',
      title: 'a friend gets into a full room in which the puppets are silent',
      from: ({ leaves }) => leaves.every(({ name, awake }) => !isPuppet(name) || !awake),
      good: ({ waiting, leaves }) => waiting === '' || leaves.every(({ name, awake }) => !isPuppet(name) && awake),
    },
  ];
  return { initial, steps, properties };
}
