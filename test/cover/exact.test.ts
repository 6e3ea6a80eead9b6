// An observer cannot tell talking from silence: on every connection of a whole stealth room, in
// both directions, the same bytes leave at the same times.

import { stealthShape } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { textsOf, told } from '@sotto/fixtures/room';
import type { Write, RoomMember } from '@sotto/fixtures/room';
import { CoveredRoom, troubleOf } from './covered-room.ts';

interface Line {
  readonly up: readonly Write[];
  readonly down: readonly Write[];
}

interface Watched {
  readonly lines: readonly Line[];
  readonly heard: number;
  readonly epochs: number;
  /** How many connections there were, of all together. */
  readonly connections: number;
  readonly trouble: readonly string[];
  /** The members' events on access to the room. */
  readonly access: readonly string[];
}

type Doings = (members: readonly RoomMember[], second: number) => void;

/**
 * A room of three from its beginning to the goodbye of one, while something is done in it, or
 * nothing. Anna is the host's own.
 */
async function watch(cover: Cover, seconds: number, act: Doings, renewEveryMs?: number): Promise<Watched> {
  const room = await CoveredRoom.open(cover);
  for (const name of ['anna', 'ben', 'carla']) {
    room.enter(name, { renewEveryMs, ...(name === 'anna' ? { moderator: room.host } : {}) });
    await room.clock.advance(40_000);
  }
  for (let second = 0; second < seconds; second += 1) {
    act(room.members, second);
    await room.clock.advance(1_000);
  }
  room.members[2]?.client.leave();
  await room.clock.advance(40_000);
  const lines = room.members.map(({ writes, relayWrites }) => ({ up: writes, down: relayWrites }));
  const heard = room.members.reduce((sum, member) => sum + textsOf(member).length, 0);
  const epochs = room.members[0]?.events.filter(({ type }) => type === 'epoch').length ?? 0;
  const access = room.members.flatMap((member) => told(member, 'access').map(({ mode }) => `${member.name} ${mode}`));
  const connections = room.members.reduce((sum, { streams }) => sum + streams.length, 0);
  return { lines, heard, epochs, access, connections, trouble: room.members.flatMap(troubleOf) };
}

/** When commits leave, from each line: they alone are in frames of 4096 bytes. */
function commitsOf({ lines }: Watched): readonly (readonly number[])[] {
  return lines.map(({ up }) => [...new Set(up.flatMap(({ at, bytes }) => (bytes === 4_096 ? [at] : [])))]);
}

const nothing: Doings = () => undefined;

const chatter: Doings = ([anna, ben, carla], second) => {
  if (second % 20 < 6) anna?.client.send(`${second}: short`);
  if (second % 45 === 5) ben?.client.send('long '.repeat(900));
  if (second % 50 === 0) carla?.client.send('and you?');
};

const orders: Doings = ([anna], second) => {
  if (second === 50) anna?.client.setAccess('locked');
  if (second === 200) anna?.client.setAccess('open');
};

const COVER = 'stealth-8';
/** Three turns of that mode. */
const SECONDS = 360;
/** By then all three have come in. */
const GATHERED_MS = 120_000;

test(
  'a whole stealth room writes the same, bit for bit, if it talks, gives orders, or is idle',
  { timeout: 480_000 },
  async () => {
    const idle = await watch(COVER, SECONDS, nothing);
    const busy = await watch(COVER, SECONDS, chatter);
    const ordered = await watch(COVER, SECONDS, orders);
    expect([idle.heard, busy.heard > 200, idle.trouble, busy.trouble, ordered.trouble]).toEqual([0, true, [], [], []]);
    // Three came, the founder's leaf went, carla's too, and each had new keys in between.
    expect(idle.epochs).toBeGreaterThanOrEqual(5 + 3);
    const isInTurn = (at: number): boolean => at > GATHERED_MS && at < GATHERED_MS + SECONDS * 1_000;
    expect(commitsOf(idle).map((times) => times.filter(isInTurn).length)).toEqual([1, 1, 1]);
    expect((SECONDS * 1_000) / stealthShape(COVER).keyRotationMs).toBe(3);
    expect(commitsOf(busy)).toEqual(commitsOf(idle));
    expect(busy.lines).toEqual(idle.lines);
    const all = ['anna', 'ben', 'carla'];
    expect(ordered.access).toEqual(all.flatMap((name) => [`${name} locked`, `${name} open`]));
    expect([idle.access, busy.access]).toEqual([[], []]);
    expect(ordered.lines).toEqual(idle.lines);
  },
);

test(
  'a whole stealth room renews its circuits at the same times, with the same bytes',
  { timeout: 480_000 },
  async () => {
    const idle = await watch('stealth-4', 400, nothing, 60_000);
    const busy = await watch('stealth-4', 400, chatter, 60_000);
    expect([idle.heard, busy.heard > 150, idle.trouble, busy.trouble]).toEqual([0, true, [], []]);
    expect(idle.connections).toBeGreaterThan(15);
    expect(busy.connections).toBe(idle.connections);
    expect(busy.lines).toEqual(idle.lines);
  },
);

test.each(['off', 'jitter'] as const)(
  'control: in mode %s a talking room writes other bytes than a silent one',
  { timeout: 120_000 },
  async (cover) => {
    const idle = await watch(cover, 60, nothing);
    const busy = await watch(cover, 60, chatter);
    expect(busy.heard).toBeGreaterThan(10);
    expect(busy.lines).not.toEqual(idle.lines);
  },
);

test(
  'control: without cover, texts with new keys show, and so does an order carried out at once',
  { timeout: 120_000 },
  async () => {
    // Half an hour after the first text there are new keys.
    const quiet = await watch('off', 1_900, nothing);
    const busy = await watch('off', 1_900, ([, ben], second) => {
      if (second < 6) ben?.client.send(`${second}`);
    });
    expect(busy.heard).toBe(12);
    expect(commitsOf(busy)).not.toEqual(commitsOf(quiet));
    const idle = await watch('off', 120, nothing);
    const ordered = await watch('off', 120, orders);
    expect(ordered.access).toHaveLength(3);
    expect(commitsOf(ordered)).not.toEqual(commitsOf(idle));
  },
);
