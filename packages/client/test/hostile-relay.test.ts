import {
  bodyBytes,
  encodeAttached,
  encodePing,
  encodeChallenge,
  encodeFrame,
  encodeRefused,
  FRAME_BYTES,
} from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { BACKOFF_FIRST_MS, RANK_FIRST_MS, RECEIPT_DELAY_MS, LOG_GAP_ROTATION_MS } from '../src/limits.ts';
import { auditResends, operationOf } from './audit.ts';
import { Room, gapsOf, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import type { Entry } from '@sotto/fixtures';

async function pair(): Promise<{ room: Room; anna: RoomMember; ben: RoomMember }> {
  const room = new Room();
  const anna = await room.join('Anna');
  const ben = await room.join('Ben');
  await room.clock.advance(2 * RECEIPT_DELAY_MS);
  return { room, anna, ben };
}

async function sayAndTake(room: Room, speaker: RoomMember, text: string): Promise<Entry> {
  speaker.client.send(text);
  await room.clock.advance(1);
  const entry = room.relay.log.at(-1);
  if (entry === undefined) throw new Error('nothing was said');
  return entry;
}

describe('a relay that replays', () => {
  test('cannot show an entry twice on the same connection', async () => {
    const { room, anna, ben } = await pair();
    const entry = await sayAndTake(room, anna, 'once');
    room.relay.injectEntry(ben.connection(), entry);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['once']);
    expect(gapsOf(ben)).toEqual([]);
  });

  test('cannot show an old body twice under a new sequence number', async () => {
    const { room, anna, ben } = await pair();
    const entry = await sayAndTake(room, anna, 'once');
    room.relay.append(entry.body);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['once']);
    // Control: the same text sent again is shown again, so the client does not compare texts.
    await sayAndTake(room, anna, 'once');
    expect(textsOf(ben)).toEqual(['once', 'once']);
  });

  test('cannot show the log twice after a resume', async () => {
    const { room, anna, ben } = await pair();
    for (const text of ['one', 'two', 'three']) await sayAndTake(room, anna, text);
    ben.streams[0]?.cut();
    await room.clock.advance(BACKOFF_FIRST_MS + 1);
    for (const entry of room.relay.log) room.relay.injectEntry(ben.connection(), entry);
    for (const entry of [...room.relay.log]) room.relay.append(entry.body);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['one', 'two', 'three']);
    expect(told(ben, 'arrived')).toHaveLength(1);
    await sayAndTake(room, anna, 'four');
    expect(textsOf(ben)).toEqual(['one', 'two', 'three', 'four']);
  });

  test('cannot show a member its own frames as another member’s', async () => {
    const { room, anna } = await pair();
    const entry = await sayAndTake(room, anna, 'mine');
    room.relay.append(entry.body);
    await room.clock.advance(1);
    expect(textsOf(anna)).toEqual([]);
    expect(told(anna, 'sent')).toHaveLength(1);
    expect(told(anna, 'members').at(-1)?.members).toHaveLength(2);
  });
});

describe('a relay that drops, swaps or forgets', () => {
  test('causes a gap by leaving out an entry', async () => {
    const { room, anna, ben } = await pair();
    room.relay.shape = (entry, connection) => (connection === ben.connection() ? [] : [entry]);
    await sayAndTake(room, anna, 'dropped');
    room.relay.shape = (entry) => [entry];
    await sayAndTake(room, anna, 'kept');
    expect(textsOf(ben)).toEqual(['kept']);
    expect(gapsOf(ben)).toEqual([1]);
  });

  test('causes a gap of the member whose entry it replaces by noise', async () => {
    const { room, anna, ben } = await pair();
    const noise = room.random.bytes(bodyBytes(FRAME_BYTES[0]));
    room.relay.shape = (entry, connection) => [
      connection === ben.connection() ? { sequence: entry.sequence, body: noise } : entry,
    ];
    await sayAndTake(room, anna, 'dropped');
    room.relay.shape = (entry) => [entry];
    await sayAndTake(room, anna, 'kept');
    expect(textsOf(ben)).toEqual(['kept']);
    expect(told(ben, 'gap')).toEqual([
      { type: 'gap', count: 1, from: { name: 'Anna', fingerprint: anna.client.fingerprint } },
    ]);
  });

  test('causes a gap by swapping two entries, and neither is shown out of order', async () => {
    const { room, anna, ben } = await pair();
    const held: Entry[] = [];
    room.relay.shape = (entry, connection) => {
      if (connection !== ben.connection()) return [entry];
      held.push(entry);
      return held.length === 2 ? [...held].reverse() : [];
    };
    await sayAndTake(room, anna, 'first');
    await sayAndTake(room, anna, 'second');
    expect(textsOf(ben)).toEqual(['second']);
    expect(gapsOf(ben)).toEqual([1]);
  });

  test('causes a gap by rolling back the log, and the room goes on', async () => {
    const { room, anna, ben } = await pair();
    for (const text of ['one', 'two', 'three']) await sayAndTake(room, anna, text);
    room.relay.rollBack(2);
    for (const seat of [anna, ben]) seat.streams[0]?.cut();
    await room.clock.advance(BACKOFF_FIRST_MS + 1);
    expect(gapsOf(anna)).toEqual([2]);
    expect(gapsOf(ben)).toEqual([2]);
    await sayAndTake(room, anna, 'four');
    expect(textsOf(ben)).toEqual(['one', 'two', 'three', 'four']);
    expect(gapsOf(ben)).toEqual([2]);
  });

  test('cannot make an undelivered text count as delivered after a roll-back', async () => {
    const { room, anna, ben } = await pair();
    for (const text of ['one', 'two', 'three', 'four']) await sayAndTake(room, anna, text);
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    const before = told(anna, 'delivered').length;
    expect(before).toBe(4);
    // Ben saw all four texts and is then cut off. So no member can have seen the texts that take
    // their numbers.
    room.relay.rollBack(5);
    room.unreachable = true;
    ben.streams[0]?.cut();
    room.unreachable = false;
    anna.streams[0]?.cut();
    room.relay.keeps = (arrival) => arrival.connection === anna.connection();
    await room.clock.advance(BACKOFF_FIRST_MS + 1);
    await sayAndTake(room, anna, 'five');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(told(anna, 'delivered')).toHaveLength(before);
    // In the next epoch no member can tell any more what the earlier one contained.
    room.relay.keeps = () => true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(2 * BACKOFF_FIRST_MS + RANK_FIRST_MS + LOG_GAP_ROTATION_MS);
    await sayAndTake(room, ben, 'six');
    expect(told(anna, 'delivered')).toHaveLength(before);
    // Control: a member that has seen the texts of this epoch counts.
    await sayAndTake(room, anna, 'seven');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(told(anna, 'delivered')).toHaveLength(before + 1);
  });

  test('cannot make a lost text count as delivered by giving its number to another', async () => {
    const { room, anna, ben } = await pair();
    room.relay.shape = (entry, connection) => (connection === ben.connection() ? [] : [entry]);
    await sayAndTake(room, anna, 'lost');
    const lost = told(anna, 'sent')[0]?.id;
    room.relay.rollBack(1);
    room.relay.shape = (entry) => [entry];
    for (const seat of [anna, ben]) seat.streams[0]?.cut();
    await room.clock.advance(BACKOFF_FIRST_MS + 1);
    await room.clock.advance(RANK_FIRST_MS + LOG_GAP_ROTATION_MS);
    await sayAndTake(room, anna, 'second');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    const delivered = told(anna, 'delivered').map((event) => event.id);
    expect(delivered).not.toContain(lost);
    // Control: the text that arrived counts as delivered.
    expect(delivered).toEqual([told(anna, 'sent')[1]?.id]);
  });
});

describe('a relay that refuses', () => {
  test('frames of a stale commit number gets the identical bytes again, in order', async () => {
    const { room, anna, ben } = await pair();
    for (let round = 0; round < 3; round += 1) {
      room.relay.moveCommitNumber();
      for (let index = 0; index < 5; index += 1) anna.client.send(`${round}.${index}`);
      await room.clock.advance(1);
    }
    expect(textsOf(ben)).toEqual([0, 1, 2].flatMap((round) => [0, 1, 2, 3, 4].map((index) => `${round}.${index}`)));
    expect(gapsOf(ben)).toEqual([]);
    expect(auditResends(room.relay.arrivals)).toEqual({ again: 15, changed: 0 });
  });

  test('frames that were never sent changes nothing', async () => {
    const { room, anna, ben } = await pair();
    room.relay.inject(anna.connection(), encodeRefused('stale', 0, new Uint8Array(24)));
    await sayAndTake(room, anna, 'hello');
    expect(textsOf(ben)).toEqual(['hello']);
    expect(auditResends(room.relay.arrivals).again).toBe(0);
  });
});

describe('a relay that breaks the protocol', () => {
  const control = new Uint8Array(bodyBytes(FRAME_BYTES[0]));
  const wrong: readonly (readonly [string, Uint8Array])[] = [
    ['a second challenge', encodeChallenge(new Uint8Array(32))],
    ['a second ATTACHED', encodeAttached({ commitNumber: 0, oldest: 1, next: 1, patienceSeconds: 86_400 })],
    ['a frame that only clients send', encodePing('ping', 0)],
    ['an unknown operation', encodeFrame({ operation: 'entry', number: 1, body: control }).fill(0x7f, 1, 2)],
    ['a reserved byte', encodeFrame({ operation: 'entry', number: 1, body: control }).fill(1, 4, 5)],
    ['a PONG that carries something', encodePing('pong', 0).fill(1, 100, 101)],
    ['a first byte of no frame', new Uint8Array(512).fill(0x1f)],
    ['another version', new Uint8Array(512).fill(0x21)],
  ];

  test.each(wrong)('loses the connection by %s, and the client resumes the room', async (_name, bytes) => {
    const { room, anna, ben } = await pair();
    room.relay.inject(anna.connection(), bytes);
    await room.clock.advance(1);
    const code = bytes[0] === 0x21 ? 'version-mismatch' : 'relay-misbehaved';
    expect(statesOf(anna).at(-1)).toBe(`reconnecting ${code}`);
    await room.clock.advance(BACKOFF_FIRST_MS);
    expect(statesOf(anna).at(-1)).toBe('joined');
    await sayAndTake(room, ben, 'still here');
    expect(textsOf(anna)).toEqual(['still here']);
  });

  test('control: a valid frame ends no connection', async () => {
    const { room, anna } = await pair();
    room.relay.inject(anna.connection(), encodePing('pong', 7));
    await room.clock.advance(1);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
  });

  test('loses the connection by an entry before ATTACHED', async () => {
    const room = new Room();
    room.relay.mute = true;
    const anna = await room.join('Anna');
    room.relay.mute = false;
    room.relay.inject(anna.connection(), encodeFrame({ operation: 'entry', number: 1, body: control }));
    await room.clock.advance(1);
    expect(statesOf(anna)).toEqual(['joining', 'reconnecting relay-misbehaved']);
  });

  test('changes nothing but the connection by any bytes at any time', async () => {
    const { room, anna, ben } = await pair();
    const chance = new SeededRandom(5);
    const templates = [
      encodeChallenge(chance.bytes(32)),
      encodeAttached({ commitNumber: 1, oldest: 1, next: 5, patienceSeconds: 86_400 }),
      encodeRefused('stale', 3, chance.bytes(24)),
      encodeFrame({ operation: 'entry', number: 50, body: chance.bytes(bodyBytes(FRAME_BYTES[1])) }),
    ] as const;
    for (let round = 0; round < 300; round += 1) {
      const bytes = chance.onceIn(3) ? chance.bytes(chance.below(1_500)) : chance.pick(templates).slice();
      for (let flips = chance.below(4); flips > 0; flips -= 1) bytes[chance.below(16)] = chance.word();
      // Numbers far ahead would only make the client ignore later entries, which a relay can always
      // do. So they stay small here.
      if (operationOf(bytes) === 'entry' || operationOf(bytes) === 'attached') bytes.fill(0, 8, 15);
      room.relay.inject(anna.connection(), bytes);
      await room.clock.advance(chance.below(400));
    }
    anna.streams.at(-1)?.cut();
    await room.clock.advance(60_000);
    expect(statesOf(anna).at(-1)).toBe('joined');
    expect(textsOf(anna)).toEqual([]);
    anna.client.send('unharmed');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['unharmed']);
  });
});

describe('an entry that no member has sent', () => {
  test('changes nothing if it is noise', async () => {
    const { room, anna, ben } = await pair();
    const before = ben.events.length;
    for (const frameBytes of FRAME_BYTES) room.relay.append(room.random.bytes(bodyBytes(frameBytes)));
    await room.clock.advance(1);
    expect(ben.events).toHaveLength(before);
    await sayAndTake(room, anna, 'hello');
    expect(textsOf(ben)).toEqual(['hello']);
    expect(gapsOf(ben)).toEqual([]);
  });

  test('is not shown if it is a real frame with one changed bit, at any place', async () => {
    const { room, anna, ben } = await pair();
    room.relay.keeps = () => false;
    anna.client.send('whole');
    await room.clock.advance(1);
    const sealed = room.relay.arrivals.at(-1)?.body;
    if (sealed === undefined) throw new Error('nothing was said');
    for (let index = 0; index < sealed.length; index += 7) {
      const changed = sealed.slice();
      changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
      room.relay.append(changed);
    }
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual([]);
    // Control: unchanged, it is shown.
    room.relay.append(sealed);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['whole']);
  });

  test('is not shown if it is a frame of another room', async () => {
    const { room, ben } = await pair();
    const elsewhere = new Room({ seed: 2 });
    const cleo = await elsewhere.join('Cleo');
    const entry = await sayAndTake(elsewhere, cleo, 'elsewhere');
    room.relay.append(entry.body);
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual([]);
  });
});
