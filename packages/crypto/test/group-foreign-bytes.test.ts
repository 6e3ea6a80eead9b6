// Foreign bytes in every decoder and entry point of the group: no crash, no hang, no growth.

import { describe, expect, test } from 'vitest';
import { equalBytes } from '@sotto/protocol';
import { fuzz, FUZZ_CASES, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS, SeededRandom } from '@sotto/fixtures';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  createGroupIdentity,
  GROUP_CODES,
  GROUP_COMMIT_BYTES_MAX,
  GROUP_INFO_BYTES_MAX,
  GROUP_TREE_BYTES_MAX,
  GROUP_KEY_PACKAGE_BYTES_MAX,
  GROUP_MESSAGE_BYTES_MAX,
} from '../src/mls/index.ts';
import type { GroupEngine, GroupSnapshot } from '../src/mls/index.ts';
import {
  decodeCommit,
  decodeGroupInfo,
  decodeKeyPackage,
  decodeMessageBytes,
  decodeSnapshot,
  decodeTree,
  decodeWelcome,
} from '../src/mls/bytes.ts';
import { openContext } from '../src/mls/context.ts';
import { agreement, at, newKeys, openEngine, createRoom, applyCommit, sent, value } from './group-room.ts';
import type { TestRoom } from './group-room.ts';

/**
 * Cases for an entry point: one for every 200 of its decoder. It verifies signatures and computes
 * trees, up to 20 ms a case.
 */
const ENTRY_CASES = Math.ceil(FUZZ_CASES / 200);
const ENTRY_LIMIT_MS = 60_000 + 20 * ENTRY_CASES;
/** A case that takes longer is a hang. */
const CASE_LIMIT_MS = 5_000;

type Answer = { readonly ok: boolean; readonly code?: string };
type Ask = (bytes: Uint8Array) => Answer | Promise<Answer>;

function check(answer: Answer): boolean {
  if (!answer.ok && !Object.hasOwn(GROUP_CODES, answer.code ?? '')) throw new Error('a refusal without a code');
  return answer.ok;
}

/** Gives an entry point damaged bytes, all of which it must refuse. */
async function fuzzEntry(original: Uint8Array, ask: Ask): Promise<void> {
  // The test gives the original at its end, because accepting it changes the receiver.
  const stranger = original.slice(0, -1);
  const report = await fuzz(
    original,
    async (bytes) => check(await ask(equalBytes(bytes, original) ? stranger : bytes)),
    { cases: ENTRY_CASES },
  );
  expect(report.accepted).toBe(0);
  expect(report.slowestMs).toBeLessThan(CASE_LIMIT_MS);
  expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
}

/** Gives a decoder damaged bytes. It may accept well-formed ones. */
async function fuzzDecoder(original: Uint8Array, ask: Ask): Promise<void> {
  expect(check(await ask(original))).toBe(true);
  const report = await fuzz(original, async (bytes) => check(await ask(bytes)));
  expect(report.accepted).toBeGreaterThan(0);
  expect(report.refused).toBeGreaterThan(0);
  expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
  expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
}

async function roomWithSnapshot(): Promise<{ room: TestRoom; engine: GroupEngine; snapshot: GroupSnapshot }> {
  const room = await createRoom(3);
  return { room, engine: room.engine, snapshot: await at(room.members, 0).group.exportSnapshot() };
}

describe('an entry point, given foreign bytes', { timeout: ENTRY_LIMIT_MS }, () => {
  test('refuses each changed message with a code, within its limits of time and memory, then opens the original', async () => {
    const { room } = await roomWithSnapshot();
    const [alice, bob] = [at(room.members, 0).group, at(room.members, 1).group];
    const message = await alice.sealMessage(new Uint8Array(200));
    await fuzzEntry(message, (bytes) => bob.openMessage(bytes));
    expect(await bob.openMessage(message)).toMatchObject({ ok: true });
  });

  test('refuses each changed commit of a member with a code, within its limits of time and memory, then processes the original', async () => {
    const { room } = await roomWithSnapshot();
    const pending = value(await at(room.members, 0).group.rotate());
    const { commit, groupInfo } = sent(pending);
    await fuzzEntry(commit, (bytes) => at(room.members, 1).group.processCommit({ commit: bytes, groupInfo }));
    await fuzzEntry(groupInfo ?? commit, (bytes) =>
      at(room.members, 1).group.processCommit({ commit, groupInfo: bytes }),
    );
    await applyCommit(room.members, pending);
    expect(agreement(room.members.map(({ group }) => group))).toBe(1);
  });

  test('refuses each changed commit of a joiner with a code, within its limits of time and memory, then processes the original', async () => {
    const { room, engine, snapshot } = await roomWithSnapshot();
    const pending = value(await engine.joinGroup(snapshot, createGroupIdentity(new SeededRandom(1).bytes)));
    const { commit, groupInfo } = sent(pending);
    await fuzzEntry(commit, (bytes) => at(room.members, 1).group.processCommit({ commit: bytes, groupInfo }));
    await fuzzEntry(groupInfo ?? commit, (bytes) =>
      at(room.members, 1).group.processCommit({ commit, groupInfo: bytes }),
    );
    await applyCommit(room.members, pending);
  });

  test('refuses each changed snapshot with a code, within its limits of time and memory, then joins by the original', async () => {
    const { engine, snapshot } = await roomWithSnapshot();
    const identity = createGroupIdentity(new SeededRandom(2).bytes);
    for (const part of ['groupInfo', 'tree'] as const)
      await fuzzEntry(snapshot[part], (bytes) => engine.joinGroup({ ...snapshot, [part]: bytes }, identity));
    expect(await engine.joinGroup(snapshot, identity)).toMatchObject({ ok: true });
  });

  test('refuses each changed key package and welcome with a code, within limits of time and memory, then accepts the original', async () => {
    const { room, engine } = await roomWithSnapshot();
    const offer = await engine.createKeyPackage(createGroupIdentity(new SeededRandom(3).bytes));
    const { group } = at(room.members, 0);
    await fuzzEntry(offer.bytes, (bytes) => engine.readKeyPackage(bytes));
    expect(await engine.readKeyPackage(offer.bytes)).toMatchObject({ ok: true });
    await fuzzEntry(offer.bytes, (bytes) => group.addMember(bytes));
    const pending = value(await group.addMember(offer.bytes));
    const welcome = pending.welcome ?? new Uint8Array(1);
    await fuzzEntry(welcome, async (bytes) => {
      // Either answer is right for damaged bytes; the call must only not fail.
      await offer.isNamedIn(bytes);
      return offer.joinByWelcome({ welcome: bytes, snapshot: pending.snapshot });
    });
    // A welcome does not rely on the GroupInfo: the tree has to be the one that the welcome confirms.
    await fuzzEntry(pending.snapshot.tree, (bytes) =>
      offer.joinByWelcome({ welcome, snapshot: { ...pending.snapshot, tree: bytes } }),
    );
  });
});

describe('a decoder, given foreign bytes', { timeout: FUZZ_LIMIT_MS }, () => {
  /** Two members on short keys. The decoders are the same, and a case takes a tenth of the time. */
  async function small(): Promise<Readonly<Record<string, readonly [Uint8Array, Ask]>>> {
    const room = await createRoom(2, undefined, 'x25519');
    const context = await openContext(nativeCrypto, 'x25519', room.keys, 64);
    const { group } = at(room.members, 0);
    const identity = createGroupIdentity(new SeededRandom(8).bytes);
    const offer = await room.engine.createKeyPackage(identity);
    const snapshot = await group.exportSnapshot();
    const added = value(await group.addMember(offer.bytes));
    return {
      message: [await group.sealMessage(new Uint8Array(200)), (bytes) => decodeMessageBytes(context, bytes)],
      'member’s commit': [value(await group.rotate()).commit, decodeCommit],
      'joiner’s commit': [value(await room.engine.joinGroup(snapshot, identity)).commit, decodeCommit],
      GroupInfo: [snapshot.groupInfo, (bytes) => decodeGroupInfo(context, bytes)],
      tree: [snapshot.tree, decodeTree],
      snapshot: [snapshot.tree, (bytes) => decodeSnapshot(context, { ...snapshot, tree: bytes })],
      'key package': [offer.bytes, decodeKeyPackage],
      welcome: [added.welcome ?? new Uint8Array(1), (bytes) => decodeWelcome(context, bytes)],
    };
  }

  test.each([
    'message',
    'member’s commit',
    'joiner’s commit',
    'GroupInfo',
    'tree',
    'snapshot',
    'key package',
    'welcome',
  ])('refuses a changed %s with a code, or finds it well-formed', async (kind) => {
    const [original, ask] = (await small())[kind] ?? [];
    if (original === undefined || ask === undefined) throw new Error('no such kind');
    await fuzzDecoder(original, ask);
  });
});

describe('oversized or hostile bytes', () => {
  test('are refused above their limit before they are decoded', async () => {
    const { room, engine, snapshot } = await roomWithSnapshot();
    const { group } = at(room.members, 0);
    const identity = createGroupIdentity(new SeededRandom(4).bytes);
    const size = { ok: false, code: 'group-bytes-size' };
    for (const bytes of [new Uint8Array(0), new Uint8Array(GROUP_TREE_BYTES_MAX + 1)]) {
      expect(await engine.joinGroup({ ...snapshot, tree: bytes }, identity)).toEqual(size);
      expect(await engine.joinGroup({ ...snapshot, groupInfo: bytes }, identity)).toEqual(size);
      expect(await group.processCommit({ commit: bytes, groupInfo: undefined })).toEqual(size);
      expect(await group.openMessage(bytes)).toEqual(size);
      expect(await group.addMember(bytes)).toEqual(size);
    }
    const long = new Uint8Array(GROUP_INFO_BYTES_MAX + 1);
    expect(await engine.joinGroup({ ...snapshot, groupInfo: long }, identity)).toEqual(size);
    const { commit } = value(await at(room.members, 1).group.rotate());
    expect(await group.processCommit({ commit, groupInfo: long })).toEqual(size);
    expect(await group.processCommit({ commit: new Uint8Array(GROUP_COMMIT_BYTES_MAX + 1), groupInfo: long })).toEqual(
      size,
    );
    expect(await group.openMessage(new Uint8Array(GROUP_MESSAGE_BYTES_MAX + 1))).toEqual(size);
    expect(await group.addMember(new Uint8Array(GROUP_KEY_PACKAGE_BYTES_MAX + 1))).toEqual(size);
  });

  test('are refused at once as a snapshot of full length, whose tree has only blank nodes', async () => {
    const { engine, snapshot } = await roomWithSnapshot();
    const blanks = GROUP_TREE_BYTES_MAX - 4;
    const length = Uint8Array.of(0x80 | (blanks >>> 24), (blanks >>> 16) & 0xff, (blanks >>> 8) & 0xff, blanks & 0xff);
    const begin = performance.now();
    const tree = Uint8Array.from([...length, ...new Uint8Array(blanks)]);
    expect(tree.length).toBe(GROUP_TREE_BYTES_MAX);
    const flood = { ...snapshot, tree };
    expect(await engine.joinGroup(flood, createGroupIdentity(new SeededRandom(5).bytes))).toMatchObject({ ok: false });
    expect(performance.now() - begin).toBeLessThan(CASE_LIMIT_MS);
  });

  test('are refused as a snapshot of another room, of another suite, or with another tree', async () => {
    const { room, engine, snapshot } = await roomWithSnapshot();
    const identity = createGroupIdentity(new SeededRandom(6).bytes);
    const elsewhere = await openEngine(newKeys());
    expect(await elsewhere.joinGroup(snapshot, identity)).toEqual({ ok: false, code: 'group-foreign' });
    const classical = await openEngine(room.keys, undefined, 'x25519');
    expect(await classical.joinGroup(snapshot, identity)).toEqual({ ok: false, code: 'group-foreign' });
    const forged = await (
      await openEngine({ ...room.keys, credentialKey: newKeys().credentialKey })
    ).createGroup(identity);
    expect(await engine.joinGroup(await forged.exportSnapshot(), identity)).toEqual({
      ok: false,
      code: 'credential-invalid',
    });
    const other = value(await at(room.members, 0).group.rotate());
    const mixed = { ...snapshot, tree: other.snapshot.tree };
    expect(await engine.joinGroup(mixed, identity)).toEqual({ ok: false, code: 'snapshot-invalid' });
  });
});
