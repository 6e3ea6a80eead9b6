// The native and the pure primitives give the same results and refuse the same inputs.

import { XWing } from '@hpke/hybridkem-x-wing';
import { nativeCrypto } from '@sotto/crypto/native';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { describeSuite, openSuite } from '../src/provider/group-crypto.ts';
import type { GroupSuite } from '../src/provider/group-crypto.ts';
import { isUsableHpkeKey } from '../src/mls/hpke-key.ts';
import { pureCrypto } from '../src/provider/pure-provider.ts';
import { xWing } from '../src/provider/native-kem.ts';
import { at, hex } from './group-room.ts';

const random = new SeededRandom(29);
const SUITES = ['x-wing', 'x25519'] as const satisfies readonly GroupSuite[];
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

async function both(suite: GroupSuite) {
  return [await openSuite(pureCrypto, suite), await openSuite(nativeCrypto, suite)] as const;
}

/** The answers of both sets to the same question: a result, or a refusal. */
async function verdicts(calls: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  return Promise.all(
    calls.map((call) =>
      call().then(
        (answer) => (answer instanceof Uint8Array ? hex(answer) : answer),
        () => 'refused',
      ),
    ),
  );
}

describe.each(SUITES)('native and pure primitives of %s', (suite) => {
  test('give the same hashes, tags and keys from the same input', async () => {
    const pair = await both(suite);
    for (const length of [0, 1, 31, 64, 200]) {
      const [data, key, info] = [random.bytes(length), random.bytes(32), random.bytes(length)];
      const prk = random.bytes(64);
      for (const ask of [
        ({ hash }: (typeof pair)[0]) => hash.digest(data),
        ({ hash }: (typeof pair)[0]) => hash.mac(key, data),
        ({ kdf }: (typeof pair)[0]) => kdf.extract(data, key),
        ({ kdf }: (typeof pair)[0]) => kdf.expand(prk, info, length + 1),
      ]) {
        const [pure, native] = await Promise.all(pair.map(ask));
        expect(hex(native ?? key)).toBe(hex(pure ?? data));
      }
      const tag = await pair[0].hash.mac(key, data);
      expect(
        await verdicts(
          pair.map(
            ({ hash }) =>
              () =>
                hash.verifyMac(key, tag, data),
          ),
        ),
      ).toEqual([true, true]);
      expect(
        await verdicts(
          pair.map(
            ({ hash }) =>
              () =>
                hash.verifyMac(key, tag.slice(1), data),
          ),
        ),
      ).toEqual([false, false]);
    }
  });

  test('derive the same key pairs, and each set opens messages that the other sealed', async () => {
    const pair = await both(suite);
    for (let round = 0; round < 4; round += 1) {
      const [ikm, info, aad, plaintext] = [
        random.bytes(32 * (1 + round)),
        random.bytes(round * 9),
        random.bytes(round),
        random.bytes(round * 50),
      ];
      const keys = await Promise.all(pair.map(({ hpke }) => hpke.deriveKeyPair(ikm)));
      const publics = await Promise.all(pair.map(({ hpke }, index) => hpke.exportPublicKey(at(keys, index).publicKey)));
      const privates = await Promise.all(
        pair.map(({ hpke }, index) => hpke.exportPrivateKey(at(keys, index).privateKey)),
      );
      expect(hex(at(publics, 1))).toBe(hex(at(publics, 0)));
      expect(hex(at(privates, 1))).toBe(hex(at(privates, 0)));
      expect(at(publics, 0)).toHaveLength(describeSuite(suite).publicKeyBytes);
      for (const [from, to] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const [sender, receiver] = [pair[from].hpke, pair[to].hpke];
        const recipient: unknown = await sender.importPublicKey(at(publics, to));
        const secret: unknown = await receiver.importPrivateKey(at(privates, from));
        const sealed = await sender.seal(recipient, plaintext, info, aad);
        expect(hex(await receiver.open(secret, sealed.enc, sealed.ct, info, aad))).toBe(hex(plaintext));
        const exported = await sender.exportSecret(recipient, aad, 40, info);
        expect(hex(await receiver.importSecret(secret, aad, exported.enc, 40, info))).toBe(hex(exported.secret));
      }
    }
  });

  test('refuse the same malformed keys and ciphertexts', async () => {
    const pair = await both(suite);
    const { hpke } = pair[0];
    const keys = await hpke.deriveKeyPair(random.bytes(32));
    const [publicBytes, privateBytes] = [
      await hpke.exportPublicKey(keys.publicKey),
      await hpke.exportPrivateKey(keys.privateKey),
    ];
    const { enc, ct } = await hpke.seal(keys.publicKey, random.bytes(20), new Uint8Array(0));
    const lowOrder = publicBytes.slice();
    lowOrder.fill(0, lowOrder.length - 32);
    const badKeys = [
      publicBytes.slice(1),
      new Uint8Array(0),
      lowOrder,
      new Uint8Array(publicBytes.length).fill(0xff),
      publicBytes,
    ];
    for (const bytes of badKeys) {
      const [pure, native] = await verdicts(
        pair.map(
          (one) => async () =>
            (await one.hpke.seal(await one.hpke.importPublicKey(bytes), new Uint8Array(3), new Uint8Array(0))).ct
              .length,
        ),
      );
      expect(native).toBe(pure);
      // Our own check decides for all members alike, and accepts no key that cannot be used.
      if (pure === 'refused') expect(isUsableHpkeKey(bytes, publicBytes.length)).toBe(false);
    }
    expect(isUsableHpkeKey(publicBytes, publicBytes.length)).toBe(true);
    const changed = (bytes: Uint8Array, index: number) =>
      bytes.map((byte, position) => (position === index ? byte ^ 1 : byte));
    const zeroEnd = enc.slice();
    zeroEnd.fill(0, enc.length - 32);
    for (const [encoded, sealed] of [
      [enc.slice(1), ct],
      [new Uint8Array(0), ct],
      [zeroEnd, ct],
      [changed(enc, 5), ct],
      [enc, ct.slice(1)],
      [enc, new Uint8Array(7)],
      [enc, changed(ct, 2)],
      [enc, ct],
    ] as const) {
      const [pure, native] = await verdicts(
        pair.map(
          (one) => async () =>
            one.hpke.open(await one.hpke.importPrivateKey(privateBytes), encoded, sealed, new Uint8Array(0)),
        ),
      );
      expect(native).toBe(pure);
    }
    expect(await verdicts(pair.map((one) => () => one.hpke.importPrivateKey(privateBytes.slice(1))))).toEqual([
      'refused',
      'refused',
    ]);
  });

  test('seal and open alike with the message cipher, and refuse the same inputs', async () => {
    const pair = await both(suite);
    const [key, nonce, aad, plaintext] = [random.bytes(32), random.bytes(12), random.bytes(20), random.bytes(300)];
    const [pure, native] = await Promise.all(pair.map(({ hpke }) => hpke.encryptAead(key, nonce, aad, plaintext)));
    if (pure === undefined || native === undefined) throw new Error('nothing sealed');
    expect(hex(native)).toBe(hex(pure));
    const tries: [Uint8Array, Uint8Array, Uint8Array, Uint8Array][] = [
      [key, nonce, aad, pure],
      [key, nonce, aad.slice(1), pure],
      [key, nonce, aad, pure.slice(1)],
      [key, nonce, aad, pure.slice(0, 10)],
      [key.slice(1), nonce, aad, pure],
      [key, nonce.slice(1), aad, pure],
    ];
    for (const [index, [k, n, a, sealed]] of tries.entries()) {
      const answers = await verdicts(
        pair.map(
          ({ hpke }) =>
            () =>
              hpke.decryptAead(k, n, a, sealed),
        ),
      );
      expect(answers, `${index}`).toEqual(index === 0 ? [hex(plaintext), hex(plaintext)] : ['refused', 'refused']);
    }
  });

  test('sign alike, and agree on every signature, malformed and ambiguous ones included', async () => {
    const pair = await both(suite);
    const { signKey, publicKey } = await pair[1].signature.keygen();
    const message = random.bytes(50);
    const [pure, native] = await Promise.all(pair.map(({ signature }) => signature.sign(signKey, message)));
    if (pure === undefined || native === undefined) throw new Error('nothing signed');
    expect(hex(native)).toBe(hex(pure));
    const malleated = pure.slice();
    const s = pure.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + ORDER;
    for (let index = 0; index < 32; index += 1) malleated[32 + index] = Number((s >> BigInt(8 * index)) & 0xffn);
    const identityPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0));
    const universal = new Uint8Array(64);
    universal.set(identityPoint);
    const notCanonical = new Uint8Array(32).fill(0xff);
    const cases: [Uint8Array, Uint8Array, boolean][] = [
      [publicKey, pure, true],
      [publicKey, pure.map((byte, index) => (index === 3 ? byte ^ 4 : byte)), false],
      [publicKey, malleated, false],
      [publicKey, pure.slice(1), false],
      [publicKey.slice(1), pure, false],
      // The identity as a key: R = identity and S = 0 "sign" every message under a verification
      // with the cofactor.
      [identityPoint, universal, false],
      [notCanonical, universal, false],
      [random.bytes(32), pure, false],
    ];
    for (const [key, signature, expected] of cases) {
      expect(await verdicts(pair.map((one) => () => one.signature.verify(key, message, signature)))).toEqual([
        expected,
        expected,
      ]);
    }
  });
});

test('X-Wing makes the shared secret of the draft’s first test vector', async () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
  const seed = bytes('7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26');
  const eseed = bytes(
    '3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2',
  );
  const kem = new XWing();
  const pair: unknown = await kem.generateKeyPairDerand(seed.slice());
  const { publicKey } = pair as { publicKey: unknown };
  const { enc, sharedSecret } = await kem.encap({ recipientPublicKey: publicKey, ekm: eseed.buffer });
  const expected = 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384';
  expect(hex(new Uint8Array(sharedSecret))).toBe(expected);
  expect(hex(xWing.decapsulate({ secretBytes: seed, enc: new Uint8Array(enc) }))).toBe(expected);
});

test('control: the library’s own pure signatures accept the universal one', async () => {
  const { ed25519 } = await import('@noble/curves/ed25519.js');
  const identityPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0));
  const universal = new Uint8Array(64);
  universal.set(identityPoint);
  expect(ed25519.verify(universal, random.bytes(50), identityPoint)).toBe(true);
});
