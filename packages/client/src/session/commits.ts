// Makes the commits that this member requests: one at a time, under the commit number that held
// when it was made, and again when another commit came first. PROTOCOL.md §5.8.

import { equalBytes, toHex, UPLOAD_ID_BYTES } from '@sotto/protocol';
import type { CommitRequest, GroupTaskResult } from '../group/worker-tasks.ts';
import { COMMITS_REFUSED_NOTICE, COMMIT_RETRY_LEAST_MS, COMMIT_RETRY_MAX_MS, COMMIT_RETRY_MS } from '../limits.ts';
import { emit, emitError, setTimer, warn, write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { endSession } from './ending.ts';
import { isEmpty } from './recent.ts';
import { lapseMove } from './room-move.ts';
import { maySend } from './sending.ts';
import * as commitsSlice from './slices/commits.ts';
import { rotationDueAt } from './slices/key-rotation.ts';
import { goOutside } from './slices/membership.ts';
import { keepKnocks } from './slices/user.ts';
import type { Session } from './state.ts';
import { encodeUpload } from './upload-frames.ts';

/** Adds a commit request, unless one like it waits already, and begins it if it can. */
export function requestCommit(session: Session, request: CommitRequest, context: StepContext): Session {
  const commits = commitsSlice.enqueueRequest(session.commits, request);
  return runCommitRequests({ ...session, commits }, context);
}

/** Begins the first commit request that is still needed, if this member may send one now. */
export function runCommitRequests(present: Session, context: StepContext): Session {
  const session = lapseMove(present, context);
  const commits = commitsSlice.keepRequests(session.commits, (request) => isStillNeeded(session, request, context));
  const next: Session = { ...session, commits };
  const [request] = commits.requests;
  if (request === undefined || commits.own.phase !== 'none' || !maySend(next)) return next;
  return beginCommit(next, request, undefined, context);
}

/** A commit that others have made meanwhile is not needed any more. */
function isStillNeeded(session: Session, request: CommitRequest, context: StepContext): boolean {
  const { log } = session;
  const { view } = session.membership;
  if (request.type === 'rotate' && request.reason === 'scheduled') return isRotationDue(session, context.now);
  if (request.type === 'rotate' && request.reason === 'log-gap') return isEmpty(log.hashes);
  if (request.type === 'rotate' && request.reason === 'leavers') return (view?.leavers.length ?? 0) > 0;
  return request.type !== 'remove-silent' || request.members.some((memberId) => isAmong(view?.silent, memberId));
}

function isAmong(members: readonly Uint8Array[] = [], memberId: Uint8Array): boolean {
  return members.some((other) => equalBytes(other, memberId));
}

/** Whether it is this member's turn to rotate. */
export function isRotationDue({ cover, rotation, membership }: Session, now: number): boolean {
  const at = rotationDueAt(cover.mode, rotation, membership.view);
  return at !== undefined && now >= at;
}

export function beginCommit(
  session: Session,
  request: CommitRequest,
  commitNumber: number | undefined,
  context: StepContext,
): Session {
  context.effects.push({ type: 'run-task', task: request });
  return { ...session, commits: commitsSlice.beginCommit(session.commits, request, commitNumber) };
}

/** A commit was made: it is sent under the commit number that held then, or made again. */
export function sendCommit(
  session: Session,
  request: CommitRequest,
  made: GroupTaskResult,
  context: StepContext,
): Session {
  if (!made.ok || made.upload === undefined) return giveUp(session, request, context);
  const { upload } = made;
  const { own, number } = session.commits;
  const known = number.phase === 'known' ? number.value : undefined;
  const under = own.phase === 'making' ? (own.commitNumber ?? known) : undefined;
  if (under === undefined || session.connection.link.phase !== 'live' || number.value > under) {
    context.effects.push({ type: 'clear-commit' });
    return retryLater(session, request, context);
  }
  for (const frame of encodeUpload(upload, under)) write(context, frame);
  const connection = session.connection.number;
  return { ...session, commits: commitsSlice.onCommitSent(session.commits, { request, upload, connection }) };
}

/** The commit cannot be made. A user that has asked for it is told. */
function giveUp(session: Session, request: CommitRequest, context: StepContext): Session {
  if (request.type === 'move') context.effects.push({ type: 'not-moved' });
  if (request.type === 'order' || request.type === 'move') emitError(context, 'not-done');
  if (request.type === 'admit') emitError(context, 'member-unknown');
  return { ...session, commits: commitsSlice.dropCommit(session.commits, request) };
}

/** @returns undefined if the relay has refused something else than this member's commit */
export function onCommitRefused(session: Session, what: Uint8Array, context: StepContext): Session | undefined {
  const { own } = session.commits;
  if (own.phase !== 'sent' || !equalBytes(own.upload.id, what.subarray(0, UPLOAD_ID_BYTES))) return undefined;
  context.effects.push({ type: 'clear-commit' });
  return retryLater(session, own.request, context);
}

/** The relay has stored the commit, and all members refuse it: another entry came before it. */
export function onCommitVoid(session: Session, context: StepContext): Session {
  const { own } = session.commits;
  return own.phase === 'sent' ? retryLater(session, own.request, context) : session;
}

/**
 * The own commit is over. It is made again with full jitter, so that members do not collide again.
 */
function retryLater(session: Session, request: CommitRequest, context: StepContext): Session {
  const most = Math.min(COMMIT_RETRY_MAX_MS, COMMIT_RETRY_MS * 2 ** session.commits.retries);
  const afterMs = Math.round(COMMIT_RETRY_LEAST_MS + context.chance() * most);
  const commits = commitsSlice.countRetry(commitsSlice.clearCommit(session.commits));
  if (commits.retries === COMMITS_REFUSED_NOTICE) warn(context, 'commits-refused', undefined);
  if (request.type !== 'join') {
    setTimer(context, 'commit-retry', afterMs);
    return { ...session, commits };
  }
  setTimer(context, 'fetch', afterMs);
  return { ...session, commits, membership: goOutside(session.membership) };
}

/**
 * After ATTACHED: a commit that the log does not hold by now was lost with its connection.
 * `sawAll`: no entry was lost meanwhile. Otherwise the log may have held it: a move that others
 * have followed is not made again.
 */
export function dropLostCommit(session: Session, sawAll: boolean, context: StepContext): Session {
  const { own } = session.commits;
  if (own.phase !== 'sent' || own.connection === session.connection.number) return session;
  if (own.stored) return finishCommit(session, context);
  context.effects.push({ type: 'clear-commit' });
  if (own.request.type === 'move' && !sawAll) {
    emitError(context, 'move-unknown');
    return { ...session, commits: commitsSlice.dropCommit(session.commits, own.request) };
  }
  return retryLater(session, own.request, context);
}

/** The commit number is above the own commit's: the commit is done. */
export function finishCommit(session: Session, context: StepContext): Session {
  const { own } = session.commits;
  if (own.phase !== 'sent' || !own.stored) return session;
  const { request } = own;
  const next: Session = { ...session, commits: commitsSlice.completeCommit(session.commits, request) };
  switch (request.type) {
    case 'leave-commit':
      return endSession(next, context, undefined, undefined);
    case 'order':
      emit(context, { type: 'moderated', what: 'access' });
      return next;
    case 'admit': {
      const admitted = toHex(request.memberId);
      return { ...next, user: keepKnocks(next.user, ({ memberId }) => toHex(memberId) !== admitted) };
    }
    case 'join':
    case 'rotate':
    case 'remove-silent':
    case 'restore-snapshot':
    // The epoch of a move has led this member away, unless it is leaving.
    case 'move':
      return next;
  }
}
