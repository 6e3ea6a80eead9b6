// Validates commits by the log alone, so that all members come to the same verdict. Otherwise the
// group would fork. PROTOCOL.md §5.8, §5.9.

import { verifyLeave } from '@sotto/crypto/mls';
import type { CommitFacts, GroupMember, PolicyCode } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { Access, LeaveProof, SignedAccess, SignedOrder } from '@sotto/protocol';
import { mayRemoveSilent } from './roll-call.ts';
import type { RollCall } from './roll-call.ts';

/**
 * Why a member was removed: it left, did not answer a roll call, or was evicted by an order.
 * `unlisted`: it came in after the moderator had listed the members that stay.
 */
export type RemovalReason = 'left' | 'silent' | 'evicted' | 'unlisted';

/** The leave proofs and orders of a commit bundle that were found valid. */
export interface Authorizations {
  readonly leaves: readonly LeaveProof[];
  readonly orders: readonly SignedOrder[];
}

/** The input of a commit's validation besides the group itself. */
export interface Evidence {
  readonly roomId: Uint8Array;
  readonly access: Access;
  readonly authorizations: Authorizations;
  readonly rollCall: RollCall;
  /** The leave proofs of the snapshot that a joiner joins from; empty for commits of members. */
  readonly leaveProofs: readonly LeaveProof[];
}

const OPEN: Access = { mode: 'open' };

/** A room without an access order is open. */
export function accessOf(order: SignedAccess | undefined): Access {
  return order ?? OPEN;
}

/** @returns the access order that holds after a commit: the one with the highest number */
export function accessAfter(access: SignedAccess | undefined, { orders }: Authorizations): SignedAccess | undefined {
  return orders.reduce(
    (holds, order) => (order.type === 'access' && order.number > (holds?.number ?? -1) ? order : holds),
    access,
  );
}

export function validateCommit(evidence: Evidence, facts: CommitFacts): 'accept' | PolicyCode {
  return facts.kind === 'member' ? validateMemberCommit(evidence, facts) : validateJoin(evidence, facts);
}

function validateJoin(evidence: Evidence, facts: CommitFacts): 'accept' | PolicyCode {
  const { access } = evidence;
  if (facts.kind === 'resync' || access.mode === 'open' || isDeserted(evidence, facts)) return 'accept';
  if (access.mode === 'listed' && isListed(access.listed, facts.committer)) return 'accept';
  return access.mode === 'locked' ? 'policy-locked' : 'policy-knock';
}

export function isListed(listed: readonly Uint8Array[], { memberId }: Pick<GroupMember, 'memberId'>): boolean {
  return listed.some((other) => equalBytes(other, memberId));
}

/**
 * All members have left: none could admit a joiner, and none is disturbed by one. In a listed room
 * that was just founded, they are still to come.
 */
function isDeserted({ access, leaveProofs, roomId }: Evidence, { epoch, roster }: CommitFacts): boolean {
  if (access.mode === 'listed' && epoch === 0n) return false;
  return roster.every((member) => leaveOf(leaveProofs, member, roomId) !== undefined);
}

/** @returns this member's valid leave proof, if it is among the proofs */
export function leaveOf(
  proofs: readonly LeaveProof[],
  { memberId, memberKey }: GroupMember,
  roomId: Uint8Array,
): LeaveProof | undefined {
  return proofs.find((proof) => equalBytes(proof.memberId, memberId) && verifyLeave({ proof, roomId, memberKey }));
}

function validateMemberCommit(evidence: Evidence, facts: CommitFacts): 'accept' | PolicyCode {
  const { mode } = evidence.access;
  if (!evictionsOf(evidence.authorizations).every((order) => isCarriedOut(order, facts))) return 'policy-evict';
  if (facts.added.length > 0 && mode !== 'knock' && mode !== 'listed') {
    return mode === 'open' ? 'policy-add' : 'policy-locked';
  }
  const silent = facts.removed.filter((member) => removalReason(evidence.authorizations, member) === 'silent');
  if (silent.length === 0) return 'accept';
  // A removed member could not rejoin: a relay could remove it by withholding its frames.
  if (mode === 'locked') return 'policy-remove';
  const staying = facts.roster.filter((member) => !facts.removed.includes(member));
  return mayRemoveSilent(evidence.rollCall, facts.committer, silent, staying) ? 'accept' : 'policy-remove';
}

/**
 * An evict order binds the commit: its first listed member alone makes it, and no member that is not
 * listed is in the epoch that it begins. So nobody that joined meanwhile reads the move.
 */
function isCarriedOut({ listed }: Eviction, { committer, added, removed, roster }: CommitFacts): boolean {
  const [first] = listed;
  const after = [...roster.filter((member) => !removed.includes(member)), ...added];
  return first !== undefined && equalBytes(first, committer.memberId) && after.every((one) => isListed(listed, one));
}

type Eviction = Extract<SignedOrder, { type: 'evict' }>;

export function evictionsOf({ orders }: Pick<Authorizations, 'orders'>): Eviction[] {
  return orders.filter((order) => order.type === 'evict');
}

/** @returns what authorizes a removal; `silent` if nothing else does: then the roll call must */
export function removalReason(
  { leaves, orders }: Authorizations,
  member: Pick<GroupMember, 'memberId'>,
): RemovalReason {
  const evictions = evictionsOf({ orders });
  if (evictions.some(({ memberId }) => equalBytes(memberId, member.memberId))) return 'evicted';
  if (leaves.some(({ memberId }) => equalBytes(memberId, member.memberId))) return 'left';
  return evictions.some(({ listed }) => !isListed(listed, member)) ? 'unlisted' : 'silent';
}
