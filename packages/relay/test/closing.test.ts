// A room that has ended while the store did not answer: nobody gets into it any more, and the store
// forgets it as soon as it can.

import { describe, expect, test } from 'vitest';
import { toHex } from '@sotto/protocol';
import { ADMIN_GRACE_MS, CLOSING_ROOMS_MAX, ROOMS_MAX, SWEEP_INTERVAL_MS } from '../src/limits.ts';
import { turns } from './hearing.ts';
import { openHouse } from './house.ts';
import type { House } from './house.ts';
import { makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';

const OK = { ok: true };

function no(code: string): { ok: false; code: string } {
  return { ok: false, code };
}

/** A room in which something was said, closed while the store loses what it is asked. */
async function closeUnheard(house: House): Promise<TestRoom> {
  const room = await house.room();
  const member = await house.join(room);
  member.publish(makeBody());
  await member.entries(1);
  house.store.losesRemovals = true;
  expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
  expect(await member.closing()).toBe('room-closed');
  return room;
}

async function sweep(house: House): Promise<void> {
  house.clock.advance(SWEEP_INTERVAL_MS);
  await turns(5);
}

describe('a room that was closed while the store did not answer', () => {
  test('lets nobody in, although the store still has it', async () => {
    const house = await openHouse();
    const room = await closeUnheard(house);
    // Control: it is there, and a relay that did not know better would load it.
    expect((await house.store.load(room.roomId))?.next).toBe(2);
    for (let time = 0; time < 3; time += 1) {
      await expect(house.member().attach(room)).rejects.toThrow('not-admitted');
      expect(await house.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(no('room-unknown'));
      await sweep(house);
    }
  });

  test('is forgotten by the store as soon as it answers, and nobody need ask for it', async () => {
    const house = await openHouse();
    const room = await closeUnheard(house);
    await sweep(house);
    expect(await house.store.load(room.roomId)).toBeDefined();
    house.store.losesRemovals = false;
    await sweep(house);
    expect(await house.store.load(room.roomId)).toBeUndefined();
    const asked = house.store.removals.length;
    await sweep(house);
    expect(house.store.removals.length).toBe(asked);
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
  });

  test('may be closed again by its host', async () => {
    const house = await openHouse();
    const room = await closeUnheard(house);
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
    house.store.losesRemovals = false;
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    expect(await house.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
  });

  test('can be made anew under its id only when the store has forgotten it', async () => {
    const house = await openHouse();
    const room = await closeUnheard(house);
    expect(await house.host.create(room)).toEqual(no('store-unavailable'));
    house.store.losesRemovals = false;
    expect(await house.host.create(room)).toEqual(OK);
    expect((await house.member().attach(room)).next).toBe(1);
  });

  test('is asked for once more when the relay stops', async () => {
    const house = await openHouse();
    const room = await closeUnheard(house);
    house.store.losesRemovals = false;
    await house.relay.close();
    expect(await house.store.load(room.roomId)).toBeUndefined();
  });

  test('is closed in the same way when its host does not come back', async () => {
    const house = await openHouse();
    const host = house.anotherHost();
    const room = makeRoom();
    expect(await host.create(room)).toEqual(OK);
    await host.leave();
    await house.host.ask({ operation: 'ping' });
    house.store.losesRemovals = true;
    for (let passed = 0; passed <= ADMIN_GRACE_MS + SWEEP_INTERVAL_MS; passed += SWEEP_INTERVAL_MS) await sweep(house);
    expect(await house.store.load(room.roomId)).toBeDefined();
    await expect(house.member().attach(room)).rejects.toThrow('not-admitted');
    house.store.losesRemovals = false;
    await sweep(house);
    expect(await house.store.load(room.roomId)).toBeUndefined();
  });
});

test('however many closes a store does not hear of, so many are remembered and no more, and of those that are held each', async () => {
  const house = await openHouse();
  const held = await Promise.all(Array.from({ length: ROOMS_MAX }, () => house.room()));
  house.store.losesRemovals = true;
  const strangers = Array.from({ length: 2 * CLOSING_ROOMS_MAX }, makeRoom);
  for (const { roomId } of [...strangers, ...held]) {
    expect(await house.host.ask({ operation: 'close', roomId })).toEqual(no('store-unavailable'));
  }
  for (const room of held) await expect(house.member().attach(room)).rejects.toThrow('not-admitted');
  // There is room for four again, but what ends then could not be remembered.
  const fresh = makeRoom();
  expect(await house.host.create(fresh)).toEqual(no('store-unavailable'));
  await expect(house.member().attach(fresh)).rejects.toThrow('store-unavailable');

  house.store.removals.length = 0;
  house.store.losesRemovals = false;
  house.clock.advance(SWEEP_INTERVAL_MS);
  await turns(5 * CLOSING_ROOMS_MAX);
  const removed = new Set(house.store.removals.map(toHex));
  expect(removed.size).toBe(CLOSING_ROOMS_MAX);
  for (const { roomId } of held) expect(removed.has(toHex(roomId))).toBe(true);
  expect(await house.host.create(fresh)).toEqual(OK);
});
