// The host's own client moves the room, and tells the host whether it has: also when it, its
// connection or its order comes to an end on the way. PROTOCOL.md §5.9, §6.6.

import { encodeInvite } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { FOLLOW_WAIT_MS, LEAVERS_RANK_MS, MOVE_OFFER_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { hostOf } from '@sotto/fixtures/memory-host';
import type { MemoryHost } from '@sotto/fixtures/memory-host';
import { expectTalk, Room, statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

interface House {
  readonly room: Room;
  readonly house: MemoryHost<Room>;
  readonly host: RoomMember;
  readonly anna: RoomMember;
  readonly mallory: RoomMember;
}

async function openHouse(): Promise<House> {
  const room = new Room();
  const house = hostOf(room);
  const elsewhere = house.rooms;
  const host = await room.join('Host', { moderator: house, elsewhere });
  const anna = await room.join('Anna', { elsewhere });
  const mallory = await room.join('Mallory', { elsewhere });
  await settle(room);
  return { room, house, host, anna, mallory };
}

async function settle(room: Room): Promise<void> {
  await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
}

function errorsOf(member: RoomMember): string[] {
  return told(member, 'error').map(({ code }) => code);
}

/** The host answers the next eviction when the test says so. */
function delayEviction(house: MemoryHost<Room>): () => void {
  const gate = Promise.withResolvers<undefined>();
  const genuine = house.evict.bind(house);
  house.evict = async (...request) => {
    const offer = await genuine(...request);
    await gate.promise;
    return offer;
  };
  return () => gate.resolve(undefined);
}

describe('a move', () => {
  test('takes all members along, with their keys and their safety numbers', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const number = host.client.verify(anna.client.fingerprint);
    host.client.move();
    await settle(room);
    for (const member of [host, anna, mallory]) {
      expect(told(member, 'moved')).toEqual([{ type: 'moved', invite: encodeInvite(house.last.invite) }]);
      expect(told(member, 'removed').filter(({ reason }) => reason !== 'left')).toEqual([]);
    }
    expect(house.asked).toEqual(['move off', 'moved']);
    expect(told(host, 'moderated').map(({ what }) => what)).toEqual(['moved']);
    await expectTalk(room, [host, anna, mallory], 'there');
    expect(host.client.verify(anna.client.fingerprint)).toEqual(number);
  });

  test('leads into a room of another cover mode, and cuts the waiting texts anew', async () => {
    const { room, host, anna, mallory } = await openHouse();
    room.relay.keeps = (arrival) => arrival.connection === host.connection();
    const long = 'a long text '.repeat(500);
    for (const text of ['one', long]) anna.client.send(text, text.slice(0, 3));
    await room.clock.advance(1);
    host.client.move('stealth-4');
    await room.clock.advance(90_000);
    for (const member of [host, anna, mallory])
      expect(told(member, 'cover').map(({ mode }) => mode)).toEqual(['stealth-4']);
    expect(textsOf(host)).toEqual(['one', long]);
    expect(told(anna, 'sent').map(({ ref }) => ref)).toEqual(['one', 'a l']);
    // No frame of another size leaves in a stealth room but those of joins.
    expect(anna.writes.slice(-20).every(({ bytes }) => bytes === 1_024)).toBe(true);
  });

  test('can follow another at once: two members are evicted in a row', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const dora = await room.join('Dora', { elsewhere: house.rooms });
    await settle(room);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(1_000);
    host.client.evict(dora.client.fingerprint);
    await settle(room);
    expect(house.asked).toEqual(['evict', 'moved', 'evict', 'moved']);
    expect([mallory, dora].map((member) => statesOf(member).at(-1))).toEqual(Array(2).fill('closed evicted'));
    expect(told(anna, 'moved').map(({ invite }) => invite)).toEqual(
      house.rooms.slice(1).map(({ invite }) => encodeInvite(invite)),
    );
    await expectTalk(room, [host, anna], 'twice');
  });

  test('removes a newcomer of meanwhile if it evicts, and tells it and the others why', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const answer = delayEviction(house);
    host.client.evict(mallory.client.fingerprint);
    const late = await room.join('Late', { elsewhere: house.rooms });
    await settle(room);
    answer();
    await settle(room);
    expect(told(late, 'moved')).toEqual([]);
    expect(statesOf(late).at(-1)).toBe('closed unlisted');
    for (const member of [host, anna]) {
      const reasons = told(member, 'removed').map(({ member: { name }, reason }) => [name, reason]);
      expect(reasons).toContainEqual(['Late', 'unlisted']);
    }
    await expectTalk(room, [host, anna], 'without the stranger');
  });

  test('does not list a newcomer of meanwhile if it evicts nobody: it has to be admitted', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const gate = Promise.withResolvers<undefined>();
    const genuine = house.move.bind(house);
    house.move = async (...request) => {
      const offer = await genuine(...request);
      await gate.promise;
      return offer;
    };
    host.client.move();
    const late = await room.join('Late', { elsewhere: house.rooms });
    await settle(room);
    gate.resolve(undefined);
    await settle(room);
    expect(told(late, 'moved')).toHaveLength(1);
    expect(statesOf(late).at(-1)).toBe('knocking');
    // The others have waited for it in vain.
    await room.clock.advance(FOLLOW_WAIT_MS);
    await expectTalk(room, [host, anna, mallory], 'without the stranger');
    expect(textsOf(late)).toEqual([]);
  });
});

describe('the host’s client', () => {
  test('tells that the room did not move if it leaves before the host has answered', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const answer = delayEviction(house);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(100);
    host.client.leave();
    await settle(room);
    answer();
    await settle(room);
    expect(house.asked).toEqual(['evict', 'not-moved']);
    await expectTalk(room, [anna, mallory], 'on');
  });

  test('tells that the room did not move if it leaves before its commit', async () => {
    const { room, house, host, mallory } = await openHouse();
    room.unreachable = true;
    host.streams.at(-1)?.cut();
    await room.clock.advance(100);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(1_000);
    expect(house.asked).toEqual(['evict']);
    host.client.leave();
    await settle(room);
    expect(house.asked).toEqual(['evict', 'not-moved']);
  });

  test('lets the offer lapse if it cannot commit in time, and tells its user', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    room.unreachable = true;
    host.streams.at(-1)?.cut();
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(MOVE_OFFER_MS);
    expect(house.asked).toEqual(['evict']);
    room.unreachable = false;
    await room.clock.advance(60_000);
    expect(house.asked).toEqual(['evict', 'not-moved']);
    expect(errorsOf(host)).toEqual(['not-done']);
    await expectTalk(room, [host, anna, mallory], 'as before');
  });

  test('control: it commits if the connection is back in time', async () => {
    const { room, house, host, mallory } = await openHouse();
    room.unreachable = true;
    host.streams.at(-1)?.cut();
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(MOVE_OFFER_MS / 2);
    room.unreachable = false;
    await room.clock.advance(60_000);
    expect(house.asked).toEqual(['evict', 'moved']);
  });

  test('moves the room all the same if the member has left by itself: it may be back under another key', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    const answer = delayEviction(house);
    host.client.evict(mallory.client.fingerprint);
    mallory.client.leave();
    await settle(room);
    answer();
    await settle(room);
    expect(house.asked).toEqual(['evict', 'moved']);
    expect(errorsOf(host)).toEqual([]);
    expect(told(host, 'moderated').map(({ what }) => what)).toEqual(['evicted']);
    await expectTalk(room, [host, anna], 'here');
  });

  test('makes its commit again after a conflict, and tells that the room moved', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    let refused = 0;
    room.relay.acceptsCommit = () => (refused += 1) > 3;
    host.client.evict(mallory.client.fingerprint);
    await settle(room);
    expect(refused).toBe(4);
    expect(house.asked).toEqual(['evict', 'moved']);
    await expectTalk(room, [host, anna], 'after all');
  });

  test('finds its commit in the log after a cut, and tells that the room moved', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    room.relay.acceptsCommit = () => {
      host.streams.at(-1)?.cut();
      return true;
    };
    host.client.evict(mallory.client.fingerprint);
    await settle(room);
    expect(house.asked).toEqual(['evict', 'moved']);
    await expectTalk(room, [host, anna], 'after the cut');
  });

  test('tells nothing, and says so, if the log has lost what became of its commit', async () => {
    const { room, house, host, anna, mallory } = await openHouse();
    room.relay.acceptsCommit = () => {
      host.streams.at(-1)?.cut();
      room.unreachable = true;
      return true;
    };
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(1_000);
    expect(told(anna, 'moved')).toHaveLength(1);
    room.relay.trim(room.relay.log.length);
    room.unreachable = false;
    await settle(room);
    expect(house.asked).toEqual(['evict']);
    expect(errorsOf(host)).toEqual(['move-unknown']);
  });

  test('ends without a word on panic, also to the host', async () => {
    const { room, house, host, mallory } = await openHouse();
    const answer = delayEviction(house);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(100);
    host.client.panic();
    answer();
    await settle(room);
    expect(house.asked).toEqual(['evict']);
  });
});
