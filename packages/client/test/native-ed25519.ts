// Node's Ed25519 in tweetnacl's form, so that a property test can afford thousands of frames.
// Signing and checking a frame takes tweetnacl 10 ms. packages/crypto/test shows that both give the
// same bytes. Only the resume property test uses it.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';

/** The prefixes that turn raw keys into the forms that Node reads (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SEED_BYTES = 32;

const privateKeys = new Map<string, KeyObject>();
const publicKeys = new Map<string, KeyObject>();

function privateKey(seed: Uint8Array): KeyObject {
  const name = Buffer.from(seed).toString('hex');
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const key = privateKeys.get(name) ?? createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  privateKeys.set(name, key);
  return key;
}

function publicKey(raw: Uint8Array): KeyObject {
  const name = Buffer.from(raw).toString('hex');
  const der = Buffer.concat([SPKI_PREFIX, raw]);
  const key = publicKeys.get(name) ?? createPublicKey({ key: der, format: 'der', type: 'spki' });
  publicKeys.set(name, key);
  return key;
}

function fromSeed(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const spki = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  const raw = Uint8Array.from(spki.subarray(SPKI_PREFIX.length));
  return { publicKey: raw, secretKey: Uint8Array.of(...seed, ...raw) };
}

function detached(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(null, message, privateKey(secretKey.subarray(0, SEED_BYTES))));
}

function verifyDetached(message: Uint8Array, signature: Uint8Array, raw: Uint8Array): boolean {
  return verify(null, message, publicKey(raw), signature);
}

/** Replaces the library's Ed25519 by Node's in this worker, from now on. */
export function useNativeEd25519(): void {
  const requireHere = createRequire(import.meta.url);
  const nacl = createRequire(requireHere.resolve('@sotto/crypto'))('tweetnacl') as { readonly sign: object };
  Object.assign(nacl.sign, {
    keyPair: { fromSeed },
    detached: Object.assign(detached, { verify: verifyDetached }),
  });
}
