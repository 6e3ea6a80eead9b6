import { DWELL_MOST_MS, encodeInvite, isStealth, stealthShape } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { ModeratorError } from '../src/index.ts';
import { LEAVERS_RANK_MS, FOLLOW_WAIT_MS, KNOCK_LIMIT_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { hostOf } from '@sotto/fixtures/memory-host';
import type { MemoryHost } from '@sotto/fixtures/memory-host';
import { expectTalk, Room, statesOf, textsOf, told, warningsOf } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

/** A room and its host. */
function openHouse(cover: Cover = 'off'): { readonly room: Room; readonly house: MemoryHost<Room> } {
  const room = new Room({ seed: 1, cover });
  return { room, house: hostOf(room) };
}

async function settle(room: Room): Promise<void> {
  await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
}

/** A room in knock mode with the host and Anna. */
async function openKnockingHouse(): Promise<{
  readonly room: Room;
  readonly host: RoomMember;
  readonly anna: RoomMember;
}> {
  const { room, house } = openHouse();
  const host = await room.join('Host', { moderator: house });
  const anna = await room.join('Anna');
  host.client.setAccess('knock');
  await settle(room);
  return { room, host, anna };
}

test.each(['jitter', 'stealth-4'] as const)('in %s a joiner knocks, is admitted, and is evicted', async (cover) => {
  const { room, house } = openHouse(cover);
  const elsewhere = house.rooms;
  const host = await room.join('Host', { moderator: house, elsewhere });
  await room.clock.advance(DWELL_MOST_MS);
  const anna = await room.join('Anna', { elsewhere });
  await room.clock.advance(DWELL_MOST_MS);
  host.client.setAccess('knock');
  // In stealth the order holds with the next rotation.
  await room.clock.advance(10_000 + (isStealth(cover) ? stealthShape(cover).keyRotationMs : 0));
  expect(told(host, 'moderated').map(({ what }) => what)).toEqual(['access']);
  const mallory = await room.join('Mallory', { elsewhere });
  await room.clock.advance(10_000);
  expect(told(anna, 'knock').map(({ member }) => member.name)).toEqual(['Mallory']);
  anna.client.admit(mallory.client.fingerprint);
  await room.clock.advance(DWELL_MOST_MS + 10_000);
  mallory.client.send('let me tell you');
  await room.clock.advance(10_000);
  expect([textsOf(host), textsOf(anna)]).toEqual([['let me tell you'], ['let me tell you']]);
  host.client.evict(mallory.client.fingerprint);
  await room.clock.advance(DWELL_MOST_MS + 20_000);
  expect(statesOf(mallory).at(-1)).toBe('closed evicted');
  // The new room has the cover mode of the old one.
  expect(told(anna, 'moved')).toEqual([{ type: 'moved', invite: encodeInvite(house.last.invite) }]);
  expect(told(anna, 'cover').map(({ mode }) => mode)).toEqual([cover, cover]);
  anna.client.send('here we are');
  await room.clock.advance(10_000);
  expect(textsOf(host).at(-1)).toBe('here we are');
});

describe('an eviction', () => {
  test('moves all other members and their unsent texts to the new room', async () => {
    const { room, house } = openHouse();
    const elsewhere = house.rooms;
    const host = await room.join('Host', { moderator: house, elsewhere });
    const anna = await room.join('Anna', { elsewhere });
    const mallory = await room.join('Mallory', { elsewhere });
    await settle(room);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(2_000);
    expect(statesOf(mallory).at(-1)).toBe('closed evicted');
    expect(told(mallory, 'moved')).toEqual([]);
    for (const seat of [host, anna]) {
      expect(told(seat, 'moved')).toEqual([{ type: 'moved', invite: encodeInvite(house.last.invite) }]);
      expect(statesOf(seat).at(-1)).toBe('joined');
    }
    expect(house.asked).toEqual(['evict', 'moved']);
    expect(told(host, 'moderated').map(({ what }) => what)).toEqual(['evicted']);
    await expectTalk(room, [host, anna], 'here');
    // Every member keeps its identity in the new room.
    expect(anna.client.members().map(({ fingerprint }) => fingerprint)).toContain(host.client.fingerprint);
  });

  test('carries waiting texts over to the new room', async () => {
    const { room, house } = openHouse();
    const elsewhere = house.rooms;
    const host = await room.join('Host', { moderator: house, elsewhere });
    const anna = await room.join('Anna', { elsewhere });
    const mallory = await room.join('Mallory', { elsewhere });
    await settle(room);
    room.relay.keeps = (arrival) => arrival.connection === host.connection();
    for (const text of ['one', 'two']) anna.client.send(text, text);
    await room.clock.advance(1);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(5_000);
    expect(textsOf(host)).toEqual(['one', 'two']);
    expect(textsOf(mallory)).toEqual([]);
    expect(told(anna, 'sent').map(({ ref }) => ref)).toEqual(['one', 'two']);
  });

  test('holds new texts until the following members can read them', async () => {
    const { room, house } = openHouse();
    const elsewhere = house.rooms;
    const slow = (dial: number) => ({ latencyMs: () => (dial === 0 ? 0 : 3_000) });
    const host = await room.join('Host', { moderator: house, elsewhere });
    const anna = await room.join('Anna', { elsewhere, conditions: slow });
    const mallory = await room.join('Mallory', { elsewhere });
    await settle(room);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(1_000);
    expect(told(host, 'moved')).toHaveLength(1);
    host.client.send('is everybody here?', 'q');
    await room.clock.advance(2_000);
    expect(told(host, 'sent')).toEqual([]);
    await room.clock.advance(FOLLOW_WAIT_MS + 20_000);
    expect(told(host, 'sent').map(({ ref }) => ref)).toEqual(['q']);
    expect(textsOf(anna)).toEqual(['is everybody here?']);
  });

  test('waits a bounded time for members that do not follow', async () => {
    const { room, house } = openHouse();
    const elsewhere = house.rooms;
    const host = await room.join('Host', { moderator: house, elsewhere });
    const anna = await room.join('Anna', { elsewhere });
    const mallory = await room.join('Mallory', { elsewhere });
    await settle(room);
    anna.streams.at(-1)?.cut();
    anna.client.leave();
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(FOLLOW_WAIT_MS + 5_000);
    expect(statesOf(host).at(-1)).toBe('joined');
    host.client.send('nobody?', 'q');
    await room.clock.advance(100);
    expect(told(host, 'sent').map(({ ref }) => ref)).toEqual(['q']);
  });

  test('is refused to clients other than the host’s, and for absent members', async () => {
    const { room, house } = openHouse();
    const host = await room.join('Host', { moderator: house, elsewhere: house.rooms });
    const anna = await room.join('Anna', { elsewhere: house.rooms });
    anna.client.evict(host.client.fingerprint);
    host.client.evict('0123456789abcdef');
    await room.clock.advance(1_000);
    expect(told(anna, 'error').map(({ code }) => code)).toEqual(['moderator-missing']);
    expect(told(host, 'error').map(({ code }) => code)).toEqual(['member-unknown']);
    await expectTalk(room, [host, anna], 'still');
  });

  test('emits an error and changes nothing if the host cannot carry it out', async () => {
    const { room, house } = openHouse();
    house.evict = () => Promise.reject(new ModeratorError('room-not-opened', 'the new room could not be opened'));
    const host = await room.join('Host', { moderator: house, elsewhere: house.rooms });
    const anna = await room.join('Anna');
    host.client.evict(anna.client.fingerprint);
    await room.clock.advance(1_000);
    expect(told(host, 'error').map(({ code }) => code)).toEqual(['room-not-opened']);
    await expectTalk(room, [host, anna], 'still');
  });

  test('moves no member if the host has not signed the move', async () => {
    const { room, house } = openHouse();
    const genuine = house.evict.bind(house);
    // The host signed the order, and did not sign the move.
    house.evict = async (memberId, listed) => {
      const { order } = await genuine(memberId, listed);
      return { order, move: house.last.signer.move(house.last.invite) };
    };
    const host = await room.join('Host', { moderator: house, elsewhere: house.rooms });
    const anna = await room.join('Anna', { elsewhere: house.rooms });
    const mallory = await room.join('Mallory', { elsewhere: house.rooms });
    await settle(room);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(2_000);
    expect(told(anna, 'moved')).toEqual([]);
    expect(statesOf(mallory).at(-1)).toBe('closed evicted');
  });
});

describe('the access mode', () => {
  test('is known to all; a locked room refuses a joiner, and an unlocked one admits it again', async () => {
    const { room, house } = openHouse();
    const host = await room.join('Host', { moderator: house });
    const anna = await room.join('Anna');
    host.client.setAccess('locked');
    await settle(room);
    expect(told(anna, 'access').map(({ mode }) => mode)).toEqual(['locked']);
    expect(told(host, 'moderated').map(({ what }) => what)).toEqual(['access']);
    const late = await room.join('Late');
    await room.clock.advance(1_000);
    expect(statesOf(late).at(-1)).toBe('closed room-locked');
    host.client.setAccess('open');
    await settle(room);
    const again = await room.join('Again');
    await expectTalk(room, [host, anna, again], 'open');
  });

  test('knock lets a member admit a joiner, which reads all later texts', async () => {
    const { room, host, anna } = await openKnockingHouse();
    const ben = await room.join('Ben');
    await room.clock.advance(1_000);
    expect(statesOf(ben)).toEqual(['joining', 'knocking']);
    const knocks = told(anna, 'knock');
    expect(knocks.map(({ member }) => member.name)).toEqual(['Ben']);
    expect(knocks[0]?.member.fingerprint).toBe(ben.client.fingerprint);
    anna.client.admit(ben.client.fingerprint);
    await settle(room);
    expect(statesOf(ben)).toEqual(['joining', 'knocking', 'joined']);
    await expectTalk(room, [host, anna, ben], 'in');
  });

  test('knock warns if a stranger knocks under a name that looks like a member’s', async () => {
    const { room, host, anna } = await openKnockingHouse();
    const posing = await room.join('\u0410nna!');
    await room.join('Dora');
    await room.clock.advance(1_000);
    for (const { events } of [host, anna]) {
      const told = events.filter((event) => event.type === 'knock' || ('code' in event && event.code === 'name-taken'));
      const from = { name: '\u0410nna!', fingerprint: posing.client.fingerprint };
      expect(told).toMatchObject([{ type: 'knock', member: from }, { from }, { type: 'knock' }]);
    }
    // Names are compared again after the admission, because a member may have missed the first
    // warning.
    anna.client.admit(posing.client.fingerprint);
    await settle(room);
    expect(warningsOf(anna).filter((code) => code === 'name-taken')).toHaveLength(2);
  });

  test('knock ends a joiner that gets no answer, and disturbs no member', async () => {
    const { room, host, anna } = await openKnockingHouse();
    const stranger = await room.join('Stranger');
    await expectTalk(room, [host, anna], 'on');
    await room.clock.advance(KNOCK_LIMIT_MS + 1_000);
    expect(statesOf(stranger).at(-1)).toBe('closed knock-unanswered');
    expect(told(anna, 'knock')).toHaveLength(1);
    await expectTalk(room, [host, anna], 'as before');
    anna.client.admit('0123456789abcdef');
    expect(told(anna, 'error').map(({ code }) => code)).toEqual(['member-unknown']);
  });

  test('after a move is listed: the members come in, a stranger knocks, and an order replaces it', async () => {
    const { room, house } = openHouse();
    const elsewhere = house.rooms;
    const host = await room.join('Host', { moderator: house, elsewhere });
    const anna = await room.join('Anna', { elsewhere });
    const mallory = await room.join('Mallory', { elsewhere });
    await settle(room);
    host.client.setAccess('knock');
    await settle(room);
    host.client.evict(mallory.client.fingerprint);
    await settle(room);
    expect(house.asked).toEqual(['knock', 'evict', 'moved']);
    expect(told(anna, 'access').map(({ mode }) => mode)).toEqual(['knock', 'listed']);
    await expectTalk(room, [host, anna], 'there');
    const stranger = await room.join('Stranger', { invite: house.last.invite, elsewhere });
    await room.clock.advance(1_000);
    expect(statesOf(stranger)).toEqual(['joining', 'knocking']);
    anna.client.admit(stranger.client.fingerprint);
    await settle(room);
    await expectTalk(room, [host, anna, stranger], 'admitted');
    host.client.setAccess('open');
    await settle(room);
    const late = await room.join('Late', { invite: house.last.invite, elsewhere });
    await expectTalk(room, [host, anna, stranger, late], 'open again');
  });
});
