// Model A: how a newcomer, and a member that was shown a fork, find the group in which the others
// are (protocol-2.md §1). Members are letters; a set or an order of them is a string.

import { NOWHERE, SHADOW, commitAt, isInGroup } from './attestation-rules.ts';
import type {
  Attestation,
  AttestationBounds,
  AttestationState,
  Commit,
  Decision,
  Honest,
  Statement,
  Trick,
} from './attestation-rules.ts';
import { makeTracker } from './attestation-tracker.ts';
import { lettersOf, without } from './letters.ts';
import type { Model, Property, Step } from './search.ts';

/** A room that is not settled after so many commits never will be. */
const LOG_MAX = 12;

export function attestationModel(bounds: AttestationBounds): Model<AttestationState> & {
  readonly properties: readonly Property<AttestationState>[];
} {
  const { rules, puppets } = bounds;
  const isPuppet = (name: string): boolean => puppets.includes(name);
  const has = (trick: Trick): boolean => bounds.tricks.includes(trick);
  const eldest = bounds.moderator ?? bounds.members.slice(0, 1);
  const hasWakefulEldest = !isPuppet(eldest) && bounds.wakeful.includes(eldest);
  const { candidatesOf, isPresent, decisions, readLog } = makeTracker(bounds);
  const topOf = (state: AttestationState): number => state.log.length - 1;

  const initial: AttestationState = {
    log: [{ parent: NOWHERE, by: '', opens: '', info: 'right', leaves: bounds.members }],
    honest: [
      ...lettersOf(bounds.members)
        .filter((name) => !isPuppet(name))
        .map((name): Honest => ({ name, awake: true, phase: 'inside', at: 0, read: 0 })),
      ...lettersOf(bounds.newcomers).map((name): Honest => ({
        name,
        awake: true,
        phase: 'outside',
        at: NOWHERE,
        read: 0,
      })),
    ],
    decision: { number: 0, state: 0, info: 'right', isByEldest: false },
    isPaused: false,
    replays: [],
    attestations: [],
    left: bounds.left,
  };

  // ---- The log, as members read it.

  /** The relay has stored a commit, and everybody that is awake reads it. */
  function commit(state: AttestationState, made: Commit, change: Partial<Honest> = {}): AttestationState {
    const log = [...state.log, made];
    const number = log.length - 1;
    const honest = state.honest.map((one) => {
      if (one.name === made.by) return { ...one, at: number, read: number, ...change };
      return one.awake ? readLog(one, log) : one;
    });
    const next = { ...state, log, honest };
    if (rules.statementNamesNumber) return next;
    const said = state.honest
      .filter((one) => isPresent(one, candidatesOf(state)))
      .map(({ name, at }) => ({ by: name, state: at }));
    const all = new Set([...state.replays, ...said].map((one) => JSON.stringify(one)));
    return { ...next, replays: [...all].sort().map((one): Statement => JSON.parse(one) as Statement) };
  }

  function leavesAfter(base: string, name: string): string {
    if (!base.includes(name)) return base + name;
    return rules.resyncKeepsPlace ? base : without(base, name) + name;
  }

  // ---- Members.

  function setHonest(state: AttestationState, name: string, change: Partial<Honest>): AttestationState {
    return { ...state, honest: state.honest.map((one) => (one.name === name ? { ...one, ...change } : one)) };
  }

  function* memberSteps(state: AttestationState, one: Honest): Iterable<Step<AttestationState>> {
    const { left, decision } = state;
    const top = topOf(state);
    const { name } = one;
    if (!one.awake) {
      yield {
        name: `${name} wakes`,
        orderly: false,
        next: setHonest(state, name, { ...readLog(one, state.log), awake: true }),
      };
      return;
    }
    if (left.naps > 0 && isInGroup(one) && !bounds.wakeful.includes(name)) {
      const napped = { ...state, left: { ...left, naps: left.naps - 1 } };
      yield { name: `${name} falls asleep`, orderly: false, next: setHonest(napped, name, { awake: false }) };
    }
    if (!isInGroup(one) || one.at === SHADOW) return;
    const isTold = decision.number === top;
    if (left.rotations > 0 && one.phase === 'inside' && !(isTold && decision.state !== one.at)) {
      const { leaves } = commitAt(state.log, one.at);
      const rotated = { ...state, left: { ...left, rotations: left.rotations - 1 } };
      const made: Commit = {
        parent: one.at,
        by: name,
        opens: bounds.members + bounds.newcomers,
        info: 'right',
        leaves,
      };
      yield { name: `${name} rotates from state ${one.at}`, orderly: false, next: commit(rotated, made) };
    }
    if (rules.resyncsFromDecision && isTold && decision.state !== one.at) {
      yield {
        name: `${name} resyncs from state ${decision.state} (${decision.info})`,
        orderly: true,
        next: join(state, one, decision),
      };
    }
  }

  /** An external commit on a state that the tracker has attested. */
  function join(
    state: AttestationState,
    { name, phase }: Honest,
    { state: base, info }: Pick<Decision, 'state' | 'info'>,
  ): AttestationState {
    const isOnOther = info === 'other-join';
    const made: Commit = {
      parent: isOnOther ? NOWHERE : base,
      by: name,
      opens: info === 'right' ? bounds.members + bounds.newcomers : '',
      info: 'right',
      leaves: leavesAfter(commitAt(state.log, base).leaves, name),
    };
    return commit(state, made, { phase: isInGroup({ phase } as Honest) ? phase : 'arriving' });
  }

  function* newcomerSteps(state: AttestationState, one: Honest): Iterable<Step<AttestationState>> {
    const { name, phase } = one;
    const { decision } = state;
    const top = topOf(state);
    if (!one.awake) return;
    const isDecided = decision.number === top || !rules.attestsDecidedOnly;
    if (phase === 'outside' && isDecided && !state.isPaused) {
      const made: Attestation = { to: name, number: top, state: decision.state, info: decision.info };
      const older = state.attestations.filter((other) => JSON.stringify(other) !== JSON.stringify(made));
      const asked = { ...setHonest(state, name, { phase: 'asked' }), attestations: [...older, made] };
      yield { name: `${name} asks with a new nonce: state ${made.state} at ${top}`, orderly: true, next: asked };
    }
    if (phase === 'asked') {
      // The last one is that for the open nonce. What the relay has of others is believed without nonces only.
      const others = state.attestations.filter(({ to }) => to !== name);
      const rest = rules.nonce ? { ...state, attestations: others } : state;
      const own = state.attestations.findLast(({ to }) => to === name);
      for (const found of rules.nonce && own !== undefined ? [own] : state.attestations) {
        if (found.number === top) {
          yield {
            name: `${name} joins on state ${found.state} (${found.info})`,
            orderly: found === own,
            next: join(rest, one, found),
          };
          continue;
        }
        if (found === own)
          yield {
            name: `${name}'s join is refused: conflict`,
            orderly: true,
            next: setHonest(rest, name, { phase: 'outside' }),
          };
        if (state.left.attacks === 0) continue;
        const left = { ...state.left, attacks: state.left.attacks - 1 };
        const shadow = { ...setHonest(rest, name, { phase: 'arriving', at: SHADOW }), left };
        yield { name: `the relay lets ${name} join state ${found.state} in an old log`, orderly: false, next: shadow };
      }
    }
    if (phase === 'arriving') {
      const isAttested = decision.number === top && decision.state === one.at && !state.isPaused;
      const replies =
        state.honest.some((other) => other.name !== name && other.awake && other.at === one.at) || puppets !== '';
      if (isAttested || (!rules.insideByAttestation && replies)) {
        yield {
          name: `${name} is inside, in state ${one.at}`,
          orderly: true,
          next: setHonest(state, name, { phase: 'inside' }),
        };
      }
      if (one.at === SHADOW) {
        yield {
          name: `${name} hears of no attestation, warns, begins anew`,
          orderly: true,
          next: setHonest(state, name, { phase: 'outside', at: NOWHERE }),
        };
      }
    }
  }

  // ---- The string holder, its puppets, and the relay.

  function* attackerSteps(state: AttestationState): Iterable<Step<AttestationState>> {
    const { left } = state;
    const candidates = candidatesOf(state);
    const everybody = bounds.members + bounds.newcomers;
    if (left.attacks > 0) {
      const attacked = { ...state, left: { ...left, attacks: left.attacks - 1 } };
      const junk: Commit = { parent: NOWHERE, by: '!', opens: '', info: 'right', leaves: '' };
      if (has('junk')) yield { name: 'a string holder commits junk', orderly: false, next: commit(attacked, junk) };
      const bases = new Set([...candidates, ...state.honest.map(({ at }) => at).filter((at) => at >= 0)]);
      const honestNames = state.honest.map(({ name }) => name);
      for (const base of bases) {
        const { leaves, parent } = commitAt(state.log, base);
        if (parent === NOWHERE && base > 0) continue;
        for (const by of lettersOf(puppets)) {
          const does = `${by} ${leaves.includes(by) ? 'commits' : 'joins'} on state ${base}`;
          const made = { parent: base, by, leaves: leavesAfter(leaves, by) };
          const groups = new Set([
            everybody,
            ...(has('secrets') ? ['', ...honestNames.map((name) => without(everybody, name))] : []),
          ]);
          for (const opens of groups) {
            const secrets = opens === everybody ? '' : `, secrets open for ${opens === '' ? 'nobody' : opens}`;
            yield {
              name: `${does}${secrets}`,
              orderly: false,
              next: commit(attacked, { ...made, opens, info: 'right' }),
            };
          }
          for (const info of ['false-pub', 'other-join'] as const) {
            if (!has(info)) continue;
            yield {
              name: `${does}, ${info}`,
              orderly: false,
              next: commit(attacked, { ...made, opens: everybody, info }),
            };
          }
        }
      }
    }
    if (state.isPaused) yield { name: 'the host goes on', orderly: true, next: { ...state, isPaused: false } };
    else if (left.pauses > 0) {
      yield {
        name: 'the host is paused',
        orderly: false,
        next: { ...state, isPaused: true, left: { ...left, pauses: left.pauses - 1 } },
      };
    }
  }

  function* steps(state: AttestationState): Iterable<Step<AttestationState>> {
    if (state.log.length >= LOG_MAX) return;
    yield* decisions(state);
    for (const one of state.honest) {
      yield* memberSteps(state, one);
      if (bounds.newcomers.includes(one.name)) yield* newcomerSteps(state, one);
    }
    yield* attackerSteps(state);
  }

  // ---- Properties.

  /** Another honest member is in this state, or will be when it wakes and has read the log. */
  const isGenuine = (state: AttestationState, number: number, name: string): boolean =>
    number >= 0 &&
    state.honest.some((other) => other.name !== name && other.at >= 0 && readLog(other, state.log).at === number);
  const isAnybodyAwake = (state: AttestationState, name: string): boolean =>
    state.honest.some((other) => other.name !== name && other.awake && bounds.members.includes(other.name));

  const find = (state: AttestationState, name: string): Honest | undefined =>
    state.honest.find((one) => one.name === name);

  /** Where the eldest honest member never sleeps, nothing is excused. */
  const isExcused = ({ decision }: AttestationState, at: number): boolean =>
    decision.isByEldest && decision.state === at && !hasWakefulEldest;

  const properties: readonly Property<AttestationState>[] = [
    {
      kind: 'step',
      title: hasWakefulEldest
        ? 'a newcomer is inside only where an honest member is'
        : 'a newcomer is inside only where an honest member is, unless the witness was elder than all of them',
      holds: (before, after) =>
        lettersOf(bounds.newcomers).every((name) => {
          const now = find(after, name);
          if (now?.phase !== 'inside' || find(before, name)?.phase === 'inside') return true;
          return isGenuine(after, now.at, name) || !isAnybodyAwake(after, name) || isExcused(after, now.at);
        }),
    },
    {
      kind: 'step',
      title: 'a member resyncs only into a state of an honest member, or of an elder witness',
      holds: (before, _, step) => {
        if (!step.includes(' resyncs from ')) return true;
        const { state } = before.decision;
        const name = step.slice(0, 1);
        return isGenuine(before, state, name) || isExcused(before, state) || !isAnybodyAwake(before, name);
      },
    },
    {
      kind: 'recovers',
      title: 'all that are awake come together, and newcomers get in, when the attacker stops',
      from: (state) => state.honest.some(({ name, awake }) => awake && bounds.members.includes(name)),
      good: (state) =>
        !state.isPaused &&
        state.decision.number === topOf(state) &&
        state.decision.info === 'right' &&
        state.honest.every((one) => !one.awake || (one.phase === 'inside' && one.at === state.decision.state)),
    },
  ];
  return { initial, steps, properties };
}
