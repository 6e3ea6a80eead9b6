// A relay over a real Redis, or over what lies before it, with a host and members; all of it goes
// away with the test.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { RedisRoomStore, startRelay } from '../../src/index.ts';
import type { LogEvent, Relay, RoomMirror } from '../../src/index.ts';
import { TestHost } from '@sotto/fixtures/relay-host';
import { makeBody, makeRoom, TestMember } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import type { Address } from './store-proxy.ts';

export interface Stage {
  readonly relay: Relay;
  readonly host: TestHost;
  readonly events: LogEvent[];
  readonly member: () => TestMember;
  readonly join: (room: TestRoom, from?: number) => Promise<TestMember>;
}

export async function setStage(store: Address): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-redis-'));
  const events: LogEvent[] = [];
  const relay = await startRelay({
    listen: { path: join(directory, 'relay.sock') },
    admin: { path: join(directory, 'admin.sock') },
    store: new RedisRoomStore({ host: store.host, port: store.port }),
    log: (event) => events.push(event),
  });
  const host = new TestHost(relay.adminAddress);
  const members: TestMember[] = [];
  onTestFinished(async () => {
    await Promise.all([host.leave(), ...members.map((member) => member.leave())]);
    await relay.close();
    await rm(directory, { recursive: true });
  });
  const member = (): TestMember => {
    const guest = new TestMember(relay.address);
    members.push(guest);
    return guest;
  };
  return {
    relay,
    host,
    events,
    member,
    join: async (room, from = 0) => {
      const guest = member();
      await guest.attach(room, from);
      return guest;
    },
  };
}

export async function makeRoomThere(host: TestHost): Promise<TestRoom> {
  const room = makeRoom();
  // The relay starts before its connection to Redis stands: the host asks again, as it does in
  // life.
  while ((await host.create(room))?.ok !== true) await new Promise((resolve) => setTimeout(resolve, 5));
  return room;
}

/** A store of the test's own, connected. */
export async function openStore(address: Address): Promise<RedisRoomStore> {
  const store = new RedisRoomStore({ host: address.host, port: address.port });
  onTestFinished(() => store.close());
  for (;;) {
    try {
      await store.load(makeRoom().roomId);
      return store;
    } catch {
      // A store fails at once while it is not connected; so asks until it is.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/**
 * A room whose log is as full as it gets, of frames of this size, with two snapshots of the largest
 * size.
 */
export function makeFullMirror(room: TestRoom, size: 0 | 3 = 3): RoomMirror {
  const count = Math.floor(4_194_304 / makeBody(size).length);
  const bodies = Array.from({ length: count }, () => makeBody(size));
  const snapshot = (first: number): { bytes: Uint8Array; first: number; last: number } => ({
    bytes: new Uint8Array(524_288).fill(first),
    first,
    last: first,
  });
  const { capabilityKey, roomTag } = room;
  const numbers = { commitNumber: 2, oldest: 11, next: 11 + count };
  return {
    capabilityKey,
    roomTag,
    cover: 'off',
    ...numbers,
    snapshot: snapshot(12),
    previousSnapshot: snapshot(11),
    bodies,
  };
}
