// Logs as long as they may be, in a real Redis with the memory that docker-compose.yml gives it: they
// fit, come back into an emptied one, and are found by a relay that is started anew.

import { LOG_BYTES_MAX, LOGS_BYTES_MAX } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { fingerprint, makeBody, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import { ROOMS_MAX } from '../../src/limits.ts';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { makeFullMirror } from '../full-mirror.ts';
import { useRedis } from './redis-server.ts';
import { openRelayOverRedis, openUnpacedStore, resumeRoom } from './relay-over-redis.ts';

const redis = useRedis();
const MEBIBYTE = 2 ** 20;

async function memory(): Promise<{ readonly used: number; readonly max: number }> {
  const text = await redis.tester.info('memory');
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  return { used: read('used_memory'), max: read('maxmemory') };
}

function inMebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}

describe('Redis with 128 MiB', () => {
  test.each([0, 1, 2, 3] as const)(
    'holds the longest logs of as many rooms as there may be, in frames of size %i, and gets them back',
    async (size) => {
      await redis.tester.flushall();
      const store = await openUnpacedStore(redis.server);
      const rooms = Array.from({ length: ROOMS_MAX }, () => makeRoom());
      const each = LOGS_BYTES_MAX / ROOMS_MAX;
      const mirrors = rooms.map((room) => makeFullMirror(room, size, each));
      const restoreAll = (): Promise<string[]> =>
        Promise.all(
          rooms.map(({ roomId }, index) => store.restore(roomId, mirrors[index] ?? makeFullMirror(makeRoom()))),
        );
      expect(await restoreAll()).toEqual(rooms.map(() => 'restored'));
      const { used, max } = await memory();
      process.stdout.write(
        `   64 MiB of bodies in frames of size ${size}: ${inMebibytes(used)} of ${inMebibytes(max)}\n`,
      );
      expect(used).toBeLessThan(0.75 * max);
      // Each is behind now. The copy that is there gives way: Redis would refuse to hold both.
      expect(2 * used).toBeGreaterThan(max);
      for (const { roomId } of rooms) await redis.tester.hset(roomKeys(roomId)[0], 'commit-number', 1);
      expect(await restoreAll()).toEqual(rooms.map(() => 'restored'));
      for (const [index, { roomId }] of rooms.entries()) {
        expect(await redis.tester.xlen(roomKeys(roomId)[1])).toBe(mirrors[index]?.frames.length);
      }
      await redis.tester.flushall();
    },
  );

  test('refuses a fourth full log, so that the relay has to bound them together (the control)', async () => {
    await redis.tester.flushall();
    await redis.tester.call('CONFIG', 'RESETSTAT');
    const store = await openUnpacedStore(redis.server);
    const answers: unknown[] = [];
    for (let count = 0; count < 4; count += 1) {
      const room = makeRoom();
      answers.push(await store.restore(room.roomId, makeFullMirror(room)).catch((error: unknown) => error));
    }
    // Three take all but some kibibytes of the memory: the third may be too much, too.
    expect(answers.filter((answer) => answer === 'restored').length).toBeGreaterThanOrEqual(
      LOGS_BYTES_MAX / LOG_BYTES_MAX,
    );
    expect(answers[3]).toMatchObject({ code: 'store-unavailable' });
    // Redis has no memory for it, and is not merely slow.
    expect(await redis.tester.info('errorstats')).toMatch(/^errorstat_OOM:count=[1-9]/m);
    await redis.tester.flushall();
  });
});

describe('a relay that is started anew', () => {
  test('finds a room with a full log, gives all of it to a member, and takes its next frame', async () => {
    await redis.tester.flushall();
    const store = await openUnpacedStore(redis.server);
    const room = makeRoom();
    const mirror = makeFullMirror(room);
    await store.restore(room.roomId, mirror);
    const { host, join: enter } = await openRelayOverRedis(redis.server);
    const begun = performance.now();
    await resumeRoom(host, room);
    const found = performance.now() - begun;
    const member = await enter(room, 1);
    const seen: string[] = [];
    for (const { operation } of mirror.frames) seen.push(fingerprint((await member.expect(operation)).body));
    const read = performance.now() - begun - found;
    process.stdout.write(`   a full log: found in ${found.toFixed(0)} ms, read up in ${read.toFixed(0)} ms\n`);
    expect(seen).toEqual(mirror.frames.map(({ body }) => fingerprint(body)));
    const body = makeBody(3);
    member.send(publishFrame(body, mirror.commitNumber));
    expect(await member.entries(1)).toEqual([`${mirror.next} ${fingerprint(body)}`]);
    const log = (await store.load(room.roomId)) ?? mirror;
    expect([log.oldest, log.next]).toEqual([mirror.oldest + 1, mirror.next + 1]);
    expect((log.next - log.oldest) * body.length).toBeLessThanOrEqual(LOG_BYTES_MAX);
    await redis.tester.flushall();
  });
});
