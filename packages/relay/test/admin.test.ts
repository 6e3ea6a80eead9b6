import { describe, expect, test } from 'vitest';
import { ADMIN_LINE_BYTES_MAX, encodeAdminRequest } from '@sotto/protocol';
import { ADMIN_GRACE_MS, ROOMS_MAX, SWEEP_INTERVAL_MS } from '../src/limits.ts';
import { fingerprint, makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';
import { openRelay } from './relay-fixture.ts';
import type { RelayFixture } from './relay-fixture.ts';

const OK = { ok: true };

function no(code: string): { ok: false; code: string } {
  return { ok: false, code };
}

/**
 * As many rooms as there may be, a member in each, their hosts gone one after the other without a
 * word.
 */
async function leaveAllRooms(
  fixture: RelayFixture,
): Promise<{ readonly room: TestRoom; readonly member: TestMember }[]> {
  const rooms = [];
  for (let count = 0; count < ROOMS_MAX; count += 1) {
    const host = fixture.anotherHost();
    const room = makeRoom();
    expect(await host.create(room)).toEqual(OK);
    rooms.push({ room, member: await fixture.join(room) });
    await host.leave();
    expect(await fixture.host.ask({ operation: 'ping' })).toEqual(OK);
    fixture.clock.tick(1);
  }
  return rooms;
}

describe('the host', () => {
  test('may ask for the same fresh room again until a member has attached to it', async () => {
    const fixture = await openRelay();
    const room = makeRoom();
    expect(await fixture.host.create(room)).toEqual(OK);
    expect(await fixture.host.create(room)).toEqual(OK);
    expect(await fixture.anotherHost().create(room)).toEqual(OK);
    await (await fixture.join(room)).leave();
    expect(await fixture.host.create(room)).toEqual(no('room-exists'));
  });

  test('cannot make another room under the id of a fresh one', async () => {
    const fixture = await openRelay();
    const room = makeRoom();
    expect(await fixture.host.create(room)).toEqual(OK);
    const { capabilityKey, roomTag } = makeRoom();
    for (const other of [
      { ...room, capabilityKey },
      { ...room, roomTag },
      { ...room, cover: 'stealth-8' as const },
    ]) {
      expect(await fixture.host.create(other)).toEqual(no('room-exists'));
    }
    expect((await fixture.member().attach(room)).next).toBe(1);
  });

  test('has its room when it asks again after an answer was lost', async () => {
    const fixture = await openRelay();
    const room = makeRoom();
    fixture.store.losesAnswers = true;
    expect(await fixture.host.create(room)).toEqual(no('store-unavailable'));
    fixture.store.losesAnswers = false;
    expect(await fixture.host.create(room)).toEqual(OK);
    expect((await fixture.member().attach(room)).next).toBe(1);
  });

  test('cannot make a room that only the store knows and that has entries', async () => {
    const fixture = await openRelay();
    const room = makeRoom();
    await fixture.store.create(room.roomId, { ...room, cover: 'off' });
    await fixture.store.append(room.roomId, { commitNumber: 0, first: 1, bodies: [makeBody()], oldest: 1 });
    expect(await fixture.host.create(room)).toEqual(no('room-exists'));
    expect(await fixture.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(OK);
  });

  test('makes no more rooms than allowed, and one more when one is closed', async () => {
    const fixture = await openRelay();
    const rooms = [];
    for (let count = 0; count < ROOMS_MAX; count += 1) rooms.push(await fixture.room());
    expect(await fixture.host.create(makeRoom())).toEqual(no('rooms-full'));
    const roomId = rooms[0]?.roomId ?? new Uint8Array(16);
    expect(await fixture.host.ask({ operation: 'close', roomId })).toEqual(OK);
    expect(await fixture.host.create(makeRoom())).toEqual(OK);
  });

  test('closes a room: its members are notified, and the relay and the store forget it', async () => {
    const fixture = await openRelay();
    const [room, other] = [await fixture.room(), await fixture.room()];
    const [member, bystander] = [await fixture.join(room), await fixture.join(other)];
    member.publish(makeBody());
    await member.entries(1);
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    expect(await member.closing()).toBe('room-closed');
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
    await expect(fixture.member().attach(room)).rejects.toThrow('not-admitted');
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
    expect(await fixture.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(no('room-unknown'));
    expect(await bystander.ping()).toEqual([]);
  });

  test('closes a room with a frame on its way to the store, and nothing of it comes back', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    member.publish(makeBody());
    await called;
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    fixture.store.letGo();
    expect(await member.closing()).toBe('room-closed');
    expect(await fixture.host.ask({ operation: 'ping' })).toEqual(OK);
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
  });

  test('may return within a while after its connection broke, and its room lives on', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    await fixture.host.leave();
    const successor = fixture.anotherHost();
    expect(await successor.ask({ operation: 'ping' })).toEqual(OK);
    fixture.clock.tick(ADMIN_GRACE_MS / 2);
    expect(await successor.ask({ operation: 'resume', roomId: room.roomId })).toEqual(OK);
    await member.ping();
    fixture.clock.tick(ADMIN_GRACE_MS / 2 + 2 * SWEEP_INTERVAL_MS);
    expect(await successor.ask({ operation: 'ping' })).toEqual(OK);
    expect(await fixture.store.load(room.roomId)).toBeDefined();
  });

  test('loses its room if it does not return in time', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    await fixture.host.leave();
    expect(await fixture.anotherHost().ask({ operation: 'ping' })).toEqual(OK);
    fixture.clock.tick(ADMIN_GRACE_MS - SWEEP_INTERVAL_MS);
    const member = await fixture.join(room);
    fixture.clock.tick(3 * SWEEP_INTERVAL_MS);
    expect(await member.closing()).toBe('room-closed');
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
  });

  test('gets a room after repeated crashes: the relay closes the one that has waited longest for its host', async () => {
    const fixture = await openRelay();
    const [first, ...others] = await leaveAllRooms(fixture);
    if (first === undefined) throw new Error('there may be no room');
    const made = makeRoom();
    expect(await fixture.host.create(made)).toEqual(OK);
    expect(await first.member.closing()).toBe('room-closed');
    expect(await fixture.store.load(first.room.roomId)).toBeUndefined();
    expect(await Promise.all(others.map(({ member }) => member.ping()))).toEqual(others.map(() => []));
  });

  test('gets two rooms at once for two places, and no further room is closed', async () => {
    const fixture = await openRelay();
    const rooms = await leaveAllRooms(fixture);
    const another = fixture.anotherHost();
    expect(await Promise.all([fixture.host.create(makeRoom()), another.create(makeRoom())])).toEqual([OK, OK]);
    const closed = rooms.slice(0, 2).map(({ member }) => member.closing());
    expect(await Promise.all(closed)).toEqual(['room-closed', 'room-closed']);
    const kept = rooms.slice(2).map(({ member }) => member.ping());
    expect(await Promise.all(kept)).toEqual(kept.map(() => []));
  });

  test('does not get the place of a room whose host is connected, however long another has waited', async () => {
    const fixture = await openRelay();
    const rooms = [];
    for (let count = 0; count < ROOMS_MAX; count += 1) rooms.push(await fixture.room());
    await fixture.host.leave();
    const successor = fixture.anotherHost();
    for (const { roomId } of rooms) expect(await successor.ask({ operation: 'resume', roomId })).toEqual(OK);
    expect(await fixture.anotherHost().create(makeRoom())).toEqual(no('rooms-full'));
  });

  test('gets its own room back from the store even if members hold rooms whose hosts are gone', async () => {
    const store = new WatchedStore();
    const fixture = await openRelay({ store });
    const kept = await fixture.room();
    const left = Array.from({ length: ROOMS_MAX }, makeRoom);
    for (const room of left) await store.create(room.roomId, { ...room, cover: 'off' });
    await fixture.relay.close();

    const next = await openRelay({ store });
    const [first, ...others] = await Promise.all(left.map((room) => next.join(room)));
    expect(await next.host.ask({ operation: 'resume', roomId: kept.roomId })).toEqual(OK);
    expect(await first?.closing()).toBe('room-closed');
    expect(await Promise.all(others.map((member) => member.ping()))).toEqual(others.map(() => []));
  });

  test('finds no room of its own, and no other room is closed for that', async () => {
    const store = new WatchedStore();
    const fixture = await openRelay({ store });
    const left = Array.from({ length: ROOMS_MAX }, makeRoom);
    for (const room of left) await store.create(room.roomId, { ...room, cover: 'off' });
    const members = await Promise.all(left.map((room) => fixture.join(room)));
    expect(await fixture.host.ask({ operation: 'resume', roomId: makeRoom().roomId })).toEqual(no('room-unknown'));
    expect(await Promise.all(members.map((member) => member.ping()))).toEqual(members.map(() => []));
  });

  test('resumes its room after the relay restarts; a room without a host is closed after a member finds it', async () => {
    const store = new WatchedStore();
    const fixture = await openRelay({ store });
    const [kept, left] = [await fixture.room(), await fixture.room()];
    const member = await fixture.join(kept);
    const body = makeBody();
    member.publish(body);
    await member.entries(1);
    await fixture.relay.close();

    const next = await openRelay({ store });
    const [back, orphan] = [await next.join(kept, 1), await next.join(left)];
    expect(await next.host.ask({ operation: 'resume', roomId: kept.roomId })).toEqual(OK);
    expect(await back.entries(1)).toEqual([`1 ${fingerprint(body)}`]);
    next.clock.tick(ADMIN_GRACE_MS / 2);
    await Promise.all([back.ping(), orphan.ping()]);
    next.clock.tick(ADMIN_GRACE_MS / 2 + 2 * SWEEP_INTERVAL_MS);
    expect(await orphan.closing()).toBe('room-closed');
    expect(await back.ping(2)).toEqual([]);
  });

  test('gets an error while the store is away, and may ask again', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    fixture.store.away = true;
    expect(await fixture.host.create(makeRoom())).toEqual(no('store-unavailable'));
    expect(await fixture.host.ask({ operation: 'resume', roomId: makeRoom().roomId })).toEqual(no('store-unavailable'));
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
    expect(await fixture.host.ask({ operation: 'ping' })).toEqual(OK);
    fixture.store.away = false;
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
  });
});

describe('admin.sock', () => {
  test.each([
    '',
    '{',
    '[]',
    '{"operation":"stop"}',
    '{"operation":"ping","more":1}',
    '{"operation":"close","room":"zz"}',
  ])('answers the line %j with admin-malformed, and the next line as usual', async (line) => {
    const fixture = await openRelay();
    expect(await fixture.host.send(`${line}\n`)).toEqual(no('admin-malformed'));
    expect(await fixture.host.ask({ operation: 'ping' })).toEqual(OK);
  });

  test('closes a connection whose line has no end', async () => {
    const fixture = await openRelay();
    expect(await fixture.host.send('x'.repeat(ADMIN_LINE_BYTES_MAX + 1))).toEqual(no('admin-malformed'));
    expect(await fixture.host.receive()).toBeUndefined();
    expect(await fixture.anotherHost().ask({ operation: 'ping' })).toEqual(OK);
  });

  test('answers lines one by one in order, whether they arrive together or in pieces', async () => {
    const fixture = await openRelay();
    const room = makeRoom();
    const text =
      encodeAdminRequest({ operation: 'create', cover: 'off', ...room }) +
      encodeAdminRequest({ operation: 'create', cover: 'off', ...room }) +
      encodeAdminRequest({ operation: 'close', roomId: room.roomId }) +
      encodeAdminRequest({ operation: 'close', roomId: room.roomId });
    for (const piece of text.match(/.{1,37}|\n/gs) ?? []) fixture.host.socket.write(piece);
    const replies = [];
    for (let count = 0; count < 4; count += 1) replies.push(await fixture.host.receive());
    expect(replies).toEqual([OK, OK, OK, no('room-unknown')]);
  });
});
