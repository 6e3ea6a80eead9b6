// A relay for tests, on real sockets in a directory of its own, with whoever comes to it; all of it
// goes away together.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { LogEvent } from '../src/log.ts';
import { startRelay } from '../src/relay.ts';
import type { Relay, RelayOptions } from '../src/relay.ts';
import { ManualClock } from './manual-clock.ts';
import { TestHost } from '@sotto/fixtures/relay-host';
import { makeRoom, TestMember } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';

export interface House {
  readonly relay: Relay;
  readonly store: WatchedStore;
  readonly clock: ManualClock;
  readonly host: TestHost;
  readonly events: LogEvent[];
  readonly directory: string;
  member(): TestMember;
  anotherHost(): TestHost;
  /** A new room of the host's. */
  room(): Promise<TestRoom>;
  /** A member that is in the room. */
  join(room: TestRoom, from?: number): Promise<TestMember>;
}

export async function openHouse(options: Partial<RelayOptions> & { store?: WatchedStore } = {}): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-relay-'));
  const store = options.store ?? new WatchedStore();
  const clock = new ManualClock();
  const events: LogEvent[] = [];
  const relay = await startRelay({
    listen: { path: join(directory, 'relay.sock') },
    admin: { path: join(directory, 'admin.sock') },
    clock,
    log: (event) => events.push(event),
    ...options,
    store,
  });
  const guests: { leave(): Promise<void> }[] = [];
  const host = new TestHost(relay.adminAddress);
  guests.push(host);
  onTestFinished(async () => {
    store.letGo();
    await Promise.all(guests.map((guest) => guest.leave()));
    await whileTimePasses(clock, relay.close());
    await rm(directory, { recursive: true });
  });
  const member = (): TestMember => {
    const guest = new TestMember(relay.address);
    guests.push(guest);
    return guest;
  };
  return {
    relay,
    store,
    clock,
    host,
    events,
    directory,
    member,
    anotherHost: () => {
      const guest = new TestHost(relay.adminAddress);
      guests.push(guest);
      return guest;
    },
    room: async () => {
      const room = makeRoom();
      const reply = await host.create(room);
      if (reply?.ok !== true) throw new Error('the room was not made');
      return room;
    },
    join: async (room, from = 0) => {
      const guest = member();
      await guest.attach(room, from);
      return guest;
    },
  };
}

/** Waits for what waits for time: lets it pass, a little with each turn of the event loop. */
export async function whileTimePasses<Value>(clock: ManualClock, work: Promise<Value>): Promise<Value> {
  let done = false;
  const finish = (): void => {
    done = true;
  };
  work.then(finish, finish);
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    // Read through a function, because the compiler believes that nobody else writes it.
    if (isTrue(() => done)) return work;
    clock.advance(100);
  }
}

function isTrue(read: () => boolean): boolean {
  return read();
}
