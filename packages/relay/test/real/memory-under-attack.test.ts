// How much the relay holds under attack while the logs are as long as they may be, measured as the
// kernel counts it: never more than the sum of its limits.

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LOGS_BYTES_MAX } from '@sotto/protocol';
import { FLUSH_BYTES_MAX, HELD_BYTES_MAX } from '../../src/limits.ts';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { makeBody, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { makeFullMirror } from '../full-mirror.ts';
import { useRedis } from './redis-server.ts';
import { openUnpacedStore, resumeRoom } from './relay-over-redis.ts';
import { openAttackedRelay } from './attacked-relay.ts';
import type { Attack, AttackedRelay } from './attacked-relay.ts';

const ATTACKS: readonly Attack[] = [
  'frame flood',
  'slow readers',
  'catch-ups',
  'unheard answers',
  'slowloris',
  'uploads',
];
const ATTACK_MS = 1_500;
/** The control has as long as it takes. */
const CONTROL_MS = 60_000;
const LOOK_MS = 50;

const redis = useRedis();

/** Logs of the smallest frames. Every relay finds them anew. */
const FULL_ROOMS = [makeRoom(), makeRoom()].map((room) => ({ room, mirror: makeFullMirror(room, 0) }));
const COMMIT_NUMBER = 2;

/** Rooms whose logs are full, in a store to which the relay comes. */
async function openFullRooms({ host }: AttackedRelay): Promise<TestRoom[]> {
  await redis.tester.flushall();
  const store = await openUnpacedStore(redis.server);
  const resumed: Promise<void>[] = [];
  for (const { room, mirror } of FULL_ROOMS) {
    expect(mirror.commitNumber).toBe(COMMIT_NUMBER);
    await store.restore(room.roomId, mirror);
    resumed.push(resumeRoom(host, room));
  }
  await Promise.all(resumed);
  return FULL_ROOMS.map(({ room }) => room);
}

/** @returns bytes that the process has grown by at most, at its peak. */
async function growth(
  relay: AttackedRelay,
  attack: Attack,
  course: { readonly open: () => Promise<TestRoom[]>; readonly commitNumber: number; readonly milliseconds: number },
): Promise<number> {
  const before = relay.memory().now;
  const [own, attacked] = [await relay.room(), await course.open()];
  const member = await relay.join(own);
  member.publish(...Array.from({ length: 200 }, () => makeBody()));
  await member.entries(200);
  const { commitNumber, milliseconds } = course;
  const stop = await relay.attack(attack, attacked, { commitNumber, priority: 'normal' });
  let peak = before;
  for (let passed = 0; passed < milliseconds && peak - before <= HELD_BYTES_MAX; passed += LOOK_MS) {
    await pause(LOOK_MS);
    peak = relay.memory().peak;
  }
  await stop();
  return peak - before;
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

describe('the relay’s process', () => {
  test.each(ATTACKS)('under attack by %s grows by no more than its limits say', async (attack) => {
    const relay = await openAttackedRelay('attacked-relay-process.ts', redis.server);
    const open = (): Promise<TestRoom[]> => openFullRooms(relay);
    const grown = await growth(relay, attack, { open, commitNumber: COMMIT_NUMBER, milliseconds: ATTACK_MS });
    process.stdout.write(`   ${attack}: grown by ${inMebibytes(grown)} (bound ${inMebibytes(HELD_BYTES_MAX)})\n`);
    expect(grown).toBeLessThanOrEqual(HELD_BYTES_MAX);
    // The logs are there.
    expect(grown).toBeGreaterThan(LOGS_BYTES_MAX);
  });

  test('gives two full logs back to a store that was emptied, and grows by no more than its limits say', async () => {
    const relay = await openAttackedRelay('attacked-relay-process.ts', redis.server);
    const before = relay.memory().now;
    const rooms = await openFullRooms(relay);
    const members = [];
    for (const room of rooms) members.push(await relay.join(room));
    await redis.tester.flushall();
    for (const member of members) member.send(publishFrame(makeBody(), COMMIT_NUMBER));
    for (const member of members) await member.entries(1);
    const grown = relay.memory().peak - before;
    process.stdout.write(`   two full logs, given back: grown by ${inMebibytes(grown)}\n`);
    expect(grown).toBeLessThanOrEqual(HELD_BYTES_MAX);
    for (const { roomId } of rooms) {
      const count = await redis.tester.xlen(roomKeys(roomId)[1]);
      expect(count * makeBody().length).toBeGreaterThan(LOGS_BYTES_MAX / 2 - FLUSH_BYTES_MAX);
    }
  });

  test('would exceed its limits if it held everything that its peers do not read (the control)', async () => {
    const relay = await openAttackedRelay('boundless-relay-process.ts');
    const open = async (): Promise<TestRoom[]> => [await relay.room(), await relay.room()];
    const grown = await growth(relay, 'unheard answers', { open, commitNumber: 0, milliseconds: CONTROL_MS });
    process.stdout.write(`   control, a relay without limits: grown by ${inMebibytes(grown)} and more\n`);
    expect(grown).toBeGreaterThan(HELD_BYTES_MAX);
  });
});
