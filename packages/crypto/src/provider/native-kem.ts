// Key encapsulation on node:crypto: DHKEM(X25519, HKDF-SHA256) of RFC 9180 §4.1 and X-Wing of draft-connolly-cfrg-xwing-kem-06.

import { createHash, createPrivateKey, createPublicKey, decapsulate, diffieHellman, encapsulate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { concatBytes } from '@sotto/protocol';
import { ascii } from '../key-schedule.ts';
import { labeledExpand, labeledExtract } from './native-labels.ts';
import { randomBytes, makeKdf, copyBytes, copyAndZero } from './native-hkdf.ts';

const X25519_BYTES = 32;
const MLKEM_PUBLIC_BYTES = 1184;
const MLKEM_CIPHERTEXT_BYTES = 1088;
const MLKEM_SEED_BYTES = 64;
/** DER before the raw key, which is always last: RFC 8410 for X25519, RFC 9935 (seed form) for ML-KEM-768. */
const DER = {
  x25519Public: Buffer.from('302a300506032b656e032100', 'hex'),
  x25519Secret: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  mlkemPublic: Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
  mlkemSecret: Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
};
/** The six characters of X-Wing's label, draft §5.3. */
const XWING_LABEL = ascii('\\.//^\\');

export interface KemKeyPair {
  readonly publicBytes: Uint8Array;
  readonly secretBytes: Uint8Array;
}

/** Refuses with an Error what is not a key or a ciphertext; the caller turns that into the library's own error. */
export interface Kem {
  /** RFC 9180 §7.1. */
  readonly id: number;
  readonly publicLength: number;
  readonly secretLength: number;
  readonly generate: () => KemKeyPair;
  readonly derive: (ikm: Uint8Array) => KemKeyPair;
  readonly encapsulate: (publicBytes: Uint8Array) => { readonly enc: Uint8Array; readonly shared: Uint8Array };
  readonly decapsulate: (secretBytes: Uint8Array, enc: Uint8Array) => Uint8Array;
}

function publicKey(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' });
}

/** The DER copy holds the secret and is zeroed; OpenSSL's own copy ends with the key object. */
function secretKey(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  const der = Buffer.concat([prefix, raw]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

function rawPublic(secret: KeyObject, prefix: Uint8Array): Uint8Array {
  return copyBytes(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(prefix.length));
}

/** OpenSSL refuses an all-zero result (RFC 7748 §6.1), which is what a point of low order gives. */
function x25519(secret: KeyObject, peer: Uint8Array): Uint8Array {
  return copyAndZero(diffieHellman({ privateKey: secret, publicKey: publicKey(DER.x25519Public, peer) }));
}

function checkLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError('a key or ciphertext of another length');
}

const dhKemKdf = makeKdf('sha256');
const DHKEM_SUITE = concatBytes(ascii('KEM'), Uint8Array.of(0x00, 0x20));

function dhKemPair(secretBytes: Uint8Array): KemKeyPair {
  return { secretBytes, publicBytes: rawPublic(secretKey(DER.x25519Secret, secretBytes), DER.x25519Public) };
}

function dhKemShared(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const prk = labeledExtract(dhKemKdf, DHKEM_SUITE, new Uint8Array(0), 'eae_prk', dh);
  dh.fill(0);
  return labeledExpand(dhKemKdf, DHKEM_SUITE, prk, 'shared_secret', concatBytes(enc, recipient), 32);
}

export const dhKemX25519: Kem = {
  id: 0x0020,
  publicLength: X25519_BYTES,
  secretLength: X25519_BYTES,
  generate: () => dhKemPair(randomBytes(X25519_BYTES)),
  derive: (ikm) => {
    const prk = labeledExtract(dhKemKdf, DHKEM_SUITE, new Uint8Array(0), 'dkp_prk', ikm);
    return dhKemPair(labeledExpand(dhKemKdf, DHKEM_SUITE, prk, 'sk', new Uint8Array(0), X25519_BYTES));
  },
  encapsulate: (recipient) => {
    checkLength(recipient, X25519_BYTES);
    const ephemeral = dhKemPair(randomBytes(X25519_BYTES));
    const dh = x25519(secretKey(DER.x25519Secret, ephemeral.secretBytes), recipient);
    ephemeral.secretBytes.fill(0);
    return { enc: ephemeral.publicBytes, shared: dhKemShared(dh, ephemeral.publicBytes, recipient) };
  },
  decapsulate: (secretBytes, enc) => {
    checkLength(enc, X25519_BYTES);
    const secret = secretKey(DER.x25519Secret, secretBytes);
    return dhKemShared(x25519(secret, enc), enc, rawPublic(secret, DER.x25519Public));
  },
};

interface XWingSecret {
  readonly mlkem: KeyObject;
  readonly x25519: KeyObject;
}

/** Draft §5.2: SHAKE-256 of the 32-byte seed gives ML-KEM's d and z and the X25519 secret. */
function expandXWing(seed: Uint8Array): XWingSecret {
  checkLength(seed, 32);
  const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest();
  const secret = {
    mlkem: secretKey(DER.mlkemSecret, expanded.subarray(0, MLKEM_SEED_BYTES)),
    x25519: secretKey(DER.x25519Secret, expanded.subarray(MLKEM_SEED_BYTES)),
  };
  expanded.fill(0);
  return secret;
}

function xWingPair(seed: Uint8Array): KemKeyPair {
  const secret = expandXWing(seed);
  const mlkem = rawPublic(secret.mlkem, DER.mlkemPublic);
  return { secretBytes: seed, publicBytes: concatBytes(mlkem, rawPublic(secret.x25519, DER.x25519Public)) };
}

/** Draft §5.3. */
function combine(ssM: Uint8Array, ssX: Uint8Array, ctX: Uint8Array, pkX: Uint8Array): Uint8Array {
  const hash = createHash('sha3-256').update(ssM).update(ssX).update(ctX).update(pkX).update(XWING_LABEL);
  ssM.fill(0);
  ssX.fill(0);
  return copyAndZero(hash.digest());
}

export const xWing: Kem = {
  id: 0x647a,
  publicLength: MLKEM_PUBLIC_BYTES + X25519_BYTES,
  secretLength: 32,
  generate: () => xWingPair(randomBytes(32)),
  derive: (ikm) => xWingPair(copyAndZero(createHash('shake256', { outputLength: 32 }).update(ikm).digest())),
  encapsulate: (recipient) => {
    checkLength(recipient, MLKEM_PUBLIC_BYTES + X25519_BYTES);
    const pkX = recipient.subarray(MLKEM_PUBLIC_BYTES);
    const ephemeral = dhKemPair(randomBytes(X25519_BYTES));
    const ssX = x25519(secretKey(DER.x25519Secret, ephemeral.secretBytes), pkX);
    ephemeral.secretBytes.fill(0);
    const mlkem = encapsulate(publicKey(DER.mlkemPublic, recipient.subarray(0, MLKEM_PUBLIC_BYTES)));
    return {
      enc: concatBytes(mlkem.ciphertext, ephemeral.publicBytes),
      shared: combine(mlkem.sharedKey, ssX, ephemeral.publicBytes, pkX),
    };
  },
  decapsulate: (seed, enc) => {
    checkLength(enc, MLKEM_CIPHERTEXT_BYTES + X25519_BYTES);
    const secret = expandXWing(seed);
    const ctX = enc.subarray(MLKEM_CIPHERTEXT_BYTES);
    const ssM = decapsulate(secret.mlkem, enc.subarray(0, MLKEM_CIPHERTEXT_BYTES));
    return combine(ssM, x25519(secret.x25519, ctX), ctX, rawPublic(secret.x25519, DER.x25519Public));
  },
};
