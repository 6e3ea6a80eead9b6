import { TEXT_BYTES_MAX } from '@sotto/protocol';
import { Secret } from '@sotto/crypto';
import { describe, expect, test, vi } from 'vitest';
import {
  LEAVE_WAIT_MS,
  MEMBER_SILENT_MS,
  OUTBOX_TEXTS_MAX,
  PRESENCE_INTERVAL_MS,
  RECEIPT_DELAY_MS,
  WINDOW_FRAMES,
} from '../src/limits.ts';
import { Room, gapsOf, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

function presentNames(seat: RoomMember): string[] {
  return seat.client.members().flatMap((member) => (member.present ? [member.name] : []));
}

describe('joining', () => {
  test('shows two members to each other', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    await room.clock.advance(1);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
    expect(statesOf(ben)).toEqual(['joining', 'joined']);
    expect(told(anna, 'arrived').map((event) => event.member.name)).toEqual(['Ben']);
    expect(told(ben, 'arrived').map((event) => event.member.name)).toEqual(['Anna']);
    expect(anna.client.members()).toEqual([
      { name: 'Anna', fingerprint: anna.client.fingerprint, self: true, present: true },
      { name: 'Ben', fingerprint: ben.client.fingerprint, self: false, present: true },
    ]);
    expect(told(anna, 'members').at(-1)?.members).toEqual(anna.client.members());
  });

  test('later gives a member all texts sent from then on, and no gap', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    anna.client.send('before');
    await room.clock.advance(1);
    const ben = await room.join('Ben');
    anna.client.send('after');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['after']);
    expect(gapsOf(ben)).toEqual([]);
  });

  test('releases a text that was sent before it', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = room.member('Ben');
    ben.client.start();
    ben.client.send('early', 'ref-1');
    await room.clock.advance(1);
    expect(textsOf(anna)).toEqual(['early']);
    expect(told(ben, 'sent').map((event) => event.ref)).toEqual(['ref-1']);
  });

  test('is refused before a frame is sent if no member could read the name', async () => {
    for (const name of ['', 'n'.repeat(49), 'é'.repeat(25)]) {
      const room = new Room();
      const seat = await room.join(name);
      expect(told(seat, 'error').map((event) => event.code)).toEqual(['name-invalid']);
      expect(statesOf(seat)).toEqual(['closed name-invalid']);
      expect(room.relay.connections).toBe(0);
    }
    const control = new Room();
    expect(statesOf(await control.join('é'.repeat(24)))).toContain('joined');
  });
});

describe('texts', () => {
  test('arrive whole and in order both ways, from 1 byte to 64 KiB', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    const said = [1, 2, 336, 337, 1000, 3920, 3921, 20_000, TEXT_BYTES_MAX].map((length, index) =>
      String.fromCharCode(97 + index).repeat(length),
    );
    for (const text of said) {
      anna.client.send(text);
      ben.client.send(text.toUpperCase());
    }
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(said);
    expect(textsOf(anna)).toEqual(said.map((text) => text.toUpperCase()));
  });

  test('arrive once at each of three members, with the same id everywhere', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    const cleo = await room.join('Cleo');
    anna.client.send('hello', 'r');
    await room.clock.advance(1);
    const id = told(anna, 'sent')[0]?.id;
    expect(id).toMatch(/^[0-9a-f]{16}-\d+$/);
    for (const seat of [ben, cleo]) {
      const from = { name: 'Anna', fingerprint: anna.client.fingerprint };
      expect(told(seat, 'message')).toEqual([{ type: 'message', id, from, text: 'hello' }]);
    }
    expect(textsOf(anna)).toEqual([]);
  });

  test('keep every character, including a leading byte order mark and a NUL', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    const said = ['\uFEFFmark', 'a\u0000b', '👩‍🚀 naïve ﷺ', '\u001b[31mred', '\r\n', ' '];
    for (const text of said) anna.client.send(text);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(said);
  });

  test('with half a surrogate pair arrive with the replacement character', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    anna.client.send('a\ud800b');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['a\ufffdb']);
  });

  test('are refused if empty or above 64 KiB, counted in bytes and not in characters', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    anna.client.send('', 'empty');
    anna.client.send('a'.repeat(TEXT_BYTES_MAX + 1), 'long');
    anna.client.send('é'.repeat(TEXT_BYTES_MAX / 2 + 1), 'long in bytes');
    anna.client.send('é'.repeat(TEXT_BYTES_MAX / 2), 'just fits');
    await room.clock.advance(1);
    expect(told(anna, 'error').map((event) => [event.ref, event.code])).toEqual([
      ['empty', 'text-empty'],
      ['long', 'text-too-long'],
      ['long in bytes', 'text-too-long'],
    ]);
    expect(told(anna, 'sent').map((event) => event.ref)).toEqual(['just fits']);
  });

  test('are in flight up to the window, and wait up to the limit of the outbox', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    room.relay.keeps = () => false;
    const said = WINDOW_FRAMES + OUTBOX_TEXTS_MAX + 3;
    for (let index = 0; index < said; index += 1) anna.client.send('x', `${index}`);
    await room.clock.advance(1);
    expect(room.relay.arrivals.length - 1).toBe(WINDOW_FRAMES);
    const refused = told(anna, 'error');
    expect(refused.map((event) => event.code)).toEqual(['outbox-full', 'outbox-full', 'outbox-full']);
    expect(refused[0]?.ref).toBe(`${WINDOW_FRAMES + OUTBOX_TEXTS_MAX}`);
    expect(told(anna, 'sent')).toEqual([]);
  });

  test('keep their order when a front end greets joiners from within its handler', async () => {
    const room = new Room();
    const anna = await room.join('Anna', {
      hear: (event, seat) => {
        if (event.type === 'arrived') seat.client.send(`welcome, ${event.member.name}`);
      },
    });
    const ben = await room.join('Ben');
    const cleo = await room.join('Cleo');
    await room.clock.advance(1);
    expect(told(ben, 'message').map((event) => [event.from.name, event.text])).toEqual([
      ['Anna', 'welcome, Ben'],
      ['Anna', 'welcome, Cleo'],
    ]);
    expect(presentNames(cleo)).toContain('Anna');
    expect(gapsOf(ben)).toEqual([]);
    expect(gapsOf(anna)).toEqual([]);
  });

  test('in flight survive a send from within a handler after a reconnect', async () => {
    const room = new Room();
    const ben = await room.join('Ben');
    let joins = 0;
    const anna = await room.join('Anna', {
      hear: (event, seat) => {
        if (event.type === 'state' && event.state === 'joined' && (joins += 1) > 1) seat.client.send('back');
      },
    });
    room.relay.keeps = () => false;
    anna.client.send('on the way 1');
    anna.client.send('on the way 2');
    await room.clock.advance(1);
    room.relay.keeps = () => true;
    anna.streams[0]?.cut();
    await room.clock.advance(1_000);
    expect(textsOf(ben)).toEqual(['on the way 1', 'on the way 2', 'back']);
    expect(gapsOf(ben)).toEqual([]);
  });
});

describe('receipts', () => {
  test('raise the delivery count by one for each other member, once', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    await room.join('Ben');
    await room.join('Cleo');
    anna.client.send('hello');
    await room.clock.advance(RECEIPT_DELAY_MS + 1);
    const id = told(anna, 'sent')[0]?.id;
    expect(told(anna, 'delivered')).toEqual([
      { type: 'delivered', id, by: 1 },
      { type: 'delivered', id, by: 2 },
    ]);
    await room.clock.advance(10 * RECEIPT_DELAY_MS);
    expect(told(anna, 'delivered')).toHaveLength(2);
  });

  test('travel in an answer, without a frame of their own', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    anna.client.send('hello');
    await room.clock.advance(1);
    const before = room.relay.arrivals.length;
    ben.client.send('hello yourself');
    await room.clock.advance(1);
    expect(told(anna, 'delivered').map((event) => event.by)).toEqual([1]);
    await room.clock.advance(RECEIPT_DELAY_MS);
    expect(room.relay.arrivals.length - before).toBe(2);
  });

  test('are sent about once a second by a listener in a busy room', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    await room.join('Ben');
    for (let index = 0; index < 20; index += 1) {
      anna.client.send(`text ${index}`);
      await room.clock.advance(RECEIPT_DELAY_MS / 2);
    }
    expect(new Set(told(anna, 'delivered').map((event) => event.id)).size).toBeGreaterThan(15);
  });
});

describe('presence', () => {
  test('ends when a member leaves, and the member is no longer listed', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    ben.client.leave();
    await room.clock.advance(1);
    await ben.client.ended;
    expect(statesOf(ben).at(-1)).toBe('closed');
    expect(told(anna, 'left').map((event) => event.member.name)).toEqual(['Ben']);
    expect(presentNames(anna)).toEqual(['Anna']);
    expect(room.relay.connections).toBe(2);
  });

  test('ends for a silent member, and not for a listener', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    await room.join('Cleo');
    ben.streams[0]?.cut();
    ben.client.leave();
    await room.clock.advance(MEMBER_SILENT_MS + 2 * PRESENCE_INTERVAL_MS);
    expect(told(anna, 'left').map((event) => event.member.name)).toEqual(['Ben']);
    expect(presentNames(anna)).toEqual(['Anna', 'Cleo']);
  });

  test('begins again with the next text of a member that was silent for too long', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    // Ben's frames do not reach the log for a while, so the others miss him. His client keeps them
    // and sends them again.
    room.relay.keeps = (arrival) => arrival.connection !== ben.connection();
    room.relay.passesOn = (connection) => connection !== ben.connection();
    await room.clock.advance(MEMBER_SILENT_MS + 2 * PRESENCE_INTERVAL_MS);
    expect(presentNames(anna)).toEqual(['Anna']);
    room.relay.keeps = () => true;
    ben.streams[0]?.cut();
    ben.client.send('back');
    await room.clock.advance(2_000);
    expect(presentNames(anna)).toEqual(['Anna', 'Ben']);
    expect(told(anna, 'arrived').map((event) => event.member.name)).toEqual(['Ben', 'Ben']);
    expect(told(anna, 'members').at(-1)?.members).toEqual(anna.client.members());
    expect(textsOf(anna)).toEqual(['back']);
  });
});

describe('leaving', () => {
  test('sends the earlier texts first', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    const said = Array.from({ length: 2 * WINDOW_FRAMES }, (_, index) => `last words ${index}`);
    for (const text of said) ben.client.send(text);
    ben.client.leave();
    await room.clock.advance(1);
    expect(textsOf(anna)).toEqual(said);
    expect(statesOf(ben).at(-1)).toBe('closed');
  });

  test('ends at its deadline if the relay falls silent, and at once on the second call', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.relay.mute = true;
    anna.client.leave();
    ben.client.leave();
    await room.clock.advance(LEAVE_WAIT_MS - 2);
    expect(statesOf(anna).at(-1)).toBe('joined');
    ben.client.leave();
    expect(statesOf(ben).at(-1)).toBe('closed');
    await room.clock.advance(2);
    expect(statesOf(anna).at(-1)).toBe('closed');
    await Promise.all([anna.client.ended, ben.client.ended]);
    await room.clock.advance(1);
    expect(room.clock.pending).toBe(0);
  });

  test('emits nothing after the end', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    anna.client.leave();
    await room.clock.advance(1);
    const before = anna.events.length;
    ben.client.send('anybody?');
    anna.client.leave();
    await room.clock.advance(10 * PRESENCE_INTERVAL_MS);
    expect(anna.events).toHaveLength(before);
  });

  test('zeroes the keys of the room and of the member', async () => {
    const room = new Room();
    await room.clock.advance(1);
    const made = vi.spyOn(Secret.prototype, 'use');
    const destroyed = vi.spyOn(Secret.prototype, 'destroy');
    const anna = await room.join('Anna');
    anna.client.send('so that every key has been used');
    await room.clock.advance(1);
    expect(new Set(made.mock.contexts).size).toBeGreaterThan(5);
    anna.client.leave();
    await room.clock.advance(20_000);
    await anna.client.ended;
    await room.clock.advance(1);
    const ended = new Set(destroyed.mock.contexts);
    expect([...new Set(made.mock.contexts)].filter((secret) => !ended.has(secret))).toEqual([]);
    made.mockRestore();
    destroyed.mockRestore();
  });

  test('refuses every text from then on', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    room.relay.mute = true;
    anna.client.leave();
    anna.client.send('wait', 'late');
    expect(told(anna, 'error').map((event) => [event.ref, event.code])).toEqual([['late', 'not-joined']]);
  });
});
