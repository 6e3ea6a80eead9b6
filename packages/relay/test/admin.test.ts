import { describe, expect, test } from 'vitest';
import { ADMIN_LINE_BYTES_MAX, encodeAdminRequest } from '@sotto/protocol';
import { ADMIN_GRACE_MS, ROOMS_MAX, SWEEP_INTERVAL_MS } from '../src/limits.ts';
import { openHouse } from './house.ts';
import type { House } from './house.ts';
import { fingerprint, makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';

const OK = { ok: true };

function no(code: string): { ok: false; code: string } {
  return { ok: false, code };
}

/**
 * As many rooms as there may be, a member in each, their hosts gone one after the other without a
 * word.
 */
async function leaveAllRooms(house: House): Promise<{ readonly room: TestRoom; readonly member: TestMember }[]> {
  const rooms = [];
  for (let count = 0; count < ROOMS_MAX; count += 1) {
    const host = house.anotherHost();
    const room = makeRoom();
    expect(await host.create(room)).toEqual(OK);
    rooms.push({ room, member: await house.join(room) });
    await host.leave();
    expect(await house.host.ask({ operation: 'ping' })).toEqual(OK);
    house.clock.advance(1);
  }
  return rooms;
}

describe('the host', () => {
  test('may ask for the same fresh room again, until somebody has been in it', async () => {
    const house = await openHouse();
    const room = makeRoom();
    expect(await house.host.create(room)).toEqual(OK);
    expect(await house.host.create(room)).toEqual(OK);
    expect(await house.anotherHost().create(room)).toEqual(OK);
    await (await house.join(room)).leave();
    expect(await house.host.create(room)).toEqual(no('room-exists'));
  });

  test('cannot make another room under the id of a fresh one', async () => {
    const house = await openHouse();
    const room = makeRoom();
    expect(await house.host.create(room)).toEqual(OK);
    const { capabilityKey, roomTag } = makeRoom();
    for (const other of [
      { ...room, capabilityKey },
      { ...room, roomTag },
      { ...room, cover: 'stealth-8' as const },
    ]) {
      expect(await house.host.create(other)).toEqual(no('room-exists'));
    }
    expect((await house.member().attach(room)).next).toBe(1);
  });

  test('whose request was carried out although its answer was lost has its room when it asks again', async () => {
    const house = await openHouse();
    const room = makeRoom();
    house.store.losesAnswers = true;
    expect(await house.host.create(room)).toEqual(no('store-unavailable'));
    house.store.losesAnswers = false;
    expect(await house.host.create(room)).toEqual(OK);
    expect((await house.member().attach(room)).next).toBe(1);
  });

  test('cannot make a room that only the store knows and in which something was said', async () => {
    const house = await openHouse();
    const room = makeRoom();
    await house.store.create(room.roomId, { ...room, cover: 'off' });
    await house.store.append(room.roomId, { commitNumber: 0, first: 1, bodies: [makeBody()], oldest: 1 });
    expect(await house.host.create(room)).toEqual(no('room-exists'));
    expect(await house.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(OK);
  });

  test('makes no more rooms than there may be, and one more when one is closed', async () => {
    const house = await openHouse();
    const rooms = [];
    for (let count = 0; count < ROOMS_MAX; count += 1) rooms.push(await house.room());
    expect(await house.host.create(makeRoom())).toEqual(no('rooms-full'));
    const roomId = rooms[0]?.roomId ?? new Uint8Array(16);
    expect(await house.host.ask({ operation: 'close', roomId })).toEqual(OK);
    expect(await house.host.create(makeRoom())).toEqual(OK);
  });

  test('closes a room: members are told, and nobody knows it any more', async () => {
    const house = await openHouse();
    const [room, other] = [await house.room(), await house.room()];
    const [member, bystander] = [await house.join(room), await house.join(other)];
    member.publish(makeBody());
    await member.entries(1);
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    expect(await member.closing()).toBe('room-closed');
    expect(await house.store.load(room.roomId)).toBeUndefined();
    await expect(house.member().attach(room)).rejects.toThrow('not-admitted');
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
    expect(await house.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(no('room-unknown'));
    expect(await bystander.ping()).toEqual([]);
  });

  test('closes a room with a frame on its way to the store, and nothing of it comes back', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    house.store.hold();
    const called = house.store.nextAppend();
    member.publish(makeBody());
    await called;
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    house.store.letGo();
    expect(await member.closing()).toBe('room-closed');
    expect(await house.host.ask({ operation: 'ping' })).toEqual(OK);
    expect(await house.store.load(room.roomId)).toBeUndefined();
  });

  test('that goes without a word has a while to come back; its room lives on when it does', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    await house.host.leave();
    const successor = house.anotherHost();
    expect(await successor.ask({ operation: 'ping' })).toEqual(OK);
    house.clock.advance(ADMIN_GRACE_MS / 2);
    expect(await successor.ask({ operation: 'resume', roomId: room.roomId })).toEqual(OK);
    await member.ping();
    house.clock.advance(ADMIN_GRACE_MS / 2 + 2 * SWEEP_INTERVAL_MS);
    expect(await successor.ask({ operation: 'ping' })).toEqual(OK);
    expect(await house.store.load(room.roomId)).toBeDefined();
  });

  test('that does not come back in time has its room closed', async () => {
    const house = await openHouse();
    const room = await house.room();
    await house.host.leave();
    expect(await house.anotherHost().ask({ operation: 'ping' })).toEqual(OK);
    house.clock.advance(ADMIN_GRACE_MS - SWEEP_INTERVAL_MS);
    const member = await house.join(room);
    house.clock.advance(3 * SWEEP_INTERVAL_MS);
    expect(await member.closing()).toBe('room-closed');
    expect(await house.store.load(room.roomId)).toBeUndefined();
  });

  test('that died over and over gets a room: the one that has waited longest for its host gives its place', async () => {
    const house = await openHouse();
    const [first, ...others] = await leaveAllRooms(house);
    if (first === undefined) throw new Error('there may be no room');
    const made = makeRoom();
    expect(await house.host.create(made)).toEqual(OK);
    expect(await first.member.closing()).toBe('room-closed');
    expect(await house.store.load(first.room.roomId)).toBeUndefined();
    expect(await Promise.all(others.map(({ member }) => member.ping()))).toEqual(others.map(() => []));
  });

  test('gets two rooms at once for two places, and nobody loses more', async () => {
    const house = await openHouse();
    const rooms = await leaveAllRooms(house);
    const another = house.anotherHost();
    expect(await Promise.all([house.host.create(makeRoom()), another.create(makeRoom())])).toEqual([OK, OK]);
    const closed = rooms.slice(0, 2).map(({ member }) => member.closing());
    expect(await Promise.all(closed)).toEqual(['room-closed', 'room-closed']);
    const kept = rooms.slice(2).map(({ member }) => member.ping());
    expect(await Promise.all(kept)).toEqual(kept.map(() => []));
  });

  test('does not get the place of a room whose host is there, however long another has waited', async () => {
    const house = await openHouse();
    const rooms = [];
    for (let count = 0; count < ROOMS_MAX; count += 1) rooms.push(await house.room());
    await house.host.leave();
    const successor = house.anotherHost();
    for (const { roomId } of rooms) expect(await successor.ask({ operation: 'resume', roomId })).toEqual(OK);
    expect(await house.anotherHost().create(makeRoom())).toEqual(no('rooms-full'));
  });

  test('gets its own room back from the store, though members hold others there whose hosts are gone', async () => {
    const store = new WatchedStore();
    const house = await openHouse({ store });
    const kept = await house.room();
    const left = Array.from({ length: ROOMS_MAX }, makeRoom);
    for (const room of left) await store.create(room.roomId, { ...room, cover: 'off' });
    await house.relay.close();

    const next = await openHouse({ store });
    const [first, ...others] = await Promise.all(left.map((room) => next.join(room)));
    expect(await next.host.ask({ operation: 'resume', roomId: kept.roomId })).toEqual(OK);
    expect(await first?.closing()).toBe('room-closed');
    expect(await Promise.all(others.map((member) => member.ping()))).toEqual(others.map(() => []));
  });

  test('finds no room of its own, and nobody else loses one for that', async () => {
    const store = new WatchedStore();
    const house = await openHouse({ store });
    const left = Array.from({ length: ROOMS_MAX }, makeRoom);
    for (const room of left) await store.create(room.roomId, { ...room, cover: 'off' });
    const members = await Promise.all(left.map((room) => house.join(room)));
    expect(await house.host.ask({ operation: 'resume', roomId: makeRoom().roomId })).toEqual(no('room-unknown'));
    expect(await Promise.all(members.map((member) => member.ping()))).toEqual(members.map(() => []));
  });

  test('takes a room up again after the relay’s restart; one without a host is found by a member and closed', async () => {
    const store = new WatchedStore();
    const house = await openHouse({ store });
    const [kept, left] = [await house.room(), await house.room()];
    const member = await house.join(kept);
    const body = makeBody();
    member.publish(body);
    await member.entries(1);
    await house.relay.close();

    const next = await openHouse({ store });
    const [back, orphan] = [await next.join(kept, 1), await next.join(left)];
    expect(await next.host.ask({ operation: 'resume', roomId: kept.roomId })).toEqual(OK);
    expect(await back.entries(1)).toEqual([`1 ${fingerprint(body)}`]);
    next.clock.advance(ADMIN_GRACE_MS / 2);
    await Promise.all([back.ping(), orphan.ping()]);
    next.clock.advance(ADMIN_GRACE_MS / 2 + 2 * SWEEP_INTERVAL_MS);
    expect(await orphan.closing()).toBe('room-closed');
    expect(await back.ping(2)).toEqual([]);
  });

  test('is told when the store is away, and may ask again', async () => {
    const house = await openHouse();
    const room = await house.room();
    house.store.away = true;
    expect(await house.host.create(makeRoom())).toEqual(no('store-unavailable'));
    expect(await house.host.ask({ operation: 'resume', roomId: makeRoom().roomId })).toEqual(no('store-unavailable'));
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
    expect(await house.host.ask({ operation: 'ping' })).toEqual(OK);
    house.store.away = false;
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
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
  ])('answers the line %j with admin-malformed, and the next as if nothing were', async (line) => {
    const house = await openHouse();
    expect(await house.host.say(`${line}\n`)).toEqual(no('admin-malformed'));
    expect(await house.host.ask({ operation: 'ping' })).toEqual(OK);
  });

  test('ends a connection whose line has no end', async () => {
    const house = await openHouse();
    expect(await house.host.say('x'.repeat(ADMIN_LINE_BYTES_MAX + 1))).toEqual(no('admin-malformed'));
    expect(await house.host.hear()).toBeUndefined();
    expect(await house.anotherHost().ask({ operation: 'ping' })).toEqual(OK);
  });

  test('answers lines that come together or in pieces one by one in order', async () => {
    const house = await openHouse();
    const room = makeRoom();
    const text =
      encodeAdminRequest({ operation: 'create', cover: 'off', ...room }) +
      encodeAdminRequest({ operation: 'create', cover: 'off', ...room }) +
      encodeAdminRequest({ operation: 'close', roomId: room.roomId }) +
      encodeAdminRequest({ operation: 'close', roomId: room.roomId });
    for (const piece of text.match(/.{1,37}|\n/gs) ?? []) house.host.socket.write(piece);
    const replies = [];
    for (let count = 0; count < 4; count += 1) replies.push(await house.host.hear());
    expect(replies).toEqual([OK, OK, OK, no('room-unknown')]);
  });
});
