import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SETTLED, stepRoomMove } from '../src/room-move-machine.ts';
import type { RoomMove, RoomMoveEffect, RoomMoveEvent } from '../src/room-move-machine.ts';

const LIMITS = { openMs: 3, offerMs: 2, checkMs: 1 };
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
  test('opens the other room before it is offered, and switches when the moderator says that it moved', () => {
    const opening = run(['begin']);
    expect(opening.effects).toEqual(['notify opening-other', 'open-other', 'wait 3']);
    const offered = run(['opened'], opening.move);
    expect(offered.effects).toEqual(['offer-other', 'notify other-offered', 'wait 2']);
    const moved = run(['moved'], offered.move);
    expect(moved).toEqual({ move: SETTLED, effects: ['wait-for-nothing', 'switch-to-other', 'show-invite'] });
  });

  test.each(['lost', 'time-over'] as const)('is cancelled if the other room does not open: %s', (failure) => {
    const { move, effects } = run(['begin', failure]);
    expect(move).toEqual(SETTLED);
    expect(effects.slice(3)).toEqual(['wait-for-nothing', 'close-other', 'notify other-not-opened', 'refuse-offer']);
  });

  test('is cancelled if the moderator says that it did not move: the other room is closed', () => {
    for (const silence of [[], ['time-over'], ['time-over', 'time-over']] as const) {
      const offered = run(['begin', 'opened', ...silence]);
      const { move, effects } = run(['not-moved'], offered.move);
      expect(move).toEqual(SETTLED);
      expect(effects).toEqual(['wait-for-nothing', 'close-other', 'notify not-moved']);
    }
  });

  test('stays undecided with both rooms if the moderator says nothing, and looks for members', () => {
    const silent = run(['begin', 'opened', 'time-over', 'time-over', 'begin', 'time-over']);
    expect(silent.move).toEqual({ stage: 'undecided' });
    const looks = ['check-other', 'wait 1'];
    expect(silent.effects.slice(6)).toEqual(['notify undecided', ...looks, ...looks, ...looks]);
    for (const outcome of ['joined', 'moved'] as const) {
      const { move, effects } = run([outcome], silent.move);
      expect(move).toEqual(SETTLED);
      expect(effects).toEqual(['wait-for-nothing', 'switch-to-other', 'show-invite']);
    }
  });

  test('is cancelled if the other room is lost before a member has moved', () => {
    expect(run(['begin', 'opened', 'lost']).effects.slice(6)).toEqual([
      'wait-for-nothing',
      'close-other',
      'notify other-not-opened',
    ]);
  });

  test('has one other room at a time, answers once, and closes none without a word, for events in any order', () => {
    const event = fc.constantFrom<EventType>('begin', 'opened', 'lost', 'moved', 'not-moved', 'joined', 'time-over');
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let move = SETTLED;
        let [others, asking, waiting, offered] = [0, 0, false, false];
        for (const type of events) {
          const next = stepRoomMove(move, { type }, LIMITS);
          move = next.state;
          for (const effect of next.effects) {
            if (effect.type === 'open-other') [others, asking] = [others + 1, asking + 1];
            if (effect.type === 'close-other') others -= 1;
            // Once the way was offered, only its own end or the moderator's word closes the other room.
            if (effect.type === 'close-other' && offered) expect(['lost', 'not-moved']).toContain(type);
            if (effect.type === 'switch-to-other') others -= 1;
            if (effect.type === 'offer-other' || effect.type === 'refuse-offer') asking -= 1;
            if (effect.type === 'wait') waiting = true;
            if (effect.type === 'wait-for-nothing') waiting = false;
          }
          offered = move.stage === 'offered' || move.stage === 'undecided';
          expect([others, asking]).toEqual([move.stage === 'settled' ? 0 : 1, move.stage === 'opening' ? 1 : 0]);
          expect(waiting).toBe(move.stage !== 'settled');
        }
      }),
    );
  });
});
