// What happens in a room, as a pure machine: frames wait, go to the store together, and come back to everybody once it has them.
// It knows no sockets, no members but by number, and no log: those are live-room.ts.

import { NONCE_BYTES } from '@sotto/protocol';
import {
  FLUSH_BYTES_MAX,
  ROOM_PENDING_BYTES_MAX,
  STORE_OUTAGE_LIMIT_MS,
  STORE_RETRY_FIRST_MS,
  STORE_RETRY_MAX_MS,
} from './limits.ts';

/** A frame that a connection has published: under which counter, and its sealed body. */
export interface Published {
  readonly publisher: number;
  readonly counter: number;
  readonly body: Uint8Array;
}

/** How long the store has not done what it was asked, and how often it was asked. */
interface Trouble {
  readonly since: number;
  readonly attempts: number;
}

/**
 * What the room waits for. From `storing` on, `batch` is in the store's hands: until it has answered, the batch is neither changed nor
 * dropped, because it may be stored already.
 */
type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'awaiting-slot' }
  | {
      readonly kind: 'storing' | 'restoring' | 'reloading' | 'resting';
      readonly batch: readonly Published[];
      readonly trouble: Trouble | undefined;
    }
  | { readonly kind: 'closed' };

export interface RoomState {
  readonly counter: number;
  readonly next: number;
  readonly queue: readonly Published[];
  readonly queuedBytes: number;
  /** Connections that are not read from until the queue is short again. */
  readonly held: ReadonlySet<number>;
  readonly phase: Phase;
}

export type RoomEvent =
  | { readonly type: 'published'; readonly frames: readonly Published[] }
  | { readonly type: 'slot' }
  | { readonly type: 'stored'; readonly oldest: number }
  | { readonly type: 'room-unknown'; readonly now: number }
  | { readonly type: 'store-ahead' }
  | { readonly type: 'store-behind'; readonly now: number }
  | { readonly type: 'restored'; readonly now: number }
  | { readonly type: 'reloaded'; readonly counter: number; readonly next: number }
  | { readonly type: 'failed'; readonly now: number }
  | { readonly type: 'rested' }
  | { readonly type: 'closed' };

export type RoomEffect =
  | { readonly type: 'ask-slot' }
  | {
      readonly type: 'append';
      readonly counter: number;
      readonly first: number;
      readonly bodies: readonly Uint8Array[];
    }
  /** Bring the room back into the store from the mirror; `replace` when the store's own copy is older than ours. */
  | { readonly type: 'restore'; readonly replace: boolean }
  /** Read the room from the store anew: it knows more than we do. */
  | { readonly type: 'reload' }
  | { readonly type: 'rest'; readonly milliseconds: number }
  | { readonly type: 'deliver'; readonly bodies: readonly Uint8Array[]; readonly oldest: number }
  | { readonly type: 'refuse'; readonly publisher: number; readonly counter: number; readonly nonce: Uint8Array }
  | { readonly type: 'hold'; readonly publisher: number }
  | { readonly type: 'release'; readonly publishers: ReadonlySet<number> }
  | { readonly type: 'give-up' };

export interface RoomStep {
  readonly state: RoomState;
  readonly effects: readonly RoomEffect[];
}

export function openRoom(counter: number, next: number): RoomState {
  return { counter, next, queue: [], queuedBytes: 0, held: new Set(), phase: { kind: 'idle' } };
}

/** An event that the phase does not wait for (the answer to a call of a room that is closed meanwhile) changes nothing. */
export function stepRoom(state: RoomState, event: RoomEvent): RoomStep {
  const { phase } = state;
  if (phase.kind === 'closed') return stay(state);
  if (event.type === 'closed') return stay({ ...state, queue: [], queuedBytes: 0, phase: { kind: 'closed' } });
  if (event.type === 'published') return publish(state, event.frames);
  if (event.type === 'slot') return phase.kind === 'awaiting-slot' ? flush(state) : stay(state);
  if (phase.kind === 'idle' || phase.kind === 'awaiting-slot') return stay(state);
  const { batch, trouble } = phase;
  switch (event.type) {
    case 'stored':
      return stored(state, batch, event.oldest);
    case 'room-unknown':
      return restore(state, batch, worse(trouble, event.now), false);
    case 'store-behind':
      return restore(state, batch, worse(trouble, event.now), true);
    case 'store-ahead':
      return { state: { ...state, phase: { kind: 'reloading', batch, trouble } }, effects: [{ type: 'reload' }] };
    case 'restored':
      // Once is how it should be. A store that loses the room again at once is in trouble, and is asked ever more slowly.
      return (trouble?.attempts ?? 0) > 1 ? rest(state, batch, trouble, event.now) : store(state, batch, trouble);
    case 'reloaded':
      return reloaded({ ...state, counter: event.counter, next: event.next }, batch, trouble);
    case 'failed':
      return rest(state, batch, worse(trouble, event.now), event.now);
    case 'rested':
      return phase.kind === 'resting' ? store(state, batch, trouble) : stay(state);
  }
}

function publish(state: RoomState, frames: readonly Published[]): RoomStep {
  const effects: RoomEffect[] = refusals(state.counter, frames);
  const fresh = frames.filter(({ counter }) => counter === state.counter);
  const queue = [...state.queue, ...fresh];
  const queuedBytes = state.queuedBytes + size(fresh);
  const held = new Set(state.held);
  if (queuedBytes > ROOM_PENDING_BYTES_MAX) {
    for (const { publisher } of fresh) {
      if (!held.has(publisher)) effects.push({ type: 'hold', publisher });
      held.add(publisher);
    }
  }
  return settle({ ...state, queue, queuedBytes, held }, effects);
}

/** The slot is there: what waits goes to the store, as much as fits in one call, whichever connections it came from. */
function flush(state: RoomState): RoomStep {
  const batch: Published[] = [];
  let bytes = 0;
  for (const frame of state.queue) {
    bytes += frame.body.length;
    if (bytes > FLUSH_BYTES_MAX) break;
    batch.push(frame);
  }
  const queue = state.queue.slice(batch.length);
  return store({ ...state, queue, queuedBytes: size(queue) }, batch, undefined);
}

function store(state: RoomState, batch: readonly Published[], trouble: Trouble | undefined): RoomStep {
  const { counter, next } = state;
  const bodies = batch.map(({ body }) => body);
  const append: RoomEffect = { type: 'append', counter, first: next, bodies };
  return { state: { ...state, phase: { kind: 'storing', batch, trouble } }, effects: [append] };
}

function stored(state: RoomState, batch: readonly Published[], oldest: number): RoomStep {
  const bodies = batch.map(({ body }) => body);
  const next = state.next + batch.length;
  return settle({ ...state, next, phase: { kind: 'idle' } }, [{ type: 'deliver', bodies, oldest }]);
}

/** The store has another counter or other entries than we thought: what was published under an old counter is refused, the rest goes on. */
function reloaded(state: RoomState, batch: readonly Published[], trouble: Trouble | undefined): RoomStep {
  const waiting = [...batch, ...state.queue];
  const effects = refusals(state.counter, waiting);
  const isFresh = ({ counter }: Published): boolean => counter === state.counter;
  const queue = state.queue.filter(isFresh);
  const fresh = batch.filter(isFresh);
  const cleaned: RoomState = { ...state, queue, queuedBytes: size(queue) };
  if (fresh.length === 0) return settle({ ...cleaned, phase: { kind: 'idle' } }, effects);
  const step = store(cleaned, fresh, trouble);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

function restore(
  state: RoomState,
  batch: readonly Published[],
  trouble: Trouble | undefined,
  replace: boolean,
): RoomStep {
  return {
    state: { ...state, phase: { kind: 'restoring', batch, trouble } },
    effects: [{ type: 'restore', replace }],
  };
}

/** Waits before the store is asked again, or gives up: then all who might wait for an echo are told and closed, and what waited is gone. */
function rest(state: RoomState, batch: readonly Published[], trouble: Trouble | undefined, now: number): RoomStep {
  if (trouble !== undefined && now - trouble.since >= STORE_OUTAGE_LIMIT_MS) {
    const emptied: RoomState = { ...state, queue: [], queuedBytes: 0, held: new Set(), phase: { kind: 'idle' } };
    return { state: emptied, effects: [{ type: 'give-up' }] };
  }
  const doublings = Math.min((trouble?.attempts ?? 1) - 1, 10);
  const milliseconds = Math.min(STORE_RETRY_FIRST_MS * 2 ** doublings, STORE_RETRY_MAX_MS);
  return {
    state: { ...state, phase: { kind: 'resting', batch, trouble } },
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
  if (phase.kind === 'idle' && state.queue.length > 0) {
    phase = { kind: 'awaiting-slot' };
    more.push({ type: 'ask-slot' });
  }
  if (held.size > 0 && state.queuedBytes <= ROOM_PENDING_BYTES_MAX / 2) {
    more.push({ type: 'release', publishers: held });
    held = new Set();
  }
  return { state: { ...state, phase, held }, effects: more };
}

function refusals(counter: number, frames: readonly Published[]): RoomEffect[] {
  return frames
    .filter((frame) => frame.counter !== counter)
    .map(({ publisher, body }) => ({ type: 'refuse', publisher, counter, nonce: body.subarray(0, NONCE_BYTES) }));
}

function stay(state: RoomState): RoomStep {
  return { state, effects: [] };
}

function size(frames: readonly Published[]): number {
  return frames.reduce((bytes, { body }) => bytes + body.length, 0);
}
