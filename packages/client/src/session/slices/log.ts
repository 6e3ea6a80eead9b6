// The log slice: what this member saw of the log, kept to compare it with what others saw.

import { extendLog, startLog } from '@sotto/crypto/mls';
import { BEFORE_BYTES, concatBytes, EPOCHS_BEFORE, isZero, LOG_HASH_BYTES } from '@sotto/protocol';
import type { LogEntry } from '../../group/opened-entry.ts';
import { LOG_HASHES_MAX } from '../../limits.ts';
import { append, latestOf, recentOf } from '../recent.ts';
import type { Recent } from '../recent.ts';

/**
 * `start`: the epoch began behind this entry. `hash`: its last; zeros if this member cannot tell.
 */
interface EndedEpoch {
  readonly start: number;
  readonly hash: Uint8Array;
}

/** A member's claims, by its fingerprint, about the epoch that began behind entry `start`. */
interface ComparedEpoch {
  readonly who: string;
  readonly start: number;
  readonly same: boolean;
}

export interface LogState {
  /** Hashes in order, the last of the newest entry; empty from a gap to the next epoch. */
  readonly hashes: Recent<Uint8Array>;
  /** The sequence number of the last hash. */
  readonly last: number;
  /** The last sequence number lost since the commit number was known; 0 if none. */
  readonly lost: number;
  /** The last sequence number that a member's key opened, or that began an epoch. */
  readonly byMember: number;
  /** When another member was understood last (ms). */
  readonly readableAt: number;
  /** How many frames since then were not readable. */
  readonly unreadable: number;
  /** How many of those were not of this epoch. */
  readonly foreign: number;
  /** Fingerprints of members that have said in this epoch that they saw another log. */
  readonly differing: readonly string[];
  /** The epoch began behind this entry; 0 if that was not seen. */
  readonly start: number;
  /** Whether a text was sent in this epoch. */
  readonly hasText: boolean;
  /** The last epochs without a break in which this member was in the group, the latest first. */
  readonly before: readonly EndedEpoch[];
  /** What others have said of those epochs. */
  readonly compared: readonly ComparedEpoch[];
  /** When this member last resynced because the room seemed to be forked (ms). */
  readonly forkedAt: number | undefined;
  /** When a silent member was removed last (ms): it may live on in the other of two groups. */
  readonly silencedAt: number | undefined;
}

export const EMPTY_LOG: LogState = {
  hashes: recentOf(),
  last: 0,
  lost: 0,
  byMember: 0,
  readableAt: 0,
  unreadable: 0,
  foreign: 0,
  differing: [],
  start: 0,
  hasText: false,
  before: [],
  compared: [],
  forkedAt: undefined,
  silencedAt: undefined,
};

/**
 * This member says so when it cannot tell: it has missed an entry, and no epoch has begun since.
 */
const NO_LOG_HASH: Uint8Array = new Uint8Array(LOG_HASH_BYTES);

// Entries

export function appendEntry(log: LogState, { sequence, body, place }: LogEntry): LogState {
  const hash = latestOf(log.hashes);
  if (hash === undefined) return log;
  const operation = place === undefined ? 'entry' : 'committed';
  const next = extendLog({ hash, sequence, operation, body });
  return { ...log, hashes: append(log.hashes, next, LOG_HASHES_MAX), last: sequence };
}

/** Entries up to `sequence` are lost: until the next epoch this member cannot tell its log hash. */
export function markLost(log: LogState, sequence: number): LogState {
  return { ...log, hashes: recentOf(), lost: Math.max(log.lost, sequence) };
}

/** The commit number is known: no commit is among the lost entries, or this member resyncs. */
export function forgetLost(log: LogState): LogState {
  return { ...log, lost: 0 };
}

/** A text was sent by any member: in the next epoch all members say how they saw this one. */
export function noteText(log: LogState): LogState {
  return log.hasText ? log : { ...log, hasText: true };
}

/** Another member was understood. */
export function noteReadable(log: LogState, sequence: number, now: number): LogState {
  return { ...log, byMember: sequence, readableAt: now, unreadable: 0 };
}

/** Another member was understood outside of the log. */
export function noteReadableNow(log: LogState, now: number): LogState {
  return { ...log, readableAt: now, unreadable: 0 };
}

/** Only a member can have made the entry: a dummy, a proof, an own frame. */
export function noteByMember(log: LogState, sequence: number): LogState {
  return { ...log, byMember: sequence };
}

export function noteUnreadable(log: LogState): LogState {
  return { ...log, unreadable: log.unreadable + 1, foreign: log.foreign + 1 };
}

export function forgetForeign(log: LogState): LogState {
  return { ...log, foreign: 0 };
}

// Epochs

/**
 * An epoch has begun behind entry `sequence`: all its members begin at the same hash. The last hash
 * of the epoch before is kept, and sent in this one.
 */
export function startEpoch(log: LogState, authenticator: Uint8Array, sequence: number): LogState {
  const hashes = recentOf(startLog({ epochAuthenticator: authenticator, sequence }));
  const before = [{ start: log.start, hash: currentHash(log) }, ...log.before].slice(0, EPOCHS_BEFORE);
  const compared = log.compared.filter((one) => before.some(({ start }) => start === one.start));
  const epoch = { start: sequence, hasText: false, before, compared, differing: [] };
  return { ...log, ...epoch, hashes, last: sequence };
}

/** This member joins anew: the epochs it has seen are not the ones before the next. */
export function forgetEpochs(log: LogState): LogState {
  return { ...markLost(log, 0), before: [], compared: [] };
}

/** Whether all members of the epoch that `ended` saw last owe the others a report of its end. */
export function owesReceipt(ended: LogState, { before }: LogState): boolean {
  const [latest] = before;
  return ended.hasText && latest !== undefined && !isZero(latest.hash);
}

/** The last hashes of the epochs before this one, the latest first. */
export function epochEnds({ before }: LogState): Uint8Array {
  const ends = concatBytes(...before.map(({ hash }) => hash));
  return concatBytes(ends, new Uint8Array(BEFORE_BYTES - ends.length));
}

/** The log hash that every message carries. */
export function currentHash(log: LogState): Uint8Array {
  return latestOf(log.hashes) ?? NO_LOG_HASH;
}

// Comparisons and forks

/** `differing`: the fingerprint of a member that has seen another log. */
export function noteCompared(
  log: LogState,
  compared: readonly ComparedEpoch[],
  differing: string | undefined,
): LogState {
  if (compared.length === 0 && differing === undefined) return log;
  return {
    ...log,
    compared: [...log.compared, ...compared],
    differing: differing === undefined ? log.differing : [...log.differing, differing],
  };
}

export function noteSilentRemoved(log: LogState, now: number): LogState {
  return { ...log, silencedAt: now };
}

/** This member resyncs because the room seems to be forked. */
export function noteFork(log: LogState, now: number): LogState {
  return { ...log, unreadable: 0, foreign: 0, readableAt: now, forkedAt: now };
}
