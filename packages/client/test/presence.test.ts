// Presences outside of the log: who says them is here, and who misses them misses nothing.
// PROTOCOL.md §4.10, §5.5.

import { encodePresence, FRAME_BYTES, PATIENCE_SECONDS_LEAST } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { useNativeEd25519 } from '@sotto/fixtures/native-ed25519';
import { expectTalk, gapsOf, joinMembers, Room, statesOf, textsOf, told, warningsOf } from '@sotto/fixtures/room';
import { MEMBER_SILENT_MS, MEMBERS_CHECK_MS, PRESENCE_INTERVAL_MS } from '../src/limits.ts';
import { inhabited, named } from './group-room.ts';

const NOTICED_MS = MEMBER_SILENT_MS + 2 * MEMBERS_CHECK_MS;

useNativeEd25519();

/** A member may leave out 200 messages of one sender. */
const LEFT_OUT = 220;

function presence(number: number): Parameters<ReturnType<typeof named>['membership']['sealPresence']>[0] {
  const seen = { seen: 7, logHash: new Uint8Array(16), before: new Uint8Array(64) };
  return { type: 'presence', status: 'here', number, ...seen, name: 'Anna' };
}

describe('in a room without cover', () => {
  test('members that say nothing stay present, and the log does not grow', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const { length } = room.relay.log;
    await room.clock.advance(3 * NOTICED_MS);
    expect(room.relay.log.length).toBe(length);
    expect(room.relay.presences).toBeGreaterThan(10);
    for (const member of [anna, ben])
      expect(member.client.members().map(({ present }) => present)).toEqual([true, true]);
    await expectTalk(room, [anna, ben], 'still');
  });

  test('control: where the relay passes none on, members are shown as away, and read all the same', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    room.relay.passesOn = () => false;
    await room.clock.advance(NOTICED_MS);
    expect(anna.client.members().map(({ present }) => present)).toEqual([true, false]);
    await expectTalk(room, [anna, ben], 'still');
    expect(anna.client.members().map(({ present }) => present)).toEqual([true, true]);
    expect([...gapsOf(anna), ...gapsOf(ben), ...warningsOf(anna), ...warningsOf(ben)]).toEqual([]);
  });

  test.each([
    ['as soon as it was heard', 0],
    ['just before its next presence', PRESENCE_INTERVAL_MS - 1],
    ['after one that was lost', 2 * PRESENCE_INTERVAL_MS],
  ])('a member that falls asleep %s is not removed before the patience, and is then', async (_when, unheardMs) => {
    const room = new Room();
    room.relay.patienceSeconds = 2 * PATIENCE_SECONDS_LEAST;
    const [anna, ben] = await joinMembers(room, 3);
    room.relay.passesOn = (connection) => connection !== ben.connection();
    await room.clock.advance(unheardMs);
    ben.client.panic();
    await room.clock.advance(2_000 * PATIENCE_SECONDS_LEAST);
    expect(told(anna, 'removed')).toEqual([]);
    await room.clock.advance(MEMBER_SILENT_MS + 4 * MEMBERS_CHECK_MS);
    expect(told(anna, 'removed').map(({ reason }) => reason)).toEqual(['silent']);
  });

  test('a relay that forks the room is found out by presences, where nobody says anything', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const bens = ben.connection();
    room.relay.shape = (entry, connection) =>
      connection === bens && entry.operation !== 'committed' ? [{ ...entry, body: new Uint8Array(496) }] : [entry];
    room.relay.append(new Uint8Array(496).fill(7));
    room.relay.shape = (entry) => [entry];
    await room.clock.advance(2 * PRESENCE_INTERVAL_MS);
    expect([...warningsOf(anna), ...warningsOf(ben)]).toContain('log-differs');
  });

  test.each([['of another length than the smallest frame', new Uint8Array(FRAME_BYTES[1] - 16)]])(
    'a PRESENT %s ends the connection',
    async (_what, body) => {
      const room = new Room();
      const [anna] = await joinMembers(room, 2);
      room.relay.inject(anna.connection(), encodePresence('present', 1, body));
      await room.clock.advance(1);
      expect(statesOf(anna)).toContain('reconnecting relay-misbehaved');
    },
  );

  test('a PRESENT of noise changes nothing', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const before = anna.events.length;
    for (let count = 0; count < 20; count += 1)
      room.relay.inject(anna.connection(), encodePresence('present', 1, room.random.bytes(496)));
    await room.clock.advance(1);
    expect(anna.events.length).toBe(before);
    await expectTalk(room, [anna, ben], 'still');
    expect(textsOf(anna)).toHaveLength(1);
  });
});

describe('a presence', () => {
  test('takes no message key: after more than a member may leave out, the next text is read', async () => {
    const { members } = await inhabited(82, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    for (let number = 1; number <= LEFT_OUT; number += 1) anna.membership.sealPresence(presence(number));
    await anna.send('good morning');
    await ben.read();
    expect(ben.heard).toEqual(['good morning']);
    // Control: so many messages that do not come are too many.
    for (let number = 1; number <= LEFT_OUT; number += 1) await anna.membership.seal(presence(number));
    await anna.send('is anybody there?');
    await ben.read();
    expect(ben.heard).toEqual(['good morning']);
  });

  test('is taken from another member of the epoch', async () => {
    const { members } = await inhabited(80, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const opened = ben.membership.openPresence(anna.membership.sealPresence(presence(3)));
    expect(opened).toEqual({ memberKey: anna.membership.memberKey, content: presence(3) });
    // Its own is none for its sender.
    expect(anna.membership.openPresence(anna.membership.sealPresence(presence(3)))).toBeUndefined();
  });

  test('is void in the next epoch, for a string holder, and in the log', async () => {
    const { log, members } = await inhabited(81, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const stranger = await log.member('stranger');
    const body = anna.membership.sealPresence(presence(1));
    expect(stranger.membership.openPresence(body)).toBeUndefined();
    expect(await ben.membership.open(body)).toMatchObject({ kind: 'nothing', code: 'content-kind' });
    await anna.rotate();
    await ben.read();
    expect(ben.membership.openPresence(body)).toBeUndefined();
  });
});
