// Nobody takes another member's id, or a joiner's: real clients in a room with an attacker that is in
// the group and keeps no rule. PROTOCOL.md §5.6, §5.8, §5.9.

import { fingerprint } from '@sotto/crypto';
import { createGroupIdentity } from '@sotto/crypto/mls';
import { CLAIMS, forgeKeyPackage, openForgery, withCredential } from '@sotto/fixtures/forged-join';
import type { Claim } from '@sotto/fixtures/forged-join';
import { hostOf } from '@sotto/fixtures/memory-host';
import { expectTalk, joinMembers, Room, statesOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import { describe, expect, test } from 'vitest';
import { LEAVERS_RANK_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { encodeText } from '../src/utf8.ts';
import { keysOf } from './group-room.ts';
import { logOf, Rogue } from './group-rogue.ts';

const SETTLE_MS = RANK_FIRST_MS + 2 * LEAVERS_RANK_MS;
const BACK_MS = 60_000;

describe('a member that removes all others as silent before they can answer', () => {
  /** Then a puppet claims to be Ben. */
  async function coup(claim: Claim | undefined): Promise<{
    readonly room: Room;
    readonly members: readonly RoomMember[];
    readonly before: readonly string[];
    readonly puppet: string;
  }> {
    const room = new Room();
    const members = await joinMembers(room, 2);
    const before = members.map(({ client }) => client.fingerprint);
    const rogue = await Rogue.open(logOf(room));
    await rogue.join();
    await room.clock.advance(SETTLE_MS);
    await rogue.follow();
    const ben = rogue.others.find(({ memberKey }) => fingerprint(memberKey) === before[1]);
    if (ben === undefined) throw new Error('no victim');
    await rogue.callRoll();
    await rogue.remove(rogue.others.map(({ memberId }) => memberId));
    const puppet = fingerprint(await rogue.joinPuppet(ben.memberKey, claim));
    await room.clock.advance(BACK_MS);
    return { room, members, before, puppet };
  }

  test.each(Object.entries(CLAIMS))('keeps no victim out by a puppet that has %s', async (_, claim) => {
    const { room, members, before, puppet } = await coup(claim);
    expect(members.map(({ client }) => client.fingerprint)).toEqual(before);
    for (const member of members) {
      expect(statesOf(member).at(-1)).toBe('joined');
      const listed = member.client.members().map((one) => one.fingerprint);
      expect(listed).toEqual(expect.arrayContaining([...before]));
      // The attacker is the third.
      expect(listed).toHaveLength(3);
      expect(listed).not.toContain(puppet);
    }
    await expectTalk(room, members, 'back');
  });

  test('control: a puppet with its own credential is in the room, as a member of its own', async () => {
    const { room, members, before, puppet } = await coup(undefined);
    for (const member of members) {
      const listed = member.client.members().map((one) => one.fingerprint);
      expect(listed).toEqual(expect.arrayContaining([...before, puppet]));
      expect(listed).toHaveLength(4);
    }
    await expectTalk(room, members, 'back');
  });
});

describe('a stranger that knocks as another joiner', () => {
  async function knocks(claim: Claim | undefined): Promise<{
    readonly room: Room;
    readonly host: RoomMember;
    readonly anna: RoomMember;
    readonly carla: RoomMember;
    readonly thief: string;
  }> {
    const room = new Room();
    const host = await room.join('Host', { moderator: hostOf(room) });
    const anna = await room.join('Anna');
    host.client.setAccess('knock');
    await room.clock.advance(SETTLE_MS);
    const carla = await room.join('Carla');
    await room.clock.advance(SETTLE_MS);
    const rogue = await Rogue.open(logOf(room));
    const victimKey = await rogue.keyOfLastKnock();
    expect(fingerprint(victimKey)).toBe(carla.client.fingerprint);
    const thief = createGroupIdentity(room.random.bytes);
    const keys = keysOf(logOf(room));
    const credential = claim?.(keys, { victimKey, thiefKey: thief.memberKey });
    const { bytes } = await forgeKeyPackage(await openForgery(keys, 'x-wing'), thief, (one) =>
      credential === undefined ? one : withCredential(one, credential),
    );
    room.relay.append(rogue.envelopes.sealKnock({ name: encodeText('Carla'), keyPackage: bytes }));
    await room.clock.advance(SETTLE_MS);
    return { room, host, anna, carla, thief: fingerprint(thief.memberKey) };
  }

  const knocksOf = (member: RoomMember): string[] => told(member, 'knock').map(({ member }) => member.fingerprint);

  test.each(Object.entries(CLAIMS))('is not shown, and not admitted in its place, with %s', async (_, claim) => {
    const { room, host, anna, carla } = await knocks(claim);
    expect(knocksOf(anna)).toEqual([carla.client.fingerprint]);
    anna.client.admit(carla.client.fingerprint);
    await room.clock.advance(SETTLE_MS);
    expect(statesOf(carla).at(-1)).toBe('joined');
    await expectTalk(room, [host, anna, carla], 'in');
  });

  test('control: with its own credential it is shown under its own fingerprint, and replaces no knock', async () => {
    const { room, host, anna, carla, thief } = await knocks(undefined);
    expect(knocksOf(anna)).toEqual([carla.client.fingerprint, thief]);
    anna.client.admit(carla.client.fingerprint);
    await room.clock.advance(SETTLE_MS);
    expect(statesOf(carla).at(-1)).toBe('joined');
    await expectTalk(room, [host, anna, carla], 'in');
  });
});
