// The group keys' primitives without node:crypto: plain JavaScript, but for the HKDF inside key encapsulation, which asks WebCrypto (a secure context).

import { ed25519 } from '@noble/curves/ed25519.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@sotto/protocol';
import { nobleCryptoProvider } from 'ts-mls';
import type { CiphersuiteImpl, CryptoProvider } from 'ts-mls';
import { isStrictEd25519Key, littleEndianBytes } from '../ed25519-keys.ts';
import { registerCrypto } from './group-crypto.ts';
import type { GroupCrypto } from './group-crypto.ts';

const SIGNATURE_BYTES = 64;
const GROUP_ORDER = ed25519.Point.Fn.ORDER;

/**
 * RFC 8032 §5.1.7 without the cofactor, as OpenSSL does it: S is canonical and R is compared as bytes. The library's own choice (WebCrypto where
 * there is one, else noble with the cofactor) would let a member make a signature that some members take and others do not.
 */
function pureVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isStrictEd25519Key(publicKey)) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndianBytes(signature.subarray(32));
  if (s >= GROUP_ORDER) return false;
  let key;
  try {
    key = ed25519.Point.fromBytes(publicKey, false);
  } catch {
    // Not a point of the curve: noble has no other way to say so.
    return false;
  }
  const k = littleEndianBytes(sha512(concatBytes(r, publicKey, message))) % GROUP_ORDER;
  // Everything here is public, so that variable time is no leak.
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(k)).toBytes();
  return expected.every((byte, index) => byte === r[index]);
}

/** The library takes HKDF from WebCrypto also here: one promise for each of the six keys a member that an epoch needs. */
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
      verify: (publicKey, message, signature) => Promise.resolve(pureVerify(publicKey, message, signature)),
      keygen: () => {
        const signKey = ed25519.utils.randomSecretKey();
        return Promise.resolve({ signKey, publicKey: ed25519.getPublicKey(signKey) });
      },
    },
  }),
};

/** Group keys in plain JavaScript, byte for byte the same as the native ones. */
export const pureCrypto: GroupCrypto = registerCrypto('pure', provider);
