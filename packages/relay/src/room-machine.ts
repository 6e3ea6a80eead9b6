// What happens in a room, as a pure machine: frames wait, are stored together, and are delivered to
// every member once the store has them. It knows no sockets, no log, and members only by number:
// those are in room.ts.

import { COMMITS_WAITING_MAX, encodeCommittedBody, NONCE_BYTES } from '@sotto/protocol';
import type { Step } from '@sotto/machine';
import { choose, enter, lastOf, EMPTY_COMMIT_QUEUE, commitStored, withdraw } from './commit-queue.ts';
import type { CommitQueue } from './commit-queue.ts';
import {
  FLUSH_BYTES_MAX,
  ROOM_PENDING_BYTES_MAX,
  STORE_OUTAGE_LIMIT_MS,
  STORE_RETRY_FIRST_MS,
  STORE_RETRY_MAX_MS,
} from './limits.ts';

/** A frame that a connection has published: under which commit number, and its sealed body. */
export interface Published {
  readonly publisher: number;
  readonly commitNumber: number;
  readonly body: Uint8Array;
}

/**
 * A whole commit that waits in the commit queue, at most one for each connection. `envelopes` are
 * the bodies of its upload.
 */
export interface PendingCommit {
  readonly committer: number;
  readonly commitNumber: number;
  readonly uploadId: Uint8Array;
  readonly envelopes: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
}

/**
 * A frame or a commit, and how many came before it: a commit is never stored before frames that
 * came before it, nor after frames that came later while it may be stored.
 */
type InOrder<Thing> = Thing & { readonly order: number };

/** The content of one call to the store. */
type Work =
  | { readonly kind: 'append'; readonly frames: readonly Published[] }
  | { readonly kind: 'commit'; readonly commit: PendingCommit };

/** Since when the store has failed, and how often it was asked since then. */
interface Outage {
  readonly since: number;
  readonly attempts: number;
}

/**
 * What the room waits for. From `storing` on, the store has `work`: until the store answers, `work`
 * is neither changed nor dropped, because it may be stored already.
 */
type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'awaiting-flush' }
  | {
      readonly kind: 'storing' | 'restoring' | 'reloading' | 'backing-off';
      readonly work: Work;
      readonly outage: Outage | undefined;
    }
  | { readonly kind: 'closed' };

export interface RoomState {
  readonly commitNumber: number;
  readonly next: number;
  readonly queue: readonly InOrder<Published>[];
  readonly queuedBytes: number;
  readonly commits: readonly InOrder<PendingCommit>[];
  readonly commitQueue: CommitQueue;
  /** No commit is stored before `commit-due`, which has been scheduled. */
  readonly awaitsCommitTime: boolean;
  readonly order: number;
  /**
   * The lowest commit number that a connection has guessed before the room had reached it: from
   * there on all of its frames are stale.
   */
  readonly guessed: ReadonlyMap<number, number>;
  /** Connections that are not read from until the queue is short again. */
  readonly held: ReadonlySet<number>;
  readonly phase: Phase;
}

export type RoomEvent =
  | { readonly type: 'published'; readonly frames: readonly Published[] }
  | { readonly type: 'entered'; readonly connection: number; readonly now: number }
  | { readonly type: 'left'; readonly connection: number }
  | { readonly type: 'commit-asked'; readonly commit: PendingCommit }
  | { readonly type: 'commit-due' }
  | { readonly type: 'flush-due'; readonly now: number }
  | { readonly type: 'stored'; readonly oldest: number; readonly now: number }
  | { readonly type: 'room-unknown'; readonly now: number }
  | { readonly type: 'store-ahead' }
  | { readonly type: 'store-behind'; readonly now: number }
  | { readonly type: 'restored'; readonly now: number }
  | { readonly type: 'reloaded'; readonly commitNumber: number; readonly next: number }
  | { readonly type: 'failed'; readonly now: number }
  | { readonly type: 'retry-due' }
  | { readonly type: 'closed' };

export type RoomEffect =
  | { readonly type: 'schedule-flush' }
  | {
      readonly type: 'append';
      readonly commitNumber: number;
      readonly first: number;
      readonly bodies: readonly Uint8Array[];
    }
  | {
      readonly type: 'commit';
      readonly commitNumber: number;
      readonly first: number;
      readonly bodies: readonly Uint8Array[];
      readonly snapshot: Uint8Array;
    }
  | { readonly type: 'schedule-commit'; readonly milliseconds: number }
  /**
   * Bring the room back into the store from the mirror: it has lost it, or its own copy is older
   * than ours.
   */
  | { readonly type: 'restore' }
  /** Read the room from the store anew: it knows more than we do. */
  | { readonly type: 'reload' }
  | { readonly type: 'schedule-retry'; readonly milliseconds: number }
  | { readonly type: 'deliver'; readonly bodies: readonly Uint8Array[]; readonly oldest: number }
  /**
   * To every member: the commit's frames, which begin at `first`, and that `commitNumber` is the
   * room's now.
   */
  | {
      readonly type: 'deliver-commit';
      readonly commitNumber: number;
      readonly first: number;
      readonly bodies: readonly Uint8Array[];
      readonly snapshot: Uint8Array;
      readonly oldest: number;
      readonly committer: number;
    }
  | { readonly type: 'refuse'; readonly publisher: number; readonly commitNumber: number; readonly nonce: Uint8Array }
  | {
      readonly type: 'conflict' | 'no-place';
      readonly committer: number;
      readonly commitNumber: number;
      readonly uploadId: Uint8Array;
    }
  | { readonly type: 'hold'; readonly publisher: number }
  | { readonly type: 'release'; readonly publishers: ReadonlySet<number> }
  | { readonly type: 'give-up' };

export type RoomStep = Step<RoomState, RoomEffect>;

const NOTHING_WAITS = {
  queue: [],
  queuedBytes: 0,
  commits: [],
  awaitsCommitTime: false,
  held: new Set<number>(),
} as const;

export function openRoom(commitNumber: number, next: number): RoomState {
  return {
    commitNumber,
    next,
    ...NOTHING_WAITS,
    commitQueue: EMPTY_COMMIT_QUEUE,
    order: 0,
    guessed: new Map(),
    phase: { kind: 'idle' },
  };
}

type UnaskedEvent = 'closed' | 'entered' | 'left' | 'published' | 'commit-asked' | 'commit-due' | 'flush-due';

/**
 * An event that the phase does not wait for (the answer to a call of a room that is closed
 * meanwhile) changes nothing.
 */
export function stepRoom(state: RoomState, event: RoomEvent): RoomStep {
  const { phase } = state;
  if (phase.kind === 'closed') return unchanged(state);
  switch (event.type) {
    case 'closed':
      return unchanged({ ...state, ...NOTHING_WAITS, phase: { kind: 'closed' } });
    case 'entered':
      return unchanged({ ...state, commitQueue: enter(state.commitQueue, event.connection, event.now) });
    case 'left':
      return unchanged(removeConnection(state, event.connection));
    case 'published':
      return onPublished(state, event.frames);
    case 'commit-asked':
      return onCommitAsked(state, event.commit);
    case 'commit-due':
      return settle({ ...state, awaitsCommitTime: false }, []);
    case 'flush-due':
      return phase.kind === 'awaiting-flush' ? onFlushDue(state, event.now) : unchanged(state);
    default:
      return phase.kind === 'idle' || phase.kind === 'awaiting-flush'
        ? unchanged(state)
        : onStoreAnswer(state, phase, event);
  }
}

/** The store has answered, or the time to ask it again has come. */
function onStoreAnswer(
  state: RoomState,
  phase: Extract<Phase, { readonly work: Work }>,
  event: Exclude<RoomEvent, { readonly type: UnaskedEvent }>,
): RoomStep {
  const { work, outage } = phase;
  switch (event.type) {
    case 'stored':
      return work.kind === 'append'
        ? onAppended(state, work.frames, event.oldest)
        : onCommitted(state, work.commit, event.oldest, event.now);
    case 'room-unknown':
    case 'store-behind':
      return retryLater(state, work, prolongOutage(outage, event.now));
    case 'store-ahead':
      return { state: { ...state, phase: { kind: 'reloading', work, outage } }, effects: [{ type: 'reload' }] };
    case 'restored':
      // One restore should do. A store that loses the room again at once is asked ever more slowly.
      return (outage?.attempts ?? 0) > 1 ? rest(state, work, outage, event.now) : store(state, work, outage);
    case 'reloaded':
      return onReloaded({ ...state, commitNumber: event.commitNumber, next: event.next }, work, outage);
    case 'failed':
      return rest(state, work, prolongOutage(outage, event.now), event.now);
    case 'retry-due':
      return phase.kind === 'backing-off' ? store(state, work, outage) : unchanged(state);
  }
}

function onPublished(state: RoomState, frames: readonly Published[]): RoomStep {
  const effects: RoomEffect[] = [];
  const fresh: InOrder<Published>[] = [];
  const guessed = new Map(state.guessed);
  for (const frame of frames) {
    const { publisher, commitNumber } = frame;
    const staleFrom = guessed.get(publisher) ?? Number.POSITIVE_INFINITY;
    if (commitNumber > state.commitNumber) guessed.set(publisher, Math.min(commitNumber, staleFrom));
    if (commitNumber === state.commitNumber && commitNumber < staleFrom) fresh.push({ ...frame, order: state.order });
    else effects.push(refusal(state.commitNumber, frame));
  }
  const queue = [...state.queue, ...fresh];
  const queuedBytes = state.queuedBytes + size(fresh);
  const held = new Set(state.held);
  if (queuedBytes > ROOM_PENDING_BYTES_MAX) {
    for (const { publisher } of fresh) {
      if (!held.has(publisher)) effects.push({ type: 'hold', publisher });
      held.add(publisher);
    }
  }
  return settle({ ...state, queue, queuedBytes, held, guessed, order: state.order + 1 }, effects);
}

function onCommitAsked(state: RoomState, commit: PendingCommit): RoomStep {
  if (!state.commitQueue.committers.has(commit.committer)) return unchanged(state);
  if (commit.commitNumber !== state.commitNumber) return { state, effects: [conflict(state.commitNumber, commit)] };
  const commits = [...state.commits, { ...commit, order: state.order }];
  const asked: RoomState = { ...state, commits, awaitsCommitTime: false, order: state.order + 1 };
  if (commits.length <= COMMITS_WAITING_MAX) return settle(asked, []);
  const last = lastOf(
    state.commitQueue,
    commits.map(({ committer }) => committer),
  );
  const dropped = commits.filter(({ committer }) => committer === last);
  const kept = commits.filter(({ committer }) => committer !== last);
  const effects = dropped.map(({ committer, uploadId }): RoomEffect => ({
    type: 'no-place',
    committer,
    commitNumber: state.commitNumber,
    uploadId,
  }));
  return settle({ ...asked, commits: kept }, effects);
}

/**
 * The frames that a connection has published stay; its commit and its place in the queue go with
 * it.
 */
function removeConnection(state: RoomState, connection: number): RoomState {
  const guessed = new Map(state.guessed);
  guessed.delete(connection);
  const held = new Set(state.held);
  held.delete(connection);
  const commits = state.commits.filter(({ committer }) => committer !== connection);
  return { ...state, guessed, held, commits, commitQueue: withdraw(state.commitQueue, connection) };
}

/**
 * The flush is due: the chosen commit, if no frame that came before it still waits; otherwise
 * frames.
 */
function onFlushDue(state: RoomState, now: number): RoomStep {
  if (state.commits.length === 0) return flush(state, Number.POSITIVE_INFINITY);
  const choice = choose(
    state.commitQueue,
    state.commits.map(({ committer }) => committer),
    now,
  );
  if (choice.kind === 'wait') {
    const step = flush({ ...state, awaitsCommitTime: true }, Number.POSITIVE_INFINITY);
    return { ...step, effects: [{ type: 'schedule-commit', milliseconds: choice.milliseconds }, ...step.effects] };
  }
  const commit = state.commits.find(({ committer }) => committer === choice.connection);
  if (commit === undefined || (state.queue[0]?.order ?? Number.POSITIVE_INFINITY) < commit.order) {
    return flush(state, commit?.order ?? Number.POSITIVE_INFINITY);
  }
  const commits = state.commits.filter((other) => other !== commit);
  return store({ ...state, commits }, { kind: 'commit', commit }, undefined);
}

/** Stores waiting frames, as many as fit in one call, whichever connections they came from. */
function flush(state: RoomState, before: number): RoomStep {
  const frames: InOrder<Published>[] = [];
  let bytes = 0;
  for (const frame of state.queue) {
    bytes += frame.body.length;
    if (bytes > FLUSH_BYTES_MAX || frame.order >= before) break;
    frames.push(frame);
  }
  if (frames.length === 0) return unchanged({ ...state, phase: { kind: 'idle' } });
  const queue = state.queue.slice(frames.length);
  return store({ ...state, queue, queuedBytes: size(queue) }, { kind: 'append', frames }, undefined);
}

function store(state: RoomState, work: Work, outage: Outage | undefined): RoomStep {
  const { commitNumber, next: first } = state;
  const effect: RoomEffect =
    work.kind === 'append'
      ? { type: 'append', commitNumber, first, bodies: work.frames.map(({ body }) => body) }
      : {
          type: 'commit',
          commitNumber,
          first,
          bodies: committedBodies(commitNumber + 1, work.commit),
          snapshot: work.commit.snapshot,
        };
  return { state: { ...state, phase: { kind: 'storing', work, outage } }, effects: [effect] };
}

/** The bodies of a commit's frames as they are in the log: each names its place in the commit. */
function committedBodies(commitNumber: number, { envelopes }: PendingCommit): Uint8Array[] {
  const count = envelopes.length;
  return envelopes.map((envelope, index) => encodeCommittedBody({ commitNumber, index, count, envelope }));
}

function onAppended(state: RoomState, frames: readonly Published[], oldest: number): RoomStep {
  const bodies = frames.map(({ body }) => body);
  const next = state.next + frames.length;
  return settle({ ...state, next, phase: { kind: 'idle' } }, [{ type: 'deliver', bodies, oldest }]);
}

/** The commit number has changed: frames and commits for the one before are refused. */
function onCommitted(state: RoomState, commit: PendingCommit, oldest: number, now: number): RoomStep {
  const { committer, snapshot } = commit;
  const commitNumber = state.commitNumber + 1;
  const bodies = committedBodies(commitNumber, commit);
  const commitQueue = commitStored(state.commitQueue, committer, now);
  const moved: RoomState = {
    ...state,
    commitNumber,
    next: state.next + bodies.length,
    commitQueue,
    phase: { kind: 'idle' },
  };
  const delivery: RoomEffect = {
    type: 'deliver-commit',
    commitNumber,
    first: state.next,
    bodies,
    snapshot,
    oldest,
    committer,
  };
  const fresh = dropStale(moved);
  return settle(fresh.state, [delivery, ...fresh.effects]);
}

/**
 * The store has another commit number or other entries than the room: frames for an old commit
 * number are refused, the rest goes on.
 */
function onReloaded(state: RoomState, work: Work, outage: Outage | undefined): RoomStep {
  const fresh = dropStale({ ...state, phase: { kind: 'idle' } });
  if (work.kind === 'commit') {
    if (work.commit.commitNumber === state.commitNumber) return store(state, work, outage);
    return settle(fresh.state, [conflict(state.commitNumber, work.commit), ...fresh.effects]);
  }
  const frames = work.frames.filter(({ commitNumber }) => commitNumber === state.commitNumber);
  const refusals = work.frames
    .filter((frame) => !frames.includes(frame))
    .map((frame) => refusal(state.commitNumber, frame));
  const effects = [...refusals, ...fresh.effects];
  if (frames.length === 0) return settle(fresh.state, effects);
  const step = store(fresh.state, { kind: 'append', frames }, outage);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

function dropStale(state: RoomState): RoomStep {
  const isFresh = ({ commitNumber }: { readonly commitNumber: number }): boolean => commitNumber === state.commitNumber;
  const queue = state.queue.filter(isFresh);
  const commits = state.commits.filter(isFresh);
  return {
    state: { ...state, queue, queuedBytes: size(queue), commits },
    effects: [
      ...state.queue.filter((frame) => !isFresh(frame)).map((frame) => refusal(state.commitNumber, frame)),
      ...state.commits.filter((commit) => !isFresh(commit)).map((commit) => conflict(state.commitNumber, commit)),
    ],
  };
}

function retryLater(state: RoomState, work: Work, outage: Outage | undefined): RoomStep {
  return { state: { ...state, phase: { kind: 'restoring', work, outage } }, effects: [{ type: 'restore' }] };
}

/**
 * Waits before it asks the store again, or gives up: then members that might wait for an echo are
 * closed, and all that waited is dropped.
 */
function rest(state: RoomState, work: Work, outage: Outage | undefined, now: number): RoomStep {
  if (outage !== undefined && now - outage.since >= STORE_OUTAGE_LIMIT_MS) {
    const emptied: RoomState = { ...state, ...NOTHING_WAITS, phase: { kind: 'idle' } };
    return { state: emptied, effects: [{ type: 'give-up' }] };
  }
  const doublings = Math.min((outage?.attempts ?? 1) - 1, 10);
  const milliseconds = Math.min(STORE_RETRY_FIRST_MS * 2 ** doublings, STORE_RETRY_MAX_MS);
  return {
    state: { ...state, phase: { kind: 'backing-off', work, outage } },
    effects: [{ type: 'schedule-retry', milliseconds }],
  };
}

function prolongOutage(outage: Outage | undefined, now: number): Outage {
  return { since: outage?.since ?? now, attempts: (outage?.attempts ?? 0) + 1 };
}

/**
 * After each change of the queue: schedules a flush if there is work, and lets publishers go on if
 * there is space.
 */
function settle(state: RoomState, effects: readonly RoomEffect[]): RoomStep {
  const more = [...effects];
  let { phase, held } = state;
  const isWork = state.queue.length > 0 || (state.commits.length > 0 && !state.awaitsCommitTime);
  if (phase.kind === 'idle' && isWork) {
    phase = { kind: 'awaiting-flush' };
    more.push({ type: 'schedule-flush' });
  }
  if (held.size > 0 && state.queuedBytes <= ROOM_PENDING_BYTES_MAX / 2) {
    more.push({ type: 'release', publishers: held });
    held = new Set();
  }
  return { state: { ...state, phase, held }, effects: more };
}

function refusal(commitNumber: number, { publisher, body }: Published): RoomEffect {
  return { type: 'refuse', publisher, commitNumber, nonce: body.subarray(0, NONCE_BYTES) };
}

function conflict(commitNumber: number, { committer, uploadId }: PendingCommit): RoomEffect {
  return { type: 'conflict', committer, commitNumber, uploadId };
}

function unchanged(state: RoomState): RoomStep {
  return { state, effects: [] };
}

function size(frames: readonly Published[]): number {
  return frames.reduce((bytes, { body }) => bytes + body.length, 0);
}
