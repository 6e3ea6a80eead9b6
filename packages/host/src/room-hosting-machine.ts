// The life of one hosted room, as a pure state machine. Events of Tor, the relay and the
// reachability check come in any order. Its edge is room-hosting.ts.

import type { Step } from '@sotto/machine';
import type { HostCode } from './errors.ts';

/**
 * The onion side's Tor: gone, connecting, connected, or with the onion's descriptor in a first
 * directory.
 */
type OnionStatus = 'away' | 'bootstrapping' | 'ready' | 'publishing' | 'published';
/** The relay: does it hold our room? */
type RoomStatus = 'away' | 'held';
/**
 * Whether a second Tor has reached the room as a guest does. `reached` is reset whenever the onion
 * is added again.
 */
type Reachability = 'unknown' | 'checking' | 'reached';

export interface RoomHostingState {
  readonly onion: OnionStatus;
  readonly room: RoomStatus;
  readonly reachability: Reachability;
  /**
   * `open` once the connection string was shown. After its first creation a room is resumed and
   * never created again.
   */
  readonly stage: 'opening' | 'open' | 'ended';
  readonly created: boolean;
  readonly checkingSinceMs: number;
}

export const NEW_ROOM_HOSTING: RoomHostingState = {
  onion: 'away',
  room: 'away',
  reachability: 'unknown',
  stage: 'opening',
  created: false,
  checkingSinceMs: 0,
};

export type RoomHostingEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tor-connected' }
  | { readonly type: 'tor-bootstrapped' }
  | { readonly type: 'tor-lost' }
  | { readonly type: 'published' }
  | { readonly type: 'publish-failed'; readonly cause: string }
  | { readonly type: 'room-held' }
  | { readonly type: 'room-refused'; readonly code: HostCode }
  | { readonly type: 'relay-lost' }
  | { readonly type: 'reached' }
  | { readonly type: 'not-reached'; readonly cause: string; readonly nowMs: number }
  | { readonly type: 'stop' };

export type RoomHostingEffect =
  | { readonly type: 'connect-tor' }
  | { readonly type: 'publish' }
  | { readonly type: 'republish' }
  | { readonly type: 'create-room' }
  | { readonly type: 'resume-room' }
  | { readonly type: 'check-reachability' }
  | { readonly type: 'show-invite' }
  | { readonly type: 'notify'; readonly what: Notice }
  | { readonly type: 'end'; readonly code: HostCode | undefined };

/** Notices for the host's screen; the words are in screen.ts. */
export type Notice =
  | { readonly notice: 'tor-lost' | 'relay-lost' | 'publishing' | 'proving' | 'reachable-again' | 'ending' }
  | { readonly notice: 'not-reached' | 'publish-failed'; readonly cause: string };

export interface RoomHostingLimits {
  readonly republishAfterMs: number;
  readonly silentAfterMs: number;
}

/** One step. A hosting that has ended does not change any more. */
export function stepRoomHosting(
  state: RoomHostingState,
  event: RoomHostingEvent,
  nowMs: number,
  limits: RoomHostingLimits,
): RoomHostingStep {
  if (state.stage === 'ended') return { state, effects: [] };
  const changed = change(state, event, limits);
  const advanced = advance(changed.state, nowMs);
  return { state: advanced.state, effects: [...changed.effects, ...advanced.effects] };
}

type RoomHostingStep = Step<RoomHostingState, RoomHostingEffect>;

function change(state: RoomHostingState, event: RoomHostingEvent, limits: RoomHostingLimits): RoomHostingStep {
  switch (event.type) {
    case 'start':
      return { state, effects: [{ type: 'connect-tor' }, { type: 'create-room' }] };
    case 'tor-connected':
      return withoutEffects({ ...state, onion: 'bootstrapping' });
    case 'tor-bootstrapped':
      return withoutEffects({ ...state, onion: 'ready' });
    case 'tor-lost':
      return {
        state: { ...state, onion: 'away', reachability: state.reachability === 'checking' ? 'checking' : 'unknown' },
        effects: [notify({ notice: 'tor-lost' }), { type: 'connect-tor' }],
      };
    case 'published':
      return withoutEffects({ ...state, onion: 'published' });
    case 'publish-failed':
      return {
        state: { ...state, onion: 'ready' },
        effects: [notify({ notice: 'publish-failed', cause: event.cause })],
      };
    case 'room-held':
      return withoutEffects({ ...state, room: 'held', created: true });
    case 'room-refused':
      return end(state, event.code);
    case 'relay-lost':
      return {
        state: { ...state, room: 'away' },
        effects: [notify({ notice: 'relay-lost' }), { type: state.created ? 'resume-room' : 'create-room' }],
      };
    case 'reached':
      return reached(state);
    case 'not-reached':
      return notReached(state, event.cause, event.nowMs, limits);
    case 'stop':
      return end(state, undefined);
  }
}

/** A check is void if the onion or the room was lost while it ran. */
function reached(state: RoomHostingState): RoomHostingStep {
  if (state.onion !== 'published' || state.room !== 'held')
    return withoutEffects({ ...state, reachability: 'unknown' });
  const effect: RoomHostingEffect =
    state.stage === 'open' ? notify({ notice: 'reachable-again' }) : { type: 'show-invite' };
  return { state: { ...state, reachability: 'reached', stage: 'open' }, effects: [effect] };
}

function notReached(state: RoomHostingState, cause: string, nowMs: number, limits: RoomHostingLimits): RoomHostingStep {
  const waitedMs = nowMs - state.checkingSinceMs;
  const next: RoomHostingState = { ...state, reachability: 'unknown' };
  if (state.onion !== 'published') return withoutEffects(next);
  const effects: RoomHostingEffect[] =
    waitedMs >= limits.silentAfterMs ? [notify({ notice: 'not-reached', cause })] : [];
  if (waitedMs < limits.republishAfterMs) return { state: next, effects };
  return {
    state: { ...next, onion: 'publishing', checkingSinceMs: 0 },
    effects: [...effects, { type: 'republish' }],
  };
}

/** Starts everything that can start now. */
function advance(state: RoomHostingState, nowMs: number): RoomHostingStep {
  if (state.stage === 'ended' || state.room !== 'held') return withoutEffects(state);
  if (state.onion === 'ready') {
    const effects: RoomHostingEffect[] = [notify({ notice: 'publishing' }), { type: 'publish' }];
    return { state: { ...state, onion: 'publishing', checkingSinceMs: 0 }, effects };
  }
  if (state.onion === 'published' && state.reachability === 'unknown') {
    const first = state.checkingSinceMs === 0;
    return {
      state: { ...state, reachability: 'checking', checkingSinceMs: first ? nowMs : state.checkingSinceMs },
      effects: [...(first ? [notify({ notice: 'proving' })] : []), { type: 'check-reachability' }],
    };
  }
  return withoutEffects(state);
}

function end(state: RoomHostingState, code: HostCode | undefined): RoomHostingStep {
  return { state: { ...state, stage: 'ended' }, effects: [notify({ notice: 'ending' }), { type: 'end', code }] };
}

function notify(what: Notice): RoomHostingEffect {
  return { type: 'notify', what };
}

function withoutEffects(state: RoomHostingState): RoomHostingStep {
  return { state, effects: [] };
}
