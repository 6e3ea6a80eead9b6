// Presences outside of the log: passed on at once and kept nowhere. PROTOCOL.md §4.10.

import { encodePing, encodePresence, SMALLEST_FRAME_BYTES } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { fingerprint, makeBody, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember } from '@sotto/fixtures/relay-member';
import { ALLOWANCES } from '../src/fair-share.ts';
import { PRESENCE_BURST, ROOM_BURST_BYTES } from '../src/limits.ts';
import { BOUNDLESS } from './boundless.ts';
import { joinMany, makeBodies, openRelay, passTimeDuring } from './relay-fixture.ts';

const MINUTE_MS = 60_000;
/** More than a room may say at once, at two presences of each. */
const CONNECTIONS = 40;

/** Sends presences, and waits until the relay has read them: they are in one piece behind a PING. */
async function sayPresences(member: TestMember, bodies: readonly Uint8Array[]): Promise<void> {
  member.send(encodePing('ping', 1), ...bodies.map((body) => encodePresence('presence', 0, body)));
  for (;;) {
    const frame = await member.next();
    if (frame === undefined) throw new Error('closed instead of an answer');
    if (frame.operation === 'pong') return;
  }
}

test('a presence goes to every member, its sender too, and is in no log and no store', async () => {
  const fixture = await openRelay();
  const room = await fixture.room();
  const [anna, ben] = [await fixture.join(room), await fixture.join(room)];
  const body = makeBody();
  anna.send(encodePresence('presence', 0, body));
  for (const member of [anna, ben]) {
    const frame = await member.expect('present');
    expect([frame.number, fingerprint(frame.body)]).toEqual([0, fingerprint(body)]);
  }
  expect(await fixture.store.read(room.roomId, 1, 10)).toEqual([]);
  expect(await fixture.member().attach(room)).toMatchObject({ oldest: 1, next: 1 });
  // Control: the same body as PUBLISH is.
  anna.publish(body);
  await ben.entries(1);
  expect(await fixture.store.read(room.roomId, 1, 10)).toHaveLength(1);
});

test('a presence under another commit number is dropped, and so is one too many', async () => {
  const fixture = await openRelay();
  const room = await fixture.room();
  const [anna, ben] = [await fixture.join(room), await fixture.join(room)];
  const bodies = Array.from({ length: 5 }, () => makeBody());
  const first = bodies[0] ?? makeBody();
  // A connection has two at once, and the first of them is under a commit number that is not there.
  anna.send(...[makeBody(), ...bodies].map((body, index) => encodePresence('presence', index === 0 ? 1 : 0, body)));
  for (const member of [anna, ben]) expect(fingerprint((await member.expect('present')).body)).toBe(fingerprint(first));
  for (const member of [anna, ben]) expect(await member.ping()).toEqual([]);
  // Control: another one when the minute is over.
  for (let half = 0; half < 2; half += 1) {
    fixture.clock.tick(MINUTE_MS / 2);
    for (const member of [anna, ben]) expect(await member.ping()).toEqual([]);
  }
  anna.send(encodePresence('presence', 0, first));
  expect(fingerprint((await ben.expect('present')).body)).toBe(fingerprint(first));
});

test('a presence waits for its turn, and not for the end of a flood', async () => {
  const fixture = await openRelay();
  const room = await fixture.room();
  const [anna, ben, cleo] = [await fixture.join(room), await fixture.join(room), await fixture.join(room)];
  const flood = makeBodies(24, 3);
  anna.send(...flood.map((body) => publishFrame(body)));
  // The room may say so much at once, and one frame more on credit.
  await cleo.entries(9);
  const body = makeBody();
  await sayPresences(ben, [body]);
  expect(await cleo.ping()).toEqual([]);
  fixture.clock.tick(100);
  const heard = await cleo.ping();
  const presents = heard.filter(({ operation }) => operation === 'present');
  expect(presents.map((frame) => fingerprint(frame.body))).toEqual([fingerprint(body)]);
  const rest = flood.length - 9 - (heard.length - presents.length);
  expect(rest).toBeGreaterThan(10);
  await passTimeDuring(fixture.clock, cleo.entries(rest));
});

test.each([
  ['as many as the room may say at once', ALLOWANCES, ROOM_BURST_BYTES / SMALLEST_FRAME_BYTES + 1],
  ['control: all at once where nothing is shared', BOUNDLESS, CONNECTIONS * PRESENCE_BURST],
])('presences of many connections: %s', async (_, allowances, count) => {
  const fixture = await openRelay({ allowances });
  const room = await fixture.room();
  const listener = await fixture.join(room);
  const members = await joinMany(fixture, room, CONNECTIONS);
  for (const member of members) await sayPresences(member, makeBodies(PRESENCE_BURST));
  const atOnce = await listener.ping();
  expect(atOnce.map(({ operation }) => operation)).toEqual(Array.from({ length: count }, () => 'present'));
  // None is lost: the others come in their turns.
  fixture.clock.tick(1_000);
  for (let late = count; late < CONNECTIONS * PRESENCE_BURST; late += 1) await listener.expect('present');
  expect(await listener.ping()).toEqual([]);
});

test.each([
  ['off', 'frame-malformed', 1],
  ['stealth-4', 'operation-unexpected', 0],
] as const)('a presence in %s that is not allowed there ends the connection: %s', async (cover, code, size) => {
  const fixture = await openRelay();
  const room = { ...makeRoom(), cover };
  expect(await fixture.host.create(room)).toEqual({ ok: true });
  const anna = await fixture.join(room);
  anna.send(encodePresence('presence', 0, makeBody(size)));
  expect((await anna.expect('closing')).code).toBe(code);
});
