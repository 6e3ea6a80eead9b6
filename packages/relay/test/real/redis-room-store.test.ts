import { randomBytes } from 'node:crypto';
import { PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { RedisRoomStore, roomKeys } from '../../src/store/redis-room-store.ts';
import { describeRoomStore } from '../room-store.contract.ts';
import { useRedis } from './redis-server.ts';
import { connected, connectStore } from './relay-over-redis.ts';

const redis = useRedis();

/** Time passes for every key on the server: each is left with so much less. */
async function elapse(milliseconds: number): Promise<void> {
  for (const key of await redis.tester.keys('room:*')) {
    await redis.tester.pexpire(key, (await redis.tester.pttl(key)) - milliseconds);
  }
}

describeRoomStore('RedisRoomStore', async (limits) => {
  await redis.tester.flushall();
  return { store: await connectStore(redis.server, { limits }), elapse };
});

/** @returns how often a command was called since CONFIG RESETSTAT. */
async function calls(redis: Redis): Promise<(command: string) => number> {
  const statistics = await redis.info('commandstats');
  return (command) => Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(statistics)?.[1] ?? 0);
}

describe('on a real Redis', () => {
  const lock = {
    capabilityKey: new Uint8Array(randomBytes(32)),
    roomTag: new Uint8Array(randomBytes(16)),
    cover: 'off' as const,
    patienceSeconds: PATIENCE_SECONDS_MOST,
  };

  async function open(): Promise<{ store: RedisRoomStore; roomId: Uint8Array }> {
    return { store: await connectStore(redis.server), roomId: new Uint8Array(randomBytes(16)) };
  }

  test('log and room have one lifetime, and nothing else is stored', async () => {
    await redis.tester.flushall();
    const { store, roomId } = await open();
    await store.create(roomId, lock);
    await store.append(roomId, { commitNumber: 0, first: 1, bodies: [new Uint8Array(496)], oldest: 1 });
    const [room, log] = roomKeys(roomId);
    expect((await redis.tester.keys('*')).sort()).toEqual([room, log]);
    const lifetimes = await Promise.all([
      redis.tester.call('PEXPIRETIME', room),
      redis.tester.call('PEXPIRETIME', log),
    ]);
    expect(lifetimes[0]).toEqual(lifetimes[1]);
    expect(await redis.tester.pttl(room)).toBeGreaterThan(3_590_000);
    expect(await redis.tester.pttl(room)).toBeLessThanOrEqual(3_600_000);
    await store.close();
  });

  test('every script is loaded on connecting, each operation is one call, and no script is sent again', async () => {
    await redis.tester.call('SCRIPT', 'FLUSH');
    const { store, roomId } = await open();
    await store.create(roomId, lock);
    await redis.tester.call('CONFIG', 'RESETSTAT');
    for (let first = 1; first <= 10; first += 1) {
      await store.append(roomId, { commitNumber: 0, first, bodies: [new Uint8Array(496).fill(first)], oldest: 1 });
    }
    // What was never called before is there as well: also if its answer comes too late for anybody,
    // it is done.
    expect(await store.remove(roomId)).toBe(true);
    const counts = await calls(redis.tester);
    expect([counts('evalsha'), counts('eval'), counts('script\\|load')]).toEqual([11, 0, 0]);
    expect(counts('xadd')).toBe(10);
    await store.close();
  });

  test('a server that has lost its scripts on a live connection gets the needed ones again', async () => {
    const { store, roomId } = await open();
    await store.create(roomId, lock);
    await redis.tester.call('SCRIPT', 'FLUSH');
    await redis.tester.call('CONFIG', 'RESETSTAT');
    for (const first of [1, 2]) {
      const append = { commitNumber: 0, first, bodies: [new Uint8Array(496).fill(first)], oldest: 1 };
      expect((await store.append(roomId, append)).kind).toBe('stored');
    }
    const counts = await calls(redis.tester);
    expect([counts('evalsha'), counts('eval'), counts('script\\|load'), counts('xadd')]).toEqual([3, 0, 1, 2]);
    await store.close();
  });

  test('a frame on a full log reads no bodies: they are dropped unread (control: a repetition is read)', async () => {
    const { store, roomId } = await open();
    await store.create(roomId, lock);
    const bodies = Array.from({ length: 200 }, (_, index) => new Uint8Array(496).fill(index));
    await store.append(roomId, { commitNumber: 0, first: 1, bodies, oldest: 1 });
    await redis.tester.call('CONFIG', 'RESETSTAT');
    const more = Array.from({ length: 50 }, (_, index) => ({
      commitNumber: 0,
      first: 201 + index,
      bodies: [new Uint8Array(496).fill(index)],
      oldest: 2 + index,
    }));
    for (const append of more) await store.append(roomId, append);
    const counts = await calls(redis.tester);
    expect([counts('xadd'), counts('xtrim'), counts('xrange')]).toEqual([50, 50, 0]);
    expect((await store.read(roomId, 1, 1))[0]?.number).toBe(51);
    await redis.tester.call('CONFIG', 'RESETSTAT');
    expect(await store.append(roomId, more[49] ?? { commitNumber: 0, first: 0, bodies: [], oldest: 0 })).toMatchObject({
      kind: 'stored',
      first: 250,
    });
    expect((await calls(redis.tester))('xrange')).toBe(1);
    await store.close();
  });

  test('a load rejects with our code, if at all, while the server restarts, and works again later', async () => {
    const { store, roomId } = await open();
    await store.create(roomId, lock);
    await redis.server.restartEmpty();
    const failure: unknown = await store.load(roomId).catch((error: unknown) => error);
    // The connection may be back already: then the answer is that there is no such room.
    if (failure !== undefined) expect(failure).toMatchObject({ name: 'RelayError', code: 'store-unavailable' });
    await connected(store);
    expect(await store.load(roomId)).toBeUndefined();
    expect(await store.create(roomId, lock)).toBe('created');
    await store.close();
  });

  test('the server lets the relay’s user do nothing else (control: the tester may)', async () => {
    const { store } = await open();
    const relay = redis.server.connectTester().duplicate({ username: 'default', password: '' });
    for (const command of [
      ['FLUSHALL'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
      ['SAVE'],
      ['MONITOR'],
      ['SET', 'x', 'y'],
      ['EVAL', 'return 1', '0'],
      ['SCRIPT', 'FLUSH'],
      ['RENAME', 'x', 'y'],
      ['REPLICAOF', 'NO', 'ONE'],
    ]) {
      const [name = '', ...rest] = command;
      await expect(relay.call(name, ...rest)).rejects.toThrow(/NOPERM/);
    }
    await expect(redis.tester.call('CONFIG', 'GET', 'save')).resolves.toEqual(['save', '']);
    relay.disconnect();
    await store.close();
  });
});
