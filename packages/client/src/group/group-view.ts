// A member's view of its group at one moment: the members, the leavers, the silent ones.

import type { Group, GroupMember } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { AccessMode, LeaveProof } from '@sotto/protocol';
import { leaveOf } from './commit-policy.ts';
import { LEAVERS_PER_COMMIT_MAX } from '../limits.ts';
import { mayRemoveSilent, unheard } from './roll-call.ts';
import type { RollCall } from './roll-call.ts';

/** A member of the group. */
export interface RosterMember {
  /** 16 bytes. */
  readonly memberId: Uint8Array;
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
  readonly self: boolean;
}

/** An immutable view of the group: a new object whenever something in it changes. */
export interface GroupView {
  readonly epoch: number;
  /** All members in the order of the tree, this one included, heard or not. */
  readonly members: readonly RosterMember[];
  /** Ids of other members whose leave proof is known. */
  readonly leavers: readonly Uint8Array[];
  /**
   * Ids of other members that a commit could remove now because they have not answered the roll
   * call, without the leavers that it removes anyway. Some of them may only be away.
   */
  readonly silent: readonly Uint8Array[];
  readonly rollCalled: boolean;
  readonly access: AccessMode;
  /** The number of the access order that holds; 0 in a room that was never ordered anything. */
  readonly order: number;
  /** The epoch authenticator, 32 or 64 bytes: what `startLog` and the room code take. */
  readonly logStart: Uint8Array;
}

export interface ViewParts {
  readonly group: Group;
  /** That of the group when this was taken. */
  readonly epoch: bigint;
  readonly self: Uint8Array;
  readonly roomId: Uint8Array;
  readonly proofs: readonly LeaveProof[];
  readonly rollCall: RollCall;
  readonly access: AccessMode;
  readonly order: number;
}

/** Whether a view of both is the same. */
export function isSame(one: ViewParts, other: ViewParts): boolean {
  const names = Object.keys(one) as (keyof ViewParts)[];
  return names.every((name) => one[name] === other[name]);
}

export function createView(parts: ViewParts): GroupView {
  const { group, rollCall, access, order } = parts;
  const logStart = group.epochAuthenticator(group.epoch);
  if (logStart === undefined) throw new Error('an epoch without its authenticator');
  return {
    epoch: Number(parts.epoch),
    members: group.roster.map((member) => rosterMemberOf(member, parts.self)),
    leavers: allLeaversOf(parts).map(({ memberId }) => memberId),
    silent: silentOf(parts).map(({ memberId }) => memberId),
    rollCalled: rollCall !== undefined,
    access,
    order,
    logStart,
  };
}

export function rosterMemberOf({ memberId, memberKey }: GroupMember, self: Uint8Array): RosterMember {
  return { memberId, memberKey, self: equalBytes(memberId, self) };
}

/** @returns the other members whose leave proof is known, in the order of the tree */
function allLeaversOf({ group, self, roomId, proofs }: ViewParts): GroupMember[] {
  return others(group, self).filter((member) => leaveOf(proofs, member, roomId) !== undefined);
}

/** @returns the leavers that one commit removes */
export function leaversOfOneCommit(parts: ViewParts): GroupMember[] {
  return allLeaversOf(parts).slice(0, LEAVERS_PER_COMMIT_MAX);
}

/**
 * @param among ids of the members that may be removed; absent: of all
 * @returns the silent members that one commit could remove, together with its leavers
 */
export function silentOf(parts: ViewParts, among?: readonly Uint8Array[]): GroupMember[] {
  const { group, self, rollCall } = parts;
  const leavers = leaversOfOneCommit(parts);
  const unanswered = unheard(rollCall, without(others(group, self), leavers));
  const silent = unanswered.filter(({ memberId }) => among?.some((one) => equalBytes(one, memberId)) ?? true);
  const staying = without(without(group.roster, leavers), silent);
  return mayRemoveSilent(rollCall, { memberId: self }, silent, staying) ? silent : [];
}

function others(group: Group, self: Uint8Array): GroupMember[] {
  return group.roster.filter(({ memberId }) => !equalBytes(memberId, self));
}

function without(members: readonly GroupMember[], gone: readonly GroupMember[]): GroupMember[] {
  return members.filter(({ memberId }) => !gone.some((member) => equalBytes(member.memberId, memberId)));
}
