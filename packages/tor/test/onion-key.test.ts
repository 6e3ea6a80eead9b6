// Onion addresses, onion keys and client keys agree with rend-spec-v3, RFC 8032 and Node.

import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base32Decode, base32Encode, base64Bytes, base64Decode } from '../src/control/encoding.ts';
import { ClientAuthKey, decodeOnionAddress, isOnionAddress, onionAddressOf, OnionKey } from '../src/onion/onion-key.ts';

/** Examples of tor's rend-spec-v3 §6. */
const SPEC_ADDRESSES = [
  'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd',
  'sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd',
  'xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd',
];

/** RFC 8032 §7.1, test 1. */
const RFC8032_SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const RFC8032_PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
/** Of the empty message, ibid. */
const RFC8032_SIGNATURE =
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b';
const CLIENT_SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7 + 1));

/** Ed25519 as node verifies it, with the raw public key. */
function holds(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

describe('addresses', () => {
  test.each(SPEC_ADDRESSES)('the example address %s is read and written', (address) => {
    const decoded = decodeOnionAddress(address);
    expect(decoded.ok && onionAddressOf(decoded.value)).toBe(address);
  });

  test('an address with any one character changed is refused', () => {
    const [address = ''] = SPEC_ADDRESSES;
    for (let index = 0; index < address.length; index += 1) {
      const other = address[index] === 'a' ? 'b' : 'a';
      expect(isOnionAddress(address.slice(0, index) + other + address.slice(index + 1))).toBe(false);
    }
  });

  test.each([
    ['upper case', SPEC_ADDRESSES[0]?.toUpperCase()],
    ['the ending .onion', `${SPEC_ADDRESSES[0] ?? ''}.onion`],
    ['a short text', SPEC_ADDRESSES[0]?.slice(1)],
    ['a line break', `${SPEC_ADDRESSES[0]?.slice(0, 54) ?? ''}\r\n`],
    ['nothing', ''],
  ])('an address with %s is refused', (_name, text = '') => {
    expect(decodeOnionAddress(text)).toEqual({ ok: false, code: 'onion-address' });
  });

  test('any public key survives the way to an address and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        const decoded = decodeOnionAddress(onionAddressOf(key));
        expect(decoded.ok && Buffer.from(decoded.value).equals(key)).toBe(true);
      }),
    );
  });
});

describe('the key of an onion', () => {
  test('a seed of RFC 8032 gives its public key', () => {
    expect(Buffer.from(new OnionKey(RFC8032_SEED).publicKey).toString('hex')).toBe(RFC8032_PUBLIC);
  });

  test('Tor gets 64 clamped bytes in base64', () => {
    const expanded = Buffer.from(Buffer.from(new OnionKey(RFC8032_SEED).encodeForTor()).toString(), 'base64');
    const hash = createHash('sha512').update(RFC8032_SEED).digest();
    expect(expanded).toHaveLength(64);
    expect(expanded.subarray(1, 31)).toEqual(hash.subarray(1, 31));
    expect(expanded.subarray(32)).toEqual(hash.subarray(32));
    expect(expanded.readUInt8(0) & 7).toBe(0);
    expect(expanded.readUInt8(31) & 0xc0).toBe(0x40);
  });

  test('each new key differs from the others', () => {
    expect(new OnionKey().address).not.toBe(new OnionKey().address);
  });

  test('inspect and JSON show no secret, and wipe zeroes it', () => {
    const key = new OnionKey(RFC8032_SEED);
    const secret = Buffer.from(key.encodeForTor()).toString();
    const hex = Buffer.from(secret, 'base64').toString('hex');
    for (const text of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(hex.slice(0, 16));
      expect(text).not.toContain(RFC8032_SEED.toString('hex').slice(0, 16));
    }
    key.wipe();
    expect(Buffer.from(key.encodeForTor()).toString()).toBe(Buffer.alloc(64).toString('base64'));
  });

  test('the seed of the caller stays unchanged, and one of another length is refused', () => {
    const seed = Buffer.from(RFC8032_SEED);
    expect(new OnionKey(seed).address).toHaveLength(56);
    expect(seed).toEqual(RFC8032_SEED);
    expect(() => new OnionKey(seed.subarray(1))).toThrow(expect.objectContaining({ code: 'onion-key' }));
  });

  test('a key gives the signature of RFC 8032, which its address verifies', () => {
    const key = new OnionKey(RFC8032_SEED);
    expect(Buffer.from(key.sign(new Uint8Array(0))).toString('hex')).toBe(RFC8032_SIGNATURE);
    const decoded = decodeOnionAddress(key.address);
    const raw = decoded.ok ? decoded.value : new Uint8Array();
    const statement = Buffer.from('sotto/1 order');
    expect(holds(raw, statement, key.sign(statement))).toBe(true);
    expect(holds(raw, Buffer.from('sotto/1 Order'), key.sign(statement))).toBe(false);
    expect(holds(raw, statement, new OnionKey().sign(statement))).toBe(false);
  });

  test('a wiped key signs nothing', () => {
    const key = new OnionKey(RFC8032_SEED);
    key.wipe();
    expect(() => key.sign(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'onion-key' }));
  });
});

describe('the key of a client', () => {
  test('a client key has 52 base32 characters for the service and 44 base64 for the client', () => {
    const key = new ClientAuthKey(CLIENT_SECRET);
    expect(key.publicBase32).toMatch(/^[a-z2-7]{52}$/);
    expect(Buffer.from(key.encodeForTor()).toString()).toBe(CLIENT_SECRET.toString('base64'));
  });

  test('a client key has the public key that Node computes for the same secret', () => {
    const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
    const key = new ClientAuthKey(Buffer.from(jwk.d ?? '', 'base64url'));
    expect(Buffer.from(key.publicKey).toString('base64url')).toBe(jwk.x);
    expect(base32Decode(key.publicBase32)).toEqual(key.publicKey);
  });

  test('a client key of another length is refused, and its secret is not shown', () => {
    expect(() => new ClientAuthKey(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'onion-key' }));
    const key = new ClientAuthKey(CLIENT_SECRET);
    expect(inspect(key, { showHidden: true })).not.toContain(CLIENT_SECRET.toString('hex').slice(0, 16));
  });
});

describe('encodings', () => {
  test('encodings survive both ways and agree with Node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(base32Decode(base32Encode(bytes))).toEqual(bytes);
        const base64 = Buffer.from(bytes).toString('base64');
        expect(Buffer.from(base64Bytes(bytes)).toString()).toBe(base64);
        expect(Buffer.from(base64Decode(base64) ?? [0])).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test.each(['a', 'ab', 'a===', 'AB==', 'AAAA=', 'AA-_', ' AAA', 'AAAA\n', 'AAE'])(
    'the base64 %j is refused',
    (text) => {
      // 'AB==' has spare bits that are not zero: a second spelling of one key.
      expect(base64Decode(text)).toBeUndefined();
    },
  );
});
