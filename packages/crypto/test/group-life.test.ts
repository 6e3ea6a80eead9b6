// The life of a group: joins, commits, resyncs, removals, messages, and the policy over them.

import { describe, expect, test } from 'vitest';
import {
  createGroupIdentity,
  GROUP_CODES,
  GROUP_MESSAGE_BYTES_MAX,
  GROUP_MESSAGE_OVERHEAD_BYTES,
  openRoom,
  memberIdOf,
} from '../src/mls/index.ts';
import type { CommitFacts, CommitPolicy } from '../src/mls/index.ts';
import { pureCrypto } from '../src/provider/pure-provider.ts';
import { openContext } from '../src/mls/context.ts';
import { nativeCrypto } from '../src/provider/native-provider.ts';
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
import { forgeJoin } from '@sotto/fixtures/forged-join';

const text = (message: string) => new TextEncoder().encode(message);

describe('a group', () => {
  test.each([
    ['x-wing', undefined],
    ['x25519', undefined],
    ['x25519', pureCrypto],
  ] as const)(
    'is joined in suite %s by commits without asking anyone, and all members agree',
    async (suite, crypto) => {
      const room = await createRoom(4, openRoom, suite, crypto);
      const groups = room.members.map(({ group }) => group);
      expect(agreement(groups)).toBe(1);
      for (const { group } of room.members)
        expect(group.roster.map(({ memberId }) => hex(memberId))).toEqual(
          room.members.map(({ identity }) => hex(memberIdOf(identity.memberKey))),
        );
      for (const sender of groups) {
        const message = await sender.sealMessage(text('hello'));
        for (const reader of groups)
          if (reader !== sender) expect(value(await reader.openMessage(message)).bytes).toEqual(text('hello'));
      }
    },
  );

  test('mixes members on native and on pure primitives', async () => {
    const room = await createRoom(2);
    const browser = await openEngine(room.keys, acceptAll, 'x-wing', pureCrypto);
    const identity = createGroupIdentity(random.bytes);
    const pending = value(await browser.joinGroup(await at(room.members, 0).group.exportSnapshot(), identity));
    room.members.push({ identity, group: await applyCommit(room.members, pending) });
    await applyCommit(room.members, value(await at(room.members, 2).group.rotate()));
    await applyCommit(room.members, value(await at(room.members, 1).group.rotate()));
    expect(agreement(room.members.map(({ group }) => group))).toBe(1);
    const message = await at(room.members, 2).group.sealMessage(text('from a browser'));
    expect(value(await at(room.members, 0).group.openMessage(message)).bytes).toEqual(text('from a browser'));
  });

  test('has one envelope key an epoch, equal for all, and keeps the previous one until it is purged', async () => {
    const room = await createRoom(2);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const before = alice.epoch;
    const keyOf = (group: typeof alice, epoch: bigint) => group.envelopeKey(epoch)?.use(hex);
    const old = keyOf(alice, before);
    await applyCommit(room.members, value(await alice.rotate()));
    expect(keyOf(alice, alice.epoch)).toBe(keyOf(bob, bob.epoch));
    expect(keyOf(alice, alice.epoch)).not.toBe(old);
    expect(keyOf(bob, before)).toBe(old);
    expect(bob.epochAuthenticator(before)).toBeDefined();
    await bob.purgePrevious();
    expect(keyOf(bob, before)).toBeUndefined();
    expect(bob.epochAuthenticator(before)).toBeUndefined();
    expect(keyOf(alice, before)).toBe(old);
  });

  test('stays as it was until a commit is merged', async () => {
    const room = await createRoom(2);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const pending = value(await alice.rotate());
    const message = await alice.sealMessage(text('meanwhile'));
    expect(value(await bob.openMessage(message)).bytes).toEqual(text('meanwhile'));
    expect(pending.epoch).toBe(alice.epoch + 1n);
    value(await bob.processCommit(sent(pending)));
    const late = await alice.sealMessage(text('late'));
    await pending.merge();
    expect(value(await bob.openMessage(late)).bytes).toEqual(text('late'));
    expect(agreement([alice, bob])).toBe(1);
    await expect(pending.merge()).rejects.toThrow('merged or cleared before');
    pending.clear();
    expect(value(await bob.openMessage(await alice.sealMessage(text('and on')))).bytes).toEqual(text('and on'));
  });

  test('cannot be entered by a cleared commit, and can end during a call', async () => {
    const room = await createRoom(2);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const joining = value(await room.engine.joinGroup(await alice.exportSnapshot(), createGroupIdentity(random.bytes)));
    joining.clear();
    await expect(joining.merge()).rejects.toThrow('merged or cleared before');
    const sealing = alice.sealMessage(text('last words'));
    const waiting = alice.sealMessage(text('too late'));
    await Promise.resolve();
    alice.destroy();
    expect(alice.status).toBe('ended');
    await Promise.allSettled([sealing, waiting]);
    await expect(waiting).rejects.toMatchObject({ code: 'group-ended' });
    expect(bob.status).toBe('active');
  });

  test('has one sequence of epochs: of two commits the loser is cleared and made again', async () => {
    const room = await createRoom(3);
    const [alice, bob, carol] = room.members.map(({ group }) => group);
    if (!alice || !bob || !carol) throw new Error('three members');
    const [won, lost] = [value(await alice.rotate()), value(await bob.rotate())];
    await applyCommit([...room.members], won);
    expect(await carol.processCommit(sent(lost))).toEqual({ ok: false, code: 'epoch-old' });
    await expect(lost.merge()).rejects.toThrow('another epoch');
    lost.clear();
    const message = await bob.sealMessage(text('still works'));
    expect(value(await carol.openMessage(message)).bytes).toEqual(text('still works'));
    await applyCommit(room.members, value(await bob.rotate()));
    expect(agreement([alice, bob, carol])).toBe(1);
  });

  test('is resynced in one commit by a member that missed too much, and the old leaf is gone', async () => {
    const room = await createRoom(3);
    const lost = at(room.members, 2);
    const others = room.members.slice(0, 2);
    await applyCommit(others, value(await at(others, 0).group.rotate()));
    await applyCommit(others, value(await at(others, 1).group.rotate()));
    const snapshot = await at(others, 0).group.exportSnapshot();
    expect(await room.engine.joinGroup(snapshot, lost.identity)).toEqual({ ok: false, code: 'member-duplicate' });
    const again = value(await room.engine.resync(snapshot, lost.identity));
    const group = await again.merge();
    for (const other of others)
      expect(value(await other.group.processCommit(sent(again))).facts).toMatchObject({ kind: 'resync', removed: [] });
    expect(group.roster).toHaveLength(3);
    expect(agreement([group, ...others.map((other) => other.group)])).toBe(1);
    const stranger = createGroupIdentity(random.bytes);
    expect(await room.engine.resync(await group.exportSnapshot(), stranger)).toEqual({
      ok: false,
      code: 'member-unknown',
    });
  });

  test('is not resynced by its only member: the library has no tree without a leaf', async () => {
    const room = await createRoom(1);
    const { identity, group } = at(room.members, 0);
    const snapshot = await group.exportSnapshot();
    expect(await room.engine.resync(snapshot, identity)).toEqual({ ok: false, code: 'member-alone' });
    const context = await openContext(nativeCrypto, 'x-wing', room.keys, 64);
    const config = { keyPackageEqualityConfig: context.config.keyPackageEqualityConfig };
    await expect(forgeJoin(context, snapshot, { identity, again: true, config })).rejects.toThrow();
    // Control: with a second member the resync works.
    await join(room);
    const both = await at(room.members, 1).group.exportSnapshot();
    expect((await room.engine.resync(both, identity)).ok).toBe(true);
    await expect(forgeJoin(context, both, { identity, again: true, config })).resolves.toBeDefined();
  });

  test('admits a newcomer by key package and welcome, and a welcome for another joiner is useless to it', async () => {
    const room = await createRoom(3);
    const offer = await room.engine.createKeyPackage(createGroupIdentity(random.bytes));
    const bystander = await room.engine.createKeyPackage(createGroupIdentity(random.bytes));
    const pending = value(await at(room.members, 1).group.addMember(offer.bytes));
    await applyCommit(room.members, pending);
    const welcome = pending.welcome ?? new Uint8Array(0);
    expect(await bystander.joinByWelcome({ welcome, snapshot: pending.snapshot })).toEqual({
      ok: false,
      code: 'welcome-invalid',
    });
    expect(
      await offer.joinByWelcome({
        welcome,
        snapshot: await at((await createRoom(2)).members, 0).group.exportSnapshot(),
      }),
    ).toEqual({
      ok: false,
      code: 'group-foreign',
    });
    const group = value(await offer.joinByWelcome({ welcome, snapshot: pending.snapshot }));
    expect(agreement([group, ...room.members.map((member) => member.group)])).toBe(1);
    const identity = createGroupIdentity(random.bytes);
    room.members.push({ identity, group });
    await applyCommit(room.members, value(await group.rotate()));
    expect(agreement(room.members.map((member) => member.group))).toBe(1);
    bystander.destroy();
  });

  test('reports a removed member to the others, and ends for the removed one', async () => {
    const room = await createRoom(3);
    const [alice, bob, carol] = room.members;
    if (!alice || !bob || !carol) throw new Error('three members');
    const pending = value(await alice.group.removeMembers([memberIdOf(carol.identity.memberKey)]));
    await pending.merge();
    const facts = value(await bob.group.processCommit(sent(pending))).facts;
    expect(facts.removed.map(({ memberId }) => hex(memberId))).toEqual([hex(memberIdOf(carol.identity.memberKey))]);
    expect(hex(facts.committer.memberId)).toBe(hex(memberIdOf(alice.identity.memberKey)));
    expect(value(await carol.group.processCommit(sent(pending))).removed).toBe(true);
    expect(carol.group.status).toBe('removed');
    await expect(carol.group.openMessage(random.bytes(200))).rejects.toMatchObject({ code: 'group-ended' });
    expect(await alice.group.removeMembers([memberIdOf(carol.identity.memberKey)])).toEqual({
      ok: false,
      code: 'member-unknown',
    });
    expect(await alice.group.removeMembers([])).toEqual({ ok: false, code: 'member-unknown' });
    expect(await alice.group.removeMembers([memberIdOf(alice.identity.memberKey)])).toEqual({
      ok: false,
      code: 'commit-form',
    });
  });

  test('runs calls in the order in which they were made', async () => {
    const room = await createRoom(2);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const messages = await Promise.all(['a', 'b', 'c', 'd'].map((word) => alice.sealMessage(text(word))));
    const opened = await Promise.all(messages.map((message) => bob.openMessage(message)));
    expect(opened.map((answer) => value(answer).generation)).toEqual([0, 1, 2, 3]);
  });

  test.each(['x-wing', 'x25519'] as const)(
    'seals with the stated overhead in %s, up to the largest frame',
    async (suite) => {
      const { members } = await createRoom(1, openRoom, suite);
      const { group } = at(members, 0);
      for (const length of [64, 300, 848, GROUP_MESSAGE_BYTES_MAX - GROUP_MESSAGE_OVERHEAD_BYTES]) {
        expect(await group.sealMessage(random.bytes(length))).toHaveLength(length + GROUP_MESSAGE_OVERHEAD_BYTES);
      }
      expect((await group.sealMessage(random.bytes(63))).length).toBeLessThan(63 + GROUP_MESSAGE_OVERHEAD_BYTES);
      await expect(group.sealMessage(random.bytes(GROUP_MESSAGE_BYTES_MAX))).rejects.toThrow(RangeError);
    },
  );
});

describe('a policy', () => {
  const none: CommitPolicy = () => 'policy-locked';

  test('is asked with the facts by the committer and by every member that processes the commit', async () => {
    const asked: CommitFacts[] = [];
    const room = await createRoom(2, (facts) => {
      asked.push(facts);
      return 'accept';
    });
    asked.length = 0;
    const joiner = await join(room);
    expect(asked.map(({ kind, committer }) => [kind, hex(committer.memberId)])).toEqual(
      Array.from({ length: 3 }, () => ['join', hex(memberIdOf(joiner.identity.memberKey))]),
    );
    expect(asked.map(({ roster }) => roster.length)).toEqual([2, 2, 2]);
  });

  test('locks a room for all members that follow it, and no member proposes a commit that they would refuse', async () => {
    const room = await createRoom(2, openRoom);
    const locked = await openEngine(room.keys, none);
    const snapshot = await at(room.members, 0).group.exportSnapshot();
    expect(await locked.joinGroup(snapshot, createGroupIdentity(random.bytes))).toEqual({
      ok: false,
      code: 'policy-locked',
    });
    const [alice, bob] = [at(room.members, 0), at(room.members, 1)];
    expect(await alice.group.removeMembers([memberIdOf(bob.identity.memberKey)])).toEqual({
      ok: false,
      code: 'policy-remove',
    });
    const offer = await room.engine.createKeyPackage(createGroupIdentity(random.bytes));
    expect(await alice.group.addMember(offer.bytes)).toEqual({ ok: false, code: 'policy-add' });
  });

  test('refuses a commit that its maker’s policy allowed, and leaves the refusing group unchanged', async () => {
    const keen = await createRoom(1, acceptAll);
    const careful = await openEngine(keen.keys, openRoom);
    const identity = createGroupIdentity(random.bytes);
    const pending = value(await careful.joinGroup(await at(keen.members, 0).group.exportSnapshot(), identity));
    const follower = { identity, group: await applyCommit(keen.members, pending) };
    const eviction = value(await at(keen.members, 0).group.removeMembers([memberIdOf(identity.memberKey)]));
    expect(await follower.group.processCommit(sent(eviction))).toEqual({ ok: false, code: 'policy-remove' });
    eviction.clear();
    const message = await at(keen.members, 0).group.sealMessage(text('as before'));
    expect(value(await follower.group.openMessage(message)).bytes).toEqual(text('as before'));
  });

  test('passes its own exception on to the caller', async () => {
    const room = await createRoom(1);
    const broken = await openEngine(room.keys, () => {
      throw new Error('a bug');
    });
    await expect(
      broken.joinGroup(await at(room.members, 0).group.exportSnapshot(), createGroupIdentity(random.bytes)),
    ).rejects.toThrow('a bug');
  });
});

test('error codes are words in lower case with hyphens, each with a meaning', () => {
  for (const [code, meaning] of Object.entries(GROUP_CODES)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(meaning.length).toBeGreaterThan(10);
  }
});
