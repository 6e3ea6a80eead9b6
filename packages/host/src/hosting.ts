// The life of one hosted room, as a pure state machine: Tor, relay and the proof of reachability, in whatever order they come and go.

import type { HostCode } from './errors.ts';

/** The onion side's Tor: away, on its way to the network, there, and with our onion in a first directory. */
type OnionStanding = 'away' | 'bootstrapping' | 'ready' | 'publishing' | 'published';
/** The relay: does it hold our room? */
type RoomStanding = 'away' | 'held';
/** Has a second Tor walked the whole way in? `reached` is forgotten whenever the onion is added anew. */
type WayStanding = 'unproven' | 'proving' | 'reached';

export interface Hosting {
  readonly onion: OnionStanding;
  readonly room: RoomStanding;
  readonly way: WayStanding;
  /** `open` once the connection string was shown; a room is resumed and not created from its first creation on. */
  readonly stage: 'opening' | 'open' | 'ended';
  readonly created: boolean;
  readonly provingSinceMs: number;
}

export const NEW_HOSTING: Hosting = {
  onion: 'away',
  room: 'away',
  way: 'unproven',
  stage: 'opening',
  created: false,
  provingSinceMs: 0,
};

export type HostingEvent =
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

export type HostingEffect =
  | { readonly type: 'connect-tor' }
  | { readonly type: 'publish' }
  | { readonly type: 'republish' }
  | { readonly type: 'create-room' }
  | { readonly type: 'resume-room' }
  | { readonly type: 'prove' }
  | { readonly type: 'show-invite' }
  | { readonly type: 'say'; readonly what: Notice }
  | { readonly type: 'end'; readonly code: HostCode | undefined };

/** What the host's screen is told; the words are in screen.ts. */
export type Notice =
  | { readonly notice: 'tor-lost' | 'relay-lost' | 'publishing' | 'proving' | 'reachable-again' | 'ending' }
  | { readonly notice: 'not-reached' | 'publish-failed'; readonly cause: string };

export interface HostingLimits {
  readonly republishAfterMs: number;
  readonly patienceMs: number;
}

/** One step. An ended hosting does not change any more. */
export function stepHosting(
  hosting: Hosting,
  event: HostingEvent,
  nowMs: number,
  limits: HostingLimits,
): { readonly hosting: Hosting; readonly effects: readonly HostingEffect[] } {
  if (hosting.stage === 'ended') return { hosting, effects: [] };
  const changed = change(hosting, event, limits);
  const advanced = advance(changed.hosting, nowMs);
  return { hosting: advanced.hosting, effects: [...changed.effects, ...advanced.effects] };
}

interface Step {
  readonly hosting: Hosting;
  readonly effects: readonly HostingEffect[];
}

function change(hosting: Hosting, event: HostingEvent, limits: HostingLimits): Step {
  switch (event.type) {
    case 'start':
      return { hosting, effects: [{ type: 'connect-tor' }, { type: 'create-room' }] };
    case 'tor-connected':
      return quiet({ ...hosting, onion: 'bootstrapping' });
    case 'tor-bootstrapped':
      return quiet({ ...hosting, onion: 'ready' });
    case 'tor-lost':
      return {
        hosting: { ...hosting, onion: 'away', way: hosting.way === 'proving' ? 'proving' : 'unproven' },
        effects: [say({ notice: 'tor-lost' }), { type: 'connect-tor' }],
      };
    case 'published':
      return quiet({ ...hosting, onion: 'published' });
    case 'publish-failed':
      return {
        hosting: { ...hosting, onion: 'ready' },
        effects: [say({ notice: 'publish-failed', cause: event.cause })],
      };
    case 'room-held':
      return quiet({ ...hosting, room: 'held', created: true });
    case 'room-refused':
      return end(hosting, event.code);
    case 'relay-lost':
      return {
        hosting: { ...hosting, room: 'away' },
        effects: [say({ notice: 'relay-lost' }), { type: hosting.created ? 'resume-room' : 'create-room' }],
      };
    case 'reached':
      return reached(hosting);
    case 'not-reached':
      return notReached(hosting, event.cause, event.nowMs, limits);
    case 'stop':
      return end(hosting, undefined);
  }
}

/** A proof that ran while the onion or the room went away proves nothing of the present. */
function reached(hosting: Hosting): Step {
  if (hosting.onion !== 'published' || hosting.room !== 'held') return quiet({ ...hosting, way: 'unproven' });
  const effect: HostingEffect = hosting.stage === 'open' ? say({ notice: 'reachable-again' }) : { type: 'show-invite' };
  return { hosting: { ...hosting, way: 'reached', stage: 'open' }, effects: [effect] };
}

function notReached(hosting: Hosting, cause: string, nowMs: number, limits: HostingLimits): Step {
  const waitedMs = nowMs - hosting.provingSinceMs;
  const next: Hosting = { ...hosting, way: 'unproven' };
  if (hosting.onion !== 'published') return quiet(next);
  const effects: HostingEffect[] = waitedMs >= limits.patienceMs ? [say({ notice: 'not-reached', cause })] : [];
  if (waitedMs < limits.republishAfterMs) return { hosting: next, effects };
  return {
    hosting: { ...next, onion: 'publishing', provingSinceMs: 0 },
    effects: [...effects, { type: 'republish' }],
  };
}

/** Starts whatever can be started now. */
function advance(hosting: Hosting, nowMs: number): Step {
  if (hosting.stage === 'ended' || hosting.room !== 'held') return quiet(hosting);
  if (hosting.onion === 'ready') {
    const effects: HostingEffect[] = [say({ notice: 'publishing' }), { type: 'publish' }];
    return { hosting: { ...hosting, onion: 'publishing', provingSinceMs: 0 }, effects };
  }
  if (hosting.onion === 'published' && hosting.way === 'unproven') {
    const first = hosting.provingSinceMs === 0;
    return {
      hosting: { ...hosting, way: 'proving', provingSinceMs: first ? nowMs : hosting.provingSinceMs },
      effects: [...(first ? [say({ notice: 'proving' })] : []), { type: 'prove' }],
    };
  }
  return quiet(hosting);
}

function end(hosting: Hosting, code: HostCode | undefined): Step {
  return { hosting: { ...hosting, stage: 'ended' }, effects: [say({ notice: 'ending' }), { type: 'end', code }] };
}

function say(what: Notice): HostingEffect {
  return { type: 'say', what };
}

function quiet(hosting: Hosting): Step {
  return { hosting, effects: [] };
}
