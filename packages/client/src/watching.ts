// Holds what this member saw against what the others say that they saw: a relay that drops, reorders, splits or goes back is shown. PROTOCOL.md §5.10.

import { fingerprint } from '@sotto/crypto';
import { extendLog, startLog } from '@sotto/crypto/group';
import { equalBytes, isZero, LOG_HASH_BYTES, toHex } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import { WARNING_CODES } from './errors.ts';
import type { WarningCode } from './errors.ts';
import type { Speaker } from './events.ts';
import type { Member } from './inbox.ts';
import {
  FOREIGN_FRAMES_MAX,
  LOG_HASHES_MAX,
  MEMBER_SILENT_MS,
  PARTED_AFTER_MS,
  PARTED_AGAIN_MS,
  UNREADABLE_FRAMES_MAX,
} from './limits.ts';
import type { LogSeen, Session, Turn } from './session-state.ts';
import { emit } from './turn.ts';

/** What a member says when it cannot tell: it has missed something, and has not begun anew yet. */
const CANNOT_TELL: Uint8Array = new Uint8Array(LOG_HASH_BYTES);

export function warn(turn: Turn, code: WarningCode, from: Speaker | undefined): void {
  emit(turn, { type: 'warning', code, message: WARNING_CODES[code], ...(from === undefined ? {} : { from }) });
}

/** An epoch has begun behind entry `sequence`: all its members begin at the same hash. */
export function startSeen(log: LogSeen, authenticator: Uint8Array, sequence: number): LogSeen {
  return { ...log, hashes: [startLog(authenticator, sequence)], last: sequence, differing: [] };
}

export function extendSeen(log: LogSeen, sequence: number, body: Uint8Array): LogSeen {
  const before = log.hashes.at(-1);
  if (before === undefined) return log;
  const hashes = [...log.hashes, extendLog(before, sequence, body)].slice(-LOG_HASHES_MAX);
  return { ...log, hashes, last: sequence };
}

/** Entries up to `sequence` are lost: until the next epoch this member cannot tell what the log is. */
export function loseSight(log: LogSeen, sequence: number): LogSeen {
  return { ...log, hashes: [], lost: Math.max(log.lost, sequence) };
}

/** What goes into every message. */
export function seenHash(log: LogSeen): Uint8Array {
  return log.hashes.at(-1) ?? CANNOT_TELL;
}

/** Another member was understood. */
export function noteReadable(session: Session, sequence: number, turn: Turn): Session {
  return { ...session, log: { ...session.log, byMember: sequence, readableAt: turn.now, unreadable: 0 } };
}

/** Something that only a member can have made: a dummy, a proof, an own frame. */
export function noteByMember(session: Session, sequence: number): Session {
  return { ...session, log: { ...session.log, byMember: sequence } };
}

export function noteUnreadable(session: Session): Session {
  const { log } = session;
  return { ...session, log: { ...log, unreadable: log.unreadable + 1, foreign: log.foreign + 1 } };
}

/**
 * Frames come and none can be read, for longer than any member stays silent: the others are in another epoch. One who only has the connection
 * string cannot make it look so, for the others are heard between its frames.
 */
export function isParted(session: Session, now: number): boolean {
  const { log } = session;
  if (log.unreadable >= UNREADABLE_FRAMES_MAX && now - log.readableAt >= PARTED_AFTER_MS) return true;
  return log.foreign >= FOREIGN_FRAMES_MAX && mayBeParted(session, now);
}

/**
 * Some are heard, and some are missed while frames come that may be theirs: there may be two groups in one log. Found out by joining again, and
 * not twice in a while: whoever has the connection string can send frames that nobody reads.
 */
export function mayBeParted({ log, inbox, partedAt }: Session, now: number): boolean {
  if (log.foreign === 0 || (partedAt !== undefined && now - partedAt < PARTED_AGAIN_MS)) return false;
  return [...inbox.members.values()].some((member) => isMissed(member, now));
}

/** Not said goodbye, and not heard for longer than any member is silent. */
export function isMissed({ standing, heardAt }: Member, now: number): boolean {
  return standing !== 'here' && now - heardAt >= MEMBER_SILENT_MS;
}

/** While everybody is heard, frames that nothing opens are noise. */
export function forgetNoise(session: Session, now: number): Session {
  if ([...session.inbox.members.values()].some((member) => isMissed(member, now))) return session;
  return { ...session, log: { ...session.log, foreign: 0 } };
}

/** A message came as entry `session.inbox.seen`; its sender must have seen what we saw up to where it says, and nothing that comes behind it. */
export function compareLog(
  session: Session,
  memberKey: Uint8Array,
  content: Content,
  turn: Turn,
): { readonly session: Session; readonly agrees: boolean } {
  const { log, inbox } = session;
  if (isZero(content.logHash) || log.hashes.length === 0) return { session, agrees: false };
  const own = log.hashes[log.hashes.length - 1 - (log.last - content.seen)];
  const agrees = content.seen < inbox.seen && own !== undefined && equalBytes(own, content.logHash);
  if (agrees) return { session, agrees };
  const who = fingerprint(memberKey);
  if (log.differing.includes(who)) return { session, agrees };
  warn(turn, 'log-differs', { name: inbox.members.get(toHex(memberKey))?.name ?? '', fingerprint: who });
  return { session: { ...session, log: { ...log, differing: [...log.differing, who] } }, agrees };
}
