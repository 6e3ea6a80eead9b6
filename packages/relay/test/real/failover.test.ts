// The store's master becomes a replica, or refuses to be written to for another reason: the relay
// looks for the one that may be.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Redis } from 'ioredis';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';
import type { TestMember } from '@sotto/fixtures/relay-member';
import { useRedisPair } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';
import { createRoom, openStore, openRelayOverRedis, storedEntries } from './relay-over-redis.ts';
import { StoreProxy } from './store-proxy.ts';

const pair = useRedisPair();

/** Both are masters again, and empty, before a test and behind it. */
async function standAlone(): Promise<void> {
  for (const tester of [pair.first.tester, pair.second.tester]) {
    await tester.call('REPLICAOF', 'NO', 'ONE');
    await tester.call(
      'CONFIG',
      'SET',
      'min-replicas-to-write',
      '0',
      'replica-serve-stale-data',
      'yes',
      'maxmemory',
      '128mb',
    );
    await tester.flushall();
  }
}

async function follow(tester: Redis, master: RedisServer | undefined): Promise<void> {
  const { host, port } = master?.inside ?? { host: '127.0.0.1', port: 1 };
  await tester.call('REPLICAOF', host, String(port));
}

async function inStep(replica: Redis): Promise<void> {
  while (!/^master_link_status:up/m.test(await replica.info('replication'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Says so many things, one after the other is acknowledged.
 * @returns them as they are numbered in the log.
 */
async function sayInTurn(member: TestMember, count: number): Promise<string[]> {
  const heard: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const body = makeBody();
    member.publish(body);
    const [entry = ''] = await member.entries(1);
    expect(entry.endsWith(fingerprint(body))).toBe(true);
    heard.push(entry);
  }
  return heard;
}

describe('the store’s master', () => {
  test('becomes a replica of another one behind one address: acknowledged entries stay, and new ones follow', async () => {
    await standAlone();
    onTestFinished(standAlone);
    const [old, next] = [pair.first.tester, pair.second.tester];
    const proxy = await StoreProxy.open(pair.first.server);
    const { host, join, events } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const member = await join(room);
    const said = await sayInTurn(member, 20);
    await follow(next, pair.first.server);
    await inStep(next);
    said.push(...(await sayInTurn(member, 20)));

    // The failover, while something is said without a pause. Connections that stand stay, as those
    // of a load balancer do.
    const bodies = Array.from({ length: 30 }, () => makeBody());
    for (const body of bodies.slice(0, 10)) member.publish(body);
    await next.call('REPLICAOF', 'NO', 'ONE');
    await follow(old, pair.second.server);
    proxy.leadTo(pair.second.server);
    for (const body of bodies.slice(10)) member.publish(body);
    said.push(...(await member.entries(30)));
    said.push(...(await sayInTurn(member, 5)));
    expect(said.map((entry) => Number(entry.split(' ')[0]))).toEqual(said.map((_, index) => index + 1));
    expect(said.slice(40, 70).map((entry) => entry.split(' ')[1])).toEqual(bodies.map(fingerprint));
    expect(await storedEntries(next, room)).toEqual(said);
    expect(proxy.connections).toBeGreaterThan(1);
    expect(member.closed).toBe(false);
    expect(events).toContain('store-back');
  });

  test('is replaced by one that is behind, which gets every acknowledged entry', async () => {
    await standAlone();
    onTestFinished(standAlone);
    const [old, next] = [pair.first.tester, pair.second.tester];
    const proxy = await StoreProxy.open(pair.first.server);
    const { host, join, events } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const member = await join(room);
    const said = await sayInTurn(member, 20);
    await follow(next, pair.first.server);
    await inStep(next);
    // The link breaks, and the replica is promoted without what came after.
    await next.call('REPLICAOF', 'NO', 'ONE');
    said.push(...(await sayInTurn(member, 10)));
    expect((await storedEntries(next, room)).length).toBe(20);
    await follow(old, pair.second.server);
    proxy.leadTo(pair.second.server);
    said.push(...(await sayInTurn(member, 1)));
    expect(await storedEntries(next, room)).toEqual(said);
    expect(events).toContain('room-reseeded');
  });

  test.each(['replica', 'stale replica', 'master without its replicas'] as const)(
    'turns into a %s, and the relay reconnects until it finds a full master',
    async (kind) => {
      await standAlone();
      onTestFinished(standAlone);
      const old = pair.first.tester;
      const proxy = await StoreProxy.open(pair.first.server);
      const { host, join } = await openRelayOverRedis(proxy);
      const room = await createRoom(host);
      const member = await join(room);
      const said = await sayInTurn(member, 3);
      const before = proxy.connections;
      if (kind === 'master without its replicas') await old.call('CONFIG', 'SET', 'min-replicas-to-write', '1');
      else await follow(old, undefined);
      if (kind === 'stale replica') await old.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
      const body = makeBody();
      member.publish(body);
      while (proxy.connections < before + 2) await new Promise((resolve) => setTimeout(resolve, 10));
      proxy.leadTo(pair.second.server);
      expect(await member.entries(1)).toEqual([`4 ${fingerprint(body)}`]);
      expect(await storedEntries(pair.second.tester, room)).toEqual([...said, `4 ${fingerprint(body)}`]);
    },
  );

  test('is asked again on the same connection while it is full, and goes on when it has room', async () => {
    await standAlone();
    onTestFinished(standAlone);
    const { tester } = pair.first;
    const proxy = await StoreProxy.open(pair.first.server);
    const { host, join, events } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const member = await join(room);
    const said = await sayInTurn(member, 3);
    const before = proxy.connections;
    await tester.call('CONFIG', 'SET', 'maxmemory', '1');
    const body = makeBody();
    member.publish(body);
    while (!events.includes('store-lost')) await new Promise((resolve) => setTimeout(resolve, 10));
    // What is full can still be read, and be told to forget.
    const direct = await openStore(pair.first.server);
    expect((await direct.load(room.roomId))?.next).toBe(4);
    expect((await direct.touch(room.roomId, 1)).kind).toBe('present');
    expect(await direct.remove(new Uint8Array(16))).toBe(false);
    await tester.call('CONFIG', 'SET', 'maxmemory', '128mb');
    expect(await member.entries(1)).toEqual([`4 ${fingerprint(body)}`]);
    expect(await storedEntries(tester, room)).toEqual([...said, `4 ${fingerprint(body)}`]);
    expect(proxy.connections).toBe(before);
  });

  test('is not confused with its replica: the relay reads nothing that may be old', async () => {
    await standAlone();
    onTestFinished(standAlone);
    const store = await openStore(pair.first.server);
    const roomId = new Uint8Array(16).fill(7);
    await store.create(roomId, {
      capabilityKey: new Uint8Array(32),
      roomTag: new Uint8Array(16),
      cover: 'off',
      patienceSeconds: 600,
    });
    expect(await store.load(roomId)).toBeDefined();
    await follow(pair.first.tester, undefined);
    await expect(store.load(roomId)).rejects.toMatchObject({ code: 'store-unavailable' });
  });
});
