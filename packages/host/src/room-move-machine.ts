// How a room moves to another onion and secret, with all its members or without an evicted one, as
// a pure state machine: open, offer, move. Its edge is host.ts.

import type { Step } from '@sotto/machine';

/**
 * `opening`: another room is being opened; the moderator's client waits for it. `offered`: it is
 * open, and that client commits the way to it. `undecided`: that client has not told the outcome.
 * Its commit may be in the log, for members that are away: so both rooms stay, until a member comes
 * into the other one, or the client tells.
 */
export type RoomMove = { readonly stage: 'settled' | 'opening' | 'offered' | 'undecided' };

export const SETTLED: RoomMove = { stage: 'settled' };

export type RoomMoveEvent =
  | { readonly type: 'begin' }
  /** The other room can be joined. */
  | { readonly type: 'opened' }
  /** The other room has ended before the room moved to it. */
  | { readonly type: 'lost' }
  /** The moderator's client has told the outcome. */
  | { readonly type: 'moved' | 'not-moved' }
  /** A member is in the other room: it has read the move in the log. */
  | { readonly type: 'joined' }
  | { readonly type: 'time-over' };

export type RoomMoveEffect =
  | { readonly type: 'open-other' }
  | { readonly type: 'offer-other' }
  | { readonly type: 'refuse-offer' }
  | { readonly type: 'close-other' }
  /** Looks whether a member is in the other room. */
  | { readonly type: 'check-other' }
  /** The other room is the present one. The one before stays a while, for members that were away. */
  | { readonly type: 'switch-to-other' }
  | { readonly type: 'show-invite' }
  /** `time-over` is due after so long, and replaces an earlier one. */
  | { readonly type: 'wait'; readonly forMs: number }
  | { readonly type: 'wait-for-nothing' }
  | { readonly type: 'notify'; readonly what: MoveNotice };

/** Notices of a move for the host's screen; the words are in screen.ts. */
export type MoveNotice = 'opening-other' | 'other-not-opened' | 'other-offered' | 'not-moved' | 'undecided';

export interface RoomMoveLimits {
  readonly openMs: number;
  readonly offerMs: number;
  /** Between two looks into the other room. */
  readonly checkMs: number;
}

type RoomMoveStep = Step<RoomMove, RoomMoveEffect>;

/**
 * One step. An event that does not fit the stage changes nothing, because its room or its move was
 * given up already.
 */
export function stepRoomMove(move: RoomMove, event: RoomMoveEvent, limits: RoomMoveLimits): RoomMoveStep {
  switch (move.stage) {
    case 'settled':
      if (event.type !== 'begin') break;
      return step('opening', [notify('opening-other'), { type: 'open-other' }, wait(limits.openMs)]);
    case 'opening':
      if (event.type === 'opened') {
        return step('offered', [{ type: 'offer-other' }, notify('other-offered'), wait(limits.offerMs)]);
      }
      if (event.type === 'lost' || event.type === 'time-over') {
        return step('settled', [...withdraw('other-not-opened'), { type: 'refuse-offer' }]);
      }
      break;
    case 'offered':
    case 'undecided':
      return stepOffered(move, event, limits);
  }
  return { state: move, effects: [] };
}

function stepOffered(move: RoomMove, event: RoomMoveEvent, { checkMs }: RoomMoveLimits): RoomMoveStep {
  switch (event.type) {
    case 'moved':
    case 'joined':
      return step('settled', [{ type: 'wait-for-nothing' }, { type: 'switch-to-other' }, { type: 'show-invite' }]);
    case 'not-moved':
      return step('settled', withdraw('not-moved'));
    case 'lost':
      return step('settled', withdraw('other-not-opened'));
    case 'time-over': {
      const news = move.stage === 'offered' ? [notify('undecided')] : [];
      return step('undecided', [...news, { type: 'check-other' }, wait(checkMs)]);
    }
    case 'begin':
    case 'opened':
      return { state: move, effects: [] };
  }
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
