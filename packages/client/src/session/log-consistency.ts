// Holds what this member saw against what the others say that they saw: a relay that drops, reorders, splits or goes back is shown. PROTOCOL.md §5.10.

import { message } from '@sotto/messages';
import { fingerprint } from '@sotto/crypto';
import { extendLog, startLog } from '@sotto/crypto/mls';
import { BEFORE_BYTES, concatBytes, EPOCHS_BEFORE, equalBytes, isZero, LOG_HASH_BYTES, toHex } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import type { WarningCode } from '../errors.ts';
import type { Speaker } from '../events.ts';
import type { Member } from './inbox.ts';
import {
  FOREIGN_FRAMES_MAX,
  LOG_HASHES_MAX,
  MEMBER_SILENT_MS,
  FORKED_AFTER_MS,
  FORKED_AGAIN_MS,
  SILENCED_MS,
  UNREADABLE_FRAMES_MAX,
} from '../limits.ts';
import type { LogState, Session, StepContext } from './state.ts';
import { emit } from './effects.ts';

/** What a member says when it cannot tell: it has missed something, and has not begun anew yet. */
const NO_LOG_HASH: Uint8Array = new Uint8Array(LOG_HASH_BYTES);

export function warn(context: StepContext, code: WarningCode, from: Speaker | undefined): void {
  emit(context, {
    type: 'warning',
    code,
    message: message(`warning.${code}`),
    ...(from === undefined ? {} : { from }),
  });
}

/** An epoch has begun behind entry `sequence`: all its members begin at the same hash. What the one before ended with is kept, to be said in this one. */
export function startEpoch(log: LogState, authenticator: Uint8Array, sequence: number): LogState {
  const hashes = [startLog(authenticator, sequence)];
  const before = [{ start: log.start, hash: currentHash(log) }, ...log.before].slice(0, EPOCHS_BEFORE);
  const compared = log.compared.filter((one) => before.some(({ start }) => start === one.start));
  const epoch = { start: sequence, hasText: false, before, compared, differing: [] };
  return { ...log, ...epoch, hashes, last: sequence };
}

export function extendLogState(log: LogState, sequence: number, body: Uint8Array): LogState {
  const before = log.hashes.at(-1);
  if (before === undefined) return log;
  const hashes = [...log.hashes, extendLog(before, sequence, body)].slice(-LOG_HASHES_MAX);
  return { ...log, hashes, last: sequence };
}

/** Entries up to `sequence` are lost: until the next epoch this member cannot tell what the log is. */
export function markLost(log: LogState, sequence: number): LogState {
  return { ...log, hashes: [], lost: Math.max(log.lost, sequence) };
}

/** A text was said, by whomever: in the next epoch everybody says how this one was seen. */
export function noteText(session: Session): Session {
  return session.log.hasText ? session : { ...session, log: { ...session.log, hasText: true } };
}

/** Whether all who were in the epoch that `log` saw last owe it to the others to say how it ended. */
export function owesReceipt(ended: LogState, { before }: LogState): boolean {
  const [latest] = before;
  return ended.hasText && latest !== undefined && !isZero(latest.hash);
}

/** This member comes in anew: what it has of epochs are not the ones before the one that begins. */
export function forgetEpochs(log: LogState): LogState {
  return { ...markLost(log, 0), before: [], compared: [] };
}

/** How the epochs before this one ended, the latest first. */
export function epochEnds({ before }: LogState): Uint8Array {
  const ends = concatBytes(...before.map(({ hash }) => hash));
  return concatBytes(ends, new Uint8Array(BEFORE_BYTES - ends.length));
}

/** What goes into every message. */
export function currentHash(log: LogState): Uint8Array {
  return log.hashes.at(-1) ?? NO_LOG_HASH;
}

/** Another member was understood. */
export function noteReadable(session: Session, sequence: number, context: StepContext): Session {
  return { ...session, log: { ...session.log, byMember: sequence, readableAt: context.now, unreadable: 0 } };
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
export function isForked(session: Session, now: number): boolean {
  const { log } = session;
  if (log.unreadable >= UNREADABLE_FRAMES_MAX && now - log.readableAt >= FORKED_AFTER_MS) return true;
  return log.foreign >= FOREIGN_FRAMES_MAX && (mayBeForked(session, now) || mayHaveForked(session, now));
}

/**
 * Some are heard, and some are missed while frames come that may be theirs: there may be two groups in one log. Found out by joining again, and
 * not twice in a while: whoever has the connection string can send frames that nobody reads.
 */
export function mayBeForked({ log, inbox, forkedAt }: Session, now: number): boolean {
  if (log.foreign === 0 || isWithin(FORKED_AGAIN_MS, forkedAt, now)) return false;
  return [...inbox.members.values()].some((member) => isMissed(member, now));
}

/** As `mayBeForked`, when those who were missed have been put out for it: two groups that did so to each other miss nobody any more. */
function mayHaveForked({ forkedAt, silencedAt }: Session, now: number): boolean {
  return isWithin(SILENCED_MS, silencedAt, now) && !isWithin(FORKED_AGAIN_MS, forkedAt, now);
}

function isWithin(span: number, since: number | undefined, now: number): boolean {
  return since !== undefined && now - since < span;
}

/** Not said goodbye, and not heard for longer than any member is silent. */
export function isMissed({ status, heardAt }: Member, now: number): boolean {
  return status !== 'here' && now - heardAt >= MEMBER_SILENT_MS;
}

/** While everybody is heard, frames that nothing opens are noise. */
export function forgetUnreadable(session: Session, now: number): Session {
  if ([...session.inbox.members.values()].some((member) => isMissed(member, now))) return session;
  return { ...session, log: { ...session.log, foreign: 0 } };
}

/** What a comparison shows: `unknown` if one of the two cannot tell. */
type Compared = 'same' | 'other' | 'unknown';

/**
 * A message came as entry `session.inbox.seen`; its sender must have seen what we saw up to where it says, and nothing that comes behind it, and
 * the same ends of the epochs before. `agrees`: it has seen what we saw in this epoch.
 */
export function compareLog(
  session: Session,
  memberKey: Uint8Array,
  content: Content,
  context: StepContext,
): { readonly session: Session; readonly agrees: boolean } {
  const { log, inbox } = session;
  const who = fingerprint(memberKey);
  const now = compareNow(session, content);
  const before = compareBefore(log, who, content);
  const differs = (now === 'other' || before.some(({ same }) => !same)) && !log.differing.includes(who);
  if (differs)
    warn(context, 'log-differs', { name: inbox.members.get(toHex(memberKey))?.name ?? '', fingerprint: who });
  const differing = differs ? [...log.differing, who] : log.differing;
  return {
    session: { ...session, log: { ...log, compared: [...log.compared, ...before], differing } },
    agrees: now === 'same',
  };
}

function compareNow({ log, inbox }: Session, { seen, logHash }: Content): Compared {
  if (isZero(logHash) || log.hashes.length === 0) return 'unknown';
  const own = log.hashes[log.hashes.length - 1 - (log.last - seen)];
  return seen < inbox.seen && own !== undefined && equalBytes(own, logHash) ? 'same' : 'other';
}

/** @returns what is new of it. */
function compareBefore(log: LogState, who: string, content: Content): LogState['compared'] {
  if (content.type !== 'presence' && content.type !== 'receipt') return [];
  return log.before.flatMap(({ start, hash }, index) => {
    const theirs = content.before.subarray(index * LOG_HASH_BYTES, (index + 1) * LOG_HASH_BYTES);
    const isKnown = log.compared.some((one) => one.who === who && one.start === start);
    return isKnown || isZero(theirs) || isZero(hash) ? [] : [{ who, start, same: equalBytes(theirs, hash) }];
  });
}

/** Whether `member` was there and has seen entry `sequence`: one of an earlier epoch, only if it saw that to its end as we did. */
export function hasSeen(log: LogState, member: Member, sequence: number): boolean {
  if (member.seen < sequence || member.since >= sequence) return false;
  if (sequence > log.start) return true;
  const epoch = log.before.find(({ start }) => sequence > start);
  const who = fingerprint(member.memberKey);
  return log.compared.some((one) => one.who === who && one.start === epoch?.start && one.same);
}
