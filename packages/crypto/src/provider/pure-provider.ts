// `@sotto/crypto/pure`: the primitives of the group engine in plain JavaScript, for browsers. Only
// the HKDF inside key encapsulation uses WebCrypto, which needs a secure context.

import { ed25519 } from '@noble/curves/ed25519.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@sotto/protocol';
import type { CiphersuiteImpl, CryptoProvider } from 'ts-mls';
import { nobleCryptoProvider } from 'ts-mls/crypto/implementation/noble/provider.js';
import { isStrictEd25519Key, littleEndianBytes } from '../ed25519-keys.ts';
import type { SignedMessage } from '../ed25519-keys.ts';
import { registerCrypto, SCRYPT_COST } from './group-crypto.ts';
import type { GroupCrypto } from './group-crypto.ts';

const SIGNATURE_BYTES = 64;
const GROUP_ORDER = ed25519.Point.Fn.ORDER;

/**
 * RFC 8032 §5.1.7 without the cofactor, as in OpenSSL: S is canonical, and R is compared as bytes.
 * The library itself takes WebCrypto, or else noble with the cofactor. A member could then make a
 * signature that some members accept and others refuse.
 */
function pureVerify({ publicKey, message, signature }: SignedMessage): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isStrictEd25519Key(publicKey)) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndianBytes(signature.subarray(32));
  if (s >= GROUP_ORDER) return false;
  let key;
  try {
    key = ed25519.Point.fromBytes(publicKey, false);
  } catch {
    // The key is not a point of the curve. Noble reports this only by an exception.
    return false;
  }
  const k = littleEndianBytes(sha512(concatBytes(r, publicKey, message))) % GROUP_ORDER;
  // All values here are public, so variable time leaks nothing.
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(k)).toBytes();
  return expected.every((byte, index) => byte === r[index]);
}

/**
 * The library takes HKDF from WebCrypto here too. That costs one promise for each of the six keys
 * that an epoch needs for each member.
 */
function makeKdf(hash: typeof sha256 | typeof sha512): CiphersuiteImpl['kdf'] {
  return {
    size: hash.outputLen,
    extract: (salt, ikm) => Promise.resolve(extract(hash, ikm, salt)),
    expand: (prk, info, length) => Promise.resolve(expand(hash, prk, info, length)),
  };
}

const provider: CryptoProvider = {
  getCiphersuiteImpl: async (suite) => ({
    ...(await nobleCryptoProvider.getCiphersuiteImpl(suite)),
    kdf: makeKdf(suite.hpke.kdf === 'HKDF-SHA512' ? sha512 : sha256),
    signature: {
      sign: (seed, message) => Promise.resolve(ed25519.sign(message, seed)),
      verify: (publicKey, message, signature) => Promise.resolve(pureVerify({ publicKey, message, signature })),
      keygen: () => {
        const signKey = ed25519.utils.randomSecretKey();
        return Promise.resolve({ signKey, publicKey: ed25519.getPublicKey(signKey) });
      },
    },
  }),
};

/** Primitives in plain JavaScript, byte for byte the same as `nativeCrypto`; see `GroupCrypto`. */
export const pureCrypto: GroupCrypto = registerCrypto('pure', {
  provider,
  /** It gives way to other work every 10 ms. */
  scrypt: ({ password, salt, length }) => scryptAsync(password, salt, { ...SCRYPT_COST, dkLen: length }),
});
