// How a room moves to another onion and secret because a member is evicted, as a pure state
// machine: open, offer, move, close. Its edge is host.ts.

import type { Step } from '@sotto/machine';

/**
 * `opening`: another room is being opened; the eviction waits for it. `offered`: it is open, and
 * the moderator's client knows it. `leaving`: that client has told the members. The other room is
 * the present one, and the one before ends within seconds. `closing`: the one before is being
 * closed.
 */
export type RoomMove = { readonly stage: 'settled' | 'opening' | 'offered' | 'leaving' | 'closing' };

export const SETTLED: RoomMove = { stage: 'settled' };

export type RoomMoveEvent =
  | { readonly type: 'evict' }
  /** The other room can be joined. */
  | { readonly type: 'opened' }
  /** The other room has ended before the room moved to it. */
  | { readonly type: 'lost' }
  | { readonly type: 'moved' }
  /** The room before has ended. */
  | { readonly type: 'closed' }
  | { readonly type: 'time-over' };

export type RoomMoveEffect =
  | { readonly type: 'open-other' }
  | { readonly type: 'offer-other' }
  | { readonly type: 'refuse-eviction' }
  | { readonly type: 'close-other' }
  | { readonly type: 'switch-to-other' }
  | { readonly type: 'close-before' }
  | { readonly type: 'show-invite' }
  /** `time-over` is due after so long, and replaces an earlier one. */
  | { readonly type: 'wait'; readonly forMs: number }
  | { readonly type: 'wait-for-nothing' }
  | { readonly type: 'notify'; readonly what: MoveNotice };

/** Notices of a move for the host's screen; the words are in screen.ts. */
export type MoveNotice = 'opening-other' | 'other-not-opened' | 'other-offered' | 'offer-lapsed' | 'switching';

export interface RoomMoveLimits {
  readonly openMs: number;
  readonly offerMs: number;
  readonly graceMs: number;
}

type RoomMoveStep = Step<RoomMove, RoomMoveEffect>;

/**
 * One step. An event that does not fit the stage changes nothing, because its room or its eviction
 * was given up already.
 */
export function stepRoomMove(move: RoomMove, event: RoomMoveEvent, limits: RoomMoveLimits): RoomMoveStep {
  switch (move.stage) {
    case 'settled':
      if (event.type !== 'evict') break;
      return step('opening', [notify('opening-other'), { type: 'open-other' }, wait(limits.openMs)]);
    case 'opening':
      if (event.type === 'opened') {
        return step('offered', [{ type: 'offer-other' }, notify('other-offered'), wait(limits.offerMs)]);
      }
      if (event.type === 'lost' || event.type === 'time-over') {
        return step('settled', [...withdraw('other-not-opened'), { type: 'refuse-eviction' }]);
      }
      break;
    case 'offered':
      if (event.type === 'moved')
        return step('leaving', [{ type: 'switch-to-other' }, notify('switching'), wait(limits.graceMs)]);
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
  return { state: move, effects: [] };
}

/** The present room goes on. */
function withdraw(what: MoveNotice): readonly RoomMoveEffect[] {
  return [{ type: 'wait-for-nothing' }, { type: 'close-other' }, notify(what)];
}

function step(stage: RoomMove['stage'], effects: readonly RoomMoveEffect[]): RoomMoveStep {
  return { state: { stage }, effects };
}

function notify(what: MoveNotice): RoomMoveEffect {
  return { type: 'notify', what };
}

function wait(forMs: number): RoomMoveEffect {
  return { type: 'wait', forMs };
}
