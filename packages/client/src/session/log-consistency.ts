// Compares what this member saw of the log with what others say that they saw, and detects forks.
// A relay that drops, reorders, splits or rolls back is shown by it. PROTOCOL.md §5.10.

import { fingerprint } from '@sotto/crypto';
import { equalBytes, isZero, LOG_HASH_BYTES, toHex } from '@sotto/protocol';
import type { Content, PresenceContent } from '@sotto/protocol';
import { FOREIGN_FRAMES_MAX, FORKED_AGAIN_MS, SILENCED_MS, UNREADABLE_FRAMES_MAX } from '../limits.ts';
import { warn } from './effects.ts';
import type { StepContext } from './effects.ts';
import { isEmpty, itemAt } from './recent.ts';
import { forkedAfterMs, silentMs } from './slices/cover.ts';
import type { CoverState } from './slices/cover.ts';
import { skipTo } from './slices/inbox.ts';
import type { Member } from './slices/inbox.ts';
import { forgetForeign, noteCompared } from './slices/log.ts';
import type { LogState } from './slices/log.ts';
import type { Session } from './state.ts';

// Forks

/**
 * Frames come and none can be read, for longer than any member is silent: the others are in another
 * epoch. Holding the connection string alone does not suffice to fake this, for the others are
 * heard between such frames.
 */
export function isForked(session: Session, now: number): boolean {
  const { log } = session;
  if (log.unreadable >= UNREADABLE_FRAMES_MAX && now - log.readableAt >= forkedAfterMs(session.cover)) return true;
  return log.foreign >= FOREIGN_FRAMES_MAX && (mayBeForked(session, now) || mayHaveForked(session, now));
}

/**
 * Some members are heard, and others are missed while frames come that may be theirs: there may be
 * two groups in one log. A resync finds out. It is not done twice in a while: anyone with the
 * connection string can send frames that no member reads.
 */
export function mayBeForked({ log, inbox, cover }: Session, now: number): boolean {
  if (log.foreign === 0 || isWithin(FORKED_AGAIN_MS, log.forkedAt, now)) return false;
  return [...inbox.members.values()].some((member) => isMissed(member, silentMs(cover), now));
}

/** As `mayBeForked`, after the missed members were removed: then neither group misses any. */
function mayHaveForked({ log: { forkedAt, silencedAt } }: Session, now: number): boolean {
  return isWithin(SILENCED_MS, silencedAt, now) && !isWithin(FORKED_AGAIN_MS, forkedAt, now);
}

function isWithin(span: number, since: number | undefined, now: number): boolean {
  return since !== undefined && now - since < span;
}

/** The member has not left, and was not heard for longer than any member is silent. */
function isMissed({ status, heardAt }: Member, missedMs: number, now: number): boolean {
  return status !== 'here' && now - heardAt >= missedMs;
}

/**
 * The member has been silent for the room's patience, in which this one was reading the log. It may
 * have fallen asleep as late as it would have been missed: after a presence that was lost.
 */
export function isSilent({ status, heardAt }: Member, { mode }: CoverState, patienceMs: number, now: number): boolean {
  return status !== 'here' && now - heardAt >= patienceMs + silentMs({ mode });
}

/** While all members are heard, frames that no key opens are noise. */
export function forgetUnreadable(session: Session, now: number): Session {
  const missedMs = silentMs(session.cover);
  if ([...session.inbox.members.values()].some((member) => isMissed(member, missedMs, now))) return session;
  return { ...session, log: forgetForeign(session.log) };
}

// Comparisons

/** The result of a comparison: `unknown` if one of the two members cannot tell. */
type Compared = 'same' | 'other' | 'unknown';

/**
 * A presence came outside of the log. Its sender may have seen more of the log than this member,
 * which cannot tell then.
 */
export function comparePresence(
  session: Session,
  memberKey: Uint8Array,
  content: PresenceContent,
  context: StepContext,
): { readonly session: Session; readonly agrees: boolean } {
  const isAhead = content.seen > session.inbox.seen;
  const logHash = isAhead ? new Uint8Array(LOG_HASH_BYTES) : content.logHash;
  // The presence is no entry: it stands behind all that this member has seen.
  const behind: Session = { ...session, inbox: skipTo(session.inbox, session.inbox.seen + 1) };
  const compared = compareLog(behind, memberKey, { ...content, logHash }, context);
  return { session: { ...compared.session, inbox: session.inbox }, agrees: compared.agrees };
}

/**
 * A message came as entry `session.inbox.seen`. Its sender must have seen the same log up to where
 * it says, and no later entry, and the same ends of the epochs before.
 * @returns `agrees`: the sender has seen the same log in this epoch.
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
  return {
    session: { ...session, log: noteCompared(log, before, differs ? who : undefined) },
    agrees: now === 'same',
  };
}

function compareNow({ log, inbox }: Session, { seen, logHash }: Content): Compared {
  if (isZero(logHash) || isEmpty(log.hashes)) return 'unknown';
  const own = itemAt(log.hashes, log.hashes.end - 1 - (log.last - seen));
  return seen < inbox.seen && own !== undefined && equalBytes(own, logHash) ? 'same' : 'other';
}

/** @returns the comparisons that are new. */
function compareBefore(log: LogState, who: string, content: Content): LogState['compared'] {
  if (content.type !== 'presence' && content.type !== 'receipt') return [];
  return log.before.flatMap(({ start, hash }, index) => {
    const theirs = content.before.subarray(index * LOG_HASH_BYTES, (index + 1) * LOG_HASH_BYTES);
    const isKnown = log.compared.some((one) => one.who === who && one.start === start);
    return isKnown || isZero(theirs) || isZero(hash) ? [] : [{ who, start, same: equalBytes(theirs, hash) }];
  });
}

/**
 * Whether what `member` has seen counts for the epoch that began behind entry `start`: an epoch
 * that is over counts only if the member saw the same end of it.
 */
export function countsFor(log: LogState, member: Member, start: number): boolean {
  if (start === log.start) return true;
  const who = fingerprint(member.memberKey);
  return log.compared.some((one) => one.who === who && one.start === start && one.same);
}
