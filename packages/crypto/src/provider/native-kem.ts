// Key encapsulation on node:crypto: DHKEM(X25519, HKDF-SHA256) of RFC 9180 §4.1, and X-Wing of
// draft-connolly-cfrg-xwing-kem-06.

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
/**
 * The DER before the raw key, which is always last: RFC 8410 for X25519, RFC 9935 (seed form) for
 * ML-KEM-768.
 */
const DER = {
  x25519Public: Buffer.from('302a300506032b656e032100', 'hex'),
  x25519Secret: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  mlkemPublic: Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
  mlkemSecret: Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
};
type DerPrefix = keyof typeof DER;

/** The six characters of X-Wing's label, draft §5.3. */
const XWING_LABEL = ascii('\\.//^\\');

/** A key pair as bytes, of the lengths that its `Kem` states. */
export interface KemKeyPair {
  readonly publicBytes: Uint8Array;
  readonly secretBytes: Uint8Array;
}

/**
 * A key encapsulation mechanism (RFC 9180 §4). Each operation throws an Error on a malformed key or
 * ciphertext; the provider turns it into the library's own error.
 */
export interface Kem {
  /** RFC 9180 §7.1. */
  readonly id: number;
  readonly publicLength: number;
  readonly secretLength: number;
  readonly generate: () => KemKeyPair;
  readonly derive: (ikm: Uint8Array) => KemKeyPair;
  readonly encapsulate: (publicBytes: Uint8Array) => { readonly enc: Uint8Array; readonly shared: Uint8Array };
  readonly decapsulate: (input: { readonly secretBytes: Uint8Array; readonly enc: Uint8Array }) => Uint8Array;
}

function publicKey(prefix: DerPrefix, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([DER[prefix], raw]), format: 'der', type: 'spki' });
}

/** The DER copy holds the secret and is zeroed. OpenSSL's own copy ends with the key object. */
function secretKey(prefix: DerPrefix, raw: Uint8Array): KeyObject {
  const der = Buffer.concat([DER[prefix], raw]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

function rawPublic(secret: KeyObject, prefix: DerPrefix): Uint8Array {
  return copyBytes(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(DER[prefix].length));
}

/** OpenSSL refuses an all-zero result (RFC 7748 §6.1), which a point of low order gives. */
function x25519(secret: KeyObject, peer: Uint8Array): Uint8Array {
  return copyAndZero(diffieHellman({ privateKey: secret, publicKey: publicKey('x25519Public', peer) }));
}

function checkLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError('a key or ciphertext of another length');
}

const dhKemKdf = makeKdf('sha256');
const DHKEM_SUITE = concatBytes(ascii('KEM'), Uint8Array.of(0x00, 0x20));

function dhKemPair(secretBytes: Uint8Array): KemKeyPair {
  return { secretBytes, publicBytes: rawPublic(secretKey('x25519Secret', secretBytes), 'x25519Public') };
}

function dhKemShared({
  dh,
  enc,
  recipient,
}: {
  readonly dh: Uint8Array;
  readonly enc: Uint8Array;
  readonly recipient: Uint8Array;
}): Uint8Array {
  const prk = labeledExtract(dhKemKdf, { suite: DHKEM_SUITE, salt: new Uint8Array(0), label: 'eae_prk', ikm: dh });
  dh.fill(0);
  return labeledExpand(dhKemKdf, {
    suite: DHKEM_SUITE,
    prk,
    label: 'shared_secret',
    info: concatBytes(enc, recipient),
    length: 32,
  });
}

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1: public keys, secret keys and `enc` of 32 bytes. */
export const dhKemX25519: Kem = {
  id: 0x0020,
  publicLength: X25519_BYTES,
  secretLength: X25519_BYTES,
  generate: () => dhKemPair(randomBytes(X25519_BYTES)),
  derive: (ikm) => {
    const prk = labeledExtract(dhKemKdf, { suite: DHKEM_SUITE, salt: new Uint8Array(0), label: 'dkp_prk', ikm });
    return dhKemPair(
      labeledExpand(dhKemKdf, { suite: DHKEM_SUITE, prk, label: 'sk', info: new Uint8Array(0), length: X25519_BYTES }),
    );
  },
  encapsulate: (recipient) => {
    checkLength(recipient, X25519_BYTES);
    const ephemeral = dhKemPair(randomBytes(X25519_BYTES));
    const dh = x25519(secretKey('x25519Secret', ephemeral.secretBytes), recipient);
    ephemeral.secretBytes.fill(0);
    return { enc: ephemeral.publicBytes, shared: dhKemShared({ dh, enc: ephemeral.publicBytes, recipient }) };
  },
  decapsulate: ({ secretBytes, enc }) => {
    checkLength(enc, X25519_BYTES);
    const secret = secretKey('x25519Secret', secretBytes);
    return dhKemShared({ dh: x25519(secret, enc), enc, recipient: rawPublic(secret, 'x25519Public') });
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
    mlkem: secretKey('mlkemSecret', expanded.subarray(0, MLKEM_SEED_BYTES)),
    x25519: secretKey('x25519Secret', expanded.subarray(MLKEM_SEED_BYTES)),
  };
  expanded.fill(0);
  return secret;
}

function xWingPair(seed: Uint8Array): KemKeyPair {
  const secret = expandXWing(seed);
  const mlkem = rawPublic(secret.mlkem, 'mlkemPublic');
  return { secretBytes: seed, publicBytes: concatBytes(mlkem, rawPublic(secret.x25519, 'x25519Public')) };
}

/** Draft §5.3. */
function combine({
  ssM,
  ssX,
  ctX,
  pkX,
}: {
  readonly ssM: Uint8Array;
  readonly ssX: Uint8Array;
  readonly ctX: Uint8Array;
  readonly pkX: Uint8Array;
}): Uint8Array {
  const hash = createHash('sha3-256').update(ssM).update(ssX).update(ctX).update(pkX).update(XWING_LABEL);
  ssM.fill(0);
  ssX.fill(0);
  return copyAndZero(hash.digest());
}

/**
 * X-Wing, draft-connolly-cfrg-xwing-kem-06: public keys of 1,216 bytes, seeds of 32, `enc` of 1,120
 * (PROTOCOL.md §5.8).
 */
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
    const ssX = x25519(secretKey('x25519Secret', ephemeral.secretBytes), pkX);
    ephemeral.secretBytes.fill(0);
    const mlkem = encapsulate(publicKey('mlkemPublic', recipient.subarray(0, MLKEM_PUBLIC_BYTES)));
    return {
      enc: concatBytes(mlkem.ciphertext, ephemeral.publicBytes),
      shared: combine({ ssM: mlkem.sharedKey, ssX, ctX: ephemeral.publicBytes, pkX }),
    };
  },
  decapsulate: ({ secretBytes: seed, enc }) => {
    checkLength(enc, MLKEM_CIPHERTEXT_BYTES + X25519_BYTES);
    const secret = expandXWing(seed);
    const ctX = enc.subarray(MLKEM_CIPHERTEXT_BYTES);
    const ssM = decapsulate(secret.mlkem, enc.subarray(0, MLKEM_CIPHERTEXT_BYTES));
    return combine({ ssM, ssX: x25519(secret.x25519, ctX), ctX, pkX: rawPublic(secret.x25519, 'x25519Public') });
  },
};
