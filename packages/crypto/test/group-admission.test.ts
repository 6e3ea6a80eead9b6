// Key packages and welcomes: the joiner that they name, and the forgeries that are refused.

import { createCommit, encodeMlsMessage } from 'ts-mls';
import type { KeyPackage } from 'ts-mls';
import { describe, expect, test } from 'vitest';
import { CLAIMS, forgeKeyPackage, withCredential } from '@sotto/fixtures/forged-join';
import { readKeyPackage } from '../src/mls/key-package.ts';
import { exportSnapshot, joinByExternalCommit, processCommit, proposeCommit } from '../src/mls/transitions.ts';
import { createGroupIdentity, GROUP_KEY_PACKAGE_BYTES_MAX, hashBundle, memberIdOf } from '../src/mls/index.ts';
import {
  acceptAll,
  agreement,
  at,
  hex,
  newKeys,
  openEngine,
  createRoom,
  random,
  applyCommit,
  value,
} from './group-room.ts';
import { libraryProcesses, openStates } from './group-states.ts';
import type { States } from './group-states.ts';

const refused = (code: string) => ({ ok: false, code });

describe('a key package', () => {
  test('names the member that made it', async () => {
    const { engine } = await createRoom(1);
    const identity = createGroupIdentity(random.bytes);
    const { bytes } = await engine.createKeyPackage(identity);
    const { memberId, memberKey } = value(await engine.readKeyPackage(bytes));
    expect([hex(memberId), hex(memberKey)]).toEqual([hex(memberIdOf(identity.memberKey)), hex(identity.memberKey)]);
  });

  test('stays below its limit in the post-quantum suite, and fits a frame with a name', async () => {
    const { engine } = await createRoom(1);
    const { bytes } = await engine.createKeyPackage(createGroupIdentity(random.bytes));
    expect(bytes.length).toBeLessThan(GROUP_KEY_PACKAGE_BYTES_MAX);
    // kind 1, name length 1, name 48, length 2.
    expect(bytes.length + 1 + 1 + 48 + 2).toBeLessThan(4_040);
  });

  test('is refused with any one bit changed', async () => {
    const states = await openStates(1);
    const { bytes } = await forgeKeyPackage(
      states.context,
      createGroupIdentity(random.bytes),
      (keyPackage) => keyPackage,
    );
    expect((await readKeyPackage(states.context, bytes)).ok).toBe(true);
    for (let at = 0; at < bytes.length; at += 13) {
      const spoilt = bytes.slice();
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      expect((await readKeyPackage(states.context, spoilt)).ok).toBe(false);
    }
  });

  test('is refused if it comes from a stranger without the room secret, or from another suite', async () => {
    const states = await openStates(1);
    const stranger = await openEngine(newKeys());
    const { bytes } = await stranger.createKeyPackage(createGroupIdentity(random.bytes));
    expect(await readKeyPackage(states.context, bytes)).toEqual(refused('credential-invalid'));
    const classical = await openEngine(states.context.keys, acceptAll, 'x25519');
    const other = await classical.createKeyPackage(createGroupIdentity(random.bytes));
    expect(await readKeyPackage(states.context, other.bytes)).toEqual(refused('group-foreign'));
  });

  test.each(Object.entries(CLAIMS))(
    'is refused under another member’s id by %s, in a knock and in an addition; its own credential is taken',
    async (_, claim) => {
      const states = await openStates(2);
      const { context, identities } = states;
      const victimKey = at(identities, 1).memberKey;
      for (const credentialOf of [claim, undefined]) {
        const thief = createGroupIdentity(random.bytes);
        const credential = credentialOf?.(context.keys, { victimKey, thiefKey: thief.memberKey });
        const { keyPackage, bytes } = await forgeKeyPackage(context, thief, (one) =>
          credential === undefined ? one : withCredential(one, credential),
        );
        const added = await proposeCommit(context, acceptAll, at(states.states, 0), [
          { proposalType: 'add', add: { keyPackage } },
        ]);
        const read = await readKeyPackage(context, bytes);
        if (credentialOf !== undefined) {
          expect([read, added]).toEqual([refused('credential-invalid'), refused('credential-invalid')]);
          continue;
        }
        // Control: the same thief under its own credential has its own id.
        expect([hex(value(read).memberId), added.ok]).toEqual([hex(memberIdOf(thief.memberKey)), true]);
      }
    },
  );

  test('is refused if its keys cannot be used, even if its signatures hold', async () => {
    const states = await openStates(1);
    const identity = createGroupIdentity(random.bytes);
    const broken = new Uint8Array(1216).fill(0xff);
    const cases: readonly (readonly [string, (keyPackage: KeyPackage) => KeyPackage])[] = [
      ['key-package-invalid', (one) => ({ ...one, initKey: broken })],
      ['key-package-invalid', (one) => ({ ...one, initKey: one.leafNode.hpkePublicKey })],
      ['leaf-invalid', (one) => ({ ...one, leafNode: { ...one.leafNode, hpkePublicKey: broken } })],
    ];
    for (const [code, change] of cases) {
      const { bytes } = await forgeKeyPackage(states.context, identity, change);
      expect(await readKeyPackage(states.context, bytes)).toEqual(refused(code));
    }
  });

  test('is refused if it has a member’s key; the bare library accepts it, and then nobody can join', async () => {
    const states = await openStates(2);
    const { context } = states;
    const [own, other] = [at(states.states, 0), at(states.states, 1)];
    const node = other.ratchetTree[0];
    if (node?.nodeType !== 'leaf') throw new Error('no leaf');
    const { hpkePublicKey } = node.leaf;
    const { keyPackage } = await forgeKeyPackage(states.context, createGroupIdentity(random.bytes), (one) => ({
      ...one,
      leafNode: { ...one.leafNode, hpkePublicKey },
    }));
    const add = { proposalType: 'add', add: { keyPackage } } as const;
    expect(await proposeCommit(context, acceptAll, own, [add])).toEqual(refused('key-package-invalid'));
    const { commit } = await bareCommit(states, keyPackage);
    expect(await processCommit(context, acceptAll, other, { commit, groupInfo: undefined })).toEqual(
      refused('key-package-invalid'),
    );
    const control = await libraryProcesses(context, other, { commit });
    const snapshot = await exportSnapshot(context, control);
    const newcomer = createGroupIdentity(random.bytes);
    expect(await joinByExternalCommit(context, acceptAll, snapshot, newcomer, false)).toEqual(
      refused('member-duplicate'),
    );
  });
});

async function bareCommit({ context, states }: States, keyPackage: KeyPackage): Promise<{ commit: Uint8Array }> {
  const { commit } = await createCommit(
    { state: at(states, 0), cipherSuite: context.primitives },
    {
      wireAsPublicMessage: true,
      extraProposals: [{ proposalType: 'add', add: { keyPackage } }],
      authenticatedData: hashBundle([]),
    },
  );
  return { commit: encodeMlsMessage(commit) };
}

describe('a welcome', () => {
  test('is recognised by the key package that it names, before its snapshot has arrived', async () => {
    const room = await createRoom(2);
    const [offer, bystander] = await Promise.all(
      [1, 2].map(() => room.engine.createKeyPackage(createGroupIdentity(random.bytes))),
    );
    if (offer === undefined || bystander === undefined) throw new Error('two');
    const { welcome } = value(await at(room.members, 1).group.addMember(offer.bytes));
    if (welcome === undefined) throw new Error('no welcome');
    expect(await offer.isNamedIn(welcome)).toBe(true);
    expect(await bystander.isNamedIn(welcome)).toBe(false);
    expect(await offer.isNamedIn(random.bytes(500))).toBe(false);
    expect(await offer.isNamedIn(new Uint8Array(0))).toBe(false);
  });

  test('leaves the key package usable if it does not hold: forged, with another snapshot, then the right one', async () => {
    const room = await createRoom(2);
    const before = await at(room.members, 0).group.exportSnapshot();
    const offer = await room.engine.createKeyPackage(createGroupIdentity(random.bytes));
    const pending = value(await at(room.members, 1).group.addMember(offer.bytes));
    const welcome = pending.welcome ?? new Uint8Array(0);
    const forged = welcome.slice();
    const last = forged.length - 1;
    forged[last] = (forged[last] ?? 0) ^ 1;
    // It still names the key package, which any holder of the connection string has seen.
    expect(await offer.isNamedIn(forged)).toBe(true);
    expect(await offer.joinByWelcome({ welcome: forged, snapshot: pending.snapshot })).toEqual(
      refused('welcome-invalid'),
    );
    expect(await offer.joinByWelcome({ welcome, snapshot: before })).toEqual(refused('welcome-invalid'));
    await applyCommit(room.members, pending);
    const group = value(await offer.joinByWelcome({ welcome, snapshot: pending.snapshot }));
    expect(agreement([group, ...room.members.map((member) => member.group)])).toBe(1);
  });
});
