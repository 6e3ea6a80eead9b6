// The key rotation slice: when the next member rotates, and the members' order. One rotates after
// another: in stealth by the clock, else after a text. PROTOCOL.md §5.11, §12.5.

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
import type { EpochBegun } from '../../group/opened-entry.ts';
import type { GroupView } from '../../group/group-view.ts';
import { ROLL_CALL_WAIT_MS, ROTATE_AFTER_TEXT_MS } from '../../limits.ts';

export interface Rotation {
  /** When the first text of this turn was heard or sent (ms); undefined before it. */
  readonly textAt: number | undefined;
  /** When the present turn began (ms): a member's commit took effect, or this member joined. */
  readonly since: number;
  /** When this member began an epoch last, or joined (ms). */
  readonly ownAt: number;
  /** Ids, in hexadecimal, of members that have begun one since: their keys are newer. */
  readonly newer: readonly string[];
  /** When the roll was called in this epoch (ms); undefined if it was not. */
  readonly calledAt: number | undefined;
}

/** This member has joined, or has new keys: all others are before it. */
export function startRotation(now: number): Rotation {
  return { textAt: undefined, since: now, ownAt: now, newer: [], calledAt: undefined };
}

export function noteText(rotation: Rotation, now: number): Rotation {
  return rotation.textAt === undefined ? { ...rotation, textAt: now } : rotation;
}

/**
 * An epoch has begun. A commit that adds its own sender does not end the turn: otherwise anyone
 * with the connection string could keep all members from rotating. Outside of stealth no limit of
 * age helps, so that a member ends one turn at most before this one has had its own.
 */
export function noteEpoch(rotation: Rotation, { by, committer, added }: EpochBegun, now: number): Rotation {
  if (by === 'own') return startRotation(now);
  const joins = added.some(({ memberId }) => equalBytes(memberId, committer.memberId));
  const id = toHex(committer.memberId);
  const newer = rotation.newer.includes(id) ? rotation.newer : [...rotation.newer, id];
  const since = joins ? rotation.since : now;
  const textAt = joins || newer === rotation.newer ? rotation.textAt : undefined;
  return { ...rotation, since, textAt, newer, calledAt: undefined };
}

/** @returns the rotation without removed members, and with the roll call if there is one. */
export function noteView(rotation: Rotation, { members, rollCalled }: GroupView, now: number): Rotation {
  const ids = members.map(({ memberId }) => toHex(memberId));
  const newer = rotation.newer.filter((id) => ids.includes(id));
  return { ...rotation, newer, calledAt: rollCalled ? (rotation.calledAt ?? now) : undefined };
}

/** This member's place in the order in which keys grew old: 1 is next. Leavers do not count. */
export function placeOf({ newer }: Rotation, { members, leavers }: GroupView): number {
  const before = members.filter(
    ({ memberId, self }) =>
      !self && !newer.includes(toHex(memberId)) && leavers.every((gone) => !equalBytes(gone, memberId)),
  );
  return before.length + 1;
}

/** An epoch voids its roll call, so silent members are removed before one ends. */
function behindRollCall(dueAt: number, { calledAt }: Rotation): number {
  return calledAt === undefined ? dueAt : Math.max(dueAt, calledAt + ROLL_CALL_WAIT_MS + KEY_GRACE_MS);
}

/** From one member's rotation to the next one's; outside of stealth, from a text to a rotation. */
export function rotationIntervalMs(cover: Cover): number {
  return isStealth(cover) ? stealthShape(cover).keyRotationMs : ROTATE_AFTER_TEXT_MS;
}

/**
 * @returns when this member rotates unless another does before (ms); undefined outside of the
 *   group, and outside of stealth before a text.
 */
export function rotationDueAt(cover: Cover, rotation: Rotation, view: GroupView | undefined): number | undefined {
  const from = isStealth(cover) ? rotation.since : rotation.textAt;
  if (from === undefined || view === undefined) return undefined;
  const inTurn =
    behindRollCall(from + rotationIntervalMs(cover), rotation) + (placeOf(rotation, view) - 1) * KEY_GRACE_MS;
  return isStealth(cover) ? Math.min(inTurn, rotation.ownAt + KEYS_OLDEST_MS) : inTurn;
}

/** @returns how long until the first member rotates (ms); below 0 while a member is passed over. */
export function rotationLeftMs(cover: StealthCover, rotation: Rotation, now: number): number {
  return behindRollCall(rotation.since + rotationIntervalMs(cover), rotation) - now;
}

/**
 * This member is back, with the log read to its end. If no member has rotated meanwhile, all are
 * due. They still rotate one after another, also those whose keys are too old by now.
 */
export function resumeRotation(cover: Cover, rotation: Rotation, now: number): Rotation {
  if (!isStealth(cover)) return rotation;
  const since = Math.max(rotation.since, now - stealthShape(cover).keyRotationMs);
  return { ...rotation, since, ownAt: Math.max(rotation.ownAt, now + KEY_CYCLE_MS - KEYS_OLDEST_MS) };
}
