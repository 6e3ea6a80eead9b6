// Holds what this member saw against what the others say that they saw: a relay that drops, reorders, splits or goes back is shown. PROTOCOL.md §5.10.

import { fingerprint } from '@sotto/crypto';
import { extendLog, startLog } from '@sotto/crypto/group';
import { equalBytes, isZero, LOG_HASH_BYTES, toHex } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import { WARNING_CODES } from './errors.ts';
import type { WarningCode } from './errors.ts';
import type { Speaker } from './events.ts';
import { LOG_HASHES_MAX, PARTED_AFTER_MS, UNREADABLE_FRAMES_MAX } from './limits.ts';
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
  return { ...session, log: { ...session.log, unreadable: session.log.unreadable + 1 } };
}

/**
 * Frames come and none can be read, for longer than any member stays silent: the others are in another epoch. One who only has the connection
 * string cannot make it look so, for the others are heard between its frames.
 */
export function isParted({ log }: Session, now: number): boolean {
  return log.unreadable >= UNREADABLE_FRAMES_MAX && now - log.readableAt >= PARTED_AFTER_MS;
}

/** A message came as entry `session.inbox.seen`; its sender must have seen what we saw up to where it says, and nothing that comes behind it. */
export function compareLog(session: Session, memberKey: Uint8Array, content: Content, turn: Turn): Session {
  const { log, inbox } = session;
  if (isZero(content.logHash) || log.hashes.length === 0) return session;
  const own = log.hashes[log.hashes.length - 1 - (log.last - content.seen)];
  const agrees = content.seen < inbox.seen && (own === undefined || equalBytes(own, content.logHash));
  if (agrees) return session;
  const who = fingerprint(memberKey);
  if (log.differing.includes(who)) return session;
  warn(turn, 'log-differs', { name: inbox.members.get(toHex(memberKey))?.name ?? '', fingerprint: who });
  return { ...session, log: { ...log, differing: [...log.differing, who] } };
}
