// A relay for tests, on real sockets in a directory of its own and on a fake clock, with its users.
// All of it ends with the test.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { FakeClock } from '@sotto/fixtures';
import { TestHost } from '@sotto/fixtures/relay-host';
import { fingerprint, makeBody, makeRoom, TestMember } from '@sotto/fixtures/relay-member';
import type { TestCommit, TestRoom } from '@sotto/fixtures/relay-member';
import type { LogEvent } from '../src/log.ts';
import { startRelay } from '../src/relay.ts';
import type { Relay, RelayOptions } from '../src/relay.ts';
import { makeFullMirror } from './full-mirror.ts';
import type { FullMirror } from './full-mirror.ts';
import { WatchedStore } from './watched-store.ts';

/** A host and members of one relay, as many as a test asks for. */
export interface RelayUsers {
  readonly host: TestHost;
  readonly anotherHost: () => TestHost;
  /** A connection that has not attached. */
  readonly member: () => TestMember;
  /** A new room of the host. */
  readonly room: () => Promise<TestRoom>;
  /** A member that has attached to the room. */
  readonly join: (room: TestRoom, from?: number) => Promise<TestMember>;
  /** Ends all of their connections. */
  readonly leave: () => Promise<void>;
}

export interface RelayFixture extends RelayUsers {
  readonly relay: Relay;
  readonly store: WatchedStore;
  readonly clock: FakeClock;
  readonly events: LogEvent[];
  readonly directory: string;
}

export function connectUsers({ address, adminAddress }: Pick<Relay, 'address' | 'adminAddress'>): RelayUsers {
  const users: { leave(): Promise<void> }[] = [];
  const addHost = (): TestHost => {
    const host = new TestHost(adminAddress);
    users.push(host);
    return host;
  };
  const addMember = (): TestMember => {
    const member = new TestMember(address);
    users.push(member);
    return member;
  };
  const host = addHost();
  return {
    host,
    anotherHost: addHost,
    member: addMember,
    room: async () => {
      const room = makeRoom();
      const reply = await host.create(room);
      if (reply?.ok !== true) throw new Error('the room was not made');
      return room;
    },
    join: async (room, from = 0) => {
      const member = addMember();
      await member.attach(room, from);
      return member;
    },
    leave: async () => {
      await Promise.all(users.map((user) => user.leave()));
    },
  };
}

export async function openRelay(
  options: Partial<RelayOptions> & { readonly store?: WatchedStore } = {},
): Promise<RelayFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-relay-'));
  const store = options.store ?? new WatchedStore();
  const clock = new FakeClock();
  const events: LogEvent[] = [];
  const relay = await startRelay({
    listen: { path: join(directory, 'relay.sock') },
    admin: { path: join(directory, 'admin.sock') },
    clock,
    log: (event) => events.push(event),
    ...options,
    store,
  });
  const users = connectUsers(relay);
  onTestFinished(async () => {
    store.letGo();
    await users.leave();
    await passTimeDuring(clock, relay.close());
    await rm(directory, { recursive: true });
  });
  return { ...users, relay, store, clock, events, directory };
}

/** A room with a full log, of frames of 4096 bytes, as a relay finds it that was started anew. */
export async function fullRoom(
  fixture: RelayFixture,
  bytes?: number,
): Promise<{ readonly room: TestRoom; readonly mirror: FullMirror }> {
  const room = makeRoom();
  const mirror = makeFullMirror(room, 3, bytes);
  await fixture.store.restore(room.roomId, mirror);
  const reply = await fixture.host.ask({ operation: 'resume', roomId: room.roomId });
  if (reply?.ok !== true) throw new Error('the room was not found');
  return { room, mirror };
}

/** Waits for work that waits for time: 100 ms pass with each iteration of the event loop. */
export async function passTimeDuring<Value>(clock: FakeClock, work: Promise<Value>): Promise<Value> {
  let done = false;
  const finish = (): void => {
    done = true;
  };
  work.then(finish, finish);
  for (;;) {
    await iterations(1);
    // Read through a function, because the compiler believes that nobody else writes it.
    if (isTrue(() => done)) return work;
    clock.tick(100);
  }
}

function isTrue(read: () => boolean): boolean {
  return read();
}

/**
 * Lets the relay and the sockets finish their work without a clock: so many iterations of the event
 * loop.
 */
export async function iterations(count: number): Promise<void> {
  for (let iteration = 0; iteration < count; iteration += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass while every member goes on pinging. */
export async function passTime(
  fixture: RelayFixture,
  milliseconds: number,
  members: readonly TestMember[],
): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 10_000) {
    fixture.clock.tick(Math.min(10_000, milliseconds - passed));
    for (const member of members) if ((await member.ping()).length > 0) throw new Error('something came meanwhile');
  }
}

export async function joinMany(fixture: RelayFixture, room: TestRoom, count: number): Promise<TestMember[]> {
  const members: TestMember[] = [];
  while (members.length < count) members.push(await fixture.join(room));
  return members;
}

export function makeBodies(count: number, size: 0 | 1 | 2 | 3 = 0): Uint8Array[] {
  return Array.from({ length: count }, () => makeBody(size));
}

/** @returns entries as members receive them, the first of them numbered `first`. */
export function numbered(bodies: readonly Uint8Array[], first = 1): string[] {
  return bodies.map((body, index) => `${first + index} ${fingerprint(body)}`);
}

/** @returns the commit number of this commit as this member receives it. */
export async function receiveCommit(member: TestMember, made: TestCommit, first: number): Promise<number> {
  const { commitNumber, entries } = await member.committed();
  expect(entries).toEqual(numbered(made.bodies, first));
  return commitNumber;
}
