// What members see of a store that is slow, away, empty or older than the relay.

import { describe, expect, test } from 'vitest';
import { STORE_OUTAGE_LIMIT_MS, STORE_REFRESH_INTERVAL_MS } from '../src/limits.ts';
import { makeBodies, numbered, turns } from './hearing.ts';
import { openHouse } from './house.ts';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';

describe('the store', () => {
  test('may be away for a while: what was taken waits, nobody is closed, and all goes on in order', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, other] = [await house.join(room), await house.join(room)];
    house.store.away = true;
    const called = house.store.nextAppend();
    const bodies = makeBodies(5);
    member.publish(...bodies);
    await called;
    house.clock.advance(5_000);
    expect([await member.ping(), await other.ping()]).toEqual([[], []]);
    // Whoever knows the room can attach meanwhile: the relay remembers what it needs.
    const late = await house.join(room, 1);
    house.store.away = false;
    const again = house.store.nextAppend();
    house.clock.advance(1_000);
    await again;
    for (const each of [member, other, late]) expect(await each.entries(5)).toEqual(numbered(bodies));
    expect(house.events).toContain('store-lost');
    expect(house.events).toContain('store-back');
  });

  test('that stays away is not waited for for ever: members are told; when it is back they come back', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const kept = makeBodies(2);
    member.publish(...kept);
    await member.entries(2);
    house.store.away = true;
    member.publish(makeBody());
    await member.ping();
    await turns(5);
    for (let passed = 0; passed <= STORE_OUTAGE_LIMIT_MS && !member.closed; passed += 500) {
      house.clock.advance(500);
      await turns(5);
    }
    expect(await member.closing()).toBe('store-unavailable');
    house.store.away = false;
    const back = await house.join(room, 1);
    expect(await back.entries(2)).toEqual(numbered(kept));
    const more = makeBody();
    back.publish(more);
    expect(await back.entries(1)).toEqual(numbered([more], 3));
  });

  test('that has stored what was given up is believed: its members see it, and numbers go on behind it', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    house.store.losesAnswers = true;
    const given = makeBody();
    member.publish(given);
    await member.ping();
    await turns(5);
    for (let passed = 0; passed <= STORE_OUTAGE_LIMIT_MS && !member.closed; passed += 500) {
      house.clock.advance(500);
      await turns(5);
    }
    expect(await member.closing()).toBe('store-unavailable');
    house.store.losesAnswers = false;
    const [back, other] = [await house.join(room, 1), await house.join(room, 1)];
    const next = makeBody();
    back.publish(next);
    for (const each of [back, other]) expect(await each.entries(2)).toEqual(numbered([given, next]));
  });

  test('that comes back empty is filled again from what the relay remembers', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const bodies = makeBodies(50, 1);
    member.publish(...bodies.slice(0, 40));
    await member.entries(40);
    house.store.empty();
    member.publish(...bodies.slice(40));
    expect(await member.entries(10)).toEqual(numbered(bodies.slice(40), 41));
    const stored = await house.store.read(room.roomId, 1, 1_000_000);
    expect(stored.map(({ number, body }) => `${number} ${fingerprint(body)}`)).toEqual(numbered(bodies));
    expect(house.events).toContain('room-reseeded');
  });

  test('that comes back empty while the room is quiet is filled again without a frame', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    member.publish(makeBody());
    await member.entries(1);
    house.store.empty();
    expect(await house.store.load(room.roomId)).toBeUndefined();
    house.clock.advance(STORE_REFRESH_INTERVAL_MS);
    await turns(5);
    expect((await house.store.load(room.roomId))?.next).toBe(2);
  });

  test('that is older than the relay is brought up to it', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const bodies = makeBodies(5);
    member.publish(...bodies.slice(0, 4));
    await member.entries(4);
    await house.store.remove(room.roomId);
    await house.store.create(room.roomId, { ...room, cover: 'off' });
    member.publish(...bodies.slice(4));
    expect(await member.entries(1)).toEqual(numbered(bodies.slice(4), 5));
    const stored = await house.store.read(room.roomId, 1, 1_000_000);
    expect(stored.map(({ number, body }) => `${number} ${fingerprint(body)}`)).toEqual(numbered(bodies));
  });

  test('hands the room to a restarted relay: numbers go on, and so does the log', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const bodies = makeBodies(600, 1);
    member.publish(...bodies);
    await member.entries(600);
    await house.relay.close();
    expect(await member.closing()).toBe('relay-stopping');
    const next = await openHouse({ store: house.store });
    const back = next.member();
    expect(await back.attach(room, 2)).toEqual({ commitNumber: 0, oldest: 1, next: 601 });
    expect(await back.entries(599)).toEqual(numbered(bodies.slice(1), 2));
    const more = makeBody();
    back.publish(more);
    expect(await back.entries(1)).toEqual(numbered([more], 601));
  });

  test('that cannot be asked about an unknown room tells nobody whether there is one', async () => {
    const store = new WatchedStore();
    const house = await openHouse({ store });
    const room = await house.room();
    await house.relay.close();
    const next = await openHouse({ store });
    store.away = true;
    const member = next.member();
    await expect(member.attach(room)).rejects.toThrow('store-unavailable');
  });
});
