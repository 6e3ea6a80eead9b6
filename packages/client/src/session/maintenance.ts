// Maintains the group without being asked: new keys in time, removal of leavers and silent members,
// a snapshot that joiners can use. PROTOCOL.md §5.8.

import { fingerprint } from '@sotto/crypto';
import { equalBytes, isStealth, toHex } from '@sotto/protocol';
import type { RosterMember, GroupView } from '../group/membership.ts';
import type { RemovalReason } from '../group/commit-policy.ts';
import {
  LEAVERS_RANK_MS,
  JUNK_NOTICE_INTERVAL_MS,
  MEMBERS_CHECK_MS,
  RANK_FIRST_MS,
  RESTORE_RANK_MS,
  ROLL_CALL_WAIT_MS,
  LOG_GAP_ROTATION_MS,
} from '../limits.ts';
import { notifyOrdered } from './moderation.ts';
import { isRotationDue, requestCommit } from './commits.ts';
import { clearTimer, emit, setTimer, warn } from './effects.ts';
import type { StepContext } from './effects.ts';
import { isSilent, mayBeForked } from './log-consistency.ts';
import { emitMembers } from './notifications.ts';
import { sendReady, enqueueOnce } from './sending.ts';
import { hasRequest, keepRequests, noteJunkWarning } from './slices/commits.ts';
import type { CompletedCommit } from './slices/commits.ts';
import { presenceIntervalMs } from './slices/cover.ts';
import { processRoster } from './slices/inbox.ts';
import { noteText, noteView, resumeRotation, rotationDueAt, rotationIntervalMs } from './slices/key-rotation.ts';
import { noteText as noteTextInLog } from './slices/log.ts';
import { hasKeys, setView } from './slices/membership.ts';
import type { Session } from './state.ts';

// Rotations

export function onRotationTimer(session: Session, context: StepContext): Session {
  // An unconfirmed member rotates as soon as it is confirmed.
  if (!hasKeys(session.membership)) return session;
  return requestCommit(session, { type: 'rotate', reason: 'due' }, context);
}

/** Sets the timer for this member's turn. */
function setScheduledRotation({ cover, rotation, membership }: Session, context: StepContext): void {
  const at = rotationDueAt(cover.mode, rotation, membership.view);
  if (at !== undefined) setTimer(context, 'scheduled-rotation', Math.max(0, Math.ceil(at - context.now)));
}

/** Rotates if no other member has. If it cannot now, it waits on, for another member may rotate. */
export function onScheduledRotation(session: Session, context: StepContext): Session {
  if (!isRotationDue(session, context.now)) {
    setScheduledRotation(session, context);
    return session;
  }
  setTimer(context, 'scheduled-rotation', rotationIntervalMs(session.cover.mode));
  return requestCommit(session, { type: 'rotate', reason: 'scheduled' }, context);
}

/** A text was said: outside of stealth the first one of an epoch sets the time of its end. */
export function noteSaid(session: Session, context: StepContext): Session {
  const rotation = noteText(session.rotation, context.now);
  const next: Session = { ...session, log: noteTextInLog(session.log), rotation };
  if (rotation !== session.rotation && !isStealth(session.cover.mode)) setScheduledRotation(next, context);
  return next;
}

/** The log has been read to its end: other members that were away are back now, too. */
export function resumeScheduledRotation(session: Session, context: StepContext): Session {
  const next: Session = { ...session, rotation: resumeRotation(session.cover.mode, session.rotation, context.now) };
  setScheduledRotation(next, context);
  return next;
}

/** After a gap a member cannot compare its log until an epoch begins: so it begins one soon. */
export function scheduleLogGapRotation(context: StepContext): void {
  setTimer(context, 'log-gap', Math.round(RANK_FIRST_MS + context.chance() * LOG_GAP_ROTATION_MS));
}

export function onLogGapTimer(session: Session, context: StepContext): Session {
  return requestCommit(session, { type: 'rotate', reason: 'log-gap' }, context);
}

// The roster

/** The group has changed: its members, its leavers, or its access mode. */
export function onGroupChanged(session: Session, view: GroupView | undefined, context: StepContext): Session {
  const { view: before } = session.membership;
  if (view === before) return session;
  let next: Session = { ...session, membership: setView(session.membership, view, context.now) };
  if (view === undefined) return next;
  next = { ...next, rotation: noteView(next.rotation, view, context.now) };
  setScheduledRotation(next, context);
  const others = view.members.flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  next = { ...next, inbox: processRoster(next.inbox, others, context.now).inbox };
  if (view.leavers.length === 0) clearTimer(context, 'remove-leavers');
  else if (view.leavers.length !== before?.leavers.length)
    setRankTimer(next, 'remove-leavers', LEAVERS_RANK_MS, context);
  if (view.access !== (before?.access ?? 'open')) emit(context, { type: 'access', mode: view.access });
  next = notifyOrdered(next, view, context);
  if (next.user.status === 'joined' && isOtherRoster(before, view)) emitMembers(next, context);
  return next;
}

function isOtherRoster(before: GroupView | undefined, view: GroupView): boolean {
  return (
    before?.members.length !== view.members.length ||
    before.leavers.length !== view.leavers.length ||
    before.members.some(({ memberKey }, index) => {
      const now = view.members[index];
      return now === undefined || !equalBytes(now.memberKey, memberKey);
    })
  );
}

/** The user heard of a leaver when it said goodbye. */
export function notifyRemoved(
  session: Session,
  { memberKey, reason }: RosterMember & { readonly reason: RemovalReason },
  context: StepContext,
): void {
  const member = session.inbox.members.get(toHex(memberKey));
  if (reason === 'left' && member?.status !== 'here') return;
  emit(context, { type: 'removed', member: { name: member?.name ?? '', fingerprint: fingerprint(memberKey) }, reason });
}

export function setPresenceTimer({ cover }: Session, context: StepContext): void {
  setTimer(context, 'presence', Math.round(presenceIntervalMs(cover) * (1 + context.chance() / 4)));
}

/** Members that are not heard any more are looked for at random times. */
export function setMembersCheck(context: StepContext): void {
  setTimer(context, 'members-check', Math.round(MEMBERS_CHECK_MS * (1 + context.chance() / 4)));
}

// Ranks: all members compute the same order, and each waits whether the one before has acted

/** This member's place among the present members, in the order of the tree. */
function rankOf({ membership: { view }, inbox }: Session): number {
  const isHere = ({ memberId, memberKey, self }: RosterMember): boolean =>
    self ||
    (inbox.members.get(toHex(memberKey))?.status === 'here' &&
      view?.leavers.every((gone) => !equalBytes(gone, memberId)) === true);
  return view?.members.filter(isHere).findIndex(({ self }) => self) ?? 0;
}

function setRankTimer(
  session: Session,
  name: 'remove-leavers' | 'restore-snapshot' | 'roll-call',
  stepMs: number,
  context: StepContext,
  firstMs: number = RANK_FIRST_MS,
): void {
  setTimer(context, name, Math.round(firstMs + (rankOf(session) + context.chance() / 4) * stepMs));
}

export function onLeaversTimer(session: Session, context: StepContext): Session {
  return requestCommit(session, { type: 'rotate', reason: 'leavers' }, context);
}

export function onRestoreTimer(session: Session, context: StepContext): Session {
  return requestCommit(session, { type: 'restore-snapshot' }, context);
}

/**
 * A commit is complete. If no member made it, its snapshot is junk or may be: joiners cannot join
 * until a member has restored the present one.
 */
export function validateCommit(session: Session, commit: CompletedCommit, context: StepContext): Session {
  const { commits } = session;
  if (session.membership.phase !== 'inside') return session;
  if (session.log.byMember >= commit.first) {
    clearTimer(context, 'restore-snapshot');
    if (!hasRequest(commits, 'restore-snapshot') || commits.own.phase !== 'none') return session;
    return { ...session, commits: keepRequests(commits, ({ type }) => type !== 'restore-snapshot') };
  }
  setRankTimer(session, 'restore-snapshot', RESTORE_RANK_MS, context);
  const { junkWarnedAt } = commits;
  if (junkWarnedAt !== undefined && context.now - junkWarnedAt < JUNK_NOTICE_INTERVAL_MS) return session;
  warn(context, 'junk-commit', undefined);
  return { ...session, commits: noteJunkWarning(commits, context.now) };
}

// Silent members

/**
 * A member has been silent for the room's patience: the first in rank asks all members to answer. A
 * member that sleeps for less is not asked for, and finds the log as it left it.
 */
export function startRollCall(session: Session, context: StepContext): Session {
  const { view } = session.membership;
  // Where the room may be forked, the missed members are perhaps not silent at all.
  const waits = view === undefined || view.rollCalled || rankOf(session) > 0 || mayBeForked(session, context.now);
  if (waits) return session;
  return silentMembers(session, context.now).length > 0
    ? sendReady(enqueueOnce(session, { type: 'roll-call' }), context)
    : session;
}

/** @returns the ids of those that have been silent for the room's patience */
function silentMembers({ membership, inbox, connection, cover }: Session, now: number): readonly Uint8Array[] {
  return (membership.view?.members ?? []).flatMap(({ memberId, memberKey }) => {
    const member = inbox.members.get(toHex(memberKey));
    return member !== undefined && isSilent(member, cover, connection.patienceMs, now) ? [memberId] : [];
  });
}

/** Every member answers, and waits for the answers of the others. */
export function onRollCall(session: Session, context: StepContext): Session {
  setRankTimer(session, 'roll-call', LEAVERS_RANK_MS, context, ROLL_CALL_WAIT_MS);
  return sendReady(enqueueOnce(session, { type: 'presence', status: 'here' }), context);
}

export function onRollCallEnd(session: Session, context: StepContext): Session {
  const members = silentMembers(session, context.now);
  if (members.length === 0) return session;
  return requestCommit(session, { type: 'remove-silent', members }, context);
}
