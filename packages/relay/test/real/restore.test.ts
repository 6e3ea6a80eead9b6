// A room is given back to an emptied store in pieces: slowly if need be, beside everything else,
// and seen by nobody before it is whole.

import { LOG_BYTES_MAX } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { STORE_COMMAND_BYTES_MAX, STORE_STAGED_TTL_MS } from '../../src/limits.ts';
import type { RoomStore } from '../../src/store/room-store.ts';
import { fingerprint, makeBody, makeCommit, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { useRedis } from './redis-server.ts';
import { makeFullMirror } from '../full-mirror.ts';
import type { FullMirror } from '../full-mirror.ts';
import { createRoom, openStore, openRelayOverRedis, openUnpacedStore } from './relay-over-redis.ts';
import type { RelayOverRedis } from './relay-over-redis.ts';
import { StoreProxy } from './store-proxy.ts';

const redis = useRedis();
/** Of a log that need not be full. */
const PART_BYTES = 4_194_304;

/** A room with a full log in the store, which the relay has loaded, and a member of it. */
async function enterFullRoom(
  users: RelayOverRedis,
  store: RoomStore,
  { size = 3, bytes = PART_BYTES }: { readonly size?: 0 | 3; readonly bytes?: number } = {},
): Promise<{ readonly room: TestRoom; readonly member: TestMember; readonly mirror: FullMirror }> {
  const room = makeRoom();
  const mirror = makeFullMirror(room, size, bytes);
  expect(await store.restore(room.roomId, mirror)).toBe('restored');
  while ((await users.host.ask({ operation: 'resume', roomId: room.roomId }))?.ok !== true);
  return { room, mirror, member: await users.join(room) };
}

/** Under the commit number that a full room has. */
function say(member: TestMember, body: Uint8Array): void {
  member.send(publishFrame(body, 2));
}

async function storedBodies({ roomId }: TestRoom): Promise<string[]> {
  const entries = await redis.tester.xrangeBuffer(roomKeys(roomId)[1], '-', '+');
  return entries.map(([, fields]) => fingerprint(fields[1] ?? Buffer.alloc(0)));
}

async function expectWhole({ roomId }: TestRoom, mirror: FullMirror): Promise<void> {
  const [record, staged, stagedLog] = roomKeys(roomId).filter((_, index) => index !== 1);
  const snapshots = await redis.tester.hmgetBuffer(record ?? '', 'snapshot', 'previous');
  expect(snapshots.map((snapshot) => fingerprint(snapshot ?? Buffer.alloc(0)))).toEqual(
    [mirror.snapshot, mirror.previousSnapshot].map(({ bytes }) => fingerprint(bytes)),
  );
  expect(await redis.tester.exists(staged ?? '', stagedLog ?? '')).toBe(0);
}

describe('a store that comes back empty', () => {
  test('gets its rooms back in turns if it takes 20 MB/s, and acknowledges again', async () => {
    const proxy = await StoreProxy.open(redis.server);
    const [users, store] = [await openRelayOverRedis(proxy), await openUnpacedStore(redis.server)];
    // One log is as long as there is any; the other still takes longer than the small room.
    const large = [
      await enterFullRoom(users, store, { bytes: LOG_BYTES_MAX }),
      await enterFullRoom(users, store, { bytes: PART_BYTES }),
    ];
    const room = await createRoom(users.host);
    const member = await users.join(room);
    proxy.slowTo(20_000_000);
    await redis.tester.flushall();
    const bodies = large.map(() => makeBody(3));
    for (const [index, { member: each }] of large.entries()) say(each, bodies[index] ?? makeBody());
    // What is small is there again while the large ones are on their way.
    member.publish(makeBody());
    await member.entries(1);
    const keys = large.map(({ room: { roomId } }) => roomKeys(roomId)[0]);
    expect(await redis.tester.exists(...keys)).toBe(0);
    for (const [index, { room: one, member: each, mirror }] of large.entries()) {
      const body = bodies[index] ?? makeBody();
      expect(await each.entries(1)).toEqual([`${mirror.next} ${fingerprint(body)}`]);
      // In the full log the frame took the place of the oldest.
      const kept = index === 0 ? mirror.frames.slice(1) : mirror.frames;
      expect(await storedBodies(one)).toEqual([...kept.map((frame) => frame.body), body].map(fingerprint));
      await expectWhole(one, mirror);
    }
    expect(users.events.filter((event) => event === 'room-reseeded').length).toBe(3);
  });

  test.each(['killed and started again', 'emptied'])('gets the whole room again if it is %s half-way', async (how) => {
    const proxy = await StoreProxy.open(redis.server);
    const [users, store] = [await openRelayOverRedis(proxy), await openUnpacedStore(redis.server)];
    const { room, member, mirror } = await enterFullRoom(users, store);
    proxy.slowTo(8_000_000);
    await redis.tester.flushall();
    const body = makeBody();
    say(member, body);
    await proxy.seen(15, 100_000);
    expect(await redis.tester.exists(roomKeys(room.roomId)[0])).toBe(0);
    expect(await redis.tester.exists(roomKeys(room.roomId)[3])).toBe(1);
    await (how === 'emptied' ? redis.tester.flushall() : redis.server.restartEmpty());
    expect(await member.entries(1)).toEqual([`${mirror.next} ${fingerprint(body)}`]);
    expect(await storedBodies(room)).toEqual([...mirror.frames.map((frame) => frame.body), body].map(fingerprint));
    await expectWhole(room, mirror);
  });

  test('serves no room of which a part is missing, and deletes the part', async () => {
    await redis.tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(redis.server), await openUnpacedStore(redis.server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const mirror = makeFullMirror(room, 3, PART_BYTES);
    // The relay dies half-way: what it said last is still on its way.
    const cutOff = relay.restore(room.roomId, mirror).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.stall();
    const [record, , ...staged] = roomKeys(room.roomId);
    expect(await redis.tester.exists(...staged)).toBe(2);
    expect(await redis.tester.exists(record)).toBe(0);
    const append = { commitNumber: 2, first: mirror.next, bodies: [makeBody()], oldest: 1 };
    expect(await direct.load(room.roomId)).toBeUndefined();
    expect(await direct.read(room.roomId, 1, 1_000_000)).toEqual([]);
    expect(await direct.touch(room.roomId, 1)).toEqual({ kind: 'room-unknown' });
    expect(await direct.append(room.roomId, append)).toEqual({ kind: 'room-unknown' });
    expect(await direct.commit(room.roomId, { ...append, snapshot: makeBody() })).toEqual({ kind: 'room-unknown' });
    const lifetimes = await Promise.all(staged.map((key) => redis.tester.pttl(key)));
    for (const lifetime of lifetimes) expect(lifetime).toBeGreaterThan(0);
    for (const lifetime of lifetimes) expect(lifetime).toBeLessThanOrEqual(STORE_STAGED_TTL_MS);

    // The next one begins anew, and the rest of the first comes too late.
    expect(await direct.restore(room.roomId, mirror)).toBe('restored');
    expect((await direct.append(room.roomId, append)).kind).toBe('stored');
    proxy.goOn();
    expect(await cutOff).toMatchObject({ name: 'RelayError' });
    expect((await direct.load(room.roomId))?.next).toBe(mirror.next + 1);
    expect(await redis.tester.exists(...staged)).toBe(0);
  });

  test('keeps nothing of a room that is closed during its restore', async () => {
    await redis.tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(redis.server), await openUnpacedStore(redis.server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const cutOff = relay.restore(room.roomId, makeFullMirror(room, 3, PART_BYTES)).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.stall();
    expect(await direct.remove(room.roomId)).toBe(false);
    proxy.goOn();
    expect(await cutOff).toMatchObject({ code: 'store-unstaged' });
    expect(await redis.tester.keys('*')).toEqual([]);
  });

  test('drops an older copy of a room when the newer one begins to come: it never holds both', async () => {
    await redis.tester.flushall();
    const [proxy, direct] = [await StoreProxy.open(redis.server), await openUnpacedStore(redis.server)];
    const [relay, room] = [await openStore(proxy), makeRoom()];
    const mirror = makeFullMirror(room, 3, PART_BYTES);
    const older = { ...mirror, next: mirror.next - 5, frames: mirror.frames.slice(0, -5) };
    await direct.restore(room.roomId, older);
    const cutOff = relay.restore(room.roomId, mirror).catch((error: unknown) => error);
    await proxy.seen(20, 100_000);
    proxy.cut();
    expect(await cutOff).toMatchObject({ name: 'RelayError' });
    expect(await direct.load(room.roomId)).toBeUndefined();
    expect(await storedBodies(room)).toEqual([]);
    expect(await direct.restore(room.roomId, mirror)).toBe('restored');
    expect((await direct.load(room.roomId))?.next).toBe(mirror.next);
  });
});

describe('on the wire to Redis', () => {
  test.each([0, 3] as const)(
    'no command carries more than 128 KiB, for any operation, in frames of size %i',
    async (size) => {
      await redis.tester.flushall();
      const proxy = await StoreProxy.open(redis.server);
      const [users, store] = [await openRelayOverRedis(proxy), await openUnpacedStore(redis.server)];
      const { member } = await enterFullRoom(users, store, { size });
      const bodies = Array.from({ length: size === 0 ? 600 : 120 }, () => makeBody(size));
      const made = makeCommit({ frames: size === 0 ? 128 : 16, size, snapshotBytes: 524_288 });
      member.send(...made.stages, made.commit(2));
      const { commitNumber } = await member.committed();
      member.send(...bodies.map((body) => publishFrame(body, commitNumber)));
      await member.entries(bodies.length);
      await redis.tester.flushall();
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

  test('one piece of a restore is on its way at a time, for any number of rooms', async () => {
    const proxy = await StoreProxy.open(redis.server);
    const [users, store] = [await openRelayOverRedis(proxy), await openUnpacedStore(redis.server)];
    const rooms = [
      await enterFullRoom(users, store),
      await enterFullRoom(users, store),
      await enterFullRoom(users, store),
    ];
    await redis.tester.flushall();
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
