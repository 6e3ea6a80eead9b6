import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SETTLED, stepMoving } from '../src/room-move.ts';
import type { Moving, MovingEffect, MovingEvent } from '../src/room-move.ts';

const LIMITS = { openMs: 3, offerMs: 2, graceMs: 1 };
type EventType = MovingEvent['type'];

function run(events: readonly EventType[], from: Moving = SETTLED): { moving: Moving; effects: string[] } {
  let moving = from;
  const effects: string[] = [];
  for (const type of events) {
    const next = stepMoving(moving, { type }, LIMITS);
    moving = next.moving;
    effects.push(...next.effects.map(nameOf));
  }
  return { moving, effects };
}

function nameOf(effect: MovingEffect): string {
  if (effect.type === 'wait') return `wait ${effect.forMs}`;
  return effect.type === 'say' ? `say ${effect.what}` : effect.type;
}

describe('a move', () => {
  test('opens the other room before anybody is told, and closes the one before last of all', () => {
    const opening = run(['evict']);
    expect(opening.effects).toEqual(['say opening-other', 'open-other', 'wait 3']);
    const offered = run(['opened'], opening.moving);
    expect(offered.effects).toEqual(['offer-other', 'say other-offered', 'wait 2']);
    const leaving = run(['moved'], offered.moving);
    expect(leaving.effects).toEqual(['adopt-other', 'say moving', 'wait 1']);
    const closing = run(['time-over'], leaving.moving);
    expect(closing.effects).toEqual(['close-before']);
    expect(run(['closed'], closing.moving)).toEqual({ moving: SETTLED, effects: ['show-invite'] });
  });

  test.each(['lost', 'time-over'] as const)('is given up when the other room does not open: %s', (failure) => {
    const { moving, effects } = run(['evict', failure]);
    expect(moving).toEqual(SETTLED);
    expect(effects.slice(3)).toEqual(['wait-for-nothing', 'close-other', 'say other-not-opened', 'refuse-asker']);
  });

  test('is given up when nobody moves: the other room is closed, and the room goes on', () => {
    const { moving, effects } = run(['evict', 'opened', 'time-over']);
    expect(moving).toEqual(SETTLED);
    expect(effects.slice(6)).toEqual(['wait-for-nothing', 'close-other', 'say offer-lapsed']);
    expect(run(['moved'], moving).effects).toEqual([]);
  });

  test('is given up when the other room is lost before anybody has moved', () => {
    expect(run(['evict', 'opened', 'lost']).effects.slice(6)).toEqual([
      'wait-for-nothing',
      'close-other',
      'say other-not-opened',
    ]);
  });

  test('is done when the room before ends by itself', () => {
    const { moving, effects } = run(['evict', 'opened', 'moved', 'closed']);
    expect(moving).toEqual(SETTLED);
    expect(effects.slice(-2)).toEqual(['wait-for-nothing', 'show-invite']);
  });

  test('whatever comes in whatever order: one other room at a time, and each asker is answered once', () => {
    const event = fc.constantFrom<EventType>('evict', 'opened', 'lost', 'moved', 'closed', 'time-over');
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let moving = SETTLED;
        let [others, before, asking, waiting] = [0, 0, 0, false];
        for (const type of events) {
          const next = stepMoving(moving, { type }, LIMITS);
          moving = next.moving;
          for (const effect of next.effects) {
            if (effect.type === 'open-other') [others, asking] = [others + 1, asking + 1];
            if (effect.type === 'close-other') others -= 1;
            if (effect.type === 'adopt-other') [others, before] = [others - 1, before + 1];
            if (effect.type === 'show-invite') before -= 1;
            if (effect.type === 'offer-other' || effect.type === 'refuse-asker') asking -= 1;
            if (effect.type === 'wait') waiting = true;
            if (effect.type === 'wait-for-nothing' || effect.type === 'close-before') waiting = false;
          }
          expect([others, asking]).toEqual([
            moving.stage === 'opening' || moving.stage === 'offered' ? 1 : 0,
            moving.stage === 'opening' ? 1 : 0,
          ]);
          expect(before).toBe(moving.stage === 'leaving' || moving.stage === 'closing' ? 1 : 0);
          expect(waiting).toBe(moving.stage !== 'settled' && moving.stage !== 'closing');
        }
      }),
    );
  });
});
