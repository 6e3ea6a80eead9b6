// An attacker with the connection string disturbs a room as much as the protocol allows. The room
// goes on, and the test prints how soon.

import { expect, test } from 'vitest';
import { encodeStage, SMALLEST_FRAME_BYTES } from '@sotto/protocol';
import { openContext } from '../../packages/crypto/src/mls/context.ts';
import { nativeCrypto } from '@sotto/crypto/native';
import { createGroupIdentity } from '@sotto/crypto/mls';
import { fingerprint } from '@sotto/crypto';
import { forgeJoin, forgeMemberCommit, leavesOfSnapshot } from '@sotto/fixtures/forged-join';
import { openRoom } from './room.ts';
import type { HonestRoom } from './room.ts';
import { random, StringHolder } from './string-holder.ts';
import type { ScenarioMember } from './member.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';

interface Scene extends HonestRoom {
  readonly anna: ScenarioMember;
  readonly ben: ScenarioMember;
  readonly members: readonly ScenarioMember[];
  readonly vandal: (name?: string) => Promise<StringHolder>;
}

async function openScene(options: Parameters<typeof openRoom>[0] = {}): Promise<Scene> {
  const room = await openRoom(options);
  const anna = await room.join('anna');
  const ben = await room.join('ben');
  const vandal = async (name = 'vandal'): Promise<StringHolder> =>
    StringHolder.attach(await room.connect(name), room.invite);
  return { ...room, anna, ben, members: [anna, ben], vandal };
}

let words = 0;

/** @returns how long it takes (ms) until a word of each is heard by all others, at worst. */
async function hearing(members: readonly ScenarioMember[]): Promise<number> {
  const started = performance.now();
  await Promise.all(
    members.map(async (member) => {
      const word = `${member.name} ${(words += 1)}`;
      member.send(word);
      await Promise.all(members.filter((other) => other !== member).map((other) => other.hears(word)));
    }),
  );
  return performance.now() - started;
}

async function timed(work: Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work;
  return performance.now() - started;
}

function print(what: string, times: Readonly<Record<string, number>>): void {
  const shown = Object.entries(times).map(([name, ms]) => `${name} ${(ms / 1000).toFixed(2)} s`);
  process.stdout.write(`   ${what}: ${shown.join(', ')}\n`);
}

/** Heard by all others within this time, whatever a string holder does. */
const HEARING_LIMIT_MS = 3_000;
/** Where this process computes forty joins meanwhile, for the attacker. */
const CROWDED_HEARING_LIMIT_MS = 10_000;
const JOIN_LIMIT_MS = 20_000;
/**
 * Where he has used up what the relay lets the room commit, or takes its places for uploads in turn
 * with his other connections.
 */
const CROWDED_JOIN_LIMIT_MS = 60_000;
/** The relay lets a room commit every 5 s: forty joins are told in a tenth of the time. */
const RELAY_HURRY = 10;
/**
 * Places for uploads are kept for 20 s, and a client asks again within half of that: it still has
 * seconds for it where the clocks run so much faster.
 */
const PLACES_HURRY = 4;

test('control: without an attacker a newcomer joins and all members hear each other', async () => {
  const { members, join } = await openScene();
  const heard = await hearing(members);
  const joined = await timed(join('carla'));
  print('undisturbed', { heard, joined });
  expect(heard).toBeLessThan(HEARING_LIMIT_MS);
  expect(joined).toBeLessThan(JOIN_LIMIT_MS);
});

test('junk commits at the fastest rate that the relay allows are all refused: members hear each other, and a newcomer joins', async () => {
  const { members, join, vandal } = await openScene();
  const vandals = await Promise.all(['one', 'two', 'three'].map((name) => vandal(name)));
  let isOver = false;
  const taken: string[] = [];
  const sabotage = vandals.map(async (holder) => {
    while (!isOver) taken.push(await holder.commit(holder.junkUpload()));
  });
  const heard: number[] = [];
  for (let round = 0; round < 10; round += 1) heard.push(await hearing(members));
  const joined = await timed(join('carla'));
  isOver = true;
  for (const holder of vandals) await holder.leave();
  await Promise.all(sabotage);
  const commits = taken.filter((outcome) => outcome === 'taken').length;
  print(`${commits} junk commits`, { heard: Math.max(...heard), joined });
  expect(commits).toBeGreaterThan(8);
  expect(Math.max(...heard)).toBeLessThan(HEARING_LIMIT_MS);
  expect(joined).toBeLessThan(JOIN_LIMIT_MS);
  for (const member of members) expect(member.warnings).toContain('junk-commit');
});

test('members put the snapshot back after two junk snapshots in a row, while a newcomer waits', async () => {
  const { members, member, vandal } = await openScene();
  const holder = await vandal();
  const junk = (): Upload => holder.junkUpload();
  expect([await holder.commitFirst(junk), await holder.commitFirst(junk)]).toEqual(['taken', 'taken']);
  const carla = await member('carla');
  const joined = await timed(carla.join());
  const heard = await hearing([...members, carla]);
  print('two junk snapshots', { joined, heard });
  expect(joined).toBeLessThan(JOIN_LIMIT_MS);
});

test('the next newcomer joins although a valid join has uploaded a junk snapshot', async () => {
  const { members, member, invite, vandal } = await openScene();
  const holder = await vandal();
  await holder.join(invite, (upload) => ({ ...upload, snapshot: random(upload.snapshot.length) }));
  const carla = await member('carla');
  const joined = await timed(carla.join(JOIN_LIMIT_MS));
  const heard = await hearing([...members, carla]);
  print('a valid join with a junk snapshot', { joined, heard });
  expect(heard).toBeLessThan(HEARING_LIMIT_MS);
});

test('the relay soon frees staged uploads that no member commits', async () => {
  const { members, member, vandal } = await openScene({ speed: PLACES_HURRY, relaySpeed: PLACES_HURRY });
  const vandals = await Promise.all(Array.from({ length: 16 }, (_, index) => vandal(`vandal ${index}`)));
  let isOver = false;
  const sabotage = vandals.map(async (holder) => {
    while (!isOver && !holder.isClosed) {
      const uploadId = random(16);
      holder.send(encodeStage({ uploadId, index: 0, data: random(4_062) }));
      await holder.pause(200 / PLACES_HURRY);
    }
  });
  const heard = await hearing(members);
  const carla = await member('carla');
  const joined = await timed(carla.join(CROWDED_JOIN_LIMIT_MS / PLACES_HURRY));
  isOver = true;
  for (const holder of vandals) await holder.leave();
  await Promise.all(sabotage);
  print('staged uploads from 16 connections', { heard, 'joined (the relay’s time)': joined * PLACES_HURRY });
  expect(heard).toBeLessThan(HEARING_LIMIT_MS);
}, 90_000);

test('all members refuse a joining commit that removes a member', async () => {
  const { anna, ben, members, vandal } = await openScene();
  const holder = await vandal();
  const context = await openContext(nativeCrypto, 'x-wing', holder.groupKeys, 64);
  const isBens = (_: unknown, leaf: { readonly signaturePublicKey: Uint8Array }): boolean =>
    fingerprint(leaf.signaturePublicKey) === ben.client.fingerprint;
  const forge = async (): Promise<Upload> => {
    const forged = await forgeJoin(context, await holder.openSnapshot(), {
      identity: createGroupIdentity(random),
      again: true,
      config: {
        keyPackageEqualityConfig: { compareKeyPackages: () => false, compareKeyPackageToLeafNode: isBens },
      },
    });
    return holder.wrapCommit(forged);
  };
  expect(await holder.commitFirst(forge)).toBe('taken');
  await Promise.all(members.map((member) => member.warns('junk-commit')));
  const heard = await hearing(members);
  print('a joining commit that removes a member', { heard });
  for (const member of [anna, ben]) {
    expect(member.told('removed')).toEqual([]);
    expect(member.client.members()).toHaveLength(2);
  }
});

test('all members refuse a removal that a string holder makes up in a member’s name', async () => {
  const { anna, ben, members, join, vandal } = await openScene();
  const holder = await vandal();
  const context = await openContext(nativeCrypto, 'x-wing', holder.groupKeys, 64);
  const forge = async (): Promise<Upload> => {
    const snapshot = await holder.openSnapshot();
    const leaves = leavesOfSnapshot(snapshot);
    const leafOf = (member: ScenarioMember): number =>
      leaves.find(({ memberKey }) => fingerprint(memberKey) === member.client.fingerprint)?.leafIndex ?? -1;
    const remove = { proposalType: 'remove', remove: { removed: leafOf(ben) } } as const;
    return holder.wrapCommit(
      await forgeMemberCommit(context, snapshot, { leafIndex: leafOf(anna), proposals: [remove] }),
    );
  };
  expect(await holder.commitFirst(forge)).toBe('taken');
  await Promise.all(members.map((member) => member.warns('junk-commit')));
  const heard = await hearing(members);
  print('a removal in a member’s name', { heard });
  for (const member of members) {
    expect(member.told('removed')).toEqual([]);
    expect(member.client.members()).toHaveLength(2);
  }
  // Control: a commit that a member has made is taken.
  const carla = await join('carla');
  carla.client.leave();
  const before = anna.epoch;
  for (const member of members) await member.until('one removed carla', () => member.epoch > before);
});

test('with forty identities of one attacker in a room, members hear each other and another newcomer still joins', async () => {
  const { members, member, invite, vandal } = await openScene({ relaySpeed: RELAY_HURRY });
  // One after another: an attacker that raced itself would only compute lost joins anew. A
  // connection may make eight commits at once.
  const bring = async (): Promise<'there'> => {
    for (let index = 0; index < 8; index += 1) {
      const holder = await vandal(`vandal ${index}`);
      for (let count = 0; count < 5; count += 1) await holder.join(invite);
    }
    return 'there';
  };
  const heard: number[] = [];
  const crowd = bring();
  let standing: 'coming' | 'there' = 'coming';
  while (standing === 'coming') {
    heard.push(await hearing(members));
    standing = await Promise.race([crowd, Promise.resolve('coming' as const)]);
  }
  for (const member of members) expect(member.client.members().length).toBeGreaterThanOrEqual(42);
  const carla = await member('carla');
  // The relay makes it wait for so long, and a busy machine computes a join for so long.
  const joined = await timed(carla.join(CROWDED_JOIN_LIMIT_MS / RELAY_HURRY + JOIN_LIMIT_MS));
  print('forty identities', { heard: Math.max(...heard), 'joined (the relay’s time)': joined * RELAY_HURRY });
  expect(Math.max(...heard)).toBeLessThan(CROWDED_HEARING_LIMIT_MS);
});

test('roll calls without end remove no member that is present, and keep no member from being heard', async () => {
  const { members, invite, vandal } = await openScene();
  const holder = await vandal();
  const membership = await holder.join(invite);
  const heard: number[] = [];
  let calledAt = 0;
  for (let number = 1; number <= 100; number += 1) {
    const header = { number, seen: 0, logHash: new Uint8Array(16) };
    holder.publish(await membership.seal({ ...header, type: 'roll-call' }));
    if (number % 10 > 0) continue;
    heard.push(await hearing(members));
    // A new epoch ends a roll call, and may begin between any two of these.
    if (membership.view?.rollCalled === true) calledAt += 1;
  }
  print('a hundred roll calls', { heard: Math.max(...heard) });
  // Control: they are roll calls, and one was running when members were heard.
  expect(calledAt).toBeGreaterThan(0);
  expect(Math.max(...heard)).toBeLessThan(HEARING_LIMIT_MS);
  for (const member of members) expect(member.told('removed')).toEqual([]);
});

test('a string holder cannot send another member’s goodbye; control: it can send its own', async () => {
  const { anna, ben, members, invite, vandal } = await openScene();
  const holder = await vandal();
  const membership = await holder.join(invite);
  const others = (membership.view?.members ?? []).filter(({ self }) => !self);
  const leaves = others.map(({ memberId }) => ({ kind: 'leave', memberId, signature: random(64) }) as const);
  for (const leave of leaves) holder.publish(holder.sealForJoiners(leave));
  expect(await holder.commitFirst(() => holder.makeUpload(leaves))).toBe('taken');
  const heard = await hearing(members);
  print('another’s goodbye', { heard });
  expect(anna.client.members()).toHaveLength(3);
  expect(ben.client.members()).toHaveLength(3);
  ben.client.leave();
  await anna.until('ben has gone', () => anna.client.members().length === 2);
});

test('a thousand knocks at an open room leave its members undisturbed', async () => {
  const { members, join, vandal } = await openScene();
  const holder = await vandal();
  for (let count = 0; count < 1_000; count += 1) {
    const knock = {
      kind: 'knock',
      name: new TextEncoder().encode(`stranger ${count}`),
      keyPackage: random(200),
    } as const;
    holder.publish(holder.sealForJoiners(knock, SMALLEST_FRAME_BYTES));
  }
  const heard = await hearing(members);
  const joined = await timed(join('carla'));
  print('a thousand knocks', { heard, joined });
  expect(heard).toBeLessThan(HEARING_LIMIT_MS);
  expect(joined).toBeLessThan(JOIN_LIMIT_MS);
});
