// The commits slice: the relay's commit number, this member's commit on its way, and its requests.

import { equalBytes } from '@sotto/protocol';
import type { CommitRequest, Upload } from '../../group/worker-tasks.ts';
import { COMMIT_REQUESTS_MAX } from '../../limits.ts';

/**
 * The relay's commit number, as the log shows it. `changing`: an epoch has begun, or a frame was
 * stale, and the commit is not complete yet. Nothing leaves until then.
 */
interface CommitNumber {
  readonly phase: 'known' | 'changing';
  readonly value: number;
}

/** A commit that is whole in the log, from the sequence number `first` on. */
export interface CompletedCommit {
  readonly commitNumber: number;
  readonly first: number;
}

/** The one commit of this member that is being made, or on its way to the relay. */
type OwnCommit =
  | { readonly phase: 'none' }
  /**
   * A join names the commit number of its snapshot; other commits, the one that holds when made.
   */
  | { readonly phase: 'making'; readonly request: CommitRequest; readonly commitNumber: number | undefined }
  | {
      readonly phase: 'sent';
      readonly request: CommitRequest;
      readonly upload: Upload;
      readonly connection: number;
      /** Its last frame came back in the log. */
      readonly stored: boolean;
    };

export interface CommitsState {
  readonly number: CommitNumber;
  readonly own: OwnCommit;
  readonly requests: readonly CommitRequest[];
  /** Commits in a row that the relay refused. */
  readonly retries: number;
  /** When the user was last warned of a junk commit (ms). */
  readonly junkWarnedAt: number | undefined;
}

const NO_COMMIT: OwnCommit = { phase: 'none' };

export const NO_COMMITS: CommitsState = {
  number: { phase: 'known', value: 0 },
  own: NO_COMMIT,
  requests: [],
  retries: 0,
  junkWarnedAt: undefined,
};

// The number

export function setCommitNumber(commits: CommitsState, value: number): CommitsState {
  return { ...commits, number: { phase: 'known', value } };
}

/** The commit is not complete yet. */
export function awaitCommitted(commits: CommitsState): CommitsState {
  return { ...commits, number: { phase: 'changing', value: commits.number.value } };
}

// The requests

/** Adds a commit request, unless one like it waits already, or too many wait. */
export function enqueueRequest(commits: CommitsState, request: CommitRequest): CommitsState {
  const waits = commits.requests.some((other) => isAlike(other, request));
  if (waits || commits.requests.length >= COMMIT_REQUESTS_MAX) return commits;
  return { ...commits, requests: [...commits.requests, request] };
}

export function hasRequest({ requests }: CommitsState, type: CommitRequest['type']): boolean {
  return requests.some((request) => request.type === type);
}

/** Keeps the requests that `isNeeded` accepts. */
export function keepRequests(commits: CommitsState, isNeeded: (request: CommitRequest) => boolean): CommitsState {
  return { ...commits, requests: commits.requests.filter(isNeeded) };
}

function isAlike(one: CommitRequest, other: CommitRequest): boolean {
  if (one.type === 'admit' && other.type === 'admit') return equalBytes(one.memberId, other.memberId);
  return one.type === other.type && (one.type !== 'rotate' || other.type !== 'rotate' || one.reason === other.reason);
}

// The own commit

export function beginCommit(
  commits: CommitsState,
  request: CommitRequest,
  commitNumber: number | undefined,
): CommitsState {
  return { ...commits, own: { phase: 'making', request, commitNumber } };
}

export function onCommitSent(
  commits: CommitsState,
  sent: { readonly request: CommitRequest; readonly upload: Upload; readonly connection: number },
): CommitsState {
  return { ...commits, own: { phase: 'sent', ...sent, stored: false } };
}

/** Marks the own commit as stored if the entry is its last frame. */
export function markStored(commits: CommitsState, body: Uint8Array): CommitsState {
  const { own } = commits;
  if (own.phase !== 'sent' || own.stored) return commits;
  const last = own.upload.bodies.at(-1);
  return last !== undefined && equalBytes(last, body) ? { ...commits, own: { ...own, stored: true } } : commits;
}

/** The own commit is not on its way any more; its request stays. */
export function clearCommit(commits: CommitsState): CommitsState {
  return { ...commits, own: NO_COMMIT };
}

export function countRetry(commits: CommitsState): CommitsState {
  return { ...commits, retries: commits.retries + 1 };
}

/** The own commit and its request are over. */
export function dropCommit(commits: CommitsState, request: CommitRequest): CommitsState {
  return { ...commits, own: NO_COMMIT, requests: commits.requests.filter((other) => other !== request) };
}

/** The own commit took effect. */
export function completeCommit(commits: CommitsState, request: CommitRequest): CommitsState {
  return { ...dropCommit(commits, request), retries: 0 };
}

export function noteJunkWarning(commits: CommitsState, now: number): CommitsState {
  return { ...commits, junkWarnedAt: now };
}
