// How this member comes into the group and stays in it: from the snapshot by a commit of its own, by a welcome, and again after it has missed something.

import { coverCost, DWELL_MOST_MS, encodeFetch, toHex } from '@sotto/protocol';
import { endWithCode } from './ending.ts';
import { beginCommit, runCommitRequests, sendCommit } from './commits.ts';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import type { Snapshot } from './snapshot-reader.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import {
  CONFIRM_AGAIN_MS,
  CONFIRM_WAIT_MS,
  FETCH_RETRY_MS,
  FOLLOW_WAIT_MS,
  KNOCK_LIMIT_MS,
  ROTATE_SOON_MS,
  UNANSWERED_MAX,
} from '../limits.ts';
import { dropOrdered } from './ordering.ts';
import { enqueueFirst, requeue, unsentTexts } from './outbox.ts';
import { presenceDelay } from './pace.ts';
import { noteEpoch, startRotation } from './key-rotation.ts';
import { answerDelayMs, requeuedReceipts } from './cover.ts';
import type { CommitRequest, GroupTaskResult, Session, GroupTask, StepContext } from './state.ts';
import { maySend, sendReady } from './sending.ts';
import { emitMembers } from './notifications.ts';
import { clearTimer, emit, fetchFrame, publish, setTimer, write } from './effects.ts';
import { setRotationTimer, onGroupChanged, notifyRemoved } from './maintenance.ts';
import { noteReadable, startEpoch, warn } from './log-consistency.ts';

/** Asks for the snapshot that is to be joined from. While one is on its way nothing more is asked. */
export function fetchSnapshot(session: Session, context: StepContext): Session {
  if (session.link.phase !== 'live' || session.commit.phase === 'sent') return session;
  switch (session.membership.phase) {
    case 'inside':
    case 'arriving':
    case 'joining':
      return session;
    case 'knocking':
      return knockAgain(session, context);
    case 'welcomed':
      write(context, fetchFrame(session.membership.which));
      return { ...session, parts: NO_SNAPSHOT_PARTS };
    case 'outside':
    case 'fetching':
      clearTimer(context, 'fetch');
      write(context, fetchFrame('snapshot'));
      return {
        ...session,
        parts: NO_SNAPSHOT_PARTS,
        membership: { phase: 'fetching', which: 'snapshot', commitNumber: 0 },
      };
  }
}

/** Stops speaking, and comes in anew: the old leaf goes with the commit that brings the new one. */
export function resync(session: Session, context: StepContext): Session {
  return fetchSnapshot({ ...session, membership: { phase: 'outside' } }, context);
}

/** Of a snapshot that was replaced while it was on its way, the one that took its place is asked for. */
export function onSnapshot(session: Session, snapshot: Snapshot, context: StepContext): Session {
  if (session.membership.phase === 'welcomed') {
    context.effects.push({
      type: 'run-task',
      task: { type: 'join-by-welcome', snapshot: snapshot.bytes, last: snapshot.last },
    });
    return session;
  }
  if (session.membership.phase !== 'fetching') return session;
  if (session.commit.phase !== 'none') return waitForSnapshot(session, context);
  const { which, commitNumber } = session.membership;
  // A commit on the previous snapshot goes under the commit number of the snapshot that could not be used.
  const under = which === 'snapshot' ? snapshot.commitNumber : commitNumber;
  if (session.commitNumber.value > under) return fetchSnapshot(session, context);
  if (snapshot.bytes.length === 0) return waitForSnapshot(session, context);
  const request: CommitRequest = { type: 'join', snapshot: snapshot.bytes, resync: true };
  const membership = { phase: 'fetching', which, commitNumber: under } as const;
  return beginCommit({ ...session, membership }, request, under, context);
}

/** The room has no snapshot that can be used: its next commit may bring one. */
function waitForSnapshot(session: Session, context: StepContext): Session {
  setTimer(context, 'fetch', FETCH_RETRY_MS);
  return { ...session, membership: { phase: 'outside' } };
}

/** Keys have made what they were asked for, or cannot. */
export function onTaskFinished(
  session: Session,
  task: GroupTask,
  made: GroupTaskResult,
  view: GroupView | undefined,
  context: StepContext,
): Session {
  switch (task.type) {
    case 'knock':
      return made.ok && made.body !== undefined ? knockAgain(withKnock(session, made.body), context) : session;
    case 'join-by-welcome':
      return made.ok ? enterByWelcome(session, task.last, view, context) : resumeKnocking(session, context);
    case 'join':
      return onJoinFinished(session, task, made, context);
    default:
      return session.commit.phase === 'making' && session.commit.request === task
        ? sendCommit(session, task, made, context)
        : session;
  }
}

function onJoinFinished(
  session: Session,
  task: CommitRequest & { readonly type: 'join' },
  made: GroupTaskResult,
  context: StepContext,
): Session {
  if (session.commit.phase !== 'making' || session.commit.request !== task) return session;
  if (made.ok) return sendCommit({ ...session, membership: { phase: 'joining' } }, task, made, context);
  const next: Session = { ...session, commit: { phase: 'none' } };
  switch (made.code) {
    case 'policy-locked':
      return endWithCode(next, context, 'room-locked');
    case 'group-full':
      return endWithCode(next, context, 'room-full');
    case 'policy-knock':
      return startKnocking(next, context);
    case 'member-alone':
      dropOrdered(next, context);
      context.effects.push({ type: 'disconnect' }, { type: 'restart', texts: unsentTexts(next.outbox) });
      return { ...next, link: { phase: 'closed' } };
    default:
      return tryPreviousSnapshot(next, context);
  }
}

/** Junk in the place of the snapshot: the one before is still good, unless it is junk too. */
function tryPreviousSnapshot(session: Session, context: StepContext): Session {
  const { membership } = session;
  if (membership.phase !== 'fetching' || membership.which !== 'snapshot' || session.link.phase !== 'live') {
    return waitForSnapshot(session, context);
  }
  write(context, fetchFrame('previous-snapshot'));
  return { ...session, parts: NO_SNAPSHOT_PARTS, membership: { ...membership, which: 'previous-snapshot' } };
}

// Rooms where members let members in

function startKnocking(session: Session, context: StepContext): Session {
  setTimer(context, 'join-limit', KNOCK_LIMIT_MS);
  emit(context, { type: 'state', state: 'knocking' });
  context.effects.push({ type: 'run-task', task: { type: 'knock', name: session.name } });
  return { ...session, membership: { phase: 'outside' } };
}

function withKnock(session: Session, body: Uint8Array): Session {
  return { ...session, membership: { phase: 'knocking', body, status: 'refused' } };
}

/** A knock that the commit number or the connection has superseded is posted again; one that is in the log is not. */
function knockAgain(session: Session, context: StepContext): Session {
  const { membership, link, commitNumber } = session;
  if (membership.phase !== 'knocking' || membership.status !== 'refused') return session;
  if (link.phase !== 'live' || commitNumber.phase !== 'known') return session;
  publish(context, commitNumber.value, membership.body);
  return { ...session, membership: { ...membership, status: 'posted' } };
}

/** A welcome is whole. The snapshot of its commit lets in; if another commit has followed, that is the previous one. */
export function onWelcome(session: Session, context: StepContext): Session {
  if (session.membership.phase !== 'knocking') return session;
  const { body } = session.membership;
  return fetchSnapshot({ ...session, membership: { phase: 'welcomed', which: 'snapshot', body } }, context);
}

/** Whoever has the connection string can make up a welcome: one that does not let in changes nothing. */
function resumeKnocking(session: Session, context: StepContext): Session {
  const { membership } = session;
  if (membership.phase !== 'welcomed') return session;
  if (membership.which === 'snapshot')
    return fetchSnapshot({ ...session, membership: { ...membership, which: 'previous-snapshot' } }, context);
  return { ...session, membership: { phase: 'knocking', body: membership.body, status: 'posted' } };
}

/** The log is read again from behind the commit that lets this member in: it has to judge by the whole of its first epoch. */
function enterByWelcome(session: Session, last: number, view: GroupView | undefined, context: StepContext): Session {
  if (session.membership.phase !== 'welcomed' || view === undefined) return session;
  if (session.link.phase === 'live') write(context, encodeFetch({ what: 'log', from: last + 1 }));
  const { outbox, requeued } = requeue(session.outbox, requeuedReceipts(session.schedule));
  let next: Session = {
    ...session,
    outbox,
    number: session.number - requeued,
    read: last,
    feed: 'again',
    inbox: { ...session.inbox, seen: last },
    log: startEpoch(session.log, view.logStart, last),
    rotation: startRotation(context.now),
  };
  next = enterRoom(onGroupChanged(next, view, context), context);
  emit(context, { type: 'epoch', epoch: view.epoch, code: view.roomCode });
  // An Add has brought this member's keys no further than its own leaf.
  setTimer(context, 'rotate', Math.round(context.chance() * ROTATE_SOON_MS));
  return next;
}

// Inside

/** An epoch has begun behind entry `sequence`. What left under the keys before it and was not echoed is said again, under the new ones. */
export function onEpoch(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'epoch' }>,
  view: GroupView | undefined,
  context: StepContext,
): Session {
  if (view === undefined) return session;
  const { outbox, requeued } = requeue(session.outbox, requeuedReceipts(session.schedule));
  for (const removed of opened.removed) notifyRemoved(session, removed, context);
  clearTimer(context, 'restore-snapshot');
  let next: Session = {
    ...noteReadable(session, sequence, context),
    silencedAt: opened.removed.some(({ reason }) => reason === 'silent') ? context.now : session.silencedAt,
    outbox,
    number: session.number - requeued,
    commitNumber: { phase: 'turning', value: session.commitNumber.value },
    rotation: noteEpoch(session.rotation, opened, context.now),
  };
  next = onGroupChanged({ ...next, log: startEpoch(next.log, view.logStart, sequence) }, view, context);
  emit(context, { type: 'epoch', epoch: view.epoch, code: view.roomCode });
  if (opened.by === 'other') return next;
  next = { ...next, sinceRotation: 0 };
  if (next.membership.phase === 'inside') setRotationTimer(next, context);
  return next.membership.phase === 'inside' ? next : enterRoom(next, context);
}

/**
 * Who comes says so, and is answered by everybody. Who comes again is known, and asks all the same: the answer shows that the snapshot it came by
 * was the room's. Where nobody else is there is nobody to ask.
 */
function enterRoom(session: Session, context: StepContext): Session {
  setRotationTimer(session, context);
  const outbox = enqueueFirst(session.outbox, { type: 'presence', status: 'arriving' });
  const arriving: Session = { ...session, outbox, membership: { phase: 'arriving' } };
  if (isAlone(arriving) && arriving.awaited.length === 0) return confirm(arriving, context);
  const waitMs = arriving.awaited.length > 0 ? FOLLOW_WAIT_MS : CONFIRM_WAIT_MS;
  setTimer(context, 'confirm', waitMs + answerDelayMs(session.schedule));
  return sendReady(arriving, context);
}

function isAlone({ view }: Session): boolean {
  return view === undefined || view.members.length - view.leavers.length <= 1;
}

/** Another member was understood under these keys: this is the room. */
export function confirm(session: Session, context: StepContext): Session {
  if (session.membership.phase !== 'arriving' || isAwaitingOthers(session)) return session;
  clearTimer(context, 'confirm');
  const inside: Session = { ...session, membership: { phase: 'inside' }, unanswered: 0 };
  const joined = inside.status === 'new' ? announceJoined(inside, context) : inside;
  if (joined === inside) emit(context, { type: 'state', state: 'joined' });
  return runCommitRequests(sendReady(joined, context), context);
}

/** Who was in the room that moved here and is not heard yet: what is said before it comes it would never hear. */
function isAwaitingOthers({ awaited, inbox }: Session): boolean {
  return awaited.some((memberKey) => inbox.members.get(toHex(memberKey))?.status !== 'here');
}

/**
 * Nobody has answered: the snapshot was perhaps not the room's, and the next one is. If it happens again that is said; what this member says waits
 * until somebody is understood, for it would be read by nobody.
 */
export function onUnanswered(session: Session, context: StepContext): Session {
  if (session.membership.phase !== 'arriving') return session;
  if (session.awaited.length > 0) return stopAwaiting({ ...session, awaited: [] }, context);
  const unanswered = session.unanswered + 1;
  // Somebody speaks, and cannot be read: they have other keys.
  const isElsewhere = session.log.foreign > 0;
  if (unanswered <= UNANSWERED_MAX || (isElsewhere && unanswered > UNANSWERED_MAX + 1)) {
    const log = { ...session.log, foreign: 0 };
    return resync({ ...session, log, unanswered }, context);
  }
  setTimer(context, 'confirm', CONFIRM_AGAIN_MS);
  if (unanswered === UNANSWERED_MAX + 1) warn(context, 'nobody-answers', undefined);
  return session.status === 'new' ? announceJoined({ ...session, unanswered }, context) : { ...session, unanswered };
}

/** They have had their time. Whoever is there is talked to. */
function stopAwaiting(session: Session, context: StepContext): Session {
  const isHeard = [...session.inbox.members.values()].some(({ status }) => status === 'here');
  if (isAlone(session) || isHeard) return confirm(session, context);
  setTimer(context, 'confirm', CONFIRM_WAIT_MS);
  return session;
}

function announceJoined(session: Session, context: StepContext): Session {
  clearTimer(context, 'join-limit');
  setTimer(context, 'presence', presenceDelay(context));
  if (session.schedule.words === 'held') setTimer(context, 'dwell', Math.round(context.chance() * DWELL_MOST_MS));
  const joined: Session = { ...session, status: 'joined' };
  emit(context, { type: 'state', state: 'joined' });
  const { cover } = session.schedule;
  if (cover !== 'off') emit(context, { type: 'cover', mode: cover, ...coverCost(cover, session.view?.members.length) });
  emitMembers(joined, context);
  return joined;
}

/** Frames come that cannot be read, and nobody is heard any more. */
export function leaveForked(session: Session, context: StepContext): Session {
  if (!maySend(session) && session.commitNumber.phase === 'known') return session;
  warn(context, 'room-forked', undefined);
  const log = { ...session.log, unreadable: 0, foreign: 0, readableAt: context.now };
  return resync({ ...session, log, forkedAt: context.now }, context);
}
