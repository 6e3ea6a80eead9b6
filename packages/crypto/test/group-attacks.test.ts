// Forged commits: our rules refuse each, and the bare library, as the control, accepts it.

import { createCommit, encodeMlsMessage } from 'ts-mls';
import { defaultClientConfig } from 'ts-mls/clientConfig.js';
import type { ClientState, Credential, LeafNode, Proposal } from 'ts-mls';
import { leafToNodeIndex, toLeafIndex } from 'ts-mls/treemath.js';
import { describe, expect, test } from 'vitest';
import { makeCredential } from '../src/mls/context.ts';
import type { GroupContext } from '../src/mls/context.ts';
import { exportSnapshot, joinByExternalCommit, processCommit, proposeCommit } from '../src/mls/transitions.ts';
import type { KeyPackagePair } from '../src/mls/transitions.ts';
import { rosterOf } from '../src/mls/tree.ts';
import { createGroupIdentity, hashBundle, memberIdOf } from '../src/mls/index.ts';
import type { CommitAndBundle } from '../src/mls/index.ts';
import { acceptAll, at, hex, newKeys, random, sent, value } from './group-room.ts';
import { CLAIMS, forgeJoin, forgeMemberCommit, withCredential } from '@sotto/fixtures/forged-join';
import { libraryProcesses, openStates } from './group-states.ts';

const refused = (code: string) => ({ ok: false, code });
const ids = (state: ClientState) => rosterOf(state.ratchetTree).map(({ memberId }) => hex(memberId));

/** @returns the one answer of all members to a commit. */
async function answer(
  context: GroupContext,
  states: readonly ClientState[],
  commit: CommitAndBundle,
): Promise<unknown> {
  const answers = await Promise.all(states.map((state) => processCommit(context, acceptAll, state, commit)));
  const [first] = answers;
  for (const other of answers)
    expect({ ok: other.ok, code: !other.ok && other.code }).toEqual({
      ok: first?.ok,
      code: first?.ok === false && first.code,
    });
  return first;
}

/** A key package pair whose leaf claims to be the victim's. */
function claiming(credential: Credential): (pair: KeyPackagePair) => KeyPackagePair {
  return ({ publicPackage, privatePackage }) => ({
    privatePackage,
    publicPackage: withCredential(publicPackage, credential),
  });
}

describe('a joining commit', () => {
  test('is refused by all with a credential made without the room secret; the bare library accepts it', async () => {
    const { context, states } = await openStates(3);
    const strangers = { ...context, keys: { ...context.keys, credentialKey: newKeys().credentialKey } };
    const snapshot = await exportSnapshot(context, at(states, 0));
    const forged = await forgeJoin(strangers, snapshot, {});
    expect(await answer(context, states, forged)).toEqual(refused('credential-invalid'));
    const control = await libraryProcesses(context, at(states, 0), forged);
    expect(ids(control)).toHaveLength(4);
    expect(hex(control.keySchedule.exporterSecret)).toBe(hex(forged.next.keySchedule.exporterSecret));
  });

  test('is refused by all if it removes another member’s leaf; the bare library lets any holder of the string remove anybody', async () => {
    const { context, states, identities } = await openStates(3);
    const victim = at(identities, 1);
    const kick = {
      compareKeyPackages: () => false,
      compareKeyPackageToLeafNode: (_: unknown, leaf: { signaturePublicKey: Uint8Array }) =>
        hex(leaf.signaturePublicKey) === hex(victim.memberKey),
    };
    const forged = await forgeJoin(context, await exportSnapshot(context, at(states, 0)), {
      again: true,
      config: { keyPackageEqualityConfig: kick },
    });
    expect(await answer(context, states, forged)).toEqual(refused('commit-removes-other'));
    expect(ids(await libraryProcesses(context, at(states, 0), forged))).not.toContain(
      hex(memberIdOf(victim.memberKey)),
    );
  });

  test.each(['join', 'resync'] as const)(
    'is refused as a %s under another member’s id; the bare library accepts it, and its own credential is taken',
    async (kind) => {
      const { context, states, identities } = await openStates(3);
      const victim = at(identities, 1);
      const snapshot = await exportSnapshot(context, at(states, 0));
      const isVictims = (_: unknown, leaf: { signaturePublicKey: Uint8Array }): boolean =>
        hex(leaf.signaturePublicKey) === hex(victim.memberKey);
      const config = {
        keyPackageEqualityConfig: { compareKeyPackages: () => false, compareKeyPackageToLeafNode: isVictims },
      };
      for (const claim of Object.values(CLAIMS)) {
        const thief = createGroupIdentity(random.bytes);
        const theft = { victimKey: victim.memberKey, thiefKey: thief.memberKey };
        const change = claiming(claim(context.keys, theft));
        const forgery =
          kind === 'join' ? { identity: thief, change } : { identity: thief, change, again: true, config };
        const forged = await forgeJoin(context, snapshot, forgery);
        expect(await answer(context, states, forged)).toEqual(refused('credential-invalid'));
        const library = await libraryProcesses(context, at(states, 0), forged);
        expect(ids(library)).toContain(hex(memberIdOf(thief.memberKey)));
      }
      // Control: the same thief joins under its own credential, and then it has its own id.
      const thief = createGroupIdentity(random.bytes);
      const honest = await forgeJoin(context, snapshot, { identity: thief });
      expect(await answer(context, states, honest)).toMatchObject({
        ok: true,
        value: { facts: { committer: { memberId: memberIdOf(thief.memberKey) } } },
      });
    },
  );

  test('is refused under the id of a member that was removed, which then resyncs under it', async () => {
    const { context, states, identities } = await openStates(3);
    const [anna, victim] = [at(states, 0), at(identities, 1)];
    const removal = value(
      await proposeCommit(context, acceptAll, anna, [{ proposalType: 'remove', remove: { removed: 1 } }]),
    );
    const others = [removal.next, value(await processCommit(context, acceptAll, at(states, 2), sent(removal))).next];
    const snapshot = await exportSnapshot(context, removal.next);
    for (const claim of Object.values(CLAIMS)) {
      const thief = createGroupIdentity(random.bytes);
      const theft = { victimKey: victim.memberKey, thiefKey: thief.memberKey };
      const forged = await forgeJoin(context, snapshot, {
        identity: thief,
        change: claiming(claim(context.keys, theft)),
      });
      expect(await answer(context, others, forged)).toEqual(refused('credential-invalid'));
    }
    // With the victim’s key, and without its secret, no signature holds.
    const { secret } = createGroupIdentity(random.bytes);
    const unsigned = await forgeJoin(context, snapshot, { identity: { memberKey: victim.memberKey, secret } });
    expect(await answer(context, others, unsigned)).toEqual(refused('commit-invalid'));
    // Control: the victim itself is taken back, under the id that it had.
    const back = value(await joinByExternalCommit(context, acceptAll, snapshot, victim, false));
    expect(await answer(context, others, sent(back))).toMatchObject({
      ok: true,
      value: { facts: { committer: { memberId: memberIdOf(victim.memberKey), memberKey: victim.memberKey } } },
    });
  });

  test('is refused with the key of a member; the bare library accepts it', async () => {
    const { context, states, identities } = await openStates(2);
    const snapshot = await exportSnapshot(context, at(states, 0));
    const identity = at(identities, 1);
    expect(await joinByExternalCommit(context, acceptAll, snapshot, identity, false)).toEqual(
      refused('member-duplicate'),
    );
    const forged = await forgeJoin(context, snapshot, { identity });
    expect(await answer(context, states, forged)).toEqual(refused('member-duplicate'));
    expect(ids(await libraryProcesses(context, at(states, 0), forged))).toHaveLength(3);
  });

  test('is refused with other capabilities; the bare library accepts it, and then nobody can ever commit again', async () => {
    const { context, states } = await openStates(2);
    const forged = await forgeJoin(context, await exportSnapshot(context, at(states, 0)), {
      change: ({ publicPackage, privatePackage }) => {
        const capabilities = { ...publicPackage.leafNode.capabilities, credentials: ['x509' as const] };
        return {
          privatePackage,
          publicPackage: { ...publicPackage, leafNode: { ...publicPackage.leafNode, capabilities } },
        };
      },
    });
    expect(await answer(context, states, forged)).toEqual(refused('leaf-invalid'));
    const bricked = await Promise.all(states.map((state) => libraryProcesses(context, state, forged)));
    const { commit } = await createCommit({ state: at(bricked, 0), cipherSuite: context.primitives });
    await expect(libraryProcesses(context, at(bricked, 1), { commit: encodeMlsMessage(commit) })).rejects.toThrow(
      /credential/,
    );
  });

  test('is refused with an unusable public key; the bare library accepts it, and then nobody can make a commit', async () => {
    const { context, states } = await openStates(2);
    const { hpke } = context.primitives;
    let exported = 0;
    // The joiner's path is the root alone: the library makes its key first, and the leaf's second.
    const exportPublicKey: typeof hpke.exportPublicKey = (key) =>
      (exported += 1) === 2 ? Promise.resolve(new Uint8Array(1216).fill(0xff)) : hpke.exportPublicKey(key);
    const primitives = { ...context.primitives, hpke: { ...hpke, exportPublicKey } };
    const forged = await forgeJoin(context, await exportSnapshot(context, at(states, 0)), { primitives });
    expect(exported).toBe(2);
    expect(await answer(context, states, forged)).toEqual(refused('leaf-invalid'));
    const broken = await libraryProcesses(context, at(states, 0), forged);
    await expect(createCommit({ state: broken, cipherSuite: context.primitives })).rejects.toThrow();
  });

  test('is refused with an unusual proposal, and by a full room', async () => {
    const { context, states } = await openStates(2);
    const snapshot = await exportSnapshot(context, at(states, 0));
    const forged = await forgeJoin(context, snapshot, {});
    expect(await answer({ ...context, membersMax: 2 }, states, forged)).toEqual(refused('group-full'));
    expect(
      await joinByExternalCommit(
        { ...context, membersMax: 1 },
        acceptAll,
        snapshot,
        createGroupIdentity(random.bytes),
        false,
      ),
    ).toEqual(refused('group-full'));
    expect(await answer(context, states, forged)).toMatchObject({ ok: true });
  });
});

describe('a member’s commit', () => {
  async function forgeCommit(
    context: GroupContext,
    state: ClientState,
    proposals: Proposal[],
  ): Promise<CommitAndBundle> {
    const bare = { ...state, clientConfig: defaultClientConfig };
    const made = await createCommit(
      { state: bare, cipherSuite: context.primitives },
      { wireAsPublicMessage: true, extraProposals: proposals, authenticatedData: hashBundle([]) },
    );
    const { groupInfo } = await exportSnapshot(context, made.newState);
    return { commit: encodeMlsMessage(made.commit), groupInfo };
  }

  test('is refused if it gives the member another key, or another member’s credential; the bare library accepts both', async () => {
    const { context, states, identities } = await openStates(3);
    const [own, ...others] = states;
    if (own === undefined) throw new Error('no member');
    const inLeaf = (change: (leaf: LeafNode) => LeafNode): ClientState['ratchetTree'] =>
      own.ratchetTree.map((node, index) =>
        index === leafToNodeIndex(toLeafIndex(0)) && node?.nodeType === 'leaf'
          ? { ...node, leaf: change(node.leaf) }
          : node,
      );
    const other = makeCredential(context.keys, at(identities, 1).memberKey);
    const foreign = await forgeCommit(
      context,
      { ...own, ratchetTree: inLeaf((leaf) => ({ ...leaf, credential: other })) },
      [],
    );
    expect(await answer(context, others, foreign)).toEqual(refused('credential-invalid'));
    expect(ids(await libraryProcesses(context, at(others, 0), foreign))).toHaveLength(3);
    const next = createGroupIdentity(random.bytes);
    const credential = makeCredential(context.keys, next.memberKey);
    const { signature } = context.primitives;
    // The old key signs the commit, and the new one signs the leaf that the commit brings.
    const signing: typeof signature = {
      ...signature,
      sign: (key, bytes) =>
        Buffer.from(bytes).includes('LeafNodeTBS')
          ? signature.sign(
              next.secret.use((seed) => seed.slice()),
              bytes,
            )
          : signature.sign(key, bytes),
    };
    const changed = await forgeCommit(
      { ...context, primitives: { ...context.primitives, signature: signing } },
      { ...own, ratchetTree: inLeaf((leaf) => ({ ...leaf, credential, signaturePublicKey: next.memberKey })) },
      [],
    );
    expect(await answer(context, others, changed)).toEqual(refused('commit-changes-member'));
    expect(ids(await libraryProcesses(context, at(others, 0), changed))).toContain(hex(memberIdOf(next.memberKey)));
  });

  test('is refused with proposals that Sotto does not use; the bare library accepts them', async () => {
    const { context, states } = await openStates(3);
    const extensions: Proposal = {
      proposalType: 'group_context_extensions',
      groupContextExtensions: { extensions: [{ extensionType: 'external_senders', extensionData: new Uint8Array(0) }] },
    };
    const reinit: Proposal = {
      proposalType: 'reinit',
      reinit: { groupId: random.bytes(16), version: 'mls10', cipherSuite: context.primitives.name, extensions: [] },
    };
    const custom: Proposal = { proposalType: 0xf123, proposalData: random.bytes(8) };
    for (const proposal of [reinit, custom]) {
      const commit = await forgeCommit(context, at(states, 0), [proposal]);
      expect(await answer(context, states.slice(1), commit)).toEqual(refused('commit-form'));
      const control = await libraryProcesses(context, at(states, 1), commit);
      expect(control.groupContext.epoch).toBe(at(states, 1).groupContext.epoch + 1n);
    }
    await expect(forgeCommit(context, at(states, 0), [extensions])).rejects.toThrow();
  });

  test('is refused without the membership key of the epoch, although its maker has the member’s signing key', async () => {
    const { context, states } = await openStates(3);
    const [own, ...others] = states;
    if (own === undefined) throw new Error('no member');
    const membershipKey = random.bytes(own.keySchedule.membershipKey.length);
    const outsider = { ...own, keySchedule: { ...own.keySchedule, membershipKey } };
    const remove: Proposal = { proposalType: 'remove', remove: { removed: 2 } };
    for (const proposals of [[], [remove]]) {
      const forged = await forgeCommit(context, outsider, proposals);
      expect(await answer(context, others, forged)).toEqual(refused('commit-invalid'));
      const control = await forgeCommit(context, own, proposals);
      expect(await answer(context, others, control)).toMatchObject({ ok: true });
    }
  });

  test('is refused in the name of another leaf, and made up from a join snapshot', async () => {
    const { context, states } = await openStates(3);
    const [own, second, third] = [at(states, 0), at(states, 1), at(states, 2)];
    const named = { ...own, privatePath: { ...own.privatePath, leafIndex: 1 } };
    const remove: Proposal = { proposalType: 'remove', remove: { removed: 0 } };
    const snapshot = await exportSnapshot(context, own);
    for (const proposals of [[], [remove]]) {
      // An insider has the membership key, and signs with its own key.
      const insider = await forgeCommit(context, named, proposals);
      expect(await answer(context, [own, second, third], insider)).toEqual(refused('commit-invalid'));
      // A string holder has the tree, the group context, and no key of the epoch.
      const outsider = await forgeMemberCommit(context, snapshot, { leafIndex: 1, proposals });
      expect(await answer(context, [own, second, third], outsider)).toEqual(refused('commit-invalid'));
      // Control: the member of that leaf makes the same commit.
      const control = await forgeCommit(context, second, proposals);
      expect(await answer(context, [own, third], control)).toMatchObject({ ok: true });
    }
  });

  test('is refused as a private message; the bare library accepts it', async () => {
    const { context, states } = await openStates(2);
    const { commit } = await createCommit({ state: at(states, 0), cipherSuite: context.primitives });
    const message = { commit: encodeMlsMessage(commit), groupInfo: undefined };
    expect(await answer(context, states.slice(1), message)).toEqual(refused('commit-form'));
    await libraryProcesses(context, at(states, 1), message);
  });

  test('is not processed by its own maker or in another epoch, and a missing one is reported', async () => {
    const { context, states } = await openStates(3);
    const first = value(await proposeCommit(context, acceptAll, at(states, 0), []));
    expect(await processCommit(context, acceptAll, at(states, 0), sent(first))).toEqual(refused('commit-own'));
    const second = value(await proposeCommit(context, acceptAll, first.next, []));
    expect(await answer(context, states.slice(1), sent(second))).toEqual(refused('epoch-future'));
    expect(await processCommit(context, acceptAll, first.next, sent(first))).toEqual(refused('epoch-old'));
    expect(await answer(context, states.slice(1), sent(first))).toMatchObject({ ok: true });
  });

  test('is refused if it belongs to another room', async () => {
    const here = await openStates(2);
    const there = await openStates(2);
    const commit = value(await proposeCommit(there.context, acceptAll, at(there.states, 0), []));
    expect(await answer(here.context, here.states, sent(commit))).toEqual(refused('group-foreign'));
  });
});
