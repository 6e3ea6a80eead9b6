// What happens in a room, as a pure machine: frames wait, go to the store together, and come back to everybody once it has them.
// It knows no sockets, no members but by number, and no log: those are room.ts.

import { COMMITS_WAITING_MAX, NONCE_BYTES } from '@sotto/protocol';
import { choose, enter, lastOf, NO_TURNS, take, withdraw } from './commit-queue.ts';
import type { CommitTurns } from './commit-queue.ts';
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

/** A whole commit that a connection asks for. It waits for its turn, one for each connection at most. */
export interface AskedCommit {
  readonly committer: number;
  readonly commitNumber: number;
  readonly uploadId: Uint8Array;
  readonly bodies: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
}

/** A frame or a commit, and how many came before it: a commit overtakes nothing, and is not overtaken while it may be made. */
type InOrder<Thing> = Thing & { readonly order: number };

/** What one call asks of the store. */
type Work =
  | { readonly kind: 'append'; readonly frames: readonly Published[] }
  | { readonly kind: 'commit'; readonly commit: AskedCommit };

/** How long the store has not done what it was asked, and how often it was asked. */
interface Trouble {
  readonly since: number;
  readonly attempts: number;
}

/**
 * What the room waits for. From `storing` on, `work` is in the store's hands: until it has answered, it is neither changed nor dropped,
 * because it may be stored already.
 */
type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'awaiting-slot' }
  | {
      readonly kind: 'storing' | 'restoring' | 'reloading' | 'resting';
      readonly work: Work;
      readonly trouble: Trouble | undefined;
    }
  | { readonly kind: 'closed' };

export interface RoomState {
  readonly commitNumber: number;
  readonly next: number;
  readonly queue: readonly InOrder<Published>[];
  readonly queuedBytes: number;
  readonly commits: readonly InOrder<AskedCommit>[];
  readonly turns: CommitTurns;
  /** No commit may be made before a `turn`, which is on its way. */
  readonly awaitsTurn: boolean;
  readonly order: number;
  /** The lowest commit number that a connection has guessed before the room had reached it: from there on all of its frames are stale. */
  readonly guessed: ReadonlyMap<number, number>;
  /** Connections that are not read from until the queue is short again. */
  readonly held: ReadonlySet<number>;
  readonly phase: Phase;
}

export type RoomEvent =
  | { readonly type: 'published'; readonly frames: readonly Published[] }
  | { readonly type: 'entered'; readonly connection: number; readonly now: number }
  | { readonly type: 'left'; readonly connection: number }
  | { readonly type: 'commit-asked'; readonly commit: AskedCommit }
  | { readonly type: 'turn' }
  | { readonly type: 'slot'; readonly now: number }
  | { readonly type: 'stored'; readonly oldest: number; readonly now: number }
  | { readonly type: 'room-unknown'; readonly now: number }
  | { readonly type: 'store-ahead' }
  | { readonly type: 'store-behind'; readonly now: number }
  | { readonly type: 'restored'; readonly now: number }
  | { readonly type: 'reloaded'; readonly commitNumber: number; readonly next: number }
  | { readonly type: 'failed'; readonly now: number }
  | { readonly type: 'rested' }
  | { readonly type: 'closed' };

export type RoomEffect =
  | { readonly type: 'ask-slot' }
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
  | { readonly type: 'ask-turn'; readonly milliseconds: number }
  /** Bring the room back into the store from the mirror: it has lost it, or its own copy is older than ours. */
  | { readonly type: 'restore' }
  /** Read the room from the store anew: it knows more than we do. */
  | { readonly type: 'reload' }
  | { readonly type: 'rest'; readonly milliseconds: number }
  | { readonly type: 'deliver'; readonly bodies: readonly Uint8Array[]; readonly oldest: number }
  /** To everybody: the commit's frames, which begin at `first`, and that `commitNumber` is the room's now. */
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

export interface RoomStep {
  readonly state: RoomState;
  readonly effects: readonly RoomEffect[];
}

const NOTHING_WAITS = { queue: [], queuedBytes: 0, commits: [], awaitsTurn: false, held: new Set<number>() } as const;

export function openRoom(commitNumber: number, next: number): RoomState {
  return {
    commitNumber,
    next,
    ...NOTHING_WAITS,
    turns: NO_TURNS,
    order: 0,
    guessed: new Map(),
    phase: { kind: 'idle' },
  };
}

type UnaskedEvent = 'closed' | 'entered' | 'left' | 'published' | 'commit-asked' | 'turn' | 'slot';

/** An event that the phase does not wait for (the answer to a call of a room that is closed meanwhile) changes nothing. */
export function stepRoom(state: RoomState, event: RoomEvent): RoomStep {
  const { phase } = state;
  if (phase.kind === 'closed') return stay(state);
  switch (event.type) {
    case 'closed':
      return stay({ ...state, ...NOTHING_WAITS, phase: { kind: 'closed' } });
    case 'entered':
      return stay({ ...state, turns: enter(state.turns, event.connection, event.now) });
    case 'left':
      return stay(leave(state, event.connection));
    case 'published':
      return publish(state, event.frames);
    case 'commit-asked':
      return askCommit(state, event.commit);
    case 'turn':
      return settle({ ...state, awaitsTurn: false }, []);
    case 'slot':
      return phase.kind === 'awaiting-slot' ? useSlot(state, event.now) : stay(state);
    default:
      return phase.kind === 'idle' || phase.kind === 'awaiting-slot' ? stay(state) : answered(state, phase, event);
  }
}

/** What the store, or the rest from asking it, has brought. */
function answered(
  state: RoomState,
  phase: Extract<Phase, { readonly work: Work }>,
  event: Exclude<RoomEvent, { readonly type: UnaskedEvent }>,
): RoomStep {
  const { work, trouble } = phase;
  switch (event.type) {
    case 'stored':
      return work.kind === 'append'
        ? appended(state, work.frames, event.oldest)
        : committed(state, work.commit, event.oldest, event.now);
    case 'room-unknown':
    case 'store-behind':
      return restore(state, work, worse(trouble, event.now));
    case 'store-ahead':
      return { state: { ...state, phase: { kind: 'reloading', work, trouble } }, effects: [{ type: 'reload' }] };
    case 'restored':
      // Once is how it should be. A store that loses the room again at once is in trouble, and is asked ever more slowly.
      return (trouble?.attempts ?? 0) > 1 ? rest(state, work, trouble, event.now) : store(state, work, trouble);
    case 'reloaded':
      return reloaded({ ...state, commitNumber: event.commitNumber, next: event.next }, work, trouble);
    case 'failed':
      return rest(state, work, worse(trouble, event.now), event.now);
    case 'rested':
      return phase.kind === 'resting' ? store(state, work, trouble) : stay(state);
  }
}

function publish(state: RoomState, frames: readonly Published[]): RoomStep {
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

function askCommit(state: RoomState, commit: AskedCommit): RoomStep {
  if (!state.turns.standings.has(commit.committer)) return stay(state);
  if (commit.commitNumber !== state.commitNumber) return { state, effects: [conflict(state.commitNumber, commit)] };
  const commits = [...state.commits, { ...commit, order: state.order }];
  const asked: RoomState = { ...state, commits, awaitsTurn: false, order: state.order + 1 };
  if (commits.length <= COMMITS_WAITING_MAX) return settle(asked, []);
  const last = lastOf(
    state.turns,
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

/** What a connection has published stays; its commit, its upload and its place go with it. */
function leave(state: RoomState, connection: number): RoomState {
  const guessed = new Map(state.guessed);
  guessed.delete(connection);
  const held = new Set(state.held);
  held.delete(connection);
  const commits = state.commits.filter(({ committer }) => committer !== connection);
  return { ...state, guessed, held, commits, turns: withdraw(state.turns, connection) };
}

/** The slot is there: a commit whose turn it is, if nothing was published before it that still waits; else what was published. */
function useSlot(state: RoomState, now: number): RoomStep {
  if (state.commits.length === 0) return flush(state, Number.POSITIVE_INFINITY);
  const choice = choose(
    state.turns,
    state.commits.map(({ committer }) => committer),
    now,
  );
  if (choice.kind === 'wait') {
    const step = flush({ ...state, awaitsTurn: true }, Number.POSITIVE_INFINITY);
    return { ...step, effects: [{ type: 'ask-turn', milliseconds: choice.milliseconds }, ...step.effects] };
  }
  const commit = state.commits.find(({ committer }) => committer === choice.connection);
  if (commit === undefined || (state.queue[0]?.order ?? Number.POSITIVE_INFINITY) < commit.order) {
    return flush(state, commit?.order ?? Number.POSITIVE_INFINITY);
  }
  const commits = state.commits.filter((other) => other !== commit);
  return store({ ...state, commits }, { kind: 'commit', commit }, undefined);
}

/** What waits goes to the store, as much as fits in one call, whichever connections it came from. */
function flush(state: RoomState, before: number): RoomStep {
  const frames: InOrder<Published>[] = [];
  let bytes = 0;
  for (const frame of state.queue) {
    bytes += frame.body.length;
    if (bytes > FLUSH_BYTES_MAX || frame.order >= before) break;
    frames.push(frame);
  }
  if (frames.length === 0) return stay({ ...state, phase: { kind: 'idle' } });
  const queue = state.queue.slice(frames.length);
  return store({ ...state, queue, queuedBytes: size(queue) }, { kind: 'append', frames }, undefined);
}

function store(state: RoomState, work: Work, trouble: Trouble | undefined): RoomStep {
  const { commitNumber, next: first } = state;
  const effect: RoomEffect =
    work.kind === 'append'
      ? { type: 'append', commitNumber, first, bodies: work.frames.map(({ body }) => body) }
      : { type: 'commit', commitNumber, first, bodies: work.commit.bodies, snapshot: work.commit.snapshot };
  return { state: { ...state, phase: { kind: 'storing', work, trouble } }, effects: [effect] };
}

function appended(state: RoomState, frames: readonly Published[], oldest: number): RoomStep {
  const bodies = frames.map(({ body }) => body);
  const next = state.next + frames.length;
  return settle({ ...state, next, phase: { kind: 'idle' } }, [{ type: 'deliver', bodies, oldest }]);
}

/** The commit number has moved: whatever waits was meant for the one before. */
function committed(state: RoomState, commit: AskedCommit, oldest: number, now: number): RoomStep {
  const { committer, bodies, snapshot } = commit;
  const commitNumber = state.commitNumber + 1;
  const turns = take(state.turns, committer, now);
  const moved: RoomState = { ...state, commitNumber, next: state.next + bodies.length, turns, phase: { kind: 'idle' } };
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

/** The store has another commit number or other entries than we thought: what was meant for an old commit number is refused, the rest goes on. */
function reloaded(state: RoomState, work: Work, trouble: Trouble | undefined): RoomStep {
  const fresh = dropStale({ ...state, phase: { kind: 'idle' } });
  if (work.kind === 'commit') {
    if (work.commit.commitNumber === state.commitNumber) return store(state, work, trouble);
    return settle(fresh.state, [conflict(state.commitNumber, work.commit), ...fresh.effects]);
  }
  const frames = work.frames.filter(({ commitNumber }) => commitNumber === state.commitNumber);
  const refusals = work.frames
    .filter((frame) => !frames.includes(frame))
    .map((frame) => refusal(state.commitNumber, frame));
  const effects = [...refusals, ...fresh.effects];
  if (frames.length === 0) return settle(fresh.state, effects);
  const step = store(fresh.state, { kind: 'append', frames }, trouble);
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

function restore(state: RoomState, work: Work, trouble: Trouble | undefined): RoomStep {
  return { state: { ...state, phase: { kind: 'restoring', work, trouble } }, effects: [{ type: 'restore' }] };
}

/** Waits before the store is asked again, or gives up: then all who might wait for an echo are told and closed, and what waited is gone. */
function rest(state: RoomState, work: Work, trouble: Trouble | undefined, now: number): RoomStep {
  if (trouble !== undefined && now - trouble.since >= STORE_OUTAGE_LIMIT_MS) {
    const emptied: RoomState = { ...state, ...NOTHING_WAITS, phase: { kind: 'idle' } };
    return { state: emptied, effects: [{ type: 'give-up' }] };
  }
  const doublings = Math.min((trouble?.attempts ?? 1) - 1, 10);
  const milliseconds = Math.min(STORE_RETRY_FIRST_MS * 2 ** doublings, STORE_RETRY_MAX_MS);
  return {
    state: { ...state, phase: { kind: 'resting', work, trouble } },
    effects: [{ type: 'rest', milliseconds }],
  };
}

function worse(trouble: Trouble | undefined, now: number): Trouble {
  return { since: trouble?.since ?? now, attempts: (trouble?.attempts ?? 0) + 1 };
}

/** After each change of the queue: asks for a slot if there is work, and lets publishers go on if there is room. */
function settle(state: RoomState, effects: readonly RoomEffect[]): RoomStep {
  const more = [...effects];
  let { phase, held } = state;
  const isWork = state.queue.length > 0 || (state.commits.length > 0 && !state.awaitsTurn);
  if (phase.kind === 'idle' && isWork) {
    phase = { kind: 'awaiting-slot' };
    more.push({ type: 'ask-slot' });
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

function conflict(commitNumber: number, { committer, uploadId }: AskedCommit): RoomEffect {
  return { type: 'conflict', committer, commitNumber, uploadId };
}

function stay(state: RoomState): RoomStep {
  return { state, effects: [] };
}

function size(frames: readonly Published[]): number {
  return frames.reduce((bytes, { body }) => bytes + body.length, 0);
}
