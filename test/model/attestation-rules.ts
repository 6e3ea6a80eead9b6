// What model A takes for the state of a room, and the rules of protocol-2.md §1 that it can do without
// to see what each is for. Members are letters; a set or an order of them is a string.

/** The state of a member that only a lying relay has let in. */
export const SHADOW = -2;
/** The parent of what is publicly wrong, and the state of a newcomer. */
export const NOWHERE = -1;

export function commitAt(log: readonly Commit[], number: number): Commit {
  const found = log[number];
  if (found === undefined) throw new Error(`there is no commit ${number}`);
  return found;
}

/** What an upload's GroupInfo says: what members compute, another join of the same leaves, or a false `external_pub`. */
type Info = 'right' | 'other-join' | 'false-pub';

/** The log's commits: the index is the commit number, and names the state that the commit begins. */
export interface Commit {
  /** The commit number of the state that it ends, or -1: it is publicly wrong. */
  readonly parent: number;
  readonly by: string;
  /** Honest members that can open its path secrets. Its maker alone chooses. */
  readonly opens: string;
  readonly info: Info;
  /** By the time at which each came in. */
  readonly leaves: string;
}

export interface Honest {
  readonly name: string;
  readonly awake: boolean;
  readonly phase: 'outside' | 'asked' | 'arriving' | 'inside';
  /** The state that it is in; or `SHADOW`, or `NOWHERE`. */
  readonly at: number;
  readonly read: number;
}

/** "I have read up to commit number n, and am in this state": the witness's word. */
export interface Statement {
  readonly by: string;
  readonly state: number;
}

/** The tracker's last decision: at this commit number, this state. */
export interface Decision {
  readonly number: number;
  readonly state: number;
  readonly info: Info;
  /** No other honest member that came before the decider was awake in a state that the tracker knew. */
  readonly isByEldest: boolean;
}

export interface Attestation {
  /** The newcomer for whose open nonce it was made. */
  readonly to: string;
  readonly number: number;
  readonly state: number;
  readonly info: Info;
}

export interface AttestationState {
  readonly log: readonly Commit[];
  readonly honest: readonly Honest[];
  readonly decision: Decision;
  readonly isPaused: boolean;
  /** Words for earlier commit numbers, which a relay can replay if they do not name theirs. */
  readonly replays: readonly Statement[];
  readonly attestations: readonly Attestation[];
  readonly left: {
    readonly attacks: number;
    readonly rotations: number;
    readonly naps: number;
    readonly pauses: number;
  };
}

/** Each is a rule of protocol-2.md §1, or one that the search has shown to be missing there. */
export interface AttestationRules {
  /** §1, the table: what the tracker goes by. */
  readonly check: 'roster' | 'public-group' | 'witness';
  /** §1, "seniority decides conflicts, never number": whose word holds, of several. */
  readonly decides: 'seniority' | 'number' | 'first';
  /** §1, the order of witnesses: a commit counts as its maker's word. Otherwise its maker is not asked. */
  readonly commitIsStatement: boolean;
  /** §1, the order of witnesses: a resync keeps the member's place in it. */
  readonly resyncKeepsPlace: boolean;
  /** §1, "still at n": a word names the commit number up to which its maker has read. */
  readonly statementNamesNumber: boolean;
  /** §1, tracking: how many undecided states the tracker keeps. */
  readonly candidates: number;
  /** §1, "the nonce ends roll-back". */
  readonly nonce: boolean;
  /** §1, attestation: it waits for the decision about the last commit number. */
  readonly attestsDecidedOnly: boolean;
  /** §1, "members compare": they refuse a commit whose upload has a false `external_pub`. */
  readonly comparesPub: boolean;
  /** §1, `room-unattested`: a joiner is inside when a state with its own new leaf is attested, not by a reply. */
  readonly insideByAttestation: boolean;
  /** §1, "the way out of a fork": a member that is not in the decided state resyncs from it. */
  readonly resyncsFromDecision: boolean;
}

export const ATTESTATION_RULES: AttestationRules = {
  check: 'witness',
  decides: 'seniority',
  commitIsStatement: true,
  resyncKeepsPlace: true,
  statementNamesNumber: true,
  candidates: 64,
  nonce: true,
  attestsDecidedOnly: true,
  comparesPub: true,
  insideByAttestation: true,
  resyncsFromDecision: true,
};

/** Commits that are no commits, secrets that do not open, a false `external_pub`, two joins from one snapshot, lies of leaves. */
export type Trick = 'junk' | 'secrets' | 'false-pub' | 'other-join' | 'lies';

export interface AttestationBounds {
  readonly rules: AttestationRules;
  /** Members at the beginning, honest and puppets, by the time at which they came in. */
  readonly members: string;
  /** Letters of the string holder's leaves, in or still outside. */
  readonly puppets: string;
  readonly newcomers: string;
  readonly moderator?: string;
  /** Members that do not sleep. */
  readonly wakeful: string;
  /** What a string holder tries. */
  readonly tricks: readonly Trick[];
  readonly left: AttestationState['left'];
}

export const isInGroup = ({ phase }: Honest): boolean => phase === 'arriving' || phase === 'inside';
