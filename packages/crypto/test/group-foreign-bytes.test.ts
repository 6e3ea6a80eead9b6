import { describe, expect, test } from 'vitest';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '@sotto/test-kit';
import { encodeMlsMessage } from 'ts-mls';
import {
  createGroupIdentity,
  GROUP_CODES,
  GROUP_COMMIT_BYTES_MAX,
  GROUP_HEAD_BYTES_MAX,
  GROUP_KEY_PACKAGE_BYTES_MAX,
  GROUP_MESSAGE_BYTES_MAX,
} from '../src/group.ts';
import type { GroupEngine } from '../src/group.ts';
import { agreement, at, newKeys, openEngine, openHouse, take, value } from './group-house.ts';
import type { House } from './group-house.ts';
import { groupInfo } from './group-states.ts';

/** For each decoder; `FUZZ_CASES` asks for more. The library is slow: a case is up to 20 ms. */
const CASES = Number(process.env['FUZZ_CASES'] ?? 150);
const seed = Number(process.env['FUZZ_SEED'] ?? 7);
const LIMIT_MS = 60_000 + 15 * CASES;
/** A case that takes longer is a hang. */
const CASE_LIMIT_MS = 5_000;
const GROWTH_LIMIT_BYTES = 8 * 1024 * 1024;
/** What is left when the collector has run: what was merely not yet collected is no growth. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Noise, a cut, a changed bit, bytes put in or taken out, two things joined: what a decoder may be given. */
function mutate(random: SeededRandom, original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const position = random.below(bytes.length);
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(2 * bytes.length));
    case 1:
      return bytes.slice(0, position);
    case 2:
      bytes[position] = (bytes[position] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 3:
      // Lengths and kinds are in the first bytes and at vectors' beginnings: several bytes at once.
      bytes.set(random.bytes(Math.min(4, bytes.length - position)), position);
      return bytes;
    case 4:
      return Uint8Array.from([
        ...bytes.subarray(0, position),
        ...random.bytes(random.between(1, 40)),
        ...bytes.subarray(position),
      ]);
    default:
      return Uint8Array.from([...bytes, ...bytes.subarray(0, random.between(1, 200))]);
  }
}

type Ask = (bytes: Uint8Array) => Promise<{ readonly ok: boolean; readonly code?: string }>;

async function fuzz(original: Uint8Array, ask: Ask): Promise<void> {
  const random = new SeededRandom(seed);
  await ask(mutate(random, original));
  const before = heldBytes();
  let slowest = 0;
  for (let index = 0; index < CASES; index += 1) {
    const bytes = mutate(random, original);
    const begin = performance.now();
    const answer = await ask(bytes);
    slowest = Math.max(slowest, performance.now() - begin);
    if (answer.ok) throw new Error(`taken: seed ${seed}, case ${index}`);
    expect(Object.keys(GROUP_CODES)).toContain(answer.code);
  }
  expect(slowest).toBeLessThan(CASE_LIMIT_MS);
  expect(heldBytes() - before).toBeLessThan(GROWTH_LIMIT_BYTES);
}

async function room(): Promise<{ house: House; engine: GroupEngine; head: Uint8Array }> {
  const house = await openHouse(3);
  return { house, engine: house.engine, head: await at(house.members, 0).group.exportHead() };
}

describe(
  'strange bytes are refused with a code: no crash, no hang, no growth; and the real ones are taken after',
  { timeout: LIMIT_MS },
  () => {
    test('as a message', async () => {
      const { house } = await room();
      const [alice, bob] = [at(house.members, 0).group, at(house.members, 1).group];
      const message = await alice.sealMessage(new Uint8Array(200));
      await fuzz(message, (bytes) => bob.openMessage(bytes));
      expect(await bob.openMessage(message)).toMatchObject({ ok: true });
    });

    test('as a member’s commit', async () => {
      const { house } = await room();
      const pending = value(await at(house.members, 0).group.rotate());
      await fuzz(pending.commit, (bytes) => at(house.members, 1).group.processCommit(bytes));
      await take(house.members, pending);
      expect(agreement(house.members.map(({ group }) => group))).toBe(1);
    });

    test('as a joiner’s commit', async () => {
      const { house, engine, head } = await room();
      const pending = value(await engine.joinGroup(head, createGroupIdentity(new SeededRandom(1).bytes)));
      await fuzz(pending.commit, (bytes) => at(house.members, 1).group.processCommit(bytes));
      await take(house.members, pending);
    });

    test('as a head', async () => {
      const { engine, head } = await room();
      const identity = createGroupIdentity(new SeededRandom(2).bytes);
      await fuzz(head, (bytes) => engine.joinGroup(bytes, identity));
      expect(await engine.joinGroup(head, identity)).toMatchObject({ ok: true });
    });

    test('as a key package, and as a welcome', async () => {
      const { house, engine } = await room();
      const offer = await engine.createKeyPackage(createGroupIdentity(new SeededRandom(3).bytes));
      const { group } = at(house.members, 0);
      await fuzz(offer.bytes, (bytes) => engine.readKeyPackage(bytes));
      expect(await engine.readKeyPackage(offer.bytes)).toMatchObject({ ok: true });
      await fuzz(offer.bytes, (bytes) => group.addMember(bytes));
      const pending = value(await group.addMember(offer.bytes));
      const welcome = pending.welcome ?? new Uint8Array(1);
      await fuzz(welcome, async (bytes) => {
        // Whom it names is a question without a wrong answer; it is only not to fail.
        await offer.isNamedIn(bytes);
        return offer.joinByWelcome(bytes, pending.head);
      });
      await fuzz(pending.head, async (bytes) => {
        const joined = await offer.joinByWelcome(welcome, bytes);
        // The head's own signature is not what a welcome is believed by: the tree has to be the one that the welcome confirms.
        return joined.ok ? { ok: false, code: 'head-invalid' } : joined;
      });
    });
  },
);

describe('sizes and floods', () => {
  test('bytes over their limit are refused before they are looked at', async () => {
    const { house, engine } = await room();
    const { group } = at(house.members, 0);
    const identity = createGroupIdentity(new SeededRandom(4).bytes);
    const size = { ok: false, code: 'group-bytes-size' };
    for (const bytes of [new Uint8Array(0), new Uint8Array(GROUP_HEAD_BYTES_MAX + 1)]) {
      expect(await engine.joinGroup(bytes, identity)).toEqual(size);
      expect(await group.processCommit(bytes)).toEqual(size);
      expect(await group.openMessage(bytes)).toEqual(size);
      expect(await group.addMember(bytes)).toEqual(size);
    }
    expect(await group.processCommit(new Uint8Array(GROUP_COMMIT_BYTES_MAX + 1))).toEqual(size);
    expect(await group.openMessage(new Uint8Array(GROUP_MESSAGE_BYTES_MAX + 1))).toEqual(size);
    expect(await group.addMember(new Uint8Array(GROUP_KEY_PACKAGE_BYTES_MAX + 1))).toEqual(size);
  });

  test('a head with a tree of nothing but blanks, as long as a head may be, is refused at once', async () => {
    const { engine, head } = await room();
    const blanks = GROUP_HEAD_BYTES_MAX - head.length - 16;
    const length = Uint8Array.of(0x80 | (blanks >>> 24), (blanks >>> 16) & 0xff, (blanks >>> 8) & 0xff, blanks & 0xff);
    const begin = performance.now();
    const flood = withTree(head, Uint8Array.from([...length, ...new Uint8Array(blanks)]));
    expect(flood.length).toBeLessThanOrEqual(GROUP_HEAD_BYTES_MAX);
    expect(await engine.joinGroup(flood, createGroupIdentity(new SeededRandom(5).bytes))).toMatchObject({ ok: false });
    expect(performance.now() - begin).toBeLessThan(CASE_LIMIT_MS);
  });

  test('a head of another room, of another suite, or with one byte of its tree changed is refused', async () => {
    const { house, engine, head } = await room();
    const identity = createGroupIdentity(new SeededRandom(6).bytes);
    const elsewhere = await openEngine(newKeys());
    expect(await elsewhere.joinGroup(head, identity)).toEqual({ ok: false, code: 'group-foreign' });
    const classical = await openEngine(house.keys, undefined, 'x25519');
    expect(await classical.joinGroup(head, identity)).toEqual({ ok: false, code: 'group-foreign' });
    const forged = await (
      await openEngine({ ...house.keys, credentialKey: newKeys().credentialKey })
    ).createGroup(identity);
    expect(await engine.joinGroup(await forged.exportHead(), identity)).toEqual({
      ok: false,
      code: 'credential-invalid',
    });
    const other = value(await at(house.members, 0).group.rotate());
    const mixed = withTree(head, treeOf(other.head));
    expect(await engine.joinGroup(mixed, identity)).toEqual({ ok: false, code: 'head-invalid' });
  });
});

/** The content of the tree's extension: a length and the nodes. */
function treeOf(head: Uint8Array): Uint8Array {
  const tree = groupInfo(head).extensions.find(({ extensionType }) => extensionType === 'ratchet_tree');
  if (tree === undefined) throw new Error('a head without a tree');
  return tree.extensionData;
}

/** The head with another tree. The signature over it no longer holds. */
function withTree(head: Uint8Array, tree: Uint8Array): Uint8Array {
  const info = groupInfo(head);
  const extensions = info.extensions.map((extension) =>
    extension.extensionType === 'ratchet_tree' ? { ...extension, extensionData: tree } : extension,
  );
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_group_info', groupInfo: { ...info, extensions } });
}
