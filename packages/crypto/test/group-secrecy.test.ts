// The secrets of a group: evicted members, thieves and recorders open nothing that they must not.

import {
  createApplicationMessage,
  defaultKeyRetentionConfig,
  emptyPskIndex,
  encodeMlsMessage,
  mlsExporter,
  processPrivateMessage,
} from 'ts-mls';
import type { ClientState, PrivateMessage } from 'ts-mls';
import { initializeEpoch } from 'ts-mls/keySchedule.js';
import { describe, expect, test } from 'vitest';
import { openEnvelope, sealEnvelope } from '../src/index.ts';
import type { GroupContext } from '../src/mls/context.ts';
import { zeroSecrets, secretsOf, withLatestPastEpoch, withoutPastEpochs } from '../src/mls/secrets.ts';
import {
  addProposal,
  createState,
  exportSnapshot,
  joinByExternalCommit,
  makeKeyPackage,
  openMessage,
  processCommit,
  proposeCommit,
  sealMessage,
} from '../src/mls/transitions.ts';
import { createGroupIdentity, memberIdOf } from '../src/mls/index.ts';
import type { GroupSnapshot } from '../src/mls/index.ts';
import { acceptAll, at, hex, join, createRoom, random, applyCommit, sent, value } from './group-room.ts';
import { groupInfo } from '@sotto/fixtures/forged-join';
import { libraryProcesses, openStates, processed, steal } from './group-states.ts';

const text = (message: string) => new TextEncoder().encode(message);

async function exporter(context: GroupContext, state: ClientState): Promise<string> {
  return hex(await mlsExporter(state.keySchedule.exporterSecret, 'test', new Uint8Array(0), 32, context.primitives));
}

/**
 * The attack on a commit without new keys: the old epoch's init secret and the public snapshot give
 * the next epoch.
 */
async function deriveNext(context: GroupContext, old: ClientState, snapshot: GroupSnapshot): Promise<string> {
  const { kdf } = context.primitives;
  const zeros = new Uint8Array(kdf.size);
  const { keySchedule } = await initializeEpoch(
    old.keySchedule.initSecret,
    zeros,
    groupInfo(snapshot.groupInfo).groupContext,
    zeros,
    kdf,
  );
  return hex(await mlsExporter(keySchedule.exporterSecret, 'test', new Uint8Array(0), 32, context.primitives));
}

describe('eviction', () => {
  test('keeps a removed member, with its real state, from the next epoch’s exporter', async () => {
    const { context, states } = await openStates(4);
    const evicted = steal(at(states, 3));
    const removal = value(
      await proposeCommit(context, acceptAll, at(states, 0), [{ proposalType: 'remove', remove: { removed: 3 } }]),
    );
    const [other] = await processed(context, states.slice(1, 2), sent(removal));
    const real = await exporter(context, removal.next);
    expect(await exporter(context, other ?? removal.next)).toBe(real);
    const outcome = value(await processCommit(context, acceptAll, evicted, sent(removal)));
    expect(outcome.removed).toBe(true);
    expect(await exporter(context, outcome.next)).not.toBe(real);
    expect(await deriveNext(context, evicted, await exportSnapshot(context, removal.next))).not.toBe(real);
    const message = await sealMessage(context, removal.next, text('without you'));
    expect(await openMessage(context, outcome.next, message.bytes)).toMatchObject({ ok: false });
  });

  test('control: the same attack reaches the exporter if a commit brings no new keys', async () => {
    const { context, states } = await openStates(3);
    const thief = steal(at(states, 2));
    const { publicPackage } = await makeKeyPackage(context, createGroupIdentity(random.bytes));
    const keyPackage = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage });
    const addition = value(
      await proposeCommit(context, acceptAll, at(states, 0), [value(await addProposal(keyPackage))]),
    );
    expect(await deriveNext(context, thief, await exportSnapshot(context, addition.next))).toBe(
      await exporter(context, addition.next),
    );
  });
});

describe('a stolen state', () => {
  /**
   * Rewinds: tries every secret that the state keeps for the sender as the ratchet of any
   * generation up to its own.
   */
  async function rewind(context: GroupContext, stolen: ClientState, message: PrivateMessage): Promise<boolean> {
    const kept = at(stolen.secretTree, 0).application;
    const secrets = [
      ...Object.entries(kept.unusedGenerations).map(([generation, secret]) => [Number(generation), secret] as const),
      [0, kept.secret] as const,
    ];
    for (const [generation, secret] of secrets) {
      const application = { secret, generation, unusedGenerations: {} };
      const secretTree = stolen.secretTree.map((node, index) => (index === 0 ? { ...node, application } : node));
      const opened = await processPrivateMessage(
        steal({ ...stolen, secretTree }),
        message,
        emptyPskIndex,
        context.primitives,
      ).catch(() => undefined);
      if (opened?.kind === 'applicationMessage') return true;
    }
    return false;
  }

  /** Ten messages. The receiver never got the first; it has read and deleted the other nine. */
  async function loseTheFirst(context: GroupContext, sender: ClientState, receiver: ClientState) {
    const messages: PrivateMessage[] = [];
    let writing = sender;
    let reading = receiver;
    for (let index = 0; index < 10; index += 1) {
      const { newState, privateMessage } = await createApplicationMessage(
        writing,
        text(`m${index}`),
        context.primitives,
      );
      writing = newState;
      messages.push(privateMessage);
      if (index === 0) continue;
      const read = await processPrivateMessage(reading, privateMessage, emptyPskIndex, context.primitives);
      reading = read.newState;
      for (const buffer of read.consumed) buffer.fill(0);
    }
    return { messages, stolen: steal(reading) };
  }

  test('decrypts nothing that was deleted, also after a lost message', async () => {
    const { context, states } = await openStates(2);
    const { messages, stolen } = await loseTheFirst(context, at(states, 0), at(states, 1));
    for (const message of messages) expect(await rewind(context, stolen, message)).toBe(false);
  });

  test('control: with the library’s own retention the same theft opens read and deleted messages', async () => {
    const { context, states } = await openStates(2);
    const careless = {
      ...at(states, 1),
      clientConfig: { ...context.config, keyRetentionConfig: defaultKeyRetentionConfig },
    };
    const { messages, stolen } = await loseTheFirst(context, at(states, 0), careless);
    expect(await rewind(context, stolen, at(messages, 7))).toBe(true);
  });

  test('decrypts messages of its previous epoch until that epoch is purged, and none afterwards', async () => {
    const { context, states } = await openStates(2);
    const late = await sealMessage(context, at(states, 0), text('late'));
    const rotation = value(await proposeCommit(context, acceptAll, late.next, []));
    const [reader] = await processed(context, states.slice(1), sent(rotation));
    if (reader === undefined) throw new Error('no reader');
    expect(await openMessage(context, steal(reader), late.bytes)).toMatchObject({ ok: true });
    const purged = withoutPastEpochs(reader);
    const past = [...secretsOf(reader)].filter((secret) => !secretsOf(purged).has(secret));
    expect(past.length).toBeGreaterThan(4);
    zeroSecrets(reader, purged);
    expect(past.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
    expect(await openMessage(context, steal(purged), late.bytes)).toEqual({ ok: false, code: 'epoch-old' });
    const next = await sealMessage(context, rotation.next, text('still here'));
    expect(await openMessage(context, purged, next.bytes)).toMatchObject({ ok: true });
  });

  test('holds one epoch before its own, however many passed; the library with retention 0 holds them all', async () => {
    const { context, states } = await openStates(2);
    const hoarding = {
      ...context.config,
      keyRetentionConfig: { ...context.config.keyRetentionConfig, retainKeysForEpochs: 0 },
    };
    let [maker, reader] = [at(states, 0), at(states, 1)];
    let hoarder: ClientState = { ...steal(reader), clientConfig: hoarding };
    for (let round = 0; round < 4; round += 1) {
      const rotation = value(await proposeCommit(context, acceptAll, maker, []));
      maker = rotation.next;
      reader = value(await processCommit(context, acceptAll, reader, sent(rotation))).next;
      hoarder = value(await processCommit(context, acceptAll, hoarder, sent(rotation))).next;
    }
    expect([...reader.historicalReceiverData.keys()]).toEqual([reader.groupContext.epoch - 1n]);
    expect(hoarder.historicalReceiverData.size).toBeGreaterThan(3);
  });

  test('is shut out by one honest commit of its victim; a commit of another member does not shut it out', async () => {
    const { context, states } = await openStates(3);
    const stolen = steal(at(states, 0));
    const other = value(await proposeCommit(context, acceptAll, at(states, 1), []));
    const followed = value(await processCommit(context, acceptAll, steal(stolen), sent(other)));
    expect(await exporter(context, followed.next)).toBe(await exporter(context, other.next));
    const healing = value(await proposeCommit(context, acceptAll, at(states, 0), []));
    const real = await exporter(context, healing.next);
    await expect(libraryProcesses(context, steal(stolen), sent(healing))).rejects.toThrow();
    expect(await deriveNext(context, stolen, await exportSnapshot(context, healing.next))).not.toBe(real);
    expect(value(await processCommit(context, acceptAll, at(states, 2), sent(healing))).next.groupContext.epoch).toBe(
      healing.next.groupContext.epoch,
    );
  });
});

describe('used key material', () => {
  test('is zeroed in a state that a newer one replaced, unless the newer one still needs it', async () => {
    const { context, states } = await openStates(3);
    const rotation = value(await proposeCommit(context, acceptAll, at(states, 0), []));
    for (const [old, next] of [
      [at(states, 0), rotation.next],
      [at(states, 1), value(await processCommit(context, acceptAll, at(states, 1), sent(rotation))).next],
    ] as const) {
      const kept = secretsOf(next);
      const spent = [...secretsOf(old)].filter((secret) => !kept.has(secret));
      expect(spent.some((secret) => secret.some((byte) => byte !== 0))).toBe(true);
      zeroSecrets(old, next);
      expect(spent.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
      expect([...kept].every((secret) => secret.some((byte) => byte !== 0))).toBe(true);
    }
  });

  test('stays used up across a commit: the merged epoch keeps the advanced ratchet', async () => {
    const { context, states } = await openStates(2);
    const first = await sealMessage(context, at(states, 1), text('one'));
    const rotation = value(await proposeCommit(context, acceptAll, at(states, 0), []));
    const read = value(await openMessage(context, at(states, 0), first.bytes));
    const merged = withLatestPastEpoch(rotation.next, read.next);
    expect(await openMessage(context, steal(merged), first.bytes)).toEqual({ ok: false, code: 'message-repeated' });
    expect(await openMessage(context, steal(rotation.next), first.bytes)).toMatchObject({ ok: true });
    const second = await sealMessage(context, first.next, text('two'));
    expect(await openMessage(context, steal(merged), second.bytes)).toMatchObject({ ok: true });
  });

  test('is gone from a destroyed group, which gives no key and accepts no call', async () => {
    const { members } = await createRoom(2);
    const { group } = at(members, 0);
    const key = group.envelopeKey(group.epoch);
    expect(key?.use((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
    group.destroy();
    expect(() => key?.use(() => 0)).toThrow('after its end');
    expect(group.envelopeKey(group.epoch)).toBeUndefined();
    await expect(group.sealMessage(text('?'))).rejects.toMatchObject({ code: 'group-ended' });
    await expect(group.rotate()).rejects.toMatchObject({ code: 'group-ended' });
  });
});

describe('a holder of the connection string that did not join', () => {
  test('opens nothing that was recorded, with the room secret, every snapshot, and membership from then on', async () => {
    const room = await createRoom(3);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const envelope = alice.envelopeKey(alice.epoch);
    if (envelope === undefined) throw new Error('no key');
    const snapshot = await alice.exportSnapshot();
    const message = await alice.sealMessage(text('for three'));
    const frame = sealEnvelope(envelope, message, random.bytes);

    const lonely = await room.engine.createGroup(createGroupIdentity(random.bytes));
    const late = await join(room);
    for (const outsider of [lonely, late.group]) {
      for (let epoch = 0n; epoch < 8n; epoch += 1n) {
        const key = outsider.envelopeKey(epoch);
        if (key !== undefined) expect(openEnvelope(key, frame).ok).toBe(false);
      }
      expect(await outsider.openMessage(message)).toMatchObject({ ok: false });
    }
    const fork = value(await room.engine.joinGroup(snapshot, createGroupIdentity(random.bytes)));
    const forked = await fork.merge();
    expect(await forked.openMessage(message)).toEqual({ ok: false, code: 'epoch-old' });

    const readers = bob.envelopeKey(bob.epoch - 1n);
    expect(readers && openEnvelope(readers, frame)).toEqual({ ok: true, value: message });
    expect(value(await bob.openMessage(message)).bytes).toEqual(text('for three'));
  });

  test('control: a frame under a key from the room secret alone opens for any holder of the secret', async () => {
    const room = await createRoom(1);
    const frame = sealEnvelope(room.keys.joinKey, text('to the string'), random.bytes);
    expect(openEnvelope(room.keys.joinKey, frame)).toEqual({ ok: true, value: text('to the string') });
  });
});

describe('a message', () => {
  test('opens once: again, later, elsewhere and by its own sender it is refused', async () => {
    const room = await createRoom(3);
    const elsewhere = await createRoom(2);
    const [alice, bob, carol] = room.members.map(({ group }) => group);
    if (!alice || !bob || !carol) throw new Error('three members');
    const message = await alice.sealMessage(text('once'));
    expect(value(await bob.openMessage(message))).toMatchObject({
      generation: 0,
      leafIndex: 0,
      epoch: alice.epoch,
      bytes: text('once'),
    });
    expect(await bob.openMessage(message)).toEqual({ ok: false, code: 'message-repeated' });
    expect(await alice.openMessage(message)).toEqual({ ok: false, code: 'message-repeated' });
    expect(await at(elsewhere.members, 0).group.openMessage(message)).toMatchObject({ ok: false });
    await applyCommit(room.members, value(await carol.rotate()));
    expect(await bob.openMessage(message)).toEqual({ ok: false, code: 'message-repeated' });
    await bob.purgePrevious();
    expect(await bob.openMessage(message)).toEqual({ ok: false, code: 'epoch-old' });
    expect(value(await carol.openMessage(message)).bytes).toEqual(text('once'));
  });

  test('names its sender, and names nobody with one bit changed', async () => {
    const room = await createRoom(3);
    const [alice, bob] = [at(room.members, 0), at(room.members, 1)];
    const message = await bob.group.sealMessage(text('mine'));
    for (let index = 0; index < message.length; index += 1) {
      const changed = message.slice();
      changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
      expect(await alice.group.openMessage(changed), `${index}`).toMatchObject({ ok: false });
    }
    const opened = value(await alice.group.openMessage(message));
    expect(hex(opened.memberId)).toBe(hex(memberIdOf(bob.identity.memberKey)));
    expect(hex(opened.memberKey)).toBe(hex(bob.identity.memberKey));
  });

  test('in another member’s name is refused, though every member has the keys to seal it', async () => {
    const { context, states } = await openStates(3);
    const [victim, forger, reader] = [at(states, 0), at(states, 1), at(states, 2)];
    const posing = { ...forger, privatePath: { ...forger.privatePath, leafIndex: victim.privatePath.leafIndex } };
    const forged = await sealMessage(context, posing, text('it was her'));
    expect(await openMessage(context, steal(reader), forged.bytes)).toEqual({ ok: false, code: 'message-invalid' });
    // Control: made the same way with the victim's own key, the message opens. So the signature
    // makes the difference.
    const signed = { ...posing, signaturePrivateKey: victim.signaturePrivateKey };
    const real = value(
      await openMessage(context, steal(reader), (await sealMessage(context, signed, text('me'))).bytes),
    );
    expect(real.message.leafIndex).toBe(0);
  });

  test('opens after a gap, with its generation, up to the limit', async () => {
    const room = await createRoom(2);
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const messages: Uint8Array[] = [];
    for (let index = 0; index < 205; index += 1) messages.push(await alice.sealMessage(text(String(index))));
    expect(value(await bob.openMessage(at(messages, 2))).generation).toBe(2);
    expect(await bob.openMessage(at(messages, 0))).toEqual({ ok: false, code: 'message-repeated' });
    expect(await bob.openMessage(at(messages, 204))).toEqual({ ok: false, code: 'message-skips' });
    expect(value(await bob.openMessage(at(messages, 203))).generation).toBe(203);
  });

  test('needs the secrets of its own group state: a fresh group in the same room opens nothing', async () => {
    const { context, states } = await openStates(2);
    const twin = await createState(context, createGroupIdentity(random.bytes));
    const { bytes } = await sealMessage(context, at(states, 0), text('x'));
    expect(await openMessage(context, twin, bytes)).toMatchObject({ ok: false, code: 'epoch-future' });
    const joined = value(
      await joinByExternalCommit(
        context,
        acceptAll,
        await exportSnapshot(context, twin),
        createGroupIdentity(random.bytes),
        false,
      ),
    );
    expect(await openMessage(context, joined.next, bytes)).toEqual({ ok: false, code: 'message-invalid' });
    const made = value(await proposeCommit(context, acceptAll, joined.next, []));
    expect(await processCommit(context, acceptAll, at(states, 1), sent(made))).toMatchObject({ ok: false });
  });
});
