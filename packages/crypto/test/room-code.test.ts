// The room code follows its formula with every set of primitives, and a search for two epochs with
// one code costs what PROTOCOL.md §5.12 says.

import { wordlist } from '@scure/bip39/wordlists/english.js';
import { createHash, scryptSync } from 'node:crypto';
import { nativeCrypto } from '@sotto/crypto/native';
import { pureCrypto } from '@sotto/crypto/pure';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { primitivesOf, SCRYPT_COST } from '../src/provider/group-crypto.ts';
import { ROOM_CODE_WORDS, roomCode } from '../src/mls/index.ts';
import { countedScrypt } from './counted-scrypt.ts';
import { applyCommit, at, createRoom, hex, value } from './group-room.ts';

const random = new SeededRandom(18);
const PROVIDERS = [nativeCrypto, pureCrypto] as const;

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the room code', () => {
  test('is eight words of a list of 2,048, for the 88 bits of scrypt over the epoch authenticator', async () => {
    expect(wordlist).toHaveLength(2_048);
    expect(new Set(wordlist).size).toBe(2_048);
    const authenticator = random.bytes(64);
    const bits = [...scryptSync(authenticator, 'sotto/2 room code', 11, { N: 16_384, r: 8, p: 1 })]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('');
    const words = Array.from(
      { length: 8 },
      (_, index) => wordlist[Number.parseInt(bits.slice(11 * index, 11 * index + 11), 2)],
    );
    expect(await roomCode(nativeCrypto, authenticator)).toEqual(words);
  });

  test('has the published list of words', () => {
    const list = `${wordlist.join('\n')}\n`;
    expect(createHash('sha256').update(list).digest('hex')).toBe(
      '2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda',
    );
  });

  test('is equal for all members of an epoch, and differs in the next one and across a fork', async () => {
    const { members } = await createRoom(3);
    const codes = async (): Promise<string[]> => {
      const all = members.map(({ group }) => group.epochAuthenticator(group.epoch) ?? new Uint8Array(0));
      return Promise.all(all.map(async (of) => (await roomCode(nativeCrypto, of)).join(' ')));
    };
    const before = await codes();
    expect(new Set(before).size).toBe(1);
    const [one, two] = [value(await at(members, 0).group.rotate()), value(await at(members, 1).group.rotate())];
    await applyCommit([at(members, 0), at(members, 2)], one);
    await applyCommit([at(members, 1)], two);
    const after = await codes();
    expect(after[2]).toBe(after[0]);
    expect(new Set([...before, ...after]).size).toBe(3);
  });

  test('is computed in another thread by the native primitives', async () => {
    const code = roomCode(nativeCrypto, random.bytes(64));
    expect(await isThereAtOnce(code)).toBe(false);
    expect(await code).toHaveLength(ROOM_CODE_WORDS);
  });

  test('control: a code that this thread computes is there at once', async () => {
    const code = Promise.resolve().then(() => scryptSync(random.bytes(64), '', 11, SCRYPT_COST));
    expect(await isThereAtOnce(code)).toBe(true);
  });
});

/**
 * Whether a promise is kept while the event loop stands still. What another thread has done comes
 * through the event loop.
 */
async function isThereAtOnce(promise: Promise<unknown>): Promise<boolean> {
  let isThere = false;
  void promise.then(() => (isThere = true));
  for (let turn = 0; turn < 1_000; turn += 1) await Promise.resolve();
  return isThere;
}

describe.each(PROVIDERS)('scrypt of the $name primitives', (crypto) => {
  // RFC 7914 §12 has one vector with our N, r and p.
  test('is that of RFC 7914', async () => {
    const derived = await primitivesOf(crypto).scrypt({
      password: ascii('pleaseletmein'),
      salt: ascii('SodiumChloride'),
      length: 64,
    });
    expect(hex(derived)).toBe(
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
        'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    );
  });

  test('differs if one bit of the password or of the salt does', async () => {
    const { scrypt } = primitivesOf(crypto);
    const derived = [
      await scrypt({ password: Uint8Array.of(0), salt: Uint8Array.of(0), length: 11 }),
      await scrypt({ password: Uint8Array.of(1), salt: Uint8Array.of(0), length: 11 }),
      await scrypt({ password: Uint8Array.of(0), salt: Uint8Array.of(1), length: 11 }),
    ].map(hex);
    expect(new Set(derived).size).toBe(3);
  });
});

/** The least work that the search for two epochs with one code has to cost: hash operations. */
const LEAST_WORK_BITS = 55;

/**
 * The binary logarithm of the work of a search. `bits`: of the code; half of them are the birthday
 * bound. `perCode`: operations for each code.
 */
function searchBits({ bits, perCode }: { readonly bits: number; readonly perCode: number }): number {
  return bits / 2 + Math.log2(perCode);
}

describe('a relay and a string holder that search commits in two forks', () => {
  const counted = countedScrypt(new Uint8Array(64), ascii('sotto/2 room code'), 11, SCRYPT_COST);
  const bits = 11 * ROOM_CODE_WORDS;

  test('pay 32,768 times BlockMix for each code that they try, and hold 16 MiB for it', () => {
    // The steps are those of scrypt itself: Node's has the same result.
    expect(hex(counted.derived)).toBe(
      scryptSync(new Uint8Array(64), 'sotto/2 room code', 11, { N: 16_384, r: 8, p: 1 }).toString('hex'),
    );
    expect(counted.blockMixes).toBe(2 ** 15);
    expect(counted.salsaCores).toBe(2 ** 19);
    expect(counted.tableBytes).toBe(2 ** 24);
  });

  test('need 2^59 hash operations for one code in both forks, and 2^55 are asked for', () => {
    expect(bits).toBe(88);
    expect(searchBits({ bits, perCode: counted.blockMixes })).toBe(59);
    expect(searchBits({ bits, perCode: counted.salsaCores })).toBe(63);
    expect(searchBits({ bits, perCode: counted.blockMixes })).toBeGreaterThanOrEqual(LEAST_WORK_BITS);
  });

  test('control: six words of one hash cost 2^33, and neither more words nor scrypt alone is enough', () => {
    expect(searchBits({ bits: 66, perCode: 1 })).toBe(33);
    expect(searchBits({ bits, perCode: 1 })).toBe(44);
    expect(searchBits({ bits: 66, perCode: counted.blockMixes })).toBe(48);
    for (const former of [
      { bits: 66, perCode: 1 },
      { bits, perCode: 1 },
      { bits: 66, perCode: counted.blockMixes },
    ])
      expect(searchBits(former)).toBeLessThan(LEAST_WORK_BITS);
  });
});
