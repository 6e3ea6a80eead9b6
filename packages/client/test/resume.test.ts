import { FRAME_BYTES, LARGEST_FRAME_BYTES } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import type { StreamConditions } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { BACKOFF_MAX_MS } from '../src/limits.ts';
import { auditConversation, auditResends } from './audit.ts';
import type { Said } from './audit.ts';
import { Room, gapsOf, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

/** `SOTTO_RESUME_RUNS=400 npm test` makes four hundred runs, in a few minutes. */
const RUNS = Number(process.env['SOTTO_RESUME_RUNS'] ?? 20);
const RUN_LIMIT_MS = 10_000;
/** After so many connections of one client no cut follows, so that every run ends. */
const BREAKING_DIALS = 6;

interface Run {
  readonly room: Room;
  readonly seats: readonly RoomMember[];
  readonly said: readonly Said[];
}

function randomConditions(chance: SeededRandom, dial: number): StreamConditions {
  const piece = chance.pick([7, 100, 511, 512, 513, 3_000, 100_000]);
  const slow = piece < 500 ? 0 : chance.pick([0, 1, 20, 300]);
  const bytes = (): number => chance.below(chance.pick([600, 2_000, 12_000, 60_000]));
  return {
    latencyMs: () => chance.below(slow + 1),
    chunkBytes: () => Math.max(1, piece - chance.below(3)),
    ...(dial < BREAKING_DIALS ? { cutAfterBytes: chance.onceIn(2) ? { atFar: bytes() } : { atNear: bytes() } } : {}),
    lateMs: chance.onceIn(3) ? chance.below(3_000) : undefined,
  };
}

function randomText(chance: SeededRandom, index: number): string {
  const length = chance.pick([0, 0, 0, 20, 400, 3_000, 15_000]);
  return `${index} ${'x'.repeat(chance.below(length + 1))}`;
}

/**
 * Clients join and talk while connections break at any byte, junk moves the commit number and new
 * epochs begin. Then the cuts end and every text arrives.
 */
async function converse(
  seed: number,
  spoil: (room: Room) => void = () => undefined,
  comings: 'scattered' | 'together' = 'scattered',
): Promise<Run> {
  const room = new Room({ seed });
  const chance = new SeededRandom(seed + 1_000_000);
  spoil(room);
  const names = ['Anna', 'Ben', 'Cleo'].slice(0, chance.between(2, 3));
  const seats = names.map((name) => room.member(name, { conditions: (dial) => randomConditions(chance, dial) }));
  if (comings === 'together') {
    for (const seat of seats) seat.client.start();
    await room.clock.advance(10 * BACKOFF_MAX_MS);
  }
  const startsAt = seats.map((_, index) => (index === 0 ? 0 : chance.below(12)));
  const said: Said[] = [];
  const count = new Map<RoomMember, number>();
  for (let turn = 0; turn < 24; turn += 1) {
    for (const [index, seat] of seats.entries())
      if (startsAt[index] === turn && comings === 'scattered') seat.client.start();
    const by = seats[chance.below(seats.length)];
    const joined = seats.every((seat) => statesOf(seat).includes('joined'));
    if (by !== undefined) {
      const index = count.get(by) ?? 0;
      count.set(by, index + 1);
      const text = randomText(chance, index);
      by.client.send(text, `${index}`);
      said.push({ by, text, toAll: joined });
    }
    if (chance.onceIn(4)) room.relay.moveCommitNumber();
    if (chance.onceIn(6)) seats[chance.below(seats.length)]?.streams.at(-1)?.cut();
    await room.clock.advance(chance.below(chance.pick([1, 30, 1_000])));
  }
  await room.clock.advance(4 * BACKOFF_MAX_MS);
  return { room, seats, said };
}

describe('resume after a cut at any byte', () => {
  test(
    'loses no acknowledged text, shows none twice, and keeps the order',
    async () => {
      let again = 0;
      let cuts = 0;
      let refused = 0;
      let epochs = 0;
      for (let seed = 1; seed <= RUNS; seed += 1) {
        const { room, seats, said } = await converse(seed);
        expect({ seed, faults: auditConversation(seats, said) }).toEqual({ seed, faults: [] });
        const resends = auditResends(room.relay.arrivals);
        expect(resends.changed).toBe(0);
        again += resends.again;
        cuts += room.relay.connections - seats.length;
        refused += room.relay.commitNumber;
        epochs += Math.max(...seats.map((seat) => told(seat, 'epoch').length));
      }
      // The runs prove something only if they broke connections, moved commit numbers, began epochs
      // and sent frames twice.
      expect(epochs).toBeGreaterThan(2 * RUNS);
      expect(cuts).toBeGreaterThan(RUNS);
      expect(refused).toBeGreaterThan(RUNS);
      expect(again).toBeGreaterThan(RUNS / 2);
    },
    RUNS * RUN_LIMIT_MS,
  );

  test('control: a relay that acknowledges a frame and withholds it from the others is detected', async () => {
    const { seats, said } = await converse(3, (room) => {
      let seen = 0;
      room.relay.shape = (entry) => ((seen += 1) % 10 === 0 ? [] : [entry]);
    });
    expect(auditConversation(seats, said)).not.toEqual([]);
  });

  test('control: a text that is lost, repeated, out of order or sealed anew is detected', async () => {
    const spoilt = async (spoil: (events: RoomMember['events'], first: number) => void): Promise<string[]> => {
      const { seats, said } = await converse(4, () => undefined, 'together');
      const listener = seats[0];
      if (listener === undefined) return [];
      expect(auditConversation(seats, said)).toEqual([]);
      const first = listener.events.findIndex((event) => event.type === 'message');
      spoil(listener.events, first);
      return auditConversation(seats, said);
    };
    const lastMessage = (events: RoomMember['events']): number =>
      events.findLastIndex((event) => event.type === 'message');
    expect(await spoilt((events) => events.splice(lastMessage(events), 1))).not.toEqual([]);
    expect(await spoilt((events, first) => events.push(...events.slice(first, first + 1)))).not.toEqual([]);
    expect(await spoilt((events, first) => events.push(...events.splice(first, 1)))).not.toEqual([]);
    const body = new Uint8Array(FRAME_BYTES[0] - 16);
    const other = body.slice().fill(1, 100);
    const arrival = { connection: 0, commitNumber: 0 };
    expect(
      auditResends([
        { ...arrival, body },
        { ...arrival, body: other },
      ]),
    ).toEqual({ again: 0, changed: 1 });
  });

  test('works wherever the handshake, the snapshot, the joining commit or the first frames are cut, in both directions', async () => {
    const early = Array.from({ length: 8 }, (_, index) => index * 128);
    const later = Array.from({ length: 24 }, (_, index) => (index + 1) * FRAME_BYTES[1]);
    // Each place is cut at its edge from one end and behind it from the other, in turn.
    for (const [index, byte] of [...early, ...later].entries()) {
      for (const [turn, side] of (['atFar', 'atNear'] as const).entries()) {
        const at = (index + turn) % 2 === 0 ? byte : byte + 1 + (byte % 509);
        const room = new Room({ seed: byte });
        const anna = await room.join('Anna');
        const conditions = (dial: number): StreamConditions => (dial === 0 ? { cutAfterBytes: { [side]: at } } : {});
        const ben = room.member('Ben', { conditions });
        ben.client.start();
        for (const ref of ['0', '1', '2']) ben.client.send(`text ${ref}`, ref);
        await room.clock.advance(2_000);
        expect({ at, texts: textsOf(anna) }).toEqual({ at, texts: ['text 0', 'text 1', 'text 2'] });
        expect(told(ben, 'sent').map((event) => event.ref)).toEqual(['0', '1', '2']);
        expect([...gapsOf(anna), ...gapsOf(ben)]).toEqual([]);
      }
    }
  });

  test('lets no text overtake one that is on its way under an old commit number', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    // The junk and its COMMITTED come in one piece, REFUSED in the next.
    const chunkBytes = (): number => LARGEST_FRAME_BYTES + FRAME_BYTES[0];
    const ben = await room.join('Ben', { conditions: () => ({ latencyMs: () => 300, chunkBytes }) });
    await room.clock.advance(20_000);
    ben.client.send('first', '1');
    await room.clock.advance(200);
    room.relay.moveCommitNumber();
    await room.clock.advance(400);
    ben.client.send('second', '2');
    await room.clock.advance(5_000);
    expect(textsOf(anna)).toEqual(['first', 'second']);
    expect(gapsOf(anna)).toEqual([]);
    expect(told(ben, 'sent').map(({ ref }) => ref)).toEqual(['1', '2']);
    expect(auditResends(room.relay.arrivals)).toEqual({ again: 1, changed: 0 });
  });

  test('sends a text that was written without a connection', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.unreachable = true;
    ben.streams[0]?.cut();
    await room.clock.advance(5_000);
    ben.client.send('from afar', 'r');
    expect(told(ben, 'sent')).toEqual([]);
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(textsOf(anna)).toEqual(['from afar']);
    expect(told(ben, 'sent').map((event) => event.ref)).toEqual(['r']);
  });

  test('gives a member that was away all texts sent meanwhile', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.unreachable = true;
    ben.streams[0]?.cut();
    const said = Array.from({ length: 50 }, (_, index) => `while away ${index}`);
    for (const text of said) anna.client.send(text);
    await room.clock.advance(1_000);
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(textsOf(ben)).toEqual(said);
    expect(gapsOf(ben)).toEqual([]);
  });

  test('shows entries that the relay no longer keeps as one gap, and reads the log behind it', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.unreachable = true;
    ben.streams[0]?.cut();
    await room.clock.advance(1);
    const before = room.relay.log.length;
    for (let index = 0; index < 10; index += 1) anna.client.send(`${index}`);
    await room.clock.advance(1);
    room.relay.trim(before + 4);
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(gapsOf(ben)).toEqual([4]);
    expect(textsOf(ben)).toEqual(['4', '5', '6', '7', '8', '9']);
  });

  test('shows an emptied log as a gap', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.unreachable = true;
    ben.streams[0]?.cut();
    await room.clock.advance(1);
    for (let index = 0; index < 3; index += 1) anna.client.send(`${index}`);
    await room.clock.advance(1);
    room.relay.trim(room.relay.log.length);
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    anna.client.send('after');
    await room.clock.advance(1);
    expect(gapsOf(ben)).toEqual([3]);
    expect(textsOf(ben)).toEqual(['after']);
  });
});
