// A relay over a real Redis, or over a proxy before it, with its users. All of it ends with the
// test.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Clock } from '@sotto/machine';
import { COMMIT_PLACE_BYTES } from '@sotto/protocol';
import { onTestFinished } from 'vitest';
import type { TestHost } from '@sotto/fixtures/relay-host';
import { fingerprint, makeRoom } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { RedisRoomStore, startRelay } from '../../src/index.ts';
import type { LogEvent, Relay, StoreLimits } from '../../src/index.ts';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { connectUsers } from '../relay-fixture.ts';
import type { RelayUsers } from '../relay-fixture.ts';
import type { Address } from './store-proxy.ts';

export interface RelayOverRedis extends RelayUsers {
  readonly relay: Relay;
  readonly events: LogEvent[];
}

export async function openRelayOverRedis({ host, port }: Address): Promise<RelayOverRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-redis-'));
  const events: LogEvent[] = [];
  const relay = await startRelay({
    listen: { path: join(directory, 'relay.sock') },
    admin: { path: join(directory, 'admin.sock') },
    store: new RedisRoomStore({ host, port }),
    log: (event) => events.push(event),
  });
  const users = connectUsers(relay);
  onTestFinished(async () => {
    await users.leave();
    await relay.close();
    await rm(directory, { recursive: true });
  });
  return { ...users, relay, events };
}

/** Makes a room as a host does: it asks again while the relay is not connected to Redis yet. */
export async function createRoom(host: TestHost): Promise<TestRoom> {
  const room = makeRoom();
  while ((await host.create(room))?.ok !== true) await new Promise((resolve) => setTimeout(resolve, 5));
  return room;
}

/** Resumes a room as a host does whose relay was started anew. */
export async function resumeRoom(host: TestHost, { roomId }: TestRoom): Promise<void> {
  while ((await host.ask({ operation: 'resume', roomId }))?.ok !== true) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A connected store of the test's own. The caller closes it. */
export async function connectStore(
  { host, port }: Address,
  options: { readonly limits?: StoreLimits; readonly clock?: Clock } = {},
): Promise<RedisRoomStore> {
  const store = new RedisRoomStore({ host, port, ...options });
  await connected(store);
  return store;
}

/** A store that is not connected rejects at once, so this asks again until it is. */
export async function connected(store: RedisRoomStore): Promise<void> {
  for (;;) {
    try {
      await store.load(makeRoom().roomId);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** A connected store that is closed with the test. */
export async function openStore(address: Address): Promise<RedisRoomStore> {
  const store = await connectStore(address);
  onTestFinished(() => store.close());
  return store;
}

/** On this clock a store leaves Redis no time between the pieces of a restore. */
const UNPACED: Clock = {
  now: () => 0,
  after: (_, run) => {
    run();
    return () => undefined;
  },
};

/** As `openStore`, for tests whose claim is not the pace at which a store restores a room. */
export async function openUnpacedStore(address: Address): Promise<RedisRoomStore> {
  const store = await connectStore(address, { clock: UNPACED });
  onTestFinished(() => store.close());
  return store;
}

/** @returns the log in Redis: each frame's number and the fingerprint of its envelope. */
export async function storedEntries(tester: Redis, { roomId }: TestRoom): Promise<string[]> {
  const entries = await tester.xrangeBuffer(roomKeys(roomId)[1], '-', '+');
  return entries.map(([id, [operation, body = Buffer.alloc(0)]]) => {
    const envelope = operation?.toString() === 'committed' ? body.subarray(COMMIT_PLACE_BYTES) : body;
    return `${id.toString().replace(/-0$/, '')} ${fingerprint(envelope)}`;
  });
}
