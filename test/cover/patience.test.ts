// Patience: a member that was away reads all that was said meanwhile, once, for as long as its room
// keeps it. PROTOCOL.md §5.5, §5.9, §5.11, §6.2.

import {
  HEADER_BYTES,
  LOG_BYTES_MAX,
  PATIENCE_SECONDS_LEAST,
  PATIENCE_SECONDS_MOST,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { gapsOf, Room, statesOf, textsOf, told, warningsOf } from '@sotto/fixtures/room';
import type { RoomFixture, RoomMember } from '@sotto/fixtures/room';
import { useNativeEd25519 } from '@sotto/fixtures/native-ed25519';
import { CoveredRoom, troubleOf } from './covered-room.ts';
import { LidClock } from './lid-clock.ts';
import type { LidTime } from './lid-clock.ts';

useNativeEd25519();

/**
 * `SOTTO_AWAY_MINUTES=15` takes the long courses: a day, and in stealth two that talk, as long as
 * without cover, and an eviction. CONTRIBUTING.md has the figures.
 */
const MINUTES = process.env['SOTTO_AWAY_MINUTES'];
const AWAY_MINUTES = Number(MINUTES ?? 15);
const PAIR = ['anna', 'ben'];
/** Five minutes are longer than the 258 s after which a member was once removed in stealth. */
const IN_STEALTH = MINUTES === undefined ? { minutes: 5, names: ['anna'] } : { minutes: AWAY_MINUTES, names: PAIR };
const EVICTED_IN = MINUTES === undefined ? (['off'] as const) : (['off', 'stealth-8'] as const);
const FOR_HOURS =
  MINUTES === undefined
    ? { hours: 3, texts: 100, seconds: 3 * 3_600, epochs: 4 }
    : { hours: 24, texts: 1_000, seconds: PATIENCE_SECONDS_MOST - 60, epochs: 40 };
const MINUTE_MS = 60_000;
/** For a member to come in, and for the rotations and removals behind that. */
const COMING_MS = 60_000;
/** The relay drops a frame at most so late. PROTOCOL.md §6.2. */
const DROPPED_LATE_MS = 75_000;

interface People {
  readonly room: RoomFixture;
  readonly awake: readonly [RoomMember, ...RoomMember[]];
  readonly sleeper: RoomMember;
}

interface Scene extends People {
  readonly room: CoveredRoom;
  readonly closeLid: () => void;
  readonly openLid: () => void;
}

interface SceneOptions {
  readonly time?: LidTime;
  /** Absent: the longest that the mode keeps. */
  readonly patienceSeconds?: number;
  /** The first is the host. */
  readonly names?: readonly string[];
}

async function openScene(
  cover: Cover,
  { time = 'stands', patienceSeconds, names = PAIR }: SceneOptions = {},
): Promise<Scene> {
  const room = await CoveredRoom.open(cover, { patienceSeconds });
  const elsewhere = room.host.rooms;
  const awake: RoomMember[] = [];
  for (const name of names) {
    awake.push(room.enter(name, awake.length === 0 ? { moderator: room.host, elsewhere } : { elsewhere }));
    await room.clock.advance(COMING_MS);
  }
  const [host, ...others] = awake;
  if (host === undefined) throw new Error('nobody came');
  const lid = new LidClock(room.clock, time);
  const sleeper = room.enter('sleeper', { clock: lid, elsewhere });
  await room.clock.advance(COMING_MS);
  const closeLid = (): void => {
    lid.closeLid();
    sleeper.streams.at(-1)?.near.pause();
  };
  const openLid = (): void => {
    sleeper.streams.at(-1)?.cut();
    lid.openLid();
  };
  return { room, awake: [host, ...others], sleeper, closeLid, openLid };
}

/** The members that are awake say `texts` texts in turns, in so much time. */
async function talk({ room, awake }: Pick<People, 'room' | 'awake'>, texts: number, spanMs: number): Promise<string[]> {
  const said: string[] = [];
  for (let index = 0; index < texts; index += 1) {
    const text = `text ${said.length}`;
    awake[index % awake.length]?.client.send(text);
    said.push(text);
    await room.clock.advance(spanMs / texts);
  }
  return said;
}

/** All go on with one another, and none was removed. */
async function expectTogether({ room, awake, sleeper }: People): Promise<void> {
  for (const member of awake) {
    expect(told(member, 'removed').map(({ reason }) => reason)).not.toContain('silent');
    expect(troubleOf(member)).toEqual([]);
  }
  sleeper.client.send('good morning');
  await room.clock.advance(COMING_MS);
  for (const member of awake) expect(textsOf(member).at(-1)).toBe('good morning');
}

function end({ room }: Pick<Scene, 'room'>): void {
  for (const { client } of room.members) client.panic();
}

describe('a member whose lid was closed for minutes', () => {
  test.each([
    { cover: 'off', time: 'stands', minutes: AWAY_MINUTES, names: PAIR },
    { cover: 'off', time: 'runs', minutes: AWAY_MINUTES, names: PAIR },
    { cover: 'jitter', time: 'stands', minutes: AWAY_MINUTES, names: PAIR },
    { cover: 'stealth-8', time: 'stands', ...IN_STEALTH },
  ] as const)(
    'reads all $minutes texts once, in $cover, if its clock $time',
    async ({ cover, minutes, time, names }) => {
      const scene = await openScene(cover, { time, names });
      scene.closeLid();
      const said = await talk(scene, minutes, minutes * MINUTE_MS);
      scene.openLid();
      await scene.room.clock.advance(COMING_MS);
      expect(textsOf(scene.sleeper)).toEqual(said);
      expect(gapsOf(scene.sleeper)).toEqual([]);
      expect(warningsOf(scene.sleeper)).toEqual([]);
      expect(statesOf(scene.sleeper).at(-1)).toBe('joined');
      await expectTogether(scene);
      end(scene);
    },
  );
});

test(`a member that was away for ${FOR_HOURS.hours} hours in off reads all texts, once and in order`, async () => {
  // The relay's half of this day is in packages/relay/test/patience.test.ts.
  const room = new Room();
  const awake = [await room.join('anna'), await room.join('ben')] as const;
  const lid = new LidClock(room.clock, 'stands');
  const sleeper = await room.join('sleeper', { clock: lid });
  await room.clock.advance(COMING_MS);
  lid.closeLid();
  sleeper.streams.at(-1)?.cut();
  const said = await talk({ room, awake }, FOR_HOURS.texts, 1_000 * FOR_HOURS.seconds);
  lid.openLid();
  await room.clock.advance(COMING_MS);
  expect(textsOf(sleeper)).toEqual(said);
  expect(gapsOf(sleeper)).toEqual([]);
  expect(warningsOf(sleeper)).toEqual([]);
  // It was read over many epochs.
  expect(told(sleeper, 'epoch').length).toBeGreaterThan(FOR_HOURS.epochs);
  await expectTogether({ room, awake, sleeper });
  for (const { client } of [...awake, sleeper]) client.panic();
});

/** As long as a full log takes at 150 KB/s. */
const WHOLE_LOG_MS = LOG_BYTES_MAX / 150;
const PIECE_MS = 100;

test('a member that reads for as long as a full log takes at 150 KB/s is not cut off, and reads all of it', async () => {
  const room = new Room();
  const awake = [await room.join('anna'), await room.join('ben')] as const;
  const line = { pieceBytes: Number.POSITIVE_INFINITY };
  const conditions = { latencyMs: () => PIECE_MS, chunkBytes: () => line.pieceBytes };
  const sleeper = await room.join('sleeper', { conditions: (dial) => (dial === 0 ? {} : conditions) });
  await room.clock.advance(COMING_MS);
  const bytesOf = (): number => room.relay.log.reduce((sum, { body }) => sum + HEADER_BYTES + body.length, 0);
  const before = bytesOf();
  room.unreachable = true;
  sleeper.streams.at(-1)?.cut();
  await room.clock.advance(1);
  const said: string[] = [];
  for (let index = 0; index < 60; index += 1) {
    const text = `${index} `.padEnd(9_000, 'x');
    said.push(text);
    awake[index % 2 === 0 ? 0 : 1].client.send(text);
    await room.clock.advance(1_000);
  }
  line.pieceBytes = Math.ceil((PIECE_MS * (bytesOf() - before)) / WHOLE_LOG_MS);
  room.unreachable = false;
  await room.clock.advance(0.8 * WHOLE_LOG_MS);
  const dials = sleeper.streams.length;
  expect(textsOf(sleeper).length).toBeGreaterThan(0);
  expect(textsOf(sleeper).length).toBeLessThan(said.length);
  await room.clock.advance(0.4 * WHOLE_LOG_MS);
  expect(textsOf(sleeper)).toEqual(said);
  expect(gapsOf(sleeper)).toEqual([]);
  expect(warningsOf(sleeper)).toEqual([]);
  expect(sleeper.streams).toHaveLength(dials);
  expect(dials).toBe(2);
  await expectTogether({ room, awake, sleeper });
  // Control: a line that carries nothing any more is cut off.
  room.relay.mute = true;
  await room.clock.advance(2 * SILENCE_LIMIT_MS);
  expect(sleeper.streams.length).toBeGreaterThan(dials);
  for (const { client } of [...awake, sleeper]) client.panic();
});

test.each(EVICTED_IN)(
  'a member that was away through an eviction in %s reads all from before it, and comes along',

  async (cover) => {
    const scene = await openScene(cover);
    const { room, awake, sleeper } = scene;
    const [anna] = awake;
    const eve = room.enter('eve', { elsewhere: room.host.rooms });
    await room.clock.advance(COMING_MS);
    scene.closeLid();
    const said = await talk(scene, 5, 5 * MINUTE_MS);
    anna.client.evict(eve.client.fingerprint);
    await room.clock.advance(2 * MINUTE_MS);
    expect(statesOf(eve).at(-1)).toBe('closed evicted');
    expect(told(sleeper, 'moved')).toEqual([]);
    scene.openLid();
    await room.clock.advance(2 * COMING_MS);
    expect(textsOf(sleeper)).toEqual(said);
    expect(told(sleeper, 'moved')).toHaveLength(1);
    expect(gapsOf(sleeper)).toEqual([]);
    awake.at(-1)?.client.send('in the new room');
    await room.clock.advance(COMING_MS);
    expect(textsOf(sleeper)).toEqual([...said, 'in the new room']);
    await expectTogether(scene);
    end(scene);
  },
);

describe('in a room with a patience of ten minutes', () => {
  const PATIENCE_MS = 1_000 * PATIENCE_SECONDS_LEAST;

  test('a member that was away for just less reads everything', async () => {
    const scene = await openScene('off', { patienceSeconds: PATIENCE_SECONDS_LEAST });
    scene.closeLid();
    const said = await talk(scene, 10, PATIENCE_MS - 5_000);
    scene.openLid();
    await scene.room.clock.advance(COMING_MS);
    expect(textsOf(scene.sleeper)).toEqual(said);
    expect(warningsOf(scene.sleeper)).toEqual([]);
    await expectTogether(scene);
    end(scene);
  });

  test('control: one that was away for just longer has lost the oldest, and is told why and what to do', async () => {
    const scene = await openScene('off', { patienceSeconds: PATIENCE_SECONDS_LEAST });
    scene.closeLid();
    const said = await talk(scene, 10, PATIENCE_MS + DROPPED_LATE_MS);
    scene.openLid();
    await scene.room.clock.advance(COMING_MS);
    const read = textsOf(scene.sleeper);
    expect(read.length).toBeLessThan(said.length);
    expect(warningsOf(scene.sleeper)).toContain('away-too-long');
    const [warning] = told(scene.sleeper, 'warning');
    expect(warning?.message).toMatch(/away for longer than the room keeps messages.*Ask the other members/);
    expect(gapsOf(scene.sleeper).length).toBeGreaterThan(0);
    // It comes back, and goes on.
    const [anna] = scene.awake;
    anna.client.send('good morning');
    await scene.room.clock.advance(COMING_MS);
    expect(textsOf(scene.sleeper).at(-1)).toBe('good morning');
    end(scene);
  });
});
