// How a room moves to another onion and secret because somebody is evicted, as a pure state machine: open, offer, move, close.

/**
 * `opening`: another room is on its way; who asked for it waits. `offered`: it is open, and the asker has been told. `leaving`: the asker has
 * told the members; the other room is the room now, and the one before has its last seconds. `closing`: it is being closed.
 */
export type Moving = { readonly stage: 'settled' | 'opening' | 'offered' | 'leaving' | 'closing' };

export const SETTLED: Moving = { stage: 'settled' };

export type MovingEvent =
  | { readonly type: 'evict' }
  /** The other room can be joined. */
  | { readonly type: 'opened' }
  /** The other room has ended before it was ours. */
  | { readonly type: 'lost' }
  | { readonly type: 'moved' }
  /** The room before has ended. */
  | { readonly type: 'closed' }
  | { readonly type: 'time-over' };

export type MovingEffect =
  | { readonly type: 'open-other' }
  | { readonly type: 'offer-other' }
  | { readonly type: 'refuse-asker' }
  | { readonly type: 'close-other' }
  | { readonly type: 'adopt-other' }
  | { readonly type: 'close-before' }
  | { readonly type: 'show-invite' }
  /** `time-over` is due after so long, instead of whatever was due before. */
  | { readonly type: 'wait'; readonly forMs: number }
  | { readonly type: 'wait-for-nothing' }
  | { readonly type: 'say'; readonly what: MoveNotice };

/** What the host's screen is told of a move; the words are in screen.ts. */
export type MoveNotice = 'opening-other' | 'other-not-opened' | 'other-offered' | 'offer-lapsed' | 'moving';

export interface MovingLimits {
  readonly openMs: number;
  readonly offerMs: number;
  readonly graceMs: number;
}

interface Step {
  readonly moving: Moving;
  readonly effects: readonly MovingEffect[];
}

/** One step. What does not fit the stage changes nothing: it comes from a room or an asker that is not waited for any more. */
export function stepMoving(moving: Moving, event: MovingEvent, limits: MovingLimits): Step {
  switch (moving.stage) {
    case 'settled':
      if (event.type !== 'evict') break;
      return step('opening', [say('opening-other'), { type: 'open-other' }, wait(limits.openMs)]);
    case 'opening':
      if (event.type === 'opened') {
        return step('offered', [{ type: 'offer-other' }, say('other-offered'), wait(limits.offerMs)]);
      }
      if (event.type === 'lost' || event.type === 'time-over') {
        return step('settled', [...withdraw('other-not-opened'), { type: 'refuse-asker' }]);
      }
      break;
    case 'offered':
      if (event.type === 'moved')
        return step('leaving', [{ type: 'adopt-other' }, say('moving'), wait(limits.graceMs)]);
      if (event.type === 'lost') return step('settled', withdraw('other-not-opened'));
      if (event.type === 'time-over') return step('settled', withdraw('offer-lapsed'));
      break;
    case 'leaving':
      if (event.type === 'time-over') return step('closing', [{ type: 'close-before' }]);
      if (event.type === 'closed') return step('settled', [{ type: 'wait-for-nothing' }, { type: 'show-invite' }]);
      break;
    case 'closing':
      if (event.type === 'closed') return step('settled', [{ type: 'show-invite' }]);
      break;
  }
  return { moving, effects: [] };
}

/** The room that there is goes on. */
function withdraw(what: MoveNotice): readonly MovingEffect[] {
  return [{ type: 'wait-for-nothing' }, { type: 'close-other' }, say(what)];
}

function step(stage: Moving['stage'], effects: readonly MovingEffect[]): Step {
  return { moving: { stage }, effects };
}

function say(what: MoveNotice): MovingEffect {
  return { type: 'say', what };
}

function wait(forMs: number): MovingEffect {
  return { type: 'wait', forMs };
}
