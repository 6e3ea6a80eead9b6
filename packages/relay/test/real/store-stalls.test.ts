// Redis stops answering while it is asked something: what is asked again is done once, and what
// came too late does no harm.

import { describe, expect, test } from 'vitest';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import type { RoomMirror, RoomStore } from '../../src/store/room-store.ts';
import { fingerprint, makeBody, makeCommit, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { useRedis } from './redis-server.ts';
import { createRoom, openStore, openRelayOverRedis, storedEntries } from './relay-over-redis.ts';
import { StoreProxy } from './store-proxy.ts';

const STALL_MS = 3_000;
const OK = { ok: true };

const redis = useRedis();

function no(code: string): { ok: false; code: string } {
  return { ok: false, code };
}

/**
 * Redis answers nothing for longer than a command may take; what it was asked meanwhile it does
 * when it wakes.
 */
async function whileStalled<Value>(proxy: StoreProxy, work: () => Promise<Value>): Promise<Value> {
  proxy.stall();
  const awake = new Promise((resolve) => setTimeout(resolve, STALL_MS)).then(() => proxy.goOn());
  const value = await work();
  await awake;
  return value;
}

describe('Redis stalls for 3 s', () => {
  test('while a room is made: on the second request the host has it, and another host does not', async () => {
    const proxy = await StoreProxy.open(redis.server);
    const { host, join } = await openRelayOverRedis(proxy);
    await createRoom(host);
    const room = makeRoom();
    expect(await whileStalled(proxy, () => host.create(room))).toEqual(no('store-unavailable'));
    while ((await redis.tester.exists(roomKeys(room.roomId)[0])) === 0);
    expect(await host.create({ ...room, roomTag: makeRoom().roomTag })).toEqual(no('room-exists'));
    expect(await host.create(room)).toEqual(OK);
    const member = await join(room);
    member.publish(makeBody());
    await member.entries(1);
    expect(await host.create(room)).toEqual(no('room-exists'));
  });

  test('while a room is closed: no connection attaches meanwhile, and then the room is gone', async () => {
    const proxy = await StoreProxy.open(redis.server);
    const { host, join, member: stranger } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const member = await join(room);
    member.publish(makeBody());
    await member.entries(1);
    proxy.stall();
    // Lost for good: Redis never hears of it on this connection.
    expect(await host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
    expect(await member.closing()).toBe('room-closed');
    await expect(stranger().attach(room)).rejects.toThrow('not-admitted');
    expect(await redis.tester.exists(...roomKeys(room.roomId))).toBe(2);
    proxy.cut();
    proxy.goOn();
    while ((await redis.tester.exists(...roomKeys(room.roomId))) > 0) {
      await expect(stranger().attach(room)).rejects.toThrow('not-admitted');
    }
    await expect(stranger().attach(room)).rejects.toThrow('not-admitted');
  });

  test('while a room is closed and the relay ends: the first request is enough, even for a new operation', async () => {
    await redis.tester.call('SCRIPT', 'FLUSH');
    const proxy = await StoreProxy.open(redis.server);
    const { host, relay } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    await whileStalled(proxy, async () => {
      expect(await host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
      await relay.close();
    });
    while ((await redis.tester.exists(...roomKeys(room.roomId))) > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const next = await openRelayOverRedis(redis.server);
    await expect(next.join(room)).rejects.toThrow(/not-admitted|store-unavailable/);
  });

  test('while frames and a commit are on their way: each is stored once, and in order', async () => {
    const proxy = await StoreProxy.open(redis.server);
    const { host, join } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const member = await join(room);
    const [before, after] = [makeBody(), makeBody()];
    const made = makeCommit({ frames: 16, size: 3, snapshotBytes: 524_288 });
    await whileStalled(proxy, async () => {
      member.send(publishFrame(before), ...made.stages, made.commit(0));
      await new Promise((resolve) => setTimeout(resolve, STALL_MS));
    });
    const heard = await member.entries(1);
    const received = await member.committed();
    expect(received.commitNumber).toBe(1);
    heard.push(...received.entries);
    await whileStalled(proxy, async () => {
      member.send(publishFrame(after, 1));
      await new Promise((resolve) => setTimeout(resolve, STALL_MS));
    });
    heard.push(...(await member.entries(1)));
    expect(heard).toEqual([before, ...made.bodies, after].map((body, index) => `${index + 1} ${fingerprint(body)}`));
    expect(await storedEntries(redis.tester, room)).toEqual(heard);
    expect((await member.fetchSnapshot()).bytes).toEqual(made.snapshot);
  });
});

function bodiesOf(frames: RoomMirror['frames']): Uint8Array[] {
  return Array.from(frames, ({ body }) => body);
}

/** Each thing that a store is asked, and what it is answered when it is asked once more. */
const OPERATIONS: Readonly<Record<string, (store: RoomStore, room: TestRoom, mirror: RoomMirror) => Promise<unknown>>> =
  {
    create: (store, room) => store.create(room.roomId, { ...room, cover: 'off' }),
    load: async (store, { roomId }) => (await store.load(roomId))?.next,
    read: async (store, { roomId }) => (await store.read(roomId, 1, 10_000)).length,
    touch: (store, { roomId }) => store.touch(roomId, 1),
    append: (store, { roomId }, { frames }) =>
      store.append(roomId, { commitNumber: 0, first: 1, bodies: bodiesOf(frames), oldest: 1 }),
    commit: (store, { roomId }, { frames, snapshot }) =>
      store.commit(roomId, {
        commitNumber: 0,
        first: 1,
        bodies: bodiesOf(frames),
        snapshot: snapshot.bytes,
        oldest: 1,
      }),
    restore: (store, { roomId }, mirror) => store.restore(roomId, mirror),
    remove: (store, { roomId }) => store.remove(roomId),
  };
const BEFORE: readonly string[] = ['load', 'read', 'touch', 'append', 'commit', 'restore', 'remove'];

/** One operation in a room of its own. */
interface Trial {
  readonly name: string;
  readonly room: TestRoom;
  readonly bodies: readonly Uint8Array[];
  readonly ask: (store: RoomStore) => Promise<unknown>;
}

interface Outcome {
  readonly answer: unknown;
  readonly commitNumber: number | undefined;
  readonly next: number | undefined;
  readonly snapshotBytes: number | undefined;
  /** Whether the log has what it was given, or nothing. */
  readonly log: 'given' | 'empty' | 'other';
}

async function prepare(name: string, direct: RoomStore): Promise<Trial> {
  const operation = OPERATIONS[name];
  if (operation === undefined) throw new Error('no such operation');
  const room = makeRoom();
  const bodies = [makeBody(), makeBody()];
  const mirror: RoomMirror = {
    ...room,
    cover: 'off',
    commitNumber: 1,
    snapshot: { bytes: new Uint8Array(300_000).fill(7), first: 1, last: 2 },
    previousSnapshot: { bytes: new Uint8Array(0), first: 0, last: 0 },
    oldest: 1,
    next: 3,
    frames: bodies.map((body) => ({ operation: 'entry', body })),
  };
  if (BEFORE.includes(name)) await direct.create(room.roomId, { ...room, cover: 'off' });
  return { name, room, bodies, ask: (store) => operation(store, room, mirror) };
}

/** Asks for as long as the store refuses. */
async function finish({ name, room, bodies, ask }: Trial, store: RoomStore, direct: RoomStore): Promise<Outcome> {
  let answer: unknown;
  for (let asked = false; !asked;) {
    try {
      answer = await ask(store);
      asked = true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const record = await direct.load(room.roomId);
  const stored = (await direct.read(room.roomId, 1, 10_000)).map(({ body }) => fingerprint(body)).join();
  return {
    answer: name === 'remove' ? '' : answer,
    commitNumber: record?.commitNumber,
    next: record?.next,
    snapshotBytes: record?.snapshot.bytes.length,
    log: stored === '' ? 'empty' : stored === bodies.map(fingerprint).join() ? 'given' : 'other',
  };
}

interface Comparison {
  readonly atOnce: Outcome;
  readonly late: Outcome;
  /** How the request failed whose answer was late. */
  readonly refusal: unknown;
}

/** All operations in one stall, each in a room and on a connection of its own. */
async function stallAll(): Promise<ReadonlyMap<string, Comparison>> {
  const proxy = await StoreProxy.open(redis.server);
  const direct = await openStore(redis.server);
  const asked = await Promise.all(
    Object.keys(OPERATIONS).map(async (name) => {
      const store = await openStore(proxy);
      const atOnce = await finish(await prepare(name, direct), store, direct);
      return { name, store, atOnce, trial: await prepare(name, direct) };
    }),
  );
  const refusals = await whileStalled(proxy, () =>
    Promise.all(asked.map(({ store, trial }) => trial.ask(store).catch((error: unknown) => error))),
  );
  const compared = asked.map(async ({ name, store, atOnce, trial }, index) => {
    const late = await finish(trial, store, direct);
    return [name, { atOnce, late, refusal: refusals[index] }] as const;
  });
  return new Map(await Promise.all(compared));
}

let comparisons: Promise<ReadonlyMap<string, Comparison>> | undefined;

test.each(Object.keys(OPERATIONS))(
  '%s with a late answer is requested again and leaves the same result as at once',
  async (name) => {
    comparisons ??= stallAll();
    const { atOnce, late, refusal } = (await comparisons).get(name) ?? expect.unreachable();
    expect(refusal).toMatchObject({ name: 'RelayError' });
    expect(late).toEqual(atOnce);
    expect(late.log).toBe(late.next === 3 ? 'given' : 'empty');
  },
);
