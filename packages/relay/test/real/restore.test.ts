// A room is given back to an emptied store in pieces: slowly if need be, beside everything else,
// and seen by nobody before it is whole.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Redis } from 'ioredis';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { STORE_COMMAND_BYTES_MAX, STORE_STAGED_TTL_MS } from '../../src/limits.ts';
import type { RoomMirror, RoomStore } from '../../src/store/room-store.ts';
import { fingerprint, makeBody, makeCommit, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { startRedisServer } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';
import { makeFullMirror, makeRoomThere, openStore, setStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { StoreProxy } from './store-proxy.ts';

let server: RedisServer;
let tester: Redis;

beforeAll(async () => {
  server = await startRedisServer();
  tester = server.connectTester();
  return async () => {
    tester.disconnect();
    await server.stop();
  };
});

/** A room with a full log in the store, which the relay has loaded, and a member of it. */
async function enterFullRoom(
  stage: Stage,
  store: RoomStore,
  size: 0 | 3 = 3,
): Promise<{ readonly room: TestRoom; readonly member: TestMember; readonly mirror: RoomMirror }> {
  const room = makeRoom();
  const mirror = makeFullMirror(room, size);
  expect(await store.restore(room.roomId, mirror)).toBe('restored');
  while ((await stage.host.ask({ operation: 'resume', roomId: room.roomId }))?.ok !== true);
  return { room, mirror, member: await stage.join(room) };
}

/** Under the commit number that a full room has. */
function say(member: TestMember, body: Uint8Array): void {
  member.send(publishFrame(body, 2));
}

async function storedBodies({ roomId }: TestRoom): Promise<string[]> {
  const entries = await tester.xrangeBuffer(roomKeys(roomId)[1], '-', '+');
  return entries.map(([, fields]) => fingerprint(fields[1] ?? Buffer.alloc(0)));
}

async function expectWhole({ roomId }: TestRoom, mirror: RoomMirror): Promise<void> {
  const [record, staged, stagedLog] = roomKeys(roomId).filter((_, index) => index !== 1);
  const snapshots = await tester.hmgetBuffer(record ?? '', 'snapshot', 'previous');
  expect(snapshots.map((snapshot) => fingerprint(snapshot ?? Buffer.alloc(0)))).toEqual(
    [mirror.snapshot, mirror.previousSnapshot].map(({ bytes }) => fingerprint(bytes)),
  );
  expect(await tester.exists(staged ?? '', stagedLog ?? '')).toBe(0);
}

describe('a store that comes back empty', () => {
  test('and takes 2 MB/s is given its rooms back in turns, and acknowledges again', async () => {
    const proxy = await StoreProxy.open(server);
    const [stage, store] = [await setStage(proxy), await openStore(server)];
    const large = [await enterFullRoom(stage, store), await enterFullRoom(stage, store)];
    const room = await makeRoomThere(stage.host);
    const member = await stage.join(room);
    proxy.slowTo(2_000_000);
    await tester.flushall();
    const bodies = large.map(() => makeBody());
    for (const [index, { member: each }] of large.entries()) say(each, bodies[index] ?? makeBody());
    // What is small is there again while the large ones are on their way.
    member.publish(makeBody());
    await member.entries(1);
    const keys = large.map(({ room: { roomId } }) => roomKeys(roomId)[0]);
    expect(await tester.exists(...keys)).toBe(0);
    for (const [index, { room: one, member: each, mirror }] of large.entries()) {
      const body = bodies[index] ?? makeBody();
      expect(await each.entries(1)).toEqual([`${mirror.next} ${fingerprint(body)}`]);
      // The frame took the place of the oldest: the log was full.
      expect(await storedBodies(one)).toEqual([...mirror.bodies.slice(1), body].map(fingerprint));
      await expectWhole(one, mirror);
    }
    expect(stage.events.filter((event) => event === 'room-reseeded').length).toBe(3);
  });

  test.each(['killed and started again', 'emptied'])(
    'and is %s half-way is given the whole room again',
    async (how) => {
      const proxy = await StoreProxy.open(server);
      const [stage, store] = [await setStage(proxy), await openStore(server)];
      const { room, member, mirror } = await enterFullRoom(stage, store);
      proxy.slowTo(8_000_000);
      await tester.flushall();
      const body = makeBody();
      say(member, body);
      await proxy.seen(15, 100_000);
      expect(await tester.exists(roomKeys(room.roomId)[0])).toBe(0);
      expect(await tester.exists(roomKeys(room.roomId)[3])).toBe(1);
      await (how === 'emptied' ? tester.flushall() : server.restartEmpty());
      expect(await member.entries(1)).toEqual([`${mirror.next} ${fingerprint(body)}`]);
      expect(await storedBodies(room)).toEqual([...mirror.bodies.slice(1), body].map(fingerprint));
      await expectWhole(room, mirror);
    },
  );

  test('has no room of which a part is missing, for nobody and nothing, and forgets the part', async () => {
    await tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(server), await openStore(server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const mirror = makeFullMirror(room);
    // The relay dies half-way: what it said last is still on its way.
    const cutOff = relay.restore(room.roomId, mirror).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.stall();
    const [record, , ...staged] = roomKeys(room.roomId);
    expect(await tester.exists(...staged)).toBe(2);
    expect(await tester.exists(record)).toBe(0);
    const append = { commitNumber: 2, first: mirror.next, bodies: [makeBody()], oldest: 1 };
    expect(await direct.load(room.roomId)).toBeUndefined();
    expect(await direct.read(room.roomId, 1, 1_000_000)).toEqual([]);
    expect(await direct.touch(room.roomId)).toEqual({ kind: 'room-unknown' });
    expect(await direct.append(room.roomId, append)).toEqual({ kind: 'room-unknown' });
    expect(await direct.commit(room.roomId, { ...append, snapshot: makeBody() })).toEqual({ kind: 'room-unknown' });
    const lifetimes = await Promise.all(staged.map((key) => tester.pttl(key)));
    for (const lifetime of lifetimes) expect(lifetime).toBeGreaterThan(0);
    for (const lifetime of lifetimes) expect(lifetime).toBeLessThanOrEqual(STORE_STAGED_TTL_MS);

    // The next one begins anew, and the rest of the first comes too late.
    expect(await direct.restore(room.roomId, mirror)).toBe('restored');
    expect((await direct.append(room.roomId, append)).kind).toBe('stored');
    proxy.goOn();
    expect(await cutOff).toMatchObject({ name: 'RelayError' });
    expect((await direct.load(room.roomId))?.next).toBe(mirror.next + 1);
    expect(await tester.exists(...staged)).toBe(0);
  });

  test('keeps nothing of a room that is closed while it is given back', async () => {
    await tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(server), await openStore(server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const cutOff = relay.restore(room.roomId, makeFullMirror(room)).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.stall();
    expect(await direct.remove(room.roomId)).toBe(false);
    proxy.goOn();
    expect(await cutOff).toMatchObject({ code: 'store-unstaged' });
    expect(await tester.keys('*')).toEqual([]);
  });

  test('keeps an older copy of a room until the newer one is whole', async () => {
    await tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(server), await openStore(server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const mirror = makeFullMirror(room);
    const older = { ...mirror, next: mirror.next - 5, bodies: mirror.bodies.slice(0, -5) };
    await direct.restore(room.roomId, older);
    const cutOff = relay.restore(room.roomId, mirror).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.cut();
    expect(await cutOff).toMatchObject({ name: 'RelayError' });
    expect((await direct.load(room.roomId))?.next).toBe(older.next);
    expect((await storedBodies(room)).length).toBe(older.bodies.length);
    expect(await direct.restore(room.roomId, mirror)).toBe('restored');
    expect((await direct.load(room.roomId))?.next).toBe(mirror.next);
  });
});

describe('on the wire to Redis', () => {
  test.each([0, 3] as const)(
    'no command carries more than 128 KiB, whatever it is, in frames of size %i',
    async (size) => {
      await tester.flushall();
      const proxy = await StoreProxy.open(server);
      const [stage, store] = [await setStage(proxy), await openStore(server)];
      const { member } = await enterFullRoom(stage, store, size);
      const bodies = Array.from({ length: size === 0 ? 600 : 120 }, () => makeBody(size));
      const made = makeCommit({ frames: size === 0 ? 128 : 16, size, snapshotBytes: 524_288 });
      member.send(...made.stages, made.commit(2));
      await member.entries(made.bodies.length);
      const { commitNumber } = await member.commitNumber();
      member.send(...bodies.map((body) => publishFrame(body, commitNumber)));
      await member.entries(bodies.length);
      await tester.flushall();
      member.send(publishFrame(makeBody(size), commitNumber));
      await member.entries(1);

      const sizes = proxy.commands.map(({ bytes }) => bytes);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(STORE_COMMAND_BYTES_MAX);
      // Control: what is measured is the commands, and some of them are as long as they may be.
      expect(Math.max(...sizes)).toBeGreaterThan(STORE_COMMAND_BYTES_MAX - 8_192);
      expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(5_000_000);
      expect(new Set(proxy.commands.map(({ name }) => name))).toEqual(new Set(['script', 'evalsha']));
    },
  );

  test('one piece of a restore is on its way at a time, however many rooms are given back', async () => {
    const proxy = await StoreProxy.open(server);
    const [stage, store] = [await setStage(proxy), await openStore(server)];
    const rooms = [
      await enterFullRoom(stage, store),
      await enterFullRoom(stage, store),
      await enterFullRoom(stage, store),
    ];
    await tester.flushall();
    proxy.commands.length = 0;
    for (const { member } of rooms) say(member, makeBody());
    for (const { member } of rooms) await member.entries(1);
    const pieces = proxy.commands.filter(({ bytes }) => bytes > 65_536);
    expect(pieces.length).toBeGreaterThan(90);
    // Before it there is at most what else is asked at that moment: an append of one frame for each
    // of the rooms.
    expect(Math.max(...pieces.map(({ ahead }) => ahead))).toBeLessThanOrEqual(rooms.length * 1_024);
  });
});
