import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SETTLED, stepRoomMove } from '../src/room-move-machine.ts';
import type { RoomMove, RoomMoveEffect, RoomMoveEvent } from '../src/room-move-machine.ts';

const LIMITS = { openMs: 3, offerMs: 2, graceMs: 1 };
type EventType = RoomMoveEvent['type'];

function run(events: readonly EventType[], from: RoomMove = SETTLED): { move: RoomMove; effects: string[] } {
  let move = from;
  const effects: string[] = [];
  for (const type of events) {
    const next = stepRoomMove(move, { type }, LIMITS);
    move = next.state;
    effects.push(...next.effects.map(nameOf));
  }
  return { move, effects };
}

function nameOf(effect: RoomMoveEffect): string {
  if (effect.type === 'wait') return `wait ${effect.forMs}`;
  return effect.type === 'notify' ? `notify ${effect.what}` : effect.type;
}

describe('a move', () => {
  test('opens the other room before anybody is told, and closes the one before last of all', () => {
    const opening = run(['evict']);
    expect(opening.effects).toEqual(['notify opening-other', 'open-other', 'wait 3']);
    const offered = run(['opened'], opening.move);
    expect(offered.effects).toEqual(['offer-other', 'notify other-offered', 'wait 2']);
    const leaving = run(['moved'], offered.move);
    expect(leaving.effects).toEqual(['switch-to-other', 'notify switching', 'wait 1']);
    const closing = run(['time-over'], leaving.move);
    expect(closing.effects).toEqual(['close-before']);
    expect(run(['closed'], closing.move)).toEqual({ move: SETTLED, effects: ['show-invite'] });
  });

  test.each(['lost', 'time-over'] as const)('is given up when the other room does not open: %s', (failure) => {
    const { move, effects } = run(['evict', failure]);
    expect(move).toEqual(SETTLED);
    expect(effects.slice(3)).toEqual(['wait-for-nothing', 'close-other', 'notify other-not-opened', 'refuse-eviction']);
  });

  test('is given up when nobody moves: the other room is closed, and the room goes on', () => {
    const { move, effects } = run(['evict', 'opened', 'time-over']);
    expect(move).toEqual(SETTLED);
    expect(effects.slice(6)).toEqual(['wait-for-nothing', 'close-other', 'notify offer-lapsed']);
    expect(run(['moved'], move).effects).toEqual([]);
  });

  test('is given up when the other room is lost before anybody has moved', () => {
    expect(run(['evict', 'opened', 'lost']).effects.slice(6)).toEqual([
      'wait-for-nothing',
      'close-other',
      'notify other-not-opened',
    ]);
  });

  test('is done when the room before ends by itself', () => {
    const { move, effects } = run(['evict', 'opened', 'moved', 'closed']);
    expect(move).toEqual(SETTLED);
    expect(effects.slice(-2)).toEqual(['wait-for-nothing', 'show-invite']);
  });

  test('whatever comes in whatever order: one other room at a time, and each asker is answered once', () => {
    const event = fc.constantFrom<EventType>('evict', 'opened', 'lost', 'moved', 'closed', 'time-over');
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let move = SETTLED;
        let [others, before, asking, waiting] = [0, 0, 0, false];
        for (const type of events) {
          const next = stepRoomMove(move, { type }, LIMITS);
          move = next.state;
          for (const effect of next.effects) {
            if (effect.type === 'open-other') [others, asking] = [others + 1, asking + 1];
            if (effect.type === 'close-other') others -= 1;
            if (effect.type === 'switch-to-other') [others, before] = [others - 1, before + 1];
            if (effect.type === 'show-invite') before -= 1;
            if (effect.type === 'offer-other' || effect.type === 'refuse-eviction') asking -= 1;
            if (effect.type === 'wait') waiting = true;
            if (effect.type === 'wait-for-nothing' || effect.type === 'close-before') waiting = false;
          }
          expect([others, asking]).toEqual([
            move.stage === 'opening' || move.stage === 'offered' ? 1 : 0,
            move.stage === 'opening' ? 1 : 0,
          ]);
          expect(before).toBe(move.stage === 'leaving' || move.stage === 'closing' ? 1 : 0);
          expect(waiting).toBe(move.stage !== 'settled' && move.stage !== 'closing');
        }
      }),
    );
  });
});
