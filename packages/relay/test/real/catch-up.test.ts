// Members that catch up on a long log slow down nobody that is live: neither in other rooms nor in their
// own. The same echoes in one run, before and while sixty connections read a full log again and again.

import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeRoom, makeBody, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember } from '@sotto/fixtures/relay-member';
import { makeFullMirror } from '../full-mirror.ts';
import { openAttackedRelay } from './attacked-relay.ts';
import { useRedis } from './redis-server.ts';
import { openUnpacedStore, resumeRoom } from './relay-over-redis.ts';

const redis = useRedis();
const ECHOES = 80;
const GAP_MS = 10;
/** Readers, relay and members share two processors here, as in other-rooms.test.ts. */
const TIMES_AS_LONG_MAX = 20;
const MEDIAN_MAX_MS = 50;

/** @returns the median time (ms) that a frame takes to reach both of them. */
async function echo(member: TestMember, other: TestMember, commitNumber: number): Promise<number> {
  const times: number[] = [];
  while (times.length < ECHOES) {
    const started = performance.now();
    member.send(publishFrame(makeBody(), commitNumber));
    await Promise.all([member.expect('entry'), other.expect('entry')]);
    times.push(performance.now() - started);
    await pause(GAP_MS);
  }
  return times.sort((a, b) => a - b)[ECHOES / 2] ?? Number.NaN;
}

test.each(['in another room', 'in the same room'])('members that are live %s are heard as before', async (where) => {
  await redis.tester.flushall();
  const relay = await openAttackedRelay('attacked-relay-process.ts', redis.server);
  const [store, long] = [await openUnpacedStore(redis.server), makeRoom()];
  const mirror = makeFullMirror(long);
  await store.restore(long.roomId, mirror);
  await resumeRoom(relay.host, long);
  const [room, commitNumber] = where === 'in the same room' ? [long, mirror.commitNumber] : [await relay.room(), 0];
  const [anna, ben] = [await relay.join(room), await relay.join(room)];
  await echo(anna, ben, commitNumber);
  const quiet = await echo(anna, ben, commitNumber);
  const stop = await relay.attack('catch-ups', [long]);
  const loud = await echo(anna, ben, commitNumber);
  await stop();
  process.stdout.write(
    `   live ${where}: ${quiet.toFixed(2)} ms without, ${loud.toFixed(2)} ms beside 60 that catch up\n`,
  );
  expect(loud).toBeLessThan(Math.max(MEDIAN_MAX_MS, TIMES_AS_LONG_MAX * quiet));
});
