// The commits that this member wants to make: one at a time, under the commit number that held when it was made, and again when another came first.

import { equalBytes, toHex, UPLOAD_ID_BYTES } from '@sotto/protocol';
import { endSession } from './ending.ts';
import {
  COMMITS_REFUSED_NOTICE,
  COMMIT_RETRY_LEAST_MS,
  COMMIT_RETRY_MAX_MS,
  COMMIT_RETRY_MS,
  COMMIT_REQUESTS_MAX,
} from '../limits.ts';
import { enqueueFirst } from './outbox.ts';
import { rotationDueAt } from './key-rotation.ts';
import type { CommitRequest, GroupTaskResult, OwnCommit, Session, StepContext } from './state.ts';
import { maySend, sendReady } from './sending.ts';
import { emitError } from './notifications.ts';
import { emit, setTimer, write } from './effects.ts';
import { encodeUpload } from './uploads.ts';
import { warn } from './log-consistency.ts';

const NO_COMMIT: OwnCommit = { phase: 'none' };

/** Adds a commit request, unless one like it waits already. */
export function enqueueRequest(session: Session, request: CommitRequest): Session {
  const waits = session.commitRequests.some((other) => isAlike(other, request));
  if (waits || session.commitRequests.length >= COMMIT_REQUESTS_MAX) return session;
  return { ...session, commitRequests: [...session.commitRequests, request] };
}

export function hasCommitRequest(session: Session, type: CommitRequest['type']): boolean {
  return session.commitRequests.some((request) => request.type === type);
}

function isAlike(one: CommitRequest, other: CommitRequest): boolean {
  if (one.type === 'admit' && other.type === 'admit') return equalBytes(one.memberId, other.memberId);
  return one.type === other.type && (one.type !== 'rotate' || other.type !== 'rotate' || one.reason === other.reason);
}

/** Begins the first commit request that is still worth it, if this member may speak and no other commit of its is on the way. */
export function runCommitRequests(session: Session, context: StepContext): Session {
  const commitRequests = session.commitRequests.filter((request) => isStillNeeded(session, request, context));
  const next = { ...session, commitRequests };
  const [request] = commitRequests;
  if (request === undefined || next.commit.phase !== 'none' || !maySend(next)) return next;
  return beginCommit(next, request, undefined, context);
}

/** What others have done meanwhile need not be done. */
function isStillNeeded(session: Session, request: CommitRequest, context: StepContext): boolean {
  const { view, log } = session;
  if (request.type === 'rotate' && request.reason === 'scheduled') return isRotationDue(session, context.now);
  if (request.type === 'rotate' && request.reason === 'log-gap') return log.hashes.length === 0;
  if (request.type === 'rotate' && request.reason === 'departing') return (view?.leavers.length ?? 0) > 0;
  return request.type !== 'remove-silent' || (view?.silent.length ?? 0) > 0;
}

/** Whether this member waits for nobody any more to have new keys. */
export function isRotationDue({ schedule, rotation, view }: Session, now: number): boolean {
  const at = rotationDueAt(schedule.cover, rotation, view);
  return at !== undefined && now >= at;
}

export function beginCommit(
  session: Session,
  request: CommitRequest,
  commitNumber: number | undefined,
  context: StepContext,
): Session {
  context.effects.push({ type: 'run-task', task: request });
  return { ...session, commit: { phase: 'making', request, commitNumber } };
}

/** A commit was made: it is sent under the commit number that held then, or given up if that one is over. */
export function sendCommit(
  session: Session,
  request: CommitRequest,
  made: GroupTaskResult,
  context: StepContext,
): Session {
  if (!made.ok || made.upload === undefined) return giveUp(session, request, context);
  const { commit, commitNumber } = session;
  const known = commitNumber.phase === 'known' ? commitNumber.value : undefined;
  const under = commit.phase === 'making' ? (commit.commitNumber ?? known) : undefined;
  if (under === undefined || session.link.phase !== 'live' || commitNumber.value > under) {
    context.effects.push({ type: 'clear-commit' });
    return retryLater({ ...session, commit: NO_COMMIT }, request, context);
  }
  for (const frame of encodeUpload(made.upload, under)) write(context, frame);
  const { connection } = session;
  return { ...session, commit: { phase: 'sent', request, upload: made.upload, connection, stored: false } };
}

/** It cannot be made: what a user had asked for is said. */
function giveUp(session: Session, request: CommitRequest, context: StepContext): Session {
  if (request.type === 'order') emitError(context, 'not-done');
  if (request.type === 'admit') emitError(context, 'member-unknown');
  return { ...session, commit: NO_COMMIT, commitRequests: session.commitRequests.filter((other) => other !== request) };
}

/** @returns undefined if what was refused is not this member's commit. */
export function onCommitRefused(session: Session, what: Uint8Array, context: StepContext): Session | undefined {
  const { commit } = session;
  if (commit.phase !== 'sent' || !equalBytes(commit.upload.id, what.subarray(0, UPLOAD_ID_BYTES))) return undefined;
  context.effects.push({ type: 'clear-commit' });
  return retryLater({ ...session, commit: NO_COMMIT }, commit.request, context);
}

/** The relay has stored it and the members, this one too, refuse it: something came before it. */
export function onCommitVoid(session: Session, context: StepContext): Session {
  const { commit } = session;
  return commit.phase === 'sent' ? retryLater({ ...session, commit: NO_COMMIT }, commit.request, context) : session;
}

/** With full jitter: members whose commits met must not meet again. */
function retryLater(session: Session, request: CommitRequest, context: StepContext): Session {
  const most = Math.min(COMMIT_RETRY_MAX_MS, COMMIT_RETRY_MS * 2 ** session.tries);
  const afterMs = Math.round(COMMIT_RETRY_LEAST_MS + context.chance() * most);
  const tries = session.tries + 1;
  if (tries === COMMITS_REFUSED_NOTICE) warn(context, 'commits-refused', undefined);
  if (request.type !== 'join') {
    setTimer(context, 'commit-retry', afterMs);
    return { ...session, tries };
  }
  setTimer(context, 'fetch', afterMs);
  return { ...session, tries, membership: { phase: 'outside' } };
}

/** An entry that is the last frame of the own commit. */
export function markStored(session: Session, body: Uint8Array): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || commit.stored) return session;
  const last = commit.upload.bodies.at(-1);
  return last !== undefined && equalBytes(last, body) ? { ...session, commit: { ...commit, stored: true } } : session;
}

/** After an attach: a commit that the log does not hold by now went with its connection. */
export function dropLostCommit(session: Session, context: StepContext): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || commit.connection === session.connection) return session;
  if (commit.stored) return finishCommit(session, context);
  context.effects.push({ type: 'clear-commit' });
  return retryLater({ ...session, commit: NO_COMMIT }, commit.request, context);
}

/** The commit number has moved behind the own commit: it is done. */
export function finishCommit(session: Session, context: StepContext): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || !commit.stored) return session;
  const { request } = commit;
  const commitRequests = session.commitRequests.filter((other) => other !== request);
  const next: Session = { ...session, commit: NO_COMMIT, commitRequests, tries: 0 };
  switch (request.type) {
    case 'leave-commit':
      return endSession(next, context, undefined, undefined);
    case 'order':
      return finishOrder(next, request, context);
    case 'admit':
      return {
        ...next,
        knocks: next.knocks.filter(({ memberId }) => toHex(memberId) !== toHex(request.memberId)),
      };
    case 'join':
    case 'rotate':
    case 'remove-silent':
    case 'restore-snapshot':
      return next;
  }
}

/** After an eviction the others are told where the room goes on, under keys that the evicted member does not have. */
function finishOrder(
  session: Session,
  request: CommitRequest & { readonly type: 'order' },
  context: StepContext,
): Session {
  if (request.move === undefined) {
    emit(context, { type: 'moderated', what: 'access' });
    return session;
  }
  return sendReady({ ...session, outbox: enqueueFirst(session.outbox, { type: 'move', move: request.move }) }, context);
}
