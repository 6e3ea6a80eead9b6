// `@sotto/crypto/native`, for Node only: the primitives of the group engine on node:crypto. A
// browser uses `@sotto/crypto/pure`.

import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import type { Ciphersuite, CiphersuiteImpl, CryptoProvider } from 'ts-mls';
import { MlsError } from 'ts-mls/mlsError.js';
import { registerCrypto, SCRYPT_COST } from './group-crypto.ts';
import type { GroupCrypto, ScryptInput } from './group-crypto.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, makeHpke, openAead, sealAead } from './native-hpke.ts';
import { randomBytes, hmac, makeKdf, copyBytes, copyAndZero } from './native-hkdf.ts';
import type { NativeHash } from './native-hkdf.ts';
import { dhKemX25519, xWing } from './native-kem.ts';
import type { Kem, KemKeyPair } from './native-kem.ts';
import { nativePublicKey, nativeSign, nativeVerify } from './native-signature.ts';

const SEED_BYTES = 32;
const EMPTY = new Uint8Array(0);
const HASHES: Readonly<Record<string, NativeHash>> = { 'SHA-256': 'sha256', 'SHA-512': 'sha512' };
const KDFS: Readonly<Record<string, { readonly hash: NativeHash; readonly id: number }>> = {
  'HKDF-SHA256': { hash: 'sha256', id: 1 },
  'HKDF-SHA512': { hash: 'sha512', id: 3 },
};
const KEMS: Readonly<Record<string, Kem>> = { 'DHKEM-X25519-HKDF-SHA256': dhKemX25519, 'X-Wing': xWing };

/**
 * A key as the library passes it around. The library declares the type of WebCrypto for it and
 * never opens it; ours are bytes.
 */
interface KeyBytes {
  readonly type: 'public' | 'private';
  readonly bytes: Uint8Array;
}
const asPublic = (bytes: Uint8Array): KeyBytes => ({ type: 'public', bytes });
const asPrivate = (bytes: Uint8Array): KeyBytes => ({ type: 'private', bytes });

/**
 * Runs a primitive as the library expects it: a promise, and the library's own error for malformed
 * input. No detail of the input enters the message.
 */
function attempt<Result>(work: () => Result): Promise<Result> {
  try {
    return Promise.resolve(work());
  } catch {
    return Promise.reject(new MlsError('a primitive refused its input'));
  }
}

function known<Value>(table: Readonly<Record<string, Value>>, name: string): Value {
  const value = table[name];
  if (value === undefined) throw new RangeError('an algorithm that the native provider has not');
  return value;
}

function makeSuite(suite: Ciphersuite): CiphersuiteImpl {
  if (suite.hpke.aead !== 'CHACHA20POLY1305' || suite.signature !== 'Ed25519') {
    throw new RangeError('an algorithm that the native provider has not');
  }
  const kdfName = known(KDFS, suite.hpke.kdf);
  const kdf = makeKdf(kdfName.hash);
  const hash = known(HASHES, suite.hash);
  return {
    name: suite.name,
    rng: { randomBytes: (length) => randomBytes(length) },
    kdf: {
      size: kdf.size,
      extract: (salt, ikm) => attempt(() => kdf.extract({ salt, ikm })),
      expand: (prk, info, length) => attempt(() => kdf.expand({ prk, info, length })),
    },
    hash: {
      digest: (data) => attempt(() => copyAndZero(createHash(hash).update(data).digest())),
      mac: (key, data) => attempt(() => hmac(hash, { key, data })),
      verifyMac: (key, mac, data) =>
        attempt(() => {
          const expected = hmac(hash, { key, data });
          return mac.length === expected.length && timingSafeEqual(mac, expected);
        }),
    },
    signature: {
      sign: (key, message) => attempt(() => nativeSign({ seed: key, message })),
      verify: (key, message, signature) => attempt(() => nativeVerify({ publicKey: key, message, signature })),
      keygen: () =>
        attempt(() => {
          const signKey = randomBytes(SEED_BYTES);
          return { signKey, publicKey: nativePublicKey(signKey) };
        }),
    },
    hpke: makeSuiteHpke(known(KEMS, suite.hpke.kem), kdfName.hash, kdfName.id),
  };
}

function makeSuiteHpke(kem: Kem, hash: NativeHash, kdfId: number): CiphersuiteImpl['hpke'] {
  const hpke = makeHpke(kem, makeKdf(hash), kdfId);
  const pair = ({ publicBytes, secretBytes }: KemKeyPair): { publicKey: KeyBytes; privateKey: KeyBytes } => ({
    publicKey: asPublic(publicBytes),
    privateKey: asPrivate(secretBytes),
  });
  return {
    keyLength: AEAD_KEY_BYTES,
    nonceLength: AEAD_NONCE_BYTES,
    seal: (key: KeyBytes, plaintext, info, aad) =>
      attempt(() => hpke.seal({ recipient: key.bytes, info, aad: aad ?? EMPTY, plaintext })),
    open: (key: KeyBytes, enc, sealed, info, aad) =>
      attempt(() => hpke.open({ secret: key.bytes, enc, info, aad: aad ?? EMPTY, sealed })),
    exportSecret: (key: KeyBytes, context, length, info) =>
      attempt(() => hpke.exportTo({ recipient: key.bytes, info, context, length })),
    importSecret: (key: KeyBytes, context, enc, length, info) =>
      attempt(() => hpke.importFrom({ secret: key.bytes, enc, info, context, length })),
    importPublicKey: (bytes) => attempt(() => asPublic(ofLength(bytes, kem.publicLength))),
    importPrivateKey: (bytes) => attempt(() => asPrivate(ofLength(bytes, kem.secretLength))),
    exportPublicKey: (key: KeyBytes) => attempt(() => copyBytes(key.bytes)),
    exportPrivateKey: (key: KeyBytes) => attempt(() => copyBytes(key.bytes)),
    encryptAead: (key, nonce, aad, plaintext) => attempt(() => sealAead({ key, nonce, aad: aad ?? EMPTY, plaintext })),
    decryptAead: (key, nonce, aad, sealed) => attempt(() => openAead({ key, nonce, aad: aad ?? EMPTY, sealed })),
    deriveKeyPair: (ikm) => attempt(() => pair(kem.derive(ikm))),
    generateKeyPair: () => attempt(() => pair(kem.generate())),
  };
}

function ofLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError('a key of another length');
  return copyBytes(bytes);
}

const provider: CryptoProvider = {
  getCiphersuiteImpl: (suite) => Promise.resolve(makeSuite(suite)),
};

/** Node does it in a thread of its pool: no frame waits for it, and no slot comes late. */
function nativeScrypt({ password, salt, length }: ScryptInput): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, SCRYPT_COST, (error, derived) => {
      if (error === null) resolve(copyBytes(derived));
      else reject(error);
    });
  });
}

/**
 * Primitives on node:crypto: X25519, ML-KEM-768, Ed25519, ChaCha20-Poly1305, HKDF and scrypt
 * natively. Byte for byte the same as `pureCrypto`; see `GroupCrypto`.
 */
export const nativeCrypto: GroupCrypto = registerCrypto('native', { provider, scrypt: nativeScrypt });
