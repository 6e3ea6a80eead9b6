// The times and sizes of a client's writes in a covered room do not depend on whether its user
// talks. PROTOCOL.md §12.

import { nativeCrypto } from '@sotto/crypto/native';
import { COVERS, DWELL_MOST_MS, isStealth, stealthShape } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { OrderSigner, SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { GroupMembership } from '../src/group/membership.ts';
import { gapsOf, Room, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { Write, RoomMember } from '@sotto/fixtures/room';
import { nonceOf } from '@sotto/fixtures';
import { openCommit } from './group-room.ts';

/**
 * Random choices take four bytes each from a source of their own. So two runs choose alike,
 * whatever else they do.
 */
function twoSources(seed: number): (length: number) => Uint8Array {
  const [dice, keys] = [new SeededRandom(seed), new SeededRandom(seed + 1_000)];
  return (length) => (length === 4 ? dice : keys).bytes(length);
}

async function gather(cover: Cover, names: readonly string[]): Promise<{ room: Room; seats: RoomMember[] }> {
  const room = new Room({ seed: 3, cover });
  const seats: RoomMember[] = [];
  for (const [index, name] of names.entries()) {
    seats.push(await room.join(name, { random: twoSources(index + 1) }));
    await room.clock.advance(30_000);
  }
  return { room, seats };
}

/** Two members' writes over so many seconds of a room, with a script that says when they talk. */
async function watch(
  cover: Cover,
  seconds: number,
  talk: (seats: readonly RoomMember[], second: number) => void,
  names: readonly string[] = ['anna', 'ben'],
): Promise<{ departures: Write[][]; heard: number; sent: number }> {
  const { room, seats } = await gather(cover, names);
  const begun = seats.map(({ writes }) => writes.length);
  for (let second = 0; second < seconds; second += 1) {
    talk(seats, second);
    await room.clock.advance(1_000);
  }
  const departures = seats.map((seat, index) => seat.writes.slice(begun[index]));
  const heard = seats.reduce((sum, seat) => sum + textsOf(seat).length, 0);
  const sent = seats.reduce((sum, seat) => sum + told(seat, 'sent').length, 0);
  return { departures, heard, sent };
}

const silence = (): void => undefined;

/** Texts in bursts: a few lines, a long one, then nothing for a while. */
function chatter(seats: readonly RoomMember[], second: number): void {
  const [anna, ben] = seats;
  if (second % 20 < 6) anna?.client.send(`${second}: short`);
  if (second % 33 === 5) ben?.client.send('long '.repeat(900));
  if (second % 7 === 0) ben?.client.send('and you?');
}

describe('a client in stealth', () => {
  test('writes the same, bit for bit, whether all members talk or none does', async () => {
    const idle = await watch('stealth-4', 400, silence);
    const busy = await watch('stealth-4', 400, chatter);
    expect([idle.heard, busy.heard > 150]).toEqual([0, true]);
    expect(busy.departures).toEqual(idle.departures);
    for (const departures of idle.departures) {
      expect(departures.filter(({ bytes }) => bytes === 1_024).length).toBeGreaterThanOrEqual(400);
    }
  });

  test('has the same 10,000 slots whether its user talks or not', { timeout: 480_000 }, async () => {
    const alone = ['anna'];
    const idle = await watch('stealth-4', 10_000, silence, alone);
    const busy = await watch('stealth-4', 10_000, chatter, alone);
    expect([idle.sent, busy.sent > 2_500]).toEqual([0, true]);
    expect(idle.departures[0]?.filter(({ bytes }) => bytes === 1_024)).toHaveLength(10_000);
    expect(busy.departures).toEqual(idle.departures);
  });

  test('control: in modes off and jitter, talking is visible', async () => {
    for (const cover of ['off', 'jitter'] as const) {
      const idle = await watch(cover, 60, silence);
      const busy = await watch(cover, 60, chatter);
      expect(busy.departures).not.toEqual(idle.departures);
    }
  });

  test('sends short and long texts that arrive once and in order', async () => {
    const { room, seats } = await gather('stealth-8', ['anna', 'ben', 'carla']);
    const [anna, ben] = seats;
    const long = 'What a long story. '.repeat(300);
    anna?.client.send('first');
    anna?.client.send(long);
    anna?.client.send('last');
    await room.clock.advance(60_000);
    for (const seat of seats.slice(1)) {
      expect(textsOf(seat)).toEqual(['first', long, 'last']);
      expect(gapsOf(seat)).toEqual([]);
    }
    if (anna === undefined || ben === undefined) throw new Error('nobody came');
    expect(told(anna, 'sent')).toHaveLength(3);
    expect(told(anna, 'delivered').at(-1)?.by).toBe(2);
  });

  test('warns if far less arrives than the mode brings', async () => {
    // This relay sends waiting entries and no slots.
    const { room, seats } = await gather('stealth-4', ['anna']);
    await room.clock.advance(300_000);
    // The warning comes once, although the shortage goes on.
    expect(seats.flatMap((seat) => told(seat, 'warning')).map(({ code }) => code)).toEqual(['cover-thin']);
  });

  test('sends refused frames again in its slots, a receipt like a text', async () => {
    const slow = { conditions: () => ({ latencyMs: () => 400 }) };
    const room = new Room({ seed: 3, cover: 'stealth-4' });
    const anna = await room.join('anna', { random: twoSources(1), ...slow });
    await room.clock.advance(30_000);
    const ben = await room.join('ben', { random: twoSources(2), ...slow });
    await room.clock.advance(30_000);
    const begun = anna.writes.length;
    const arrived = room.relay.arrivals.length;
    // Some of these numbers change while a frame is on its way.
    for (let round = 0; round < 8; round += 1) {
      if (round === 4) anna.client.send('in between');
      await room.clock.advance(6_130);
      room.relay.moveCommitNumber();
    }
    await room.clock.advance(10_000);
    const slots = anna.writes.slice(begun).filter(({ bytes }) => bytes <= 1_024);
    expect(new Set(slots.map(({ bytes }) => bytes))).toEqual(new Set([1_024]));
    expect(new Set(slots.slice(1).map(({ at }, index) => at - (slots[index]?.at ?? 0)))).toEqual(new Set([1_000]));
    const bodies = room.relay.arrivals.slice(arrived).map(({ body }) => nonceOf(body));
    expect(bodies.length - new Set(bodies).size).toBeGreaterThan(2);
    expect([textsOf(ben), gapsOf(ben)]).toEqual([['in between'], []]);
  });

  test('continues after a cut, in slots of a new phase, and loses nothing', async () => {
    const { room, seats } = await gather('stealth-4', ['anna', 'ben']);
    const [anna, ben] = seats;
    if (anna === undefined || ben === undefined) throw new Error('nobody came');
    anna.client.send('before');
    anna.streams.at(-1)?.cut();
    anna.client.send('while away');
    await room.clock.advance(30_000);
    anna.client.send('after');
    await room.clock.advance(10_000);
    expect(textsOf(ben)).toEqual(['before', 'while away', 'after']);
    expect(gapsOf(ben)).toEqual([]);
    expect(statesOf(anna)).toContain('reconnecting relay-unreachable');
  });

  test('holds its first texts for a while, and leaves a while after the user asks', async () => {
    const { room, seats } = await gather('stealth-4', ['anna']);
    const ben = await room.join('ben', {
      random: twoSources(9),
      hear: (event, seat) => {
        if (event.type === 'state' && event.state === 'joined') seat.client.send('at once');
      },
    });
    const [anna] = seats;
    if (anna === undefined) throw new Error('nobody came');
    await room.clock.advance(DWELL_MOST_MS + 10_000);
    expect(textsOf(anna)).toEqual(['at once']);
    const begun = ben.writes.length;
    ben.client.leave();
    await room.clock.advance(DWELL_MOST_MS + 10_000);
    expect(statesOf(ben).slice(-2)).toEqual(['leaving', 'closed']);
    expect(told(anna, 'left')).toHaveLength(1);
    expect(ben.writes.length - begun).toBeGreaterThan(2);
    await ben.client.ended;
  });

  test('leaves at once when the user asks twice', async () => {
    const { room, seats } = await gather('stealth-4', ['anna', 'ben']);
    const ben = seats[1];
    if (ben === undefined) throw new Error('nobody came');
    ben.client.leave();
    ben.client.leave();
    await room.clock.advance(0);
    expect(statesOf(ben).at(-1)).toBe('closed');
  });

  test('sends no text before there is a slot for it', async () => {
    const { room, seats } = await gather('stealth-8', ['anna', 'ben']);
    const [anna] = seats;
    const before = anna?.writes.length;
    for (let line = 0; line < 50; line += 1) anna?.client.send(`line ${line}`);
    await room.clock.advance(0);
    expect(anna?.writes.length).toBe(before);
  });
});

test('an invite with another cover mode is not admitted', async () => {
  const room = new Room({ seed: 5, cover: 'stealth-8' });
  const stranger = await room.join('carla', { invite: { ...room.invite, cover: 'stealth-4' } });
  expect(statesOf(stranger).at(-1)).toBe('closed not-admitted');
  const member = await room.join('anna');
  expect(statesOf(member).at(-1)).toBe('joined');
});

test('a stealth member that has joined sends only PUBLISH and FILL frames of one length', async () => {
  const room = new Room({ seed: 6, cover: 'stealth-4' });
  const frames: string[] = [];
  await room.join('anna');
  await room.clock.advance(20_000);
  const keeps = room.relay.keeps;
  room.relay.keeps = (arrival) => {
    frames.push(`publish ${arrival.body.length}`);
    return keeps(arrival);
  };
  const fills = room.relay.fills;
  await room.clock.advance(60_000);
  expect(new Set(frames)).toEqual(new Set(['publish 1008']));
  expect(frames.length + room.relay.fills - fills).toBe(60);
  expect(room.relay.pings).toEqual([]);
});

describe('the commits of a stealth room', () => {
  test.each(COVERS.filter(isStealth))(
    'have one size in %s for any number of members, also in a listed room',
    async (cover) => {
      const { members: most, commitFrames, snapshotBytes } = stealthShape(cover);
      const random = new SeededRandom(8).bytes;
      const roomId = new Uint8Array(16);
      const signer = new OrderSigner(random(32), roomId);
      const moderatorKey = signer.publicKey;
      const surroundings = { crypto: nativeCrypto, suite: 'x-wing', random, moderatorKey, cover } as const;
      const open = (): Promise<GroupMembership> =>
        GroupMembership.open({ roomSecret: new Uint8Array(32), roomId, ...surroundings });
      const founder = await open();
      const coming = await Promise.all(Array.from({ length: most }, open));
      const late = await open();
      const listed = [...coming, late].map(({ memberId }) => memberId);
      let { snapshot } = await founder.found(signer.listed(listed));
      const sizes = new Set<string>();
      // Only members that will rotate read commits. The others are leaves alone.
      const readers: GroupMembership[] = [];
      const take = async (made: Awaited<ReturnType<GroupMembership['join']>>): Promise<void> => {
        if (!made.ok) throw new Error(made.code);
        sizes.add(`${made.value.bodies.length} ${made.value.snapshot.length}`);
        for (const member of readers) await openCommit(member, made.value.bodies);
        snapshot = made.value.snapshot;
      };
      const rotates = (place: number): boolean => place % 2 === 0 && place > 0 && place <= most / 2;
      for (const [place, member] of coming.entries()) {
        const made = await member.join(snapshot, false);
        if (rotates(place)) readers.push(member);
        await take(made);
        if (place % 4 === 3) await take(await (readers.shift() ?? member).rotate());
      }
      expect(sizes).toEqual(new Set([`${commitFrames} ${snapshotBytes}`]));
      const refused = await late.join(snapshot, false);
      expect(refused.ok ? 'taken' : refused.code).toBe('group-full');
      for (const member of [founder, late, ...coming]) member.destroy();
    },
  );
});
