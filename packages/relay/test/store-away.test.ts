// What members see of a store that is slow, away, empty or older than the relay.

import { describe, expect, test } from 'vitest';
import { STORE_OUTAGE_LIMIT_MS, STORE_REFRESH_INTERVAL_MS } from '../src/limits.ts';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';
import { BOUNDLESS } from './boundless.ts';
import { iterations, makeBodies, numbered, openRelay } from './relay-fixture.ts';

describe('the store', () => {
  test('may be away for a while: accepted frames wait, no connection is closed, and all goes on in order', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    fixture.store.away = true;
    const called = fixture.store.nextAppend();
    const bodies = makeBodies(5);
    member.publish(...bodies);
    await called;
    fixture.clock.tick(5_000);
    expect([await member.ping(), await other.ping()]).toEqual([[], []]);
    // Whoever knows the room can attach meanwhile: the relay remembers what it needs.
    const late = await fixture.join(room, 1);
    fixture.store.away = false;
    const again = fixture.store.nextAppend();
    fixture.clock.tick(1_000);
    await again;
    for (const each of [member, other, late]) expect(await each.entries(5)).toEqual(numbered(bodies));
    expect(fixture.events).toContain('store-lost');
    expect(fixture.events).toContain('store-back');
  });

  test('is not waited for without end: members are closed with its error, and return when it is back', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const kept = makeBodies(2);
    member.publish(...kept);
    await member.entries(2);
    fixture.store.away = true;
    member.publish(makeBody());
    await member.ping();
    await iterations(5);
    for (let passed = 0; passed <= STORE_OUTAGE_LIMIT_MS && !member.closed; passed += 500) {
      fixture.clock.tick(500);
      await iterations(5);
    }
    expect(await member.closing()).toBe('store-unavailable');
    fixture.store.away = false;
    const back = await fixture.join(room, 1);
    expect(await back.entries(2)).toEqual(numbered(kept));
    const more = makeBody();
    back.publish(more);
    expect(await back.entries(1)).toEqual(numbered([more], 3));
  });

  test('is trusted if it has stored frames that were given up: members see them, and numbers go on behind them', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    fixture.store.losesAnswers = true;
    const given = makeBody();
    member.publish(given);
    await member.ping();
    await iterations(5);
    for (let passed = 0; passed <= STORE_OUTAGE_LIMIT_MS && !member.closed; passed += 500) {
      fixture.clock.tick(500);
      await iterations(5);
    }
    expect(await member.closing()).toBe('store-unavailable');
    fixture.store.losesAnswers = false;
    const [back, other] = [await fixture.join(room, 1), await fixture.join(room, 1)];
    const next = makeBody();
    back.publish(next);
    for (const each of [back, other]) expect(await each.entries(2)).toEqual(numbered([given, next]));
  });

  test('is filled again from the relay’s memory if it comes back empty', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const member = await fixture.join(room);
    const bodies = makeBodies(50, 1);
    member.publish(...bodies.slice(0, 40));
    await member.entries(40);
    fixture.store.empty();
    member.publish(...bodies.slice(40));
    expect(await member.entries(10)).toEqual(numbered(bodies.slice(40), 41));
    const stored = await fixture.store.read(room.roomId, 1, 1_000_000);
    expect(stored.map(({ number, body }) => `${number} ${fingerprint(body)}`)).toEqual(numbered(bodies));
    expect(fixture.events).toContain('room-reseeded');
  });

  test('is filled again without a frame if it comes back empty while the room is quiet', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    member.publish(makeBody());
    await member.entries(1);
    fixture.store.empty();
    expect(await fixture.store.load(room.roomId)).toBeUndefined();
    fixture.clock.tick(STORE_REFRESH_INTERVAL_MS);
    await iterations(5);
    expect((await fixture.store.load(room.roomId))?.next).toBe(2);
  });

  test('is brought up to date if it is older than the relay', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const bodies = makeBodies(5);
    member.publish(...bodies.slice(0, 4));
    await member.entries(4);
    await fixture.store.remove(room.roomId);
    await fixture.store.create(room.roomId, { ...room, cover: 'off' });
    member.publish(...bodies.slice(4));
    expect(await member.entries(1)).toEqual(numbered(bodies.slice(4), 5));
    const stored = await fixture.store.read(room.roomId, 1, 1_000_000);
    expect(stored.map(({ number, body }) => `${number} ${fingerprint(body)}`)).toEqual(numbered(bodies));
  });

  test('hands the room to a restarted relay, and its numbers and log go on', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const member = await fixture.join(room);
    const bodies = makeBodies(600, 1);
    member.publish(...bodies);
    await member.entries(600);
    await fixture.relay.close();
    expect(await member.closing()).toBe('relay-stopping');
    const next = await openRelay({ store: fixture.store });
    const back = next.member();
    expect(await back.attach(room, 2)).toMatchObject({ commitNumber: 0, oldest: 1, next: 601 });
    expect(await back.entries(599)).toEqual(numbered(bodies.slice(1), 2));
    const more = makeBody();
    back.publish(more);
    expect(await back.entries(1)).toEqual(numbered([more], 601));
  });

  test.each([
    { trimmed: 'nothing', oldest: 1 },
    { trimmed: 'all that the relay has', oldest: 5 },
  ])('may know more than the relay, and have dropped $trimmed: members get the rest in order', async ({ oldest }) => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const [early, unheard, last] = [makeBodies(3), makeBodies(2), makeBody()];
    member.publish(...early);
    expect(await member.entries(3)).toEqual(numbered(early));
    // As if the relay had given up on these, and the store had taken them after all.
    await fixture.store.append(room.roomId, { commitNumber: 0, first: 4, bodies: unheard, oldest });
    member.publish(last);
    const rest = numbered([...unheard, last], 4);
    if (oldest <= 4) expect(await member.entries(3)).toEqual(rest);
    else expect(await member.closing()).toBe('too-slow');
    expect(fixture.events).toContain('room-reloaded');
    const back = fixture.member();
    expect(await back.attach(room, 1)).toMatchObject({ commitNumber: 0, oldest, next: 7 });
    expect(await back.entries(7 - oldest)).toEqual([...numbered(early), ...rest].slice(oldest - 1));
  });

  test('reveals to no stranger whether a room exists while it does not answer', async () => {
    const store = new WatchedStore();
    const fixture = await openRelay({ store });
    const room = await fixture.room();
    await fixture.relay.close();
    const next = await openRelay({ store });
    store.away = true;
    const member = next.member();
    await expect(member.attach(room)).rejects.toThrow('store-unavailable');
  });
});
