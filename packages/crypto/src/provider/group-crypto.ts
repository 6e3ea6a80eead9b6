// The primitives that a group runs on: a name for callers, and behind it the library's provider,
// whose type does not leave this package.

import type { CiphersuiteImpl, CiphersuiteName, CryptoProvider } from 'ts-mls';
import { ciphersuites, getCiphersuiteFromName } from 'ts-mls/crypto/ciphersuite.js';

/**
 * `x-wing` (X25519 and ML-KEM-768, PROTOCOL.md §5.8) is the suite of Sotto; `x25519` serves for
 * comparison. Both use ChaCha20-Poly1305 and Ed25519.
 */
export type GroupSuite = 'x-wing' | 'x25519';

/**
 * Primitives to run on: `nativeCrypto` of `@sotto/crypto/native` in Node, `pureCrypto` of
 * `@sotto/crypto/pure` in a browser.
 */
export interface GroupCrypto {
  readonly name: 'native' | 'pure';
}

/** A suite as the library and the rules name it. */
export interface SuiteDescription {
  readonly name: CiphersuiteName;
  /** The number of the suite in MLS (RFC 9420 §17.1). */
  readonly id: number;
  /** Bytes of a public key for key encapsulation. */
  readonly publicKeyBytes: number;
}

const SUITE_NAMES: Readonly<Record<GroupSuite, CiphersuiteName>> = {
  'x-wing': 'MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519',
  x25519: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
};
const PUBLIC_KEY_BYTES: Readonly<Record<GroupSuite, number>> = { 'x-wing': 1216, x25519: 32 };

/** What scrypt takes. Its cost is the same everywhere: `SCRYPT_COST`. */
export interface ScryptInput {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  /** Bytes of the result. */
  readonly length: number;
}

/** scrypt (RFC 7914) with `SCRYPT_COST`. It leaves the caller's thread free, as far as it can. */
export type Scrypt = (input: ScryptInput) => Promise<Uint8Array>;

/** N, r and p of RFC 7914: 2^15 times BlockMix, and 16 MiB. */
export const SCRYPT_COST = { N: 2 ** 14, r: 8, p: 1 } as const;

/** What an entry of this package brings: the library's provider, and what that has not. */
export interface Primitives {
  readonly provider: CryptoProvider;
  readonly scrypt: Scrypt;
}

const registered = new WeakMap<GroupCrypto, Primitives>();

/** @returns a handle for the primitives, so that the library's type stays inside this package. */
export function registerCrypto(name: GroupCrypto['name'], primitives: Primitives): GroupCrypto {
  const handle: GroupCrypto = Object.freeze({ name });
  registered.set(handle, primitives);
  return handle;
}

/** @throws TypeError if `registerCrypto` has not made `crypto`. */
export function primitivesOf(crypto: GroupCrypto): Primitives {
  const primitives = registered.get(crypto);
  if (primitives === undefined) throw new TypeError('primitives that nobody registered');
  return primitives;
}

/** @returns the name, number and key size of a suite. */
export function describeSuite(suite: GroupSuite): SuiteDescription {
  const name = SUITE_NAMES[suite];
  return { name, id: ciphersuites[name], publicKeyBytes: PUBLIC_KEY_BYTES[suite] };
}

/** @throws TypeError if `registerCrypto` has not made `crypto`. */
export async function openSuite(crypto: GroupCrypto, suite: GroupSuite): Promise<CiphersuiteImpl> {
  return primitivesOf(crypto).provider.getCiphersuiteImpl(getCiphersuiteFromName(SUITE_NAMES[suite]));
}
