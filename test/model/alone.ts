// Model D: a newcomer that is attested as alone is inside at once, and waits for no answer
// (protocol-2.md §1). A member that has said goodbye comes back, and a stranger keeps its proof.

import type { Model, Property, Step } from './search.ts';

interface Member {
  readonly name: string;
  readonly isThere: boolean;
  /** Which of its leaves the tree has: a member that comes back has a new one. */
  readonly leaf: number;
  readonly awake: boolean;
}

export interface AloneState {
  readonly members: readonly Member[];
  /** Leave proofs that the host has: member and leaf. */
  readonly proofs: readonly string[];
  /** Leave proofs that a string holder has kept. */
  readonly kept: readonly string[];
  readonly number: number;
  readonly decided: number;
  readonly newcomer: 'outside' | 'asked' | 'waiting' | 'inside-alone' | 'inside';
  /** What was attested for its nonce, and under which commit number. */
  readonly attested: { readonly number: number; readonly alone: boolean } | null;
  readonly left: { readonly returns: number; readonly replays: number; readonly naps: number };
}

/** Each is a rule of protocol-2.md §1, or of §7 ("bind them to the leaf's hash"). */
export interface AloneRules {
  /** §7, ids: a leave proof holds for one leaf. Otherwise for the member id. */
  readonly proofNamesLeaf: boolean;
  /** §1, attestation: it waits for the decision about the last commit number. */
  readonly attestsDecidedOnly: boolean;
  /** §1, the attestation's commit number: the newcomer joins under it, or asks anew. */
  readonly joinNamesNumber: boolean;
  /** §1, "if all others have left": by proofs. Otherwise that nobody was heard is enough. */
  readonly needsProofs: boolean;
}

export const ALONE_RULES: AloneRules = {
  proofNamesLeaf: true,
  attestsDecidedOnly: true,
  joinNamesNumber: true,
  needsProofs: true,
};

export interface AloneBounds {
  readonly rules: AloneRules;
  readonly members: readonly string[];
  readonly left: AloneState['left'];
}

export function aloneModel({ rules, members, left }: AloneBounds): Model<AloneState> & {
  readonly properties: readonly Property<AloneState>[];
} {
  const initial: AloneState = {
    members: members.map((name) => ({ name, isThere: true, leaf: 0, awake: true })),
    proofs: [],
    kept: [],
    number: 0,
    decided: 0,
    newcomer: 'outside',
    attested: null,
    left,
  };

  const proofOf = ({ name, leaf }: Member): string => (rules.proofNamesLeaf ? `${name}${leaf}` : name);
  const add = (list: readonly string[], one: string): readonly string[] => [...new Set([...list, one])].sort();
  const setMember = (state: AloneState, name: string, change: Partial<Member>): AloneState => ({
    ...state,
    members: state.members.map((one) => (one.name === name ? { ...one, ...change } : one)),
  });

  function* memberSteps(state: AloneState, one: Member): Iterable<Step<AloneState>> {
    const { name } = one;
    if (one.isThere && one.awake) {
      const proof = proofOf(one);
      const gone = { ...setMember(state, name, { isThere: false }), proofs: add(state.proofs, proof) };
      yield { name: `${name} says goodbye`, orderly: false, next: { ...gone, kept: add(state.kept, proof) } };
      if (state.left.naps > 0) {
        const spent = { ...state, left: { ...state.left, naps: state.left.naps - 1 } };
        yield { name: `${name} falls asleep`, orderly: false, next: setMember(spent, name, { awake: false }) };
      }
    }
    if (!one.isThere && state.left.returns > 0) {
      const spent = { ...state, left: { ...state.left, returns: state.left.returns - 1 }, number: state.number + 1 };
      // The tracker sees the new leaf, and has no more use for the proof of the old one.
      const proofs = state.proofs.filter((proof) => proof !== proofOf(one));
      const next = setMember({ ...spent, proofs }, name, { isThere: true, leaf: one.leaf + 1 });
      yield { name: `${name} comes back with a new leaf`, orderly: false, next };
    }
  }

  /** Whether the host takes the group that it has decided upon for empty. */
  function isEmpty(state: AloneState): boolean {
    if (!rules.needsProofs) return state.members.every(({ isThere, awake }) => !isThere || !awake);
    // Before it has decided about a commit the host sees the leaves that were there before it.
    const isBehind = state.decided !== state.number;
    return state.members.every((one) => state.proofs.includes(proofOf(one)) || (isBehind && one.leaf > 0));
  }

  function* newcomerSteps(state: AloneState): Iterable<Step<AloneState>> {
    const { newcomer, number, attested } = state;
    const isDecided = state.decided === number;
    if (!isDecided) yield { name: 'the tracker decides', orderly: true, next: { ...state, decided: number } };
    if (newcomer === 'outside' && (isDecided || !rules.attestsDecidedOnly)) {
      const made = { number, alone: isEmpty(state) };
      const name = `the newcomer asks, and is attested ${made.alone ? 'alone' : 'with others'} at ${number}`;
      yield { name, orderly: true, next: { ...state, newcomer: 'asked', attested: made } };
    }
    if (newcomer === 'asked' && attested !== null) {
      if (attested.number !== number && rules.joinNamesNumber) {
        yield {
          name: 'the join is refused: conflict',
          orderly: true,
          next: { ...state, newcomer: 'outside', attested: null },
        };
      } else {
        const joined = { ...state, number: number + 1, attested: null };
        const next: AloneState = { ...joined, newcomer: attested.alone ? 'inside-alone' : 'waiting' };
        yield { name: 'the newcomer joins', orderly: true, next };
      }
    }
    if (newcomer === 'waiting' && isDecided) {
      yield { name: 'its own leaf is attested', orderly: true, next: { ...state, newcomer: 'inside' } };
    }
  }

  function* strangerSteps(state: AloneState): Iterable<Step<AloneState>> {
    if (state.left.replays === 0) return;
    for (const proof of state.kept) {
      if (state.proofs.includes(proof)) continue;
      const spent = { ...state, left: { ...state.left, replays: state.left.replays - 1 } };
      yield {
        name: `a string holder commits the old proof ${proof}`,
        orderly: false,
        next: { ...spent, proofs: add(state.proofs, proof) },
      };
    }
  }

  function* steps(state: AloneState): Iterable<Step<AloneState>> {
    for (const one of state.members) yield* memberSteps(state, one);
    yield* newcomerSteps(state);
    yield* strangerSteps(state);
  }

  const properties: readonly Property<AloneState>[] = [
    {
      kind: 'step',
      title: 'a newcomer is attested as alone only where nobody else is in the group',
      holds: (before, after) =>
        before.newcomer === after.newcomer ||
        after.newcomer !== 'inside-alone' ||
        before.members.every(({ isThere }) => !isThere),
    },
    {
      kind: 'recovers',
      title: 'a newcomer gets in, and at once if all others have said goodbye',
      from: () => true,
      good: ({ newcomer }) => newcomer === 'inside' || newcomer === 'inside-alone',
    },
  ];
  return { initial, steps, properties };
}
