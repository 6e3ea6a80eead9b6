import { PATIENCE_SECONDS_LEAST } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import {
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  LEAVERS_RANK_MS,
  MEMBER_SILENT_MS,
  PRESENCE_INTERVAL_MS,
  RANK_FIRST_MS,
  RECEIPT_DELAY_MS,
  RESTORE_RANK_MS,
  ROLL_CALL_WAIT_MS,
  ROTATE_AFTER_TEXT_MS,
} from '../src/limits.ts';
import {
  epochOf,
  expectTalk,
  gapsOf,
  joinMembers,
  NAMES,
  Room,
  statesOf,
  textsOf,
  told,
  warningsOf,
} from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import { useNativeEd25519 } from '@sotto/fixtures/native-ed25519';

useNativeEd25519();

const MINUTE_MS = 60_000;

async function codesOf(seats: readonly RoomMember[]): Promise<Set<string>> {
  const codes = await Promise.all(seats.map((seat) => seat.client.roomCode()));
  return new Set(codes.map((code) => `${code?.epoch}: ${code?.words.join(' ')}`));
}

describe('a group', () => {
  test('has one epoch and one room code for all members, and no member that did not join', async () => {
    const room = new Room();
    const seats = await joinMembers(room, 3);
    expect(new Set(seats.map(epochOf)).size).toBe(1);
    expect((await codesOf(seats)).size).toBe(1);
    expect((await seats[0].client.roomCode())?.words).toHaveLength(8);
    for (const seat of seats) expect(seat.client.members().map(({ name }) => name)).toHaveLength(3);
    await expectTalk(room, seats, 'hello');
  });

  test('admits five joiners that come at the same moment', async () => {
    const room = new Room();
    const seats = NAMES.map((name) => room.member(name));
    for (const seat of seats) seat.client.start();
    await room.clock.advance(20_000);
    for (const seat of seats) expect(statesOf(seat)).toEqual(['joining', 'joined']);
    expect((await codesOf(seats)).size).toBe(1);
    await expectTalk(room, seats, 'hello');
  });

  test('rotates in turns, once in half an hour of talk; texts arrive once and in order', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const before = epochOf(anna) ?? 0;
    const said = Array.from({ length: 28 }, (_, index) => `text ${index}`);
    for (const text of said) {
      anna.client.send(text);
      ben.client.send(text);
      await room.clock.advance(5 * MINUTE_MS);
    }
    expect(textsOf(ben)).toEqual(said);
    expect(textsOf(anna)).toEqual(said);
    // Each half hour begins with a text: four are over, and the fifth is not.
    expect(epochOf(ben)).toBe(before + 4);
    const committers = new Set(room.relay.commits.slice(-4).map(({ connection }) => connection));
    expect(committers.size).toBe(2);
    expect([...gapsOf(anna), ...gapsOf(ben), ...warningsOf(anna), ...warningsOf(ben)]).toEqual([]);
  });

  test('does not rotate where no member sends a text, and half an hour after one does', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const before = epochOf(anna) ?? 0;
    await room.clock.advance(2 * ROTATE_AFTER_TEXT_MS);
    expect(epochOf(ben)).toBe(before);
    anna.client.send('hello');
    await room.clock.advance(ROTATE_AFTER_TEXT_MS - MINUTE_MS);
    expect(epochOf(ben)).toBe(before);
    await room.clock.advance(2 * MINUTE_MS);
    expect(epochOf(ben)).toBe(before + 1);
    await expectTalk(room, [anna, ben], 'after');
  });

  test('gives every pair of members a safety number of its own, equal on both sides', async () => {
    const room = new Room();
    const [anna, ben, cleo] = await joinMembers(room, 3);
    if (cleo === undefined) throw new Error('nobody');
    const number = anna.client.verify(ben.client.fingerprint)?.number;
    expect(number).toMatch(/^\d{60}$/);
    expect(ben.client.verify(anna.client.fingerprint)?.number).toBe(number);
    expect(ben.client.verify(cleo.client.fingerprint)?.number).not.toBe(number);
    expect(anna.client.verify('0123456789abcdef')).toBeUndefined();
    expect(anna.client.verify(anna.client.fingerprint)).toBeUndefined();
  });

  test('warns if a name is another member’s, or has another key now', async () => {
    const room = new Room();
    const [anna] = await joinMembers(room, 2);
    const second = await room.join('bEN');
    await room.clock.advance(1);
    expect(warningsOf(anna)).toEqual(['name-taken']);
    expect(told(anna, 'warning')[0]?.from).toEqual({ name: 'bEN', fingerprint: second.client.fingerprint });
    const cleo = await room.join('Cleo');
    cleo.client.leave();
    await room.clock.advance(5_000);
    await room.join('Cleo');
    await room.clock.advance(1);
    expect(warningsOf(anna)).toEqual(['name-taken', 'key-changed']);
  });
});

describe('a receipt', () => {
  test('does not count from a member that joined after the text', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    await room.clock.advance(2 * (RANK_FIRST_MS + LEAVERS_RANK_MS));
    anna.client.send('to nobody', 'r');
    await room.clock.advance(1);
    const ben = await room.join('Ben');
    await room.clock.advance(5 * RECEIPT_DELAY_MS);
    expect(told(anna, 'sent')).toHaveLength(1);
    expect(told(anna, 'delivered')).toEqual([]);
    // Control: the receipt of a member that was present counts.
    anna.client.send('to Ben');
    await room.clock.advance(5 * RECEIPT_DELAY_MS);
    expect(textsOf(ben)).toEqual(['to Ben']);
    expect(told(anna, 'delivered')).toHaveLength(1);
  });
});

describe('leaving a group', () => {
  test('removes the leaver within seconds, by one commit', async () => {
    const room = new Room();
    const [anna, ben, cleo] = await joinMembers(room, 3);
    if (cleo === undefined) throw new Error('nobody');
    const before = room.relay.commitNumber;
    ben.client.leave();
    await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
    expect(statesOf(ben).at(-1)).toBe('closed');
    expect(room.relay.commitNumber).toBe(before + 1);
    for (const seat of [anna, cleo]) {
      expect(seat.client.members().map(({ name }) => name)).toEqual(
        seat === anna ? ['Anna', 'Cleo'] : ['Cleo', 'Anna'],
      );
      expect(told(seat, 'left').map(({ member }) => member.name)).toEqual(['Ben']);
    }
    await expectTalk(room, [anna, cleo], 'without');
  });

  test('by the last member leaves a room that the next joiner can enter alone', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    for (const seat of [anna, ben]) {
      seat.client.leave();
      await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
      expect(statesOf(seat).at(-1)).toBe('closed');
    }
    const cleo = await room.join('Cleo');
    await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
    expect(cleo.client.members()).toHaveLength(1);
    const dora = await room.join('Dora');
    await expectTalk(room, [cleo, dora], 'new');
    expect(dora.client.members()).toHaveLength(2);
  });

  test('without a goodbye ends in a roll call and a removal, when the patience of the room is over', async () => {
    const room = new Room();
    room.relay.patienceSeconds = PATIENCE_SECONDS_LEAST;
    const [anna, ben, cleo] = await joinMembers(room, 3);
    if (cleo === undefined) throw new Error('nobody');
    ben.streams.at(-1)?.cut();
    ben.client.leave();
    await room.clock.advance(1_000 * PATIENCE_SECONDS_LEAST);
    expect(told(anna, 'removed')).toEqual([]);
    // The silent member is still listed, because every member of the group can read.
    expect(anna.client.members().map(({ name }) => name)).toContain('Ben');
    await room.clock.advance(4 * PRESENCE_INTERVAL_MS + ROLL_CALL_WAIT_MS + 2 * LEAVERS_RANK_MS);
    for (const seat of [anna, cleo]) {
      expect(told(seat, 'removed').map(({ member, reason }) => [member.name, reason])).toEqual([['Ben', 'silent']]);
      expect(seat.client.members()).toHaveLength(2);
    }
    await expectTalk(room, [anna, cleo], 'without');
  });

  test('control: a listener is not removed', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    await room.clock.advance(5 * MEMBER_SILENT_MS);
    expect(told(anna, 'removed')).toEqual([]);
    expect(anna.client.members().map(({ present }) => present)).toEqual([true, true]);
    await expectTalk(room, [anna, ben], 'still');
  });
});

describe('a member that was away', () => {
  test('resyncs as the same member if it missed frames with a commit among them', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    room.unreachable = true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(1);
    anna.client.send('lost');
    await room.clock.advance(1);
    const cleo = room.member('Cleo');
    room.unreachable = false;
    cleo.client.start();
    await room.clock.advance(10);
    room.relay.trim(room.relay.log.length - 1);
    ben.client.send('kept for later');
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(statesOf(ben).at(-1)).toBe('joined');
    expect(gapsOf(ben)).toHaveLength(1);
    expect(textsOf(anna)).toEqual(['kept for later']);
    expect((await codesOf([anna, ben, cleo])).size).toBe(1);
    expect(anna.client.members()).toHaveLength(3);
    expect(told(anna, 'removed')).toEqual([]);
    await expectTalk(room, [anna, ben, cleo], 'again');
  });

  test('goes on with its keys if it missed frames without a commit', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const before = epochOf(ben);
    room.unreachable = true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(1);
    anna.client.send('lost');
    await room.clock.advance(1);
    room.relay.trim(room.relay.log.length);
    room.unreachable = false;
    await room.clock.advance(2 * BACKOFF_FIRST_MS);
    expect(gapsOf(ben)).toHaveLength(1);
    await expectTalk(room, [anna, ben], 'on');
    expect(epochOf(ben)).toBe(before);
  });

  test('reads the commits that it missed, and the texts of each epoch', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    room.unreachable = true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(1);
    const before = epochOf(anna) ?? 0;
    const said = Array.from({ length: 100 }, (_, index) => `text ${index}`);
    for (const text of said) {
      anna.client.send(text);
      await room.clock.advance(MINUTE_MS);
    }
    const epoch = epochOf(anna);
    expect(epoch).toBeGreaterThan(before + 2);
    room.unreachable = false;
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    expect(textsOf(ben)).toEqual(said);
    expect(gapsOf(ben)).toEqual([]);
    expect(epochOf(ben)).toBe(epoch);
  });
});

describe('junk from a string holder', () => {
  test('in the place of the snapshot keeps joiners out only until a member has put it back', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    for (let round = 0; round < 2; round += 1) room.relay.moveCommitNumber(room.random.bytes(16_384));
    const cleo = room.member('Cleo');
    cleo.client.start();
    await room.clock.advance(1);
    expect(statesOf(cleo)).toEqual(['joining']);
    await room.clock.advance(RANK_FIRST_MS + RESTORE_RANK_MS + 1_000);
    expect(statesOf(cleo)).toEqual(['joining', 'joined']);
    expect(warningsOf(anna)).toEqual(['junk-commit']);
    await expectTalk(room, [anna, ben, cleo], 'in spite of it');
  });

  test('in the place of one snapshot keeps no joiner out, because the previous one is still good', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    room.relay.moveCommitNumber(room.random.bytes(16_384));
    const cleo = await room.join('Cleo');
    expect(statesOf(cleo)).toEqual(['joining', 'joined']);
    await expectTalk(room, [anna, ben, cleo], 'in spite of it');
  });

  test('between two frames of one text does not damage the text', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    for (let round = 0; round < 5; round += 1) {
      anna.client.send('x'.repeat(20_000));
      room.relay.moveCommitNumber();
      await room.clock.advance(50);
    }
    expect(textsOf(ben)).toEqual(Array(5).fill('x'.repeat(20_000)));
    expect(gapsOf(ben)).toEqual([]);
  });
});
