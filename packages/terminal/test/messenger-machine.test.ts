import { describe, expect, test } from 'vitest';
import { NEW_MESSENGER, stepMessenger } from '../src/messenger-machine.ts';
import type { MessengerState, MessengerEffect, MessengerEvent } from '../src/messenger-machine.ts';

const JOINED: MessengerEvent = { type: 'client-event', event: { type: 'state', state: 'joined' } };
const CLOSED: MessengerEvent = { type: 'client-event', event: { type: 'state', state: 'closed' } };

function say(ref: string): MessengerEvent {
  return { type: 'command', command: { type: 'send', text: `text ${ref}`, ref }, members: [] };
}

function sent(ref: number): MessengerEvent {
  return { type: 'client-event', event: { type: 'sent', ref: String(ref), id: `id-${ref}` } };
}

function play(events: readonly MessengerEvent[]): { end: MessengerState; effects: MessengerEffect['type'][][] } {
  let end = NEW_MESSENGER;
  const effects = events.map((event) => {
    const { state: next, effects: performed } = stepMessenger(end, event);
    end = next;
    return performed.map((effect) => effect.type);
  });
  return { end, effects };
}

describe('reading the input', () => {
  test('stops at 128 unacknowledged texts and goes on at 64', () => {
    const said = Array.from({ length: 128 }, (_, index) => say(`${index}`));
    const { end, effects } = play([JOINED, ...said]);
    expect(effects.filter((performed) => performed.includes('hold-input'))).toHaveLength(1);
    expect(effects.at(-1)).toEqual(['show', 'hold-input', 'send']);
    expect(end.held).toBe(true);
    const acknowledged = Array.from({ length: 64 }, (_, index) => sent(index + 1));
    const later = play([JOINED, ...said, ...acknowledged]);
    expect(later.effects.filter((performed) => performed.includes('release-input'))).toHaveLength(1);
    expect(later.effects.at(-1)).toContain('release-input');
  });

  test('returns any reference of a program unchanged', () => {
    const { state: first } = stepMessenger(NEW_MESSENGER, say('2'));
    const { state: second } = stepMessenger(first, say('2'));
    const { effects } = stepMessenger(second, sent(1));
    expect(effects).toEqual([{ type: 'show', event: { type: 'sent', ref: '2', id: 'id-1', text: 'text 2' } }]);
  });
});

describe('the end of the input', () => {
  test('leaves at once when nothing waits', () => {
    expect(play([JOINED, { type: 'input-ended' }]).effects.at(-1)).toEqual(['hold-input', 'leave']);
  });

  test('waits for the last acknowledgement, then leaves', () => {
    const { effects } = play([JOINED, say('a'), { type: 'input-ended' }, sent(1)]);
    expect(effects.slice(2)).toEqual([['set-drain-timer'], ['show', 'hold-input', 'leave']]);
  });

  test('waits for a room code that is computed, then leaves', () => {
    const ask: MessengerEvent = { type: 'command', command: { type: 'code' }, members: [] };
    const code: MessengerEvent = { type: 'code-computed', code: { epoch: 7, words: ['abandon'] } };
    const { effects } = play([JOINED, ask, ask, { type: 'input-ended' }, code, code]);
    expect(effects.slice(1)).toEqual([
      ['show-code'],
      ['show-code'],
      ['set-drain-timer'],
      ['show'],
      ['show', 'hold-input', 'leave'],
    ]);
    // Control: once it is there, nothing is awaited.
    expect(play([JOINED, ask, code, { type: 'input-ended' }]).effects.at(-1)).toEqual(['hold-input', 'leave']);
  });

  test('leaves after a text that was refused, too', () => {
    const refused: MessengerEvent = {
      type: 'client-event',
      event: { type: 'error', code: 'text-empty', message: '', ref: '1' },
    };
    expect(play([JOINED, say('a'), { type: 'input-ended' }, refused]).effects.at(-1)).toContain('leave');
  });

  test('counts the drain time from the join on', () => {
    const { effects } = play([say('a'), { type: 'input-ended' }, JOINED]);
    expect(effects.slice(1)).toEqual([[], ['show', 'set-drain-timer']]);
  });

  test('gives up after the drain time, with the reference and exit code 1', () => {
    const { end, effects } = play([JOINED, say('a'), { type: 'input-ended' }, { type: 'drain-timeout' }, CLOSED]);
    expect(effects.slice(3)).toEqual([
      ['hold-input', 'leave'],
      ['show', 'show', 'end'],
    ]);
    expect(end.exitCode).toBe(1);
  });
});

describe('leaving', () => {
  test('asks the client again at a second interrupt, which ends at once', () => {
    const { effects, end } = play([JOINED, { type: 'interrupt' }, { type: 'interrupt' }, CLOSED]);
    expect(effects.slice(1, 3)).toEqual([
      ['hold-input', 'leave'],
      ['hold-input', 'leave'],
    ]);
    expect(end).toMatchObject({ phase: 'over', exitCode: 0 });
  });

  test('sends no text after it began, and does nothing after the end', () => {
    const { effects } = play([JOINED, { type: 'interrupt' }, say('a'), CLOSED, say('b'), JOINED, CLOSED]);
    expect(effects.slice(2)).toEqual([[], ['show', 'end'], [], [], []]);
  });

  test('counts a closed window as one request, with any signals in any order', () => {
    const signs: readonly MessengerEvent[] = [{ type: 'hang-up' }, { type: 'input-ended' }, { type: 'output-failed' }];
    for (const first of signs) {
      const { effects } = play([JOINED, first, ...signs, ...signs]);
      expect(effects.slice(1).flat()).toEqual(['hold-input', 'leave']);
    }
    expect(play([JOINED, { type: 'hang-up' }, CLOSED]).end.exitCode).toBe(0);
  });

  test('gives exit code 1 if the output failed or the room ended', () => {
    expect(play([JOINED, { type: 'output-failed' }, CLOSED]).end.exitCode).toBe(1);
    const roomClosed: MessengerEvent = {
      type: 'client-event',
      event: { type: 'state', state: 'closed', code: 'room-closed' },
    };
    expect(play([JOINED, roomClosed]).end.exitCode).toBe(1);
  });
});
