// Groups under random sequences of operations: members that process one log always agree.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createGroupIdentity, memberIdOf } from '../src/mls/index.ts';
import type { Group, PendingCommit } from '../src/mls/index.ts';
import {
  acceptAll,
  agreement,
  at,
  hex,
  join,
  openEngine,
  createRoom,
  random,
  applyCommit,
  sent,
  value,
} from './group-room.ts';
import type { TestRoom, Member } from './group-room.ts';

const MEMBERS_MIN = 2;
const MEMBERS_MAX = 6;
const RUNS = Number(process.env['SOTTO_GROUP_RUNS'] ?? 6);

type Step = {
  readonly kind: 'join' | 'leave' | 'rotate' | 'resync' | 'talk' | 'race' | 'purge';
  readonly who: number;
  readonly other: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('join', 'leave', 'rotate', 'resync', 'talk', 'race', 'purge'),
  who: fc.nat(),
  other: fc.nat(),
});

/**
 * Two commits at once: the relay accepts the first, and the maker of the other starts over on the
 * new snapshot.
 */
async function race(
  room: TestRoom,
  first: Member,
  second: Member,
  propose: (group: Group) => Promise<PendingCommit>,
): Promise<void> {
  const [won, lost] = [await propose(first.group), await propose(second.group)];
  await applyCommit(room.members, won);
  lost.clear();
  await applyCommit(room.members, await propose(second.group));
}

async function perform(room: TestRoom, { kind, who, other }: Step): Promise<void> {
  const { members } = room;
  const [one, two] = [at(members, who % members.length), at(members, other % members.length)];
  switch (kind) {
    case 'join':
      if (members.length < MEMBERS_MAX) await join(room);
      return;
    case 'leave':
      if (members.length <= MEMBERS_MIN || one === two) return;
      await applyCommit(members, value(await one.group.removeMembers([memberIdOf(two.identity.memberKey)])));
      expect(two.group.status).toBe('removed');
      members.splice(members.indexOf(two), 1);
      return;
    case 'rotate':
      await applyCommit(members, value(await one.group.rotate()));
      return;
    case 'resync': {
      if (one === two) return;
      const pending = value(await room.engine.resync(await two.group.exportSnapshot(), one.identity));
      members.splice(members.indexOf(one), 1);
      one.group.destroy();
      members.push({ identity: one.identity, group: await applyCommit(members, pending) });
      return;
    }
    case 'race':
      if (one !== two) await race(room, one, two, async (group) => value(await group.rotate()));
      return;
    case 'purge':
      await one.group.purgePrevious();
      return;
    case 'talk': {
      const text = random.bytes(1 + (other % 300));
      const message = await one.group.sealMessage(text);
      for (const reader of members) {
        if (reader === one) continue;
        const opened = value(await reader.group.openMessage(message));
        expect([hex(opened.memberId), hex(opened.bytes)]).toEqual([hex(memberIdOf(one.identity.memberKey)), hex(text)]);
      }
    }
  }
}

test('members in any order of operations agree, read each other, and know the roster', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const room = await createRoom(MEMBERS_MIN);
      for (const each of steps) {
        await perform(room, each);
        expect(agreement(room.members.map(({ group }) => group))).toBe(1);
      }
      await perform(room, { kind: 'talk', who: 0, other: 1 });
      const expected = room.members.map(({ identity }) => hex(memberIdOf(identity.memberKey))).sort();
      for (const { group } of room.members)
        expect(group.roster.map(({ memberId }) => hex(memberId)).sort()).toEqual(expected);
      for (const { group } of room.members) group.destroy();
    }),
    { numRuns: RUNS },
  );
});

test('control: a member that misses one commit no longer agrees, and cannot read', async () => {
  const room = await createRoom(3);
  const absent = at(room.members, 2);
  await applyCommit(room.members.slice(0, 2), value(await at(room.members, 0).group.rotate()));
  expect(agreement(room.members.map(({ group }) => group))).toBe(2);
  const message = await at(room.members, 0).group.sealMessage(random.bytes(10));
  expect(await absent.group.openMessage(message)).toEqual({ ok: false, code: 'epoch-future' });
});

test('the second of two racing joins starts over on the new snapshot', async () => {
  const room = await createRoom(1);
  const engine = await openEngine(room.keys, acceptAll);
  const snapshot = await at(room.members, 0).group.exportSnapshot();
  const [ada, bea] = [createGroupIdentity(random.bytes), createGroupIdentity(random.bytes)];
  const won = value(await engine.joinGroup(snapshot, ada));
  const lost = value(await engine.joinGroup(snapshot, bea));
  room.members.push({ identity: ada, group: await applyCommit(room.members, won) });
  expect(await at(room.members, 0).group.processCommit(sent(lost))).toEqual({ ok: false, code: 'epoch-old' });
  lost.clear();
  const again = value(await engine.joinGroup(won.snapshot, bea));
  room.members.push({ identity: bea, group: await applyCommit(room.members, again) });
  expect(agreement(room.members.map(({ group }) => group))).toBe(1);
});
