// A member key is for one stay: after a goodbye a client never uses it again. Resyncs and moves keep
// it. PROTOCOL.md §5.6, §5.8, §5.9.

import { nativeCrypto } from '@sotto/crypto/native';
import { toHex } from '@sotto/protocol';
import { expectTalk, joinMembers, Room, statesOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import { describe, expect, test } from 'vitest';
import { GroupMembership } from '../src/group/membership.ts';
import type { Moderator } from '../src/index.ts';
import { CONFIRM_AGAIN_MS, CONFIRM_WAIT_MS, LEAVE_WAIT_MS, LEAVERS_RANK_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { logOf, Rogue } from './group-rogue.ts';

const SETTLE_MS = RANK_FIRST_MS + 2 * LEAVERS_RANK_MS;

function listed({ client }: RoomMember): string[] {
  return client.members().map(({ fingerprint }) => fingerprint);
}

/** Two commits of junk, of which the member is shown only the second: it has to resync. */
function hideCommit(room: Room, member: RoomMember): void {
  const connection = member.connection();
  room.relay.shape = (entry, to) => (to === connection ? [] : [entry]);
  room.relay.moveCommitNumber();
  room.relay.shape = (entry) => [entry];
  room.relay.moveCommitNumber();
}

describe('a member that has said goodbye', () => {
  test('comes back under a new key, and its old leave proof removes it no more', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const rogue = await Rogue.open(logOf(room));
    await rogue.join();
    await room.clock.advance(SETTLE_MS);
    ben.client.leave();
    await room.clock.advance(SETTLE_MS);
    await rogue.follow();
    expect(rogue.proofs).toHaveLength(1);
    const again = await room.join('Ben');
    await room.clock.advance(SETTLE_MS);
    expect(again.client.fingerprint).not.toBe(ben.client.fingerprint);
    await rogue.follow();
    await rogue.remove(
      rogue.others.map(({ memberId }) => memberId),
      { leaves: rogue.proofs },
    );
    await room.clock.advance(SETTLE_MS);
    for (const member of [anna, again]) {
      expect(told(member, 'removed')).toEqual([]);
      expect(listed(member)).toEqual(expect.arrayContaining([anna.client.fingerprint, again.client.fingerprint]));
    }
    await expectTalk(room, [anna, again], 'still here');
  });

  test('ends instead of a resync if it has missed a commit; control: a member that stays resyncs as itself', async () => {
    for (const goes of [true, false]) {
      const room = new Room();
      const [anna, ben] = await joinMembers(room, 2);
      const { fingerprint } = ben.client;
      const connection = ben.connection();
      // Its goodbye gets no echo.
      room.relay.keeps = (arrival) => arrival.connection !== connection;
      if (goes) ben.client.leave();
      await room.clock.advance(10);
      const committers = new Set<number>();
      room.relay.acceptsCommit = (_, from) => committers.add(from).size > 0;
      hideCommit(room, ben);
      await room.clock.advance(LEAVE_WAIT_MS - 100);
      if (goes) {
        expect(statesOf(ben).at(-1)).toBe('closed');
        expect(committers).not.toContain(connection);
        continue;
      }
      room.relay.keeps = () => true;
      await room.clock.advance(SETTLE_MS);
      expect(committers).toContain(connection);
      expect(listed(anna)).toEqual([anna.client.fingerprint, fingerprint]);
      await expectTalk(room, [anna, ben], 'again');
    }
  });

  test('ends if it was alone and has missed a commit: it does not come back as another member', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    await room.clock.advance(SETTLE_MS);
    room.relay.keeps = () => false;
    room.relay.acceptsCommit = () => false;
    anna.client.leave();
    await room.clock.advance(10);
    hideCommit(room, anna);
    await room.clock.advance(SETTLE_MS);
    expect(statesOf(anna).at(-1)).toBe('closed');
    expect(statesOf(anna).filter((state) => state === 'joined')).toHaveLength(1);
    await anna.client.ended;
  });

  test('opens no circuit, and dials no more, until it has ended', async () => {
    const room = new Room();
    const [, ben] = await joinMembers(room, 2);
    const connection = ben.connection();
    room.relay.keeps = (arrival) => arrival.connection !== connection;
    ben.client.leave();
    ben.client.renew();
    await room.clock.advance(10);
    expect(told(ben, 'circuit').map(({ state }) => state)).toEqual(['kept']);
    ben.streams.at(-1)?.cut();
    await room.clock.advance(SETTLE_MS);
    expect(ben.streams).toHaveLength(1);
    expect(statesOf(ben).at(-1)).toBe('closed');
  });
});

describe('a member key', () => {
  test('is made anew by a lone member that has to resync', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    await room.clock.advance(SETTLE_MS);
    const { fingerprint } = anna.client;
    hideCommit(room, anna);
    // Its old leaf does not answer it, twice.
    await room.clock.advance(CONFIRM_WAIT_MS + CONFIRM_AGAIN_MS + SETTLE_MS);
    expect(statesOf(anna).at(-1)).toBe('joined');
    expect(anna.client.fingerprint).not.toBe(fingerprint);
    // Its old leaf stays until it is removed as silent.
    expect(listed(anna)).toEqual([anna.client.fingerprint, fingerprint]);
    const ben = await room.join('Ben');
    await room.clock.advance(SETTLE_MS);
    await expectTalk(room, [anna, ben], 'new');
  });

  test('goes along with a move, and back, without a goodbye in between', async () => {
    const room = new Room({ seed: 1 });
    const next = new Room({ seed: 2, clock: room.clock });
    await next.founded;
    const rooms = { from: room, to: next };
    const moderator: Moderator = {
      setAccess: (mode) => Promise.resolve(rooms.from.signer.access(mode)),
      evict: (memberId, listed) => {
        const { signer } = rooms.from;
        return Promise.resolve({ order: signer.evict(memberId, listed), move: signer.move(rooms.to.invite) });
      },
      move: () => Promise.reject(new Error('nobody asks for this')),
      notMoved: () => undefined,
      moved: () => {
        [rooms.from, rooms.to] = [rooms.to, rooms.from];
      },
    };
    const elsewhere = [room, next];
    const host = await room.join('Host', { moderator, elsewhere });
    const anna = await room.join('Anna', { elsewhere });
    const before = [host.client.fingerprint, anna.client.fingerprint];
    for (const place of [room, next]) {
      const guest = await place.join('Mallory');
      await room.clock.advance(SETTLE_MS);
      host.client.evict(guest.client.fingerprint);
      await room.clock.advance(2 * SETTLE_MS);
      expect(statesOf(guest).at(-1)).toBe('closed evicted');
      expect([host.client.fingerprint, anna.client.fingerprint]).toEqual(before);
      await expectTalk(room, [host, anna], `out of ${place.invite.onionKey[0] ?? 0}`);
    }
    for (const member of [host, anna]) {
      expect(told(member, 'moved')).toHaveLength(2);
      expect(told(member, 'left')).toEqual([]);
    }
  });

  test('is new for each founding of a room', async () => {
    const room = new Room();
    const surroundings = { crypto: nativeCrypto, suite: 'x-wing', random: room.random.bytes } as const;
    const { envelopes } = await Rogue.open(logOf(room));
    const founders: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const membership = await GroupMembership.open({
        roomSecret: room.invite.roomSecret,
        roomId: room.roomId,
        moderatorKey: room.invite.onionKey,
        ...surroundings,
      });
      const snapshot = envelopes.openSnapshot((await membership.found()).snapshot);
      membership.destroy();
      if (!snapshot.ok) throw new Error(snapshot.code);
      founders.push(...snapshot.value.proofs.map(({ memberId }) => toHex(memberId)));
    }
    expect(founders).toHaveLength(2);
    expect(new Set(founders).size).toBe(2);
  });
});
