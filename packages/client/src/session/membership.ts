// Brings this member into the group and keeps it there: by a commit on the snapshot, by a welcome,
// and by a resync after it has missed a commit. PROTOCOL.md §5.8, §5.9.

import { coverCost, DWELL_MOST_MS, encodeFetch, toHex } from '@sotto/protocol';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import type { CommitRequest, GroupTask, GroupTaskResult } from '../group/worker-tasks.ts';
import {
  CONFIRM_AGAIN_MS,
  CONFIRM_WAIT_MS,
  FETCH_RETRY_MS,
  FOLLOW_WAIT_MS,
  KNOCK_LIMIT_MS,
  ROTATE_SOON_MS,
  UNANSWERED_MAX,
} from '../limits.ts';
import { dropOrdered } from './moderation.ts';
import { beginCommit, runCommitRequests, sendCommit } from './commits.ts';
import { clearTimer, emit, fetchFrame, publish, setTimer, warn, write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { closeSession, endSession, endWithCode } from './ending.ts';
import { setMembersCheck, setPresenceTimer, onGroupChanged, notifyRemoved } from './maintenance.ts';
import { emitMembers } from './notifications.ts';
import { maySend, sendReady } from './sending.ts';
import { awaitCommitted, clearCommit } from './slices/commits.ts';
import { clearParts, refetchLog } from './slices/connection.ts';
import type { Snapshot } from './slices/connection.ts';
import { answerDelayMs, requeuedReceipts } from './slices/cover.ts';
import { skipTo } from './slices/inbox.ts';
import { noteEpoch, startRotation } from './slices/key-rotation.ts';
import { forgetForeign, noteFork, noteReadable, noteSilentRemoved, startEpoch } from './slices/log.ts';
import * as slice from './slices/membership.ts';
import { enqueueFirst, requeue, unsentTexts } from './slices/outbox.ts';
import { setStatus } from './slices/user.ts';
import type { Session } from './state.ts';

// The snapshot

/** Fetches the snapshot to join from, unless an own commit is on its way. */
export function fetchSnapshot(session: Session, context: StepContext): Session {
  const { membership } = session;
  if (session.connection.link.phase !== 'live' || session.commits.own.phase === 'sent') return session;
  switch (membership.phase) {
    case 'inside':
    case 'unconfirmed':
    case 'joining':
      return session;
    case 'knocking':
      return knockAgain(session, context);
    case 'welcomed':
      write(context, fetchFrame(membership.which));
      return { ...session, connection: clearParts(session.connection) };
    case 'outside':
    case 'fetching':
      clearTimer(context, 'fetch');
      write(context, fetchFrame('snapshot'));
      return {
        ...session,
        connection: clearParts(session.connection),
        membership: slice.startFetch(membership, 'snapshot', 0),
      };
  }
}

/**
 * Joins anew: the commit that adds the new leaf removes the old one. RFC 9420 §12.4.3.2. A leaver
 * ends instead: others may have its leave proof, and its key is for one stay.
 */
export function resync(session: Session, context: StepContext): Session {
  if (session.user.status === 'leaving') return endSession(session, context, undefined, undefined);
  return fetchSnapshot({ ...session, membership: slice.goOutside(session.membership) }, context);
}

/** Joins from the snapshot. If it was replaced on its way, the new one is fetched. */
export function onSnapshot(session: Session, snapshot: Snapshot, context: StepContext): Session {
  const { membership } = session;
  if (membership.phase === 'welcomed') {
    context.effects.push({
      type: 'run-task',
      task: { type: 'join-by-welcome', snapshot: snapshot.bytes, last: snapshot.last },
    });
    return session;
  }
  if (membership.phase !== 'fetching') return session;
  if (session.commits.own.phase !== 'none') return waitForSnapshot(session, context);
  const { which, commitNumber } = membership;
  // A commit on the previous snapshot names the commit number of the snapshot that was junk.
  const under = which === 'snapshot' ? snapshot.commitNumber : commitNumber;
  if (session.commits.number.value > under) return fetchSnapshot(session, context);
  if (snapshot.bytes.length === 0) return waitForSnapshot(session, context);
  const request: CommitRequest = { type: 'join', snapshot: snapshot.bytes, resync: true };
  return beginCommit({ ...session, membership: slice.startFetch(membership, which, under) }, request, under, context);
}

/** The room has no usable snapshot: its next commit may bring one. */
function waitForSnapshot(session: Session, context: StepContext): Session {
  setTimer(context, 'fetch', FETCH_RETRY_MS);
  return { ...session, membership: slice.goOutside(session.membership) };
}

/** The group worker has finished a task, or cannot do it. */
export function onTaskFinished(
  session: Session,
  task: GroupTask,
  made: GroupTaskResult,
  view: GroupView | undefined,
  context: StepContext,
): Session {
  const { own } = session.commits;
  switch (task.type) {
    case 'knock':
      if (!made.ok || made.body === undefined) return session;
      return knockAgain({ ...session, membership: slice.knock(session.membership, made.body, 'refused') }, context);
    case 'join-by-welcome':
      return made.ok ? enterByWelcome(session, task.last, view, context) : resumeKnocking(session, context);
    case 'join':
      return onJoinFinished(session, task, made, context);
    default:
      return own.phase === 'making' && own.request === task ? sendCommit(session, task, made, context) : session;
  }
}

function onJoinFinished(
  session: Session,
  task: CommitRequest & { readonly type: 'join' },
  made: GroupTaskResult,
  context: StepContext,
): Session {
  const { own } = session.commits;
  if (own.phase !== 'making' || own.request !== task) return session;
  if (made.ok) return sendCommit({ ...session, membership: slice.startJoin(session.membership) }, task, made, context);
  const next: Session = { ...session, commits: clearCommit(session.commits) };
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
      return closeSession(next);
    default:
      return tryPreviousSnapshot(next, context);
  }
}

/** The snapshot is junk: the previous one is still good, unless it is junk too. */
function tryPreviousSnapshot(session: Session, context: StepContext): Session {
  const { membership, connection } = session;
  if (membership.phase !== 'fetching' || membership.which !== 'snapshot' || connection.link.phase !== 'live') {
    return waitForSnapshot(session, context);
  }
  write(context, fetchFrame('previous-snapshot'));
  return {
    ...session,
    connection: clearParts(connection),
    membership: slice.startFetch(membership, 'previous-snapshot', membership.commitNumber),
  };
}

// Knocks and welcomes

function startKnocking(session: Session, context: StepContext): Session {
  setTimer(context, 'join-limit', KNOCK_LIMIT_MS);
  emit(context, { type: 'state', state: 'knocking' });
  context.effects.push({ type: 'run-task', task: { type: 'knock', name: session.user.name } });
  return { ...session, membership: slice.goOutside(session.membership) };
}

/** Posts a knock, also again when the commit number or the connection has voided it. */
function knockAgain(session: Session, context: StepContext): Session {
  const { membership, connection } = session;
  const { number } = session.commits;
  if (membership.phase !== 'knocking' || membership.status !== 'refused') return session;
  if (connection.link.phase !== 'live' || number.phase !== 'known') return session;
  publish(context, number.value, membership.body);
  return { ...session, membership: slice.knock(membership, membership.body, 'posted') };
}

/** The relay has refused a frame: of a member that knocks, its knock. */
export function onKnockRefused(session: Session): Session {
  const { membership } = session;
  if (membership.phase !== 'knocking') return session;
  return { ...session, membership: slice.knock(membership, membership.body, 'refused') };
}

/**
 * A welcome is whole. The snapshot of its commit lets this member in. If another commit has
 * followed, that is the previous snapshot.
 */
export function onWelcome(session: Session, context: StepContext): Session {
  const { membership } = session;
  if (membership.phase !== 'knocking') return session;
  return fetchSnapshot(
    { ...session, membership: slice.fetchWelcome(membership, 'snapshot', membership.body) },
    context,
  );
}

/** Anyone with the connection string can forge a welcome: one that fails changes nothing. */
function resumeKnocking(session: Session, context: StepContext): Session {
  const { membership } = session;
  if (membership.phase !== 'welcomed') return session;
  if (membership.which === 'snapshot')
    return fetchSnapshot(
      { ...session, membership: slice.fetchWelcome(membership, 'previous-snapshot', membership.body) },
      context,
    );
  return { ...session, membership: slice.knock(membership, membership.body, 'posted') };
}

/**
 * The log is read again from behind the commit that adds this member: it has to validate commits by
 * the whole of its first epoch.
 */
function enterByWelcome(session: Session, last: number, view: GroupView | undefined, context: StepContext): Session {
  if (session.membership.phase !== 'welcomed' || view === undefined) return session;
  if (session.connection.link.phase === 'live') write(context, encodeFetch({ what: 'log', from: last + 1 }));
  let next: Session = {
    ...session,
    outbox: requeue(session.outbox, requeuedReceipts(session.cover)),
    connection: refetchLog(session.connection, last),
    inbox: skipTo(session.inbox, last),
    log: startEpoch(session.log, view.logStart, last),
    rotation: startRotation(context.now),
  };
  next = enterRoom(onGroupChanged(next, view, context), context);
  emit(context, { type: 'epoch', epoch: view.epoch });
  // An Add has renewed no more than this member's own leaf.
  setTimer(context, 'rotate', Math.round(context.chance() * ROTATE_SOON_MS));
  return next;
}

// Epochs

/**
 * An epoch has begun behind entry `sequence`. Frames that left under the keys before it and have no
 * echo are sent again under the new ones.
 */
export function onEpoch(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'epoch' }>,
  view: GroupView | undefined,
  context: StepContext,
): Session {
  if (view === undefined) return session;
  for (const removed of opened.removed) notifyRemoved(session, removed, context);
  clearTimer(context, 'restore-snapshot');
  const readable = noteReadable(session.log, sequence, context.now);
  const hasSilent = opened.removed.some(({ reason }) => reason === 'silent');
  const log = hasSilent ? noteSilentRemoved(readable, context.now) : readable;
  const changed: Session = {
    ...session,
    log: startEpoch(log, view.logStart, sequence),
    outbox: requeue(session.outbox, requeuedReceipts(session.cover)),
    commits: awaitCommitted(session.commits),
    rotation: noteEpoch(session.rotation, opened, context.now),
  };
  const next = onGroupChanged(changed, view, context);
  emit(context, { type: 'epoch', epoch: view.epoch });
  if (opened.by === 'other') return next;
  return next.membership.phase === 'inside' ? next : enterRoom(next, context);
}

/**
 * A joiner announces itself, and all members answer. A member that resyncs is known, and asks all
 * the same: the answer shows that its snapshot was the room's. A lone member has no one to ask.
 */
function enterRoom(session: Session, context: StepContext): Session {
  const entered: Session = {
    ...session,
    outbox: enqueueFirst(session.outbox, { type: 'presence', status: 'arriving' }),
    membership: slice.awaitConfirmation(session.membership),
  };
  const { awaited } = entered.membership;
  if (isAlone(entered) && awaited.length === 0) return confirm(entered, context);
  const waitMs = awaited.length > 0 ? FOLLOW_WAIT_MS : CONFIRM_WAIT_MS;
  setTimer(context, 'confirm', waitMs + answerDelayMs(session.cover));
  return sendReady(entered, context);
}

function isAlone({ membership: { view } }: Session): boolean {
  return view === undefined || view.members.length - view.leavers.length <= 1;
}

/** Another member was understood under the present keys: this is the room. */
export function confirm(session: Session, context: StepContext): Session {
  if (session.membership.phase !== 'unconfirmed' || isAwaitingOthers(session)) return session;
  clearTimer(context, 'confirm');
  const inside: Session = { ...session, membership: slice.confirm(session.membership) };
  const joined = inside.user.status === 'new' ? announceJoined(inside, context) : inside;
  if (joined === inside) emit(context, { type: 'state', state: 'joined' });
  return runCommitRequests(sendReady(joined, context), context);
}

/**
 * A member of the room that moved here was not heard yet: it would miss texts sent before it joins.
 */
function isAwaitingOthers({ membership: { awaited }, inbox }: Session): boolean {
  return awaited.some((memberKey) => inbox.members.get(toHex(memberKey))?.status !== 'here');
}

/**
 * No member has answered: the snapshot was perhaps not the room's, and the next one is. If it
 * happens again the user is warned. Own texts wait until a member is understood, for no member
 * could read them.
 */
export function onUnanswered(session: Session, context: StepContext): Session {
  if (session.membership.phase !== 'unconfirmed') return session;
  if (session.membership.awaited.length > 0)
    return confirmWithoutAwaited({ ...session, membership: slice.stopAwaiting(session.membership) }, context);
  const counted: Session = { ...session, membership: slice.countUnanswered(session.membership) };
  const { unanswered } = counted.membership;
  // Frames come that this member cannot read: their senders have other keys.
  const isElsewhere = session.log.foreign > 0;
  if (unanswered <= UNANSWERED_MAX || (isElsewhere && unanswered > UNANSWERED_MAX + 1))
    return resync({ ...counted, log: forgetForeign(counted.log) }, context);
  setTimer(context, 'confirm', CONFIRM_AGAIN_MS);
  if (unanswered === UNANSWERED_MAX + 1) warn(context, 'nobody-answers', undefined);
  return session.user.status === 'new' ? announceJoined(counted, context) : counted;
}

/** The members that were to follow have had their time: one that is present suffices. */
function confirmWithoutAwaited(session: Session, context: StepContext): Session {
  const isHeard = [...session.inbox.members.values()].some(({ status }) => status === 'here');
  if (isAlone(session) || isHeard) return confirm(session, context);
  setTimer(context, 'confirm', CONFIRM_WAIT_MS);
  return session;
}

function announceJoined(session: Session, context: StepContext): Session {
  clearTimer(context, 'join-limit');
  setPresenceTimer(session, context);
  setMembersCheck(context);
  const { mode, texts } = session.cover;
  if (texts === 'held') setTimer(context, 'dwell', Math.round(context.chance() * DWELL_MOST_MS));
  const joined: Session = { ...session, user: setStatus(session.user, 'joined') };
  emit(context, { type: 'state', state: 'joined' });
  if (mode !== 'off')
    emit(context, { type: 'cover', mode, ...coverCost(mode, session.membership.view?.members.length) });
  emitMembers(joined, context);
  return joined;
}

/** Frames come that cannot be read, and no member is heard any more. */
export function leaveForked(session: Session, context: StepContext): Session {
  if (!maySend(session) && session.commits.number.phase === 'known') return session;
  warn(context, 'room-forked', undefined);
  return resync({ ...session, log: noteFork(session.log, context.now) }, context);
}
