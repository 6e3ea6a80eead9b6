// What members do for their group without being asked: new keys in time, leaves of those who have gone, a snapshot that newcomers can use. PROTOCOL.md §5.8.

import { fingerprint } from '@sotto/crypto';
import { equalBytes, isStealth, stealthShape, toHex } from '@sotto/protocol';
import type { CommitNotice } from '@sotto/protocol';
import { hasCommitRequest, isRotationDue, runCommitRequests, enqueueRequest } from './commits.ts';
import type { RosterMember, GroupView } from '../group/membership.ts';
import type { RemovalReason } from '../group/policy.ts';
import { processRoster } from './inbox.ts';
import {
  LEAVERS_RANK_MS,
  JUNK_NOTICE_INTERVAL_MS,
  RANK_FIRST_MS,
  RESTORE_RANK_MS,
  ROLL_CALL_WAIT_MS,
  ROTATE_LEAST_MS,
  ROTATE_MEMBERS,
  ROTATE_MOST_MS,
  LOG_GAP_ROTATION_MS,
} from '../limits.ts';
import { notifyOrdered } from './ordering.ts';
import { noteView, resumeRotation, rotationDueAt } from './key-rotation.ts';
import type { Session, StepContext } from './state.ts';
import { sendReady, enqueueOnce } from './sending.ts';
import { emitMembers } from './notifications.ts';
import { clearTimer, emit, setTimer } from './effects.ts';
import { isMissed, mayBeForked, warn } from './log-consistency.ts';

/** New keys after a random time: in a large room later, so that commits do not crowd out what is said. In stealth members have turns. */
export function setRotationTimer(session: Session, context: StepContext): void {
  if (isStealth(session.schedule.cover)) return;
  const members = session.view?.members.length ?? 0;
  const stretch = Math.max(1, members / ROTATE_MEMBERS);
  const afterMs = stretch * (ROTATE_LEAST_MS + context.chance() * (ROTATE_MOST_MS - ROTATE_LEAST_MS));
  setTimer(context, 'rotate', Math.round(afterMs));
}

export function onRotationTimer(session: Session, context: StepContext): Session {
  // Who is arriving has it done as soon as it is in.
  if (session.membership.phase !== 'inside' && session.membership.phase !== 'arriving') return session;
  return runCommitRequests(enqueueRequest(session, { type: 'rotate', reason: 'due' }), context);
}

/** In stealth: counts towards this member's turn from what the group is now. */
function scheduleRotation(session: Session, context: StepContext): void {
  const { schedule, rotation, view } = session;
  const at = rotationDueAt(schedule.cover, rotation, view);
  if (at !== undefined) setTimer(context, 'scheduled-rotation', Math.max(0, Math.ceil(at - context.now)));
}

/** Nobody has had new keys before: this member has. It waits on if it cannot now, for another may. */
export function onScheduledRotation(session: Session, context: StepContext): Session {
  const { cover } = session.schedule;
  if (!isStealth(cover)) return session;
  if (!isRotationDue(session, context.now)) {
    scheduleRotation(session, context);
    return session;
  }
  setTimer(context, 'scheduled-rotation', stealthShape(cover).keyRotationMs);
  return runCommitRequests(enqueueRequest(session, { type: 'rotate', reason: 'scheduled' }), context);
}

/** The log is read up: whoever else was away is back now, too. */
export function resumeScheduledRotation(session: Session, context: StepContext): Session {
  const next = { ...session, rotation: resumeRotation(session.schedule.cover, session.rotation, context.now) };
  scheduleRotation(next, context);
  return next;
}

/** After a gap nobody can tell whether this member sees what the others see, until an epoch begins: so one is begun soon. */
export function scheduleLogGapRotation(context: StepContext): void {
  setTimer(context, 'log-gap', Math.round(RANK_FIRST_MS + context.chance() * LOG_GAP_ROTATION_MS));
}

export function onLogGapTimer(session: Session, context: StepContext): Session {
  return runCommitRequests(enqueueRequest(session, { type: 'rotate', reason: 'log-gap' }), context);
}

/** The group is another than before: who is in it, who wants to go, who may come in. */
export function onGroupChanged(session: Session, view: GroupView | undefined, context: StepContext): Session {
  const before = session.view;
  if (view === before) return session;
  let next: Session = { ...session, view, epochAt: view?.epoch === before?.epoch ? session.epochAt : context.now };
  if (view === undefined) return next;
  next = { ...next, rotation: noteView(next.rotation, view, context.now) };
  scheduleRotation(next, context);
  const others = view.members.flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  next = { ...next, inbox: processRoster(next.inbox, others, context.now).inbox };
  if (view.leavers.length === 0) clearTimer(context, 'departing');
  else if (view.leavers.length !== before?.leavers.length) setRankTimer(next, 'departing', LEAVERS_RANK_MS, context);
  if (view.access !== (before?.access ?? 'open')) emit(context, { type: 'access', mode: view.access });
  next = notifyOrdered(next, view, context);
  if (next.status === 'joined' && isOtherRoster(before, view)) emitMembers(next, context);
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

/** Who left was told of when it said so. */
export function notifyRemoved(
  session: Session,
  { memberKey, reason }: RosterMember & { readonly reason: RemovalReason },
  context: StepContext,
): void {
  const member = session.inbox.members.get(toHex(memberKey));
  if (reason === 'left' && member?.status !== 'here') return;
  emit(context, { type: 'removed', member: { name: member?.name ?? '', fingerprint: fingerprint(memberKey) }, reason });
}

// Who does it: all compute the same order, and the next in line waits whether it is done

/** This member's place among those who are here, in the order of the tree. */
function rankOf({ view, inbox }: Session): number {
  const isHere = ({ memberId, memberKey, self }: RosterMember): boolean =>
    self ||
    (inbox.members.get(toHex(memberKey))?.status === 'here' &&
      view?.leavers.every((gone) => !equalBytes(gone, memberId)) === true);
  return view?.members.filter(isHere).findIndex(({ self }) => self) ?? 0;
}

function setRankTimer(
  session: Session,
  name: 'departing' | 'restore-snapshot' | 'roll-call',
  stepMs: number,
  context: StepContext,
  firstMs: number = RANK_FIRST_MS,
): void {
  setTimer(context, name, Math.round(firstMs + (rankOf(session) + context.chance() / 4) * stepMs));
}

export function onDepartingTimer(session: Session, context: StepContext): Session {
  return runCommitRequests(enqueueRequest(session, { type: 'rotate', reason: 'departing' }), context);
}

export function onRestoreTimer(session: Session, context: StepContext): Session {
  return runCommitRequests(enqueueRequest(session, { type: 'restore-snapshot' }), context);
}

/**
 * A commit is over. If nothing in it was a member's, its snapshot is junk or may be: newcomers cannot come in until a member has put the
 * present one back.
 */
export function validateCommit(session: Session, notice: CommitNotice, context: StepContext): Session {
  if (session.membership.phase !== 'inside') return session;
  if (session.log.byMember >= notice.first) {
    clearTimer(context, 'restore-snapshot');
    if (!hasCommitRequest(session, 'restore-snapshot') || session.commit.phase !== 'none') return session;
    return { ...session, commitRequests: session.commitRequests.filter(({ type }) => type !== 'restore-snapshot') };
  }
  setRankTimer(session, 'restore-snapshot', RESTORE_RANK_MS, context);
  const toldAt = session.junkWarnedAt;
  if (toldAt !== undefined && context.now - toldAt < JUNK_NOTICE_INTERVAL_MS) return session;
  warn(context, 'junk-commit', undefined);
  return { ...session, junkWarnedAt: context.now };
}

// Those who are silent

/** Somebody in the group has not been heard for too long: the first in rank asks everybody to answer. */
export function startRollCall(session: Session, context: StepContext): Session {
  const { view } = session;
  // Where the room may have forked, those who are missed are perhaps not silent at all.
  const waits = view === undefined || view.rollCalled || rankOf(session) > 0 || mayBeForked(session, context.now);
  if (waits) return session;
  const silent = [...session.inbox.members.values()].some((member) => isMissed(member, context.now));
  return silent ? sendReady(enqueueOnce(session, { type: 'roll-call' }), context) : session;
}

/** Every member says that it is here, and waits whether somebody does not. */
export function onRollCall(session: Session, context: StepContext): Session {
  setRankTimer(session, 'roll-call', LEAVERS_RANK_MS, context, ROLL_CALL_WAIT_MS);
  return sendReady(enqueueOnce(session, { type: 'presence', status: 'here' }), context);
}

export function onRollCallEnd(session: Session, context: StepContext): Session {
  return runCommitRequests(enqueueRequest(session, { type: 'remove-silent' }), context);
}
