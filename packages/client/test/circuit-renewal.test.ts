import { FRAME_BYTES } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import type { StreamConditions } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { ATTACH_DEADLINE_MS, BACKOFF_MAX_MS, ECHO_WAIT_MS, RENEW_DIAL_LIMIT_MS } from '../src/limits.ts';
import { auditConversation, auditResends } from './audit.ts';
import type { Said } from './audit.ts';
import { Room, gapsOf, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { RoomMember, MemberOptions } from '@sotto/fixtures/room';

const RUNS = Number(process.env['SOTTO_RENEWAL_RUNS'] ?? 25);
const RUN_LIMIT_MS = 2_000;
const ATTACH_BYTES = FRAME_BYTES[0];

async function two(options: MemberOptions = {}): Promise<{ room: Room; anna: RoomMember; ben: RoomMember }> {
  const room = new Room();
  const anna = await room.join('Anna', options);
  const ben = await room.join('Ben');
  // The first epochs are over by then.
  await room.clock.advance(40_000);
  return { room, anna, ben };
}

/** The outcomes of the requested renewals. */
function circuitsOf(seat: RoomMember): string[] {
  return told(seat, 'circuit').map((event) => event.state);
}

describe('a renewed circuit', () => {
  test('replaces the old one when the user asks, with one event, unseen by other members and without loss', async () => {
    const { room, anna, ben } = await two();
    const [annas, bens] = [anna.events.length, ben.events.length];
    expect(anna.client.status().connectedSeconds).toBeGreaterThanOrEqual(40);
    anna.client.renew();
    await room.clock.advance(100);
    expect(anna.events.slice(annas)).toEqual([{ type: 'circuit', state: 'renewed' }]);
    expect(ben.events.slice(bens)).toEqual([]);
    expect(anna.streams).toHaveLength(2);
    expect(anna.client.status().connectedSeconds).toBe(0);
    anna.client.send('over there');
    ben.client.send('still here');
    await room.clock.advance(100);
    expect([textsOf(ben), textsOf(anna)]).toEqual([['over there'], ['still here']]);
    // The end of the old circuit has no effect any more.
    anna.streams[0]?.cut();
    await room.clock.advance(100);
    expect(statesOf(anna).at(-1)).toBe('joined');
  });

  test('takes over only after every echo has arrived, and no frame is sent twice', async () => {
    const latencyMs = (): number => 300;
    const { room, anna, ben } = await two({ conditions: () => ({ latencyMs }) });
    const said = Array.from({ length: 60 }, (_, index) => `text ${index}`);
    for (const text of said.slice(0, 40)) anna.client.send(text, text);
    await room.clock.advance(200);
    anna.client.renew();
    for (const text of said.slice(40)) anna.client.send(text, text);
    await room.clock.advance(10_000);
    expect(circuitsOf(anna)).toEqual(['renewed']);
    expect(textsOf(ben)).toEqual(said);
    expect(told(anna, 'sent').map(({ ref }) => ref)).toEqual(said);
    const over = room.relay.arrivals.findIndex(({ connection }) => connection === anna.connection());
    const behind = room.relay.arrivals.slice(over).map(({ connection }) => connection);
    expect([over > 30, behind.length > 20, behind.includes(0)]).toEqual([true, true, false]);
    expect(auditResends(room.relay.arrivals)).toEqual({ again: 0, changed: 0 });
  });

  test('does not take over while an echo is missing, and the old one stays in use', async () => {
    const { room, anna, ben } = await two();
    room.relay.keeps = ({ connection }) => connection !== 0;
    anna.client.send('held back');
    await room.clock.advance(10);
    const [held] = room.relay.arrivals.slice(-1);
    anna.client.renew();
    await room.clock.advance(ECHO_WAIT_MS - 100);
    expect(room.relay.attached).toHaveLength(2);
    expect(circuitsOf(anna)).toEqual([]);
    await room.clock.advance(200);
    expect(circuitsOf(anna)).toEqual(['kept']);
    expect(room.relay.attached).toHaveLength(2);
    room.relay.keeps = () => true;
    room.relay.append(held?.body ?? new Uint8Array(0));
    anna.client.send('and on');
    await room.clock.advance(100);
    expect(textsOf(ben)).toEqual(['held back', 'and on']);
    expect(statesOf(anna).at(-1)).toBe('joined');
  });

  const breaks: readonly (readonly [string, StreamConditions])[] = [
    ['before CHALLENGE', { cutAfterBytes: { atNear: 3 } }],
    ['while ATTACH leaves', { cutAfterBytes: { atFar: 3 } }],
    ['behind ATTACH', { cutAfterBytes: { atFar: ATTACH_BYTES } }],
    ['within ATTACHED', { cutAfterBytes: { atNear: ATTACH_BYTES + 3 } }],
  ];
  test.each(breaks)('leaves the old one in use if its connection breaks %s', async (_where, broken) => {
    const slow = { latencyMs: () => 400 };
    const { room, anna, ben } = await two({ conditions: (dial) => (dial === 1 ? { ...broken, ...slow } : {}) });
    anna.client.renew();
    const said = Array.from({ length: 12 }, (_, index) => `text ${index}`);
    for (const text of said) {
      ben.client.send(text);
      anna.client.send(`own ${text}`);
      await room.clock.advance(170);
    }
    await room.clock.advance(1_000);
    expect(circuitsOf(anna)).toEqual(['kept']);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
    expect(textsOf(anna)).toEqual(said);
    expect(textsOf(ben)).toEqual(said.map((text) => `own ${text}`));
    expect([gapsOf(anna), gapsOf(ben)]).toEqual([[], []]);
    expect(auditResends(room.relay.arrivals).changed).toBe(0);
  });

  test('control: without a second fetch, entries that arrived on the old circuit meanwhile would be missed', async () => {
    const slow = { latencyMs: () => 400, cutAfterBytes: { atFar: ATTACH_BYTES } };
    const { room, anna, ben } = await two({ conditions: (dial) => (dial === 1 ? slow : {}) });
    const { relay } = room;
    anna.client.renew();
    await room.clock.advance(50);
    for (const text of ['a', 'b', 'c']) {
      ben.client.send(text);
      await room.clock.advance(100);
    }
    // The relay does not send these entries again.
    relay.log = [];
    await room.clock.advance(1_000);
    expect(circuitsOf(anna)).toEqual(['kept']);
    expect(textsOf(anna)).toEqual([]);
  });

  test('is refused without a connection and during another renewal', async () => {
    const { room, anna } = await two();
    room.unreachable = true;
    anna.client.renew();
    await room.clock.advance(10);
    expect(circuitsOf(anna)).toEqual(['kept']);
    anna.streams[0]?.cut();
    await room.clock.advance(10);
    expect(anna.client.status().connectedSeconds).toBeUndefined();
    anna.client.renew();
    expect(told(anna, 'circuit').at(-1)).toMatchObject({ state: 'kept', code: 'circuit-not-now' });
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    const dials = anna.streams.length;
    anna.client.renew();
    anna.client.renew();
    await room.clock.advance(100);
    expect(anna.streams).toHaveLength(dials + 1);
    expect(circuitsOf(anna)).toEqual(['kept', 'kept', 'renewed']);
  });

  test('is abandoned at its deadline if the relay does not answer on it', async () => {
    const { room, anna, ben } = await two({
      conditions: (dial) => (dial === 1 ? { latencyMs: () => 10_000_000 } : {}),
    });
    anna.client.renew();
    await room.clock.advance(RENEW_DIAL_LIMIT_MS + 10);
    expect(circuitsOf(anna)).toEqual(['kept']);
    anna.client.send('here');
    await room.clock.advance(10);
    expect(textsOf(ben)).toEqual(['here']);
    expect(ATTACH_DEADLINE_MS).toBeGreaterThan(ECHO_WAIT_MS);
  });

  test.each([0, 200, 600, 800, 1_250])(
    'does not prevent a goodbye that the user asks for %i ms later',
    async (afterMs) => {
      const latencyMs = (): number => 400;
      const { room, anna, ben } = await two({ conditions: (dial) => (dial === 1 ? { latencyMs } : {}) });
      anna.client.renew();
      await room.clock.advance(afterMs);
      anna.client.leave();
      await room.clock.advance(5_000);
      await anna.client.ended;
      expect(told(ben, 'left')).toHaveLength(1);
    },
  );
});

describe('the renewal timer', () => {
  test('renews at random times around the given interval, and emits nothing', async () => {
    const everyMs = 300_000;
    const { room, anna, ben } = await two({ renewEveryMs: everyMs });
    const dials: number[] = [];
    for (let seconds = 0; seconds < 12_000; seconds += 1) {
      await room.clock.advance(1_000);
      if (anna.streams.length > dials.length + 1) dials.push(seconds);
    }
    const spans = dials.slice(1).map((at, index) => at - (dials[index] ?? 0));
    expect(spans.length).toBeGreaterThan(30);
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(224);
    expect(Math.max(...spans)).toBeLessThanOrEqual(376);
    expect(new Set(spans).size).toBeGreaterThan(15);
    expect(told(anna, 'circuit')).toEqual([]);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
    // Other members do not see a renewing member leave or arrive.
    expect([told(ben, 'left'), told(ben, 'arrived').length, ben.streams.length]).toEqual([[], 1, 1]);
  });

  test('continues after a failed renewal, and emits nothing about it', async () => {
    const { room, anna } = await two({ renewEveryMs: 60_000 });
    room.unreachable = true;
    await room.clock.advance(200_000);
    expect(anna.streams).toHaveLength(1);
    room.unreachable = false;
    // The next attempt comes within five quarters of the interval, and perhaps one more behind it.
    let seconds = 0;
    for (; anna.streams.length === 1 && seconds < 80; seconds += 1) await room.clock.advance(1_000);
    expect(seconds).toBeLessThanOrEqual(76);
    expect(anna.streams).toHaveLength(2);
    expect(told(anna, 'circuit')).toEqual([]);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
  });

  test('never renews a circuit if it is off', async () => {
    const { room, anna } = await two();
    await room.clock.advance(3_600_000);
    expect(anna.streams).toHaveLength(1);
  });
});

/**
 * Clients renew, by timer and by command, among cuts at any byte, new epochs and junk. Then the
 * cuts end and every text arrives.
 */
async function converse(
  seed: number,
  spoil: (room: Room) => void = () => undefined,
): Promise<{ room: Room; seats: RoomMember[]; said: Said[] }> {
  const room = new Room({ seed });
  spoil(room);
  const chance = new SeededRandom(seed + 2_000_000);
  const conditions = (dial: number): StreamConditions => {
    const bytes = chance.below(chance.pick([600, 2_000, 30_000]));
    const slow = chance.pick([0, 5, 60, 400]);
    const breaks = dial > 0 && dial < 14 && chance.onceIn(3);
    return {
      latencyMs: () => chance.below(slow + 1),
      ...(breaks ? { cutAfterBytes: chance.onceIn(2) ? { atFar: bytes } : { atNear: bytes } } : {}),
      lateMs: chance.onceIn(3) ? chance.below(2_000) : undefined,
    };
  };
  const names = ['Anna', 'Ben', 'Cleo'].slice(0, chance.between(2, 3));
  const seats = names.map((name) => room.member(name, { conditions, renewEveryMs: chance.pick([3_000, 8_000]) }));
  for (const seat of seats) {
    seat.client.start();
    await room.clock.advance(2 * BACKOFF_MAX_MS);
  }
  const said: Said[] = [];
  const count = new Map<RoomMember, number>();
  for (let turn = 0; turn < 60; turn += 1) {
    const by = chance.pick(seats as [RoomMember, ...RoomMember[]]);
    const index = count.get(by) ?? 0;
    count.set(by, index + 1);
    const text = `${index} ${'x'.repeat(chance.pick([0, 0, 20, 3_000]))}`;
    by.client.send(text, `${index}`);
    said.push({ by, text, toAll: true });
    if (chance.onceIn(5)) chance.pick(seats as [RoomMember, ...RoomMember[]]).client.renew();
    if (chance.onceIn(15)) room.relay.moveCommitNumber();
    if (chance.onceIn(15))
      chance
        .pick(seats as [RoomMember, ...RoomMember[]])
        .streams.at(-1)
        ?.cut();
    await room.clock.advance(chance.below(chance.pick([1, 30, 900, 2_500])));
  }
  await room.clock.advance(4 * BACKOFF_MAX_MS);
  return { room, seats, said };
}

describe('renewals between cuts of the connection', () => {
  test(
    'lose no acknowledged text, show none twice, and keep the order',
    async () => {
      const seen = { renewed: 0, kept: 0, connections: 0, reconnecting: 0 };
      for (let seed = 1; seed <= RUNS; seed += 1) {
        const { room, seats, said } = await converse(seed);
        expect({ seed, faults: auditConversation(seats, said) }).toEqual({ seed, faults: [] });
        expect(auditResends(room.relay.arrivals).changed).toBe(0);
        for (const seat of seats) {
          const states = circuitsOf(seat);
          seen.renewed += states.filter((state) => state === 'renewed').length;
          seen.kept += states.filter((state) => state === 'kept').length;
          seen.reconnecting += statesOf(seat).filter((state) => state.startsWith('reconnecting')).length;
        }
        seen.connections += room.relay.connections;
      }
      // The runs prove something only if some renewals succeeded, some did not, and connections
      // broke as well.
      expect(seen.renewed).toBeGreaterThan(2 * RUNS);
      expect(seen.kept).toBeGreaterThan(RUNS / 2);
      expect(seen.reconnecting).toBeGreaterThan(RUNS);
      expect(seen.connections).toBeGreaterThan(10 * RUNS);
    },
    RUNS * RUN_LIMIT_MS,
  );

  test('control: a relay that omits entries on a later connection is detected', async () => {
    const { seats, said } = await converse(1, (room) => {
      let seen = 0;
      room.relay.shape = (entry, connection) => (connection > 2 && (seen += 1) % 10 === 0 ? [] : [entry]);
    });
    expect(auditConversation(seats, said)).not.toEqual([]);
  });
});
