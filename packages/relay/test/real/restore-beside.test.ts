// What a restore costs everybody else at the same Redis: a PING beside it waits no longer than
// twice its time without.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import type { Redis } from 'ioredis';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { makeRoom } from '@sotto/fixtures/relay-member';
import { useRedisPair } from './redis-server.ts';
import type { RedisServer, TestedRedis } from './redis-server.ts';
import { makeFullMirror } from '../full-mirror.ts';
import { openStore } from './relay-over-redis.ts';

/**
 * Other work on the machine may blur a round. There are so many, and then more until one is
 * clear.
 */
const ROUNDS_LEAST = 3;
const ROUNDS_MOST = 12;
/** Of each of four logs that come in one command each. */
const PART_BYTES = 4_194_304;
/**
 * Of each of two logs that are restored: some 130 pieces. A longer log has more pieces, and each
 * keeps Redis busy for as long.
 */
const RESTORED_BYTES = 8_388_608;
/** Redis is not to be blocked for longer by anything. */
const BLOCKED_US_MAX = 50_000;
/**
 * A server that computes for a quarter of the time is free at three of four moments: then most
 * PINGs wait for nothing.
 */
const BUSY_MAX = 0.25;

/**
 * PINGs at the server of the work, and in the same moments at another: the machine is as busy for
 * both, only the server is not.
 */
interface Comparison {
  /** By rounds: the lower quartile of PINGs at the server of the work, divided by the other's. */
  readonly ratios: readonly number[];
  /**
   * The part of the time in which the server computed, by the processor's clock: what else runs on
   * the machine does not add to it.
   */
  readonly busy: number;
}

const pair = useRedisPair();

/** @returns what asks for the waits of the phase that ends, and begins another. */
async function startPings({ host, port }: RedisServer): Promise<(next: string) => Promise<number[]>> {
  const child = fork(new URL('ping-process.ts', import.meta.url).pathname, [host, String(port)]);
  onTestFinished(async () => {
    child.disconnect();
    await once(child, 'exit');
  });
  await once(child, 'message');
  return async (next) => {
    child.send(next);
    const [{ waits }] = (await once(child, 'message')) as [{ waits: number[] }];
    return waits;
  };
}

/**
 * A busy machine runs a server that computes later than one that idles: that shows in the median,
 * and not in the quicker half of the PINGs.
 */
function quartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)] ?? Number.NaN;
}

async function computedMs(tester: Redis): Promise<number> {
  const text = await tester.info('cpu');
  const read = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1]);
  return 1_000 * (read('used_cpu_user_main_thread') + read('used_cpu_sys_main_thread'));
}

const isAtMostTwice = (ratio: number): boolean => ratio <= 2;

/** The work is done at the first server. */
async function compare(work: () => Promise<unknown>, isClear: (ratio: number) => boolean): Promise<Comparison> {
  const { tester } = pair.first;
  const pings = await Promise.all([startPings(pair.first.server), startPings(pair.second.server)]);
  const ratios: number[] = [];
  let [computed, passed] = [0, 0];
  await tester.call('CONFIG', 'RESETSTAT');
  while (ratios.length < ROUNDS_LEAST || (ratios.length < ROUNDS_MOST && !ratios.some(isClear))) {
    await tester.flushall();
    const [computedBefore, begun] = [await computedMs(tester), performance.now()];
    await Promise.all(pings.map((next) => next('work')));
    await work();
    const [beside = [], apart = []] = await Promise.all(pings.map((next) => next('rest')));
    computed += (await computedMs(tester)) - computedBefore;
    passed += performance.now() - begun;
    ratios.push(quartile(beside) / quartile(apart));
  }
  return { ratios, busy: computed / passed };
}

/**
 * @returns the longest call of a command since CONFIG RESETSTAT but for one in twenty, by Redis'
 *   own clock, rounded up, in microseconds.
 */
async function longestUs({ tester }: TestedRedis, command: string): Promise<number> {
  const answer = (await tester.call('LATENCY', 'HISTOGRAM', command)) as [string, [string, number, string, number[]]];
  const [, calls, , pairs] = answer[1];
  for (let index = 0; index < pairs.length; index += 2) {
    if ((pairs[index + 1] ?? 0) >= 0.95 * calls) return pairs[index] ?? Number.NaN;
  }
  return Number.NaN;
}

function describeComparison({ ratios, busy }: Comparison, longest: number): string {
  const rounds = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
  return `${rounds} times its time without; Redis computes ${(100 * busy).toFixed(0)} % of the time, ${longest} us at once`;
}

test('a PING beside a restore waits at most twice as long as without it', async () => {
  const store = await openStore(pair.first.server);
  const rooms = ([0, 3] as const).map((size) => {
    const room = makeRoom();
    return { roomId: room.roomId, mirror: makeFullMirror(room, size, RESTORED_BYTES) };
  });
  const comparison = await compare(
    () => Promise.all(rooms.map(({ roomId, mirror }) => store.restore(roomId, mirror))),
    isAtMostTwice,
  );
  const longest = await longestUs(pair.first, 'evalsha');
  process.stdout.write(`   a PING beside a restore: ${describeComparison(comparison, longest)}\n`);
  expect(comparison.busy).toBeLessThan(BUSY_MAX);
  expect(longest).toBeLessThan(BLOCKED_US_MAX);
  // What else runs on the machine makes a round longer, and no round shorter in all of its PINGs.
  expect(comparison.ratios.some(isAtMostTwice), comparison.ratios.join()).toBe(true);
});

test('a PING beside rooms that are each restored in one command waits longer (the control)', async () => {
  const mirror = makeFullMirror(makeRoom(), 0, PART_BYTES);
  const bodies = mirror.frames.map(({ body }) => Buffer.from(body));
  const [, key] = roomKeys(makeRoom().roomId);
  // Four rooms of 4 MiB with no time between them.
  const script = `for room = 1, 4 do
      redis.call('DEL', KEYS[1])
      for index = 1, #ARGV do redis.call('XADD', KEYS[1], index .. '-0', 'body', ARGV[index]) end
    end`;
  const { tester } = pair.first;
  const comparison = await compare(
    () => Promise.all(Array.from({ length: 4 }, () => tester.eval(script, 1, key, ...bodies))),
    (ratio) => !isAtMostTwice(ratio),
  );
  const longest = await longestUs(pair.first, 'eval');
  process.stdout.write(`   a PING beside whole rooms: ${describeComparison(comparison, longest)}\n`);
  expect(longest).toBeGreaterThan(BLOCKED_US_MAX);
  // Other work on the machine may hide the wait in a round, and not in all of them.
  expect(comparison.ratios.every(isAtMostTwice), comparison.ratios.join()).toBe(false);
  await tester.flushall();
});
