// Whose turn it is to have new keys, in a stealth room: one member after another, by the clock, whatever is said. PROTOCOL.md §12.5.

import {
  equalBytes,
  isStealth,
  KEY_CYCLE_MS,
  KEY_GRACE_MS,
  KEYS_OLDEST_MS,
  stealthShape,
  toHex,
} from '@sotto/protocol';
import type { Cover, StealthCover } from '@sotto/protocol';
import type { EpochBegun } from '../group/opened.ts';
import type { GroupView } from '../group/view.ts';
import { ROLL_CALL_WAIT_MS } from '../limits.ts';

export interface Rotation {
  /** When the turn began, by this member's clock (ms): a member's commit took effect, or this member came. */
  readonly since: number;
  /** When this member began an epoch last, or came (ms). */
  readonly ownAt: number;
  /** Ids, in hexadecimal, of those who have begun one since: their keys are newer than its own. */
  readonly newer: readonly string[];
  /** When the roll was called in this epoch (ms); undefined if it was not. */
  readonly calledAt: number | undefined;
}

/** This member has come, or has new keys: all others are before it. */
export function startRotation(now: number): Rotation {
  return { since: now, ownAt: now, newer: [], calledAt: undefined };
}

/** An epoch has begun. Who joins anew has new keys, and that is all: or whoever has the connection string could keep the turn from everybody. */
export function noteEpoch(rotation: Rotation, { by, committer, added }: EpochBegun, now: number): Rotation {
  if (by === 'own') return startRotation(now);
  const joins = added.some(({ memberId }) => equalBytes(memberId, committer.memberId));
  const id = toHex(committer.memberId);
  const newer = rotation.newer.includes(id) ? rotation.newer : [...rotation.newer, id];
  return { ...rotation, since: joins ? rotation.since : now, newer, calledAt: undefined };
}

/** @returns the rotation without those who are out, so that it has no more ids than there are members, and with the roll call if one stands. */
export function noteView(rotation: Rotation, { members, rollCalled }: GroupView, now: number): Rotation {
  const ids = members.map(({ memberId }) => toHex(memberId));
  const newer = rotation.newer.filter((id) => ids.includes(id));
  return { ...rotation, newer, calledAt: rollCalled ? (rotation.calledAt ?? now) : undefined };
}

/** How many are before this member, itself included, in the order in which their keys grew old: 1 is next. Whoever has said goodbye does not count. */
export function placeOf({ newer }: Rotation, { members, leavers: departing }: GroupView): number {
  const before = members.filter(
    ({ memberId, self }) =>
      !self && !newer.includes(toHex(memberId)) && departing.every((gone) => !equalBytes(gone, memberId)),
  );
  return before.length + 1;
}

/** When the first in line has its turn (ms). An epoch voids the roll call in it, so those who are silent are removed before. */
function firstDueAt(cover: StealthCover, { since, calledAt }: Rotation): number {
  const regular = since + stealthShape(cover).keyRotationMs;
  return calledAt === undefined ? regular : Math.max(regular, calledAt + ROLL_CALL_WAIT_MS + KEY_GRACE_MS);
}

/** @returns when this member makes its keys new unless somebody does before (ms); undefined where nobody waits for a turn. */
export function rotationDueAt(cover: Cover, rotation: Rotation, view: GroupView | undefined): number | undefined {
  if (!isStealth(cover) || view === undefined) return undefined;
  const inTurn = firstDueAt(cover, rotation) + (placeOf(rotation, view) - 1) * KEY_GRACE_MS;
  return Math.min(inTurn, rotation.ownAt + KEYS_OLDEST_MS);
}

/** @returns how long it takes until the first in line has new keys; less than 0 while somebody is passed over. */
export function rotationLeftMs(cover: StealthCover, rotation: Rotation, now: number): number {
  return firstDueAt(cover, rotation) - now;
}

/**
 * Back after a while, with the log read up: if nobody has taken the turn meanwhile it is everybody's, and they still go one after another, also
 * those whose keys are too old by now.
 */
export function resumeRotation(cover: Cover, rotation: Rotation, now: number): Rotation {
  if (!isStealth(cover)) return rotation;
  const since = Math.max(rotation.since, now - stealthShape(cover).keyRotationMs);
  return { ...rotation, since, ownAt: Math.max(rotation.ownAt, now + KEY_CYCLE_MS - KEYS_OLDEST_MS) };
}
