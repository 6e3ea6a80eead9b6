// A room that has ended while the store did not answer: nobody gets into it any more, and the store
// forgets it as soon as it can.

import { describe, expect, test } from 'vitest';
import { toHex } from '@sotto/protocol';
import { ADMIN_GRACE_MS, CLOSING_ROOMS_MAX, ROOMS_MAX, SWEEP_INTERVAL_MS } from '../src/limits.ts';
import { makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { iterations, openRelay } from './relay-fixture.ts';
import type { RelayFixture } from './relay-fixture.ts';

const OK = { ok: true };

function no(code: string): { ok: false; code: string } {
  return { ok: false, code };
}

/** A room in which something was said, closed while the store loses what it is asked. */
async function closeUnheard(fixture: RelayFixture): Promise<TestRoom> {
  const room = await fixture.room();
  const member = await fixture.join(room);
  member.publish(makeBody());
  await member.entries(1);
  fixture.store.losesRemovals = true;
  expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
  expect(await member.closing()).toBe('room-closed');
  return room;
}

async function sweep(fixture: RelayFixture): Promise<void> {
  fixture.clock.tick(SWEEP_INTERVAL_MS);
  await iterations(5);
}

describe('a room that was closed while the store did not answer', () => {
  test('admits no connection, even if the store still has it', async () => {
    const fixture = await openRelay();
    const room = await closeUnheard(fixture);
    // Control: it is there, and a relay that did not know better would load it.
    expect((await fixture.store.load(room.roomId))?.next).toBe(2);
    for (let time = 0; time < 3; time += 1) {
      await expect(fixture.member().attach(room)).rejects.toThrow('not-admitted');
      expect(await fixture.host.ask({ operation: 'resume', roomId: room.roomId })).toEqual(no('room-unknown'));
      await sweep(fixture);
    }
  });

  test('is deleted by the store as soon as it answers, without another request', async () => {
    const fixture = await openRelay();
    const room = await closeUnheard(fixture);
    await sweep(fixture);
    expect(await fixture.store.load(room.roomId)).toBeDefined();
    fixture.store.losesRemovals = false;
    await sweep(fixture);
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
    const asked = fixture.store.removals.length;
    await sweep(fixture);
    expect(fixture.store.removals.length).toBe(asked);
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
  });

  test('may be closed again by its host', async () => {
    const fixture = await openRelay();
    const room = await closeUnheard(fixture);
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('store-unavailable'));
    fixture.store.losesRemovals = false;
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(OK);
    expect(await fixture.host.ask({ operation: 'close', roomId: room.roomId })).toEqual(no('room-unknown'));
  });

  test('can be made again under its id only after the store has deleted it', async () => {
    const fixture = await openRelay();
    const room = await closeUnheard(fixture);
    expect(await fixture.host.create(room)).toEqual(no('store-unavailable'));
    fixture.store.losesRemovals = false;
    expect(await fixture.host.create(room)).toEqual(OK);
    expect((await fixture.member().attach(room)).next).toBe(1);
  });

  test('is deleted by one more request when the relay stops', async () => {
    const fixture = await openRelay();
    const room = await closeUnheard(fixture);
    fixture.store.losesRemovals = false;
    await fixture.relay.close();
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
  });

  test('is closed in the same way if its host does not return', async () => {
    const fixture = await openRelay();
    const host = fixture.anotherHost();
    const room = makeRoom();
    expect(await host.create(room)).toEqual(OK);
    await host.leave();
    await fixture.host.ask({ operation: 'ping' });
    fixture.store.losesRemovals = true;
    for (let passed = 0; passed <= ADMIN_GRACE_MS + SWEEP_INTERVAL_MS; passed += SWEEP_INTERVAL_MS)
      await sweep(fixture);
    expect(await fixture.store.load(room.roomId)).toBeDefined();
    await expect(fixture.member().attach(room)).rejects.toThrow('not-admitted');
    fixture.store.losesRemovals = false;
    await sweep(fixture);
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
  });
});

test('the relay remembers a bounded number of closes that the store has missed, and each close of a held room', async () => {
  const fixture = await openRelay();
  const held = await Promise.all(Array.from({ length: ROOMS_MAX }, () => fixture.room()));
  fixture.store.losesRemovals = true;
  const strangers = Array.from({ length: 2 * CLOSING_ROOMS_MAX }, makeRoom);
  for (const { roomId } of [...strangers, ...held]) {
    expect(await fixture.host.ask({ operation: 'close', roomId })).toEqual(no('store-unavailable'));
  }
  for (const room of held) await expect(fixture.member().attach(room)).rejects.toThrow('not-admitted');
  // There is room for four again, but what ends then could not be remembered.
  const fresh = makeRoom();
  expect(await fixture.host.create(fresh)).toEqual(no('store-unavailable'));
  await expect(fixture.member().attach(fresh)).rejects.toThrow('store-unavailable');

  fixture.store.removals.length = 0;
  fixture.store.losesRemovals = false;
  fixture.clock.tick(SWEEP_INTERVAL_MS);
  await iterations(5 * CLOSING_ROOMS_MAX);
  const removed = new Set(fixture.store.removals.map(toHex));
  expect(removed.size).toBe(CLOSING_ROOMS_MAX);
  for (const { roomId } of held) expect(removed.has(toHex(roomId))).toBe(true);
  expect(await fixture.host.create(fresh)).toEqual(OK);
});
