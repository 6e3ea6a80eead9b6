// The key rotation slice: own frames since the last rotation, and the members' order in stealth.
// In a stealth room one member rotates after another, by the clock. PROTOCOL.md §12.5.

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
import { ROLL_CALL_WAIT_MS } from '../../limits.ts';

export interface Rotation {
  /** Own frames of text since this member's keys were new. */
  readonly ownTexts: number;
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
  return { ownTexts: 0, since: now, ownAt: now, newer: [], calledAt: undefined };
}

/** A welcome has added this member: its own keys are as old as before. */
export function onWelcome({ ownTexts }: Rotation, now: number): Rotation {
  return { ...startRotation(now), ownTexts };
}

export function countOwnText(rotation: Rotation): Rotation {
  return { ...rotation, ownTexts: rotation.ownTexts + 1 };
}

/**
 * An epoch has begun. A commit that adds its own sender does not end the turn: otherwise anyone
 * with the connection string could keep all members from rotating.
 */
export function noteEpoch(rotation: Rotation, { by, committer, added }: EpochBegun, now: number): Rotation {
  if (by === 'own') return startRotation(now);
  const joins = added.some(({ memberId }) => equalBytes(memberId, committer.memberId));
  const id = toHex(committer.memberId);
  const newer = rotation.newer.includes(id) ? rotation.newer : [...rotation.newer, id];
  return { ...rotation, since: joins ? rotation.since : now, newer, calledAt: undefined };
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

/**
 * When the first member in the order rotates (ms). An epoch voids its roll call, so silent members
 * are removed before.
 */
function firstDueAt(cover: StealthCover, { since, calledAt }: Rotation): number {
  const regular = since + stealthShape(cover).keyRotationMs;
  return calledAt === undefined ? regular : Math.max(regular, calledAt + ROLL_CALL_WAIT_MS + KEY_GRACE_MS);
}

/**
 * @returns when this member rotates unless another does before (ms); undefined outside of stealth
 * and outside of the group.
 */
export function rotationDueAt(cover: Cover, rotation: Rotation, view: GroupView | undefined): number | undefined {
  if (!isStealth(cover) || view === undefined) return undefined;
  const inTurn = firstDueAt(cover, rotation) + (placeOf(rotation, view) - 1) * KEY_GRACE_MS;
  return Math.min(inTurn, rotation.ownAt + KEYS_OLDEST_MS);
}

/** @returns how long until the first member rotates (ms); below 0 while a member is passed over. */
export function rotationLeftMs(cover: StealthCover, rotation: Rotation, now: number): number {
  return firstDueAt(cover, rotation) - now;
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
