// The keys of an onion service and of its one authorised client, made in memory, and the address
// that belongs to them (tor rend-spec-v3 §6, control-spec §3.27, §3.30).

import { createHash, createPrivateKey, createPublicKey, randomFillSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { base32Decode, base32Encode, base64Bytes } from '../control/encoding.ts';
import type { Decoded } from '../errors.ts';
import { TorError } from '../errors.ts';
import { ED25519_KEY_BYTES, ONION_ADDRESS_CHARS, X25519_KEY_BYTES } from '../limits.ts';

const ADDRESS_VERSION = 3;
const CHECKSUM_BYTES = 2;
const CHECKSUM_PREFIX = Buffer.from('.onion checksum');
/** The bytes before the 32 raw ones in a PKCS#8 private key (RFC 8410 §7). */
const PKCS8_PREFIX = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};
type Algorithm = keyof typeof PKCS8_PREFIX;

/**
 * The address (56 characters, without `.onion`) of a 32-byte Ed25519 public key.
 *
 * @throws TorError `onion-key`
 */
export function onionAddressOf(publicKey: Uint8Array): string {
  if (publicKey.length !== ED25519_KEY_BYTES) throw new TorError('onion-key');
  return base32Encode(Buffer.concat([publicKey, addressChecksum(publicKey), Uint8Array.of(ADDRESS_VERSION)]));
}

/** The public key in an address without `.onion`; lower case only, checksum and version checked. */
export function decodeOnionAddress(address: string): Decoded<Uint8Array, 'onion-address'> {
  const bytes = address.length === ONION_ADDRESS_CHARS ? base32Decode(address) : undefined;
  const publicKey = bytes?.subarray(0, ED25519_KEY_BYTES);
  if (publicKey?.length !== ED25519_KEY_BYTES || onionAddressOf(publicKey) !== address) {
    return { ok: false, code: 'onion-address' };
  }
  return { ok: true, value: publicKey };
}

/** True for a v3 address without `.onion` whose checksum is right. */
export function isOnionAddress(address: string): boolean {
  return decodeOnionAddress(address).ok;
}

/**
 * Moves secret bytes to where the program keeps its secrets. It zeroes the bytes that it is given;
 * its caller zeroes the bytes that come back.
 */
export type HoldSecret = (bytes: Uint8Array) => Uint8Array;

const inOrdinaryMemory: HoldSecret = (bytes) => bytes;

/**
 * The identity of one onion. The secret lives in this object alone; `inspect` and `JSON.stringify`
 * do not show it. It must outlive restarts of Tor, because the onion is added again with it, and is
 * wiped when the room ends.
 */
export class OnionKey {
  readonly publicKey: Uint8Array;
  readonly address: string;
  readonly #seed: Uint8Array;
  readonly #expandedSecret: Uint8Array;
  #wiped = false;

  /**
   * `seed`: 32 bytes, random if absent; the caller keeps and wipes its own copy.
   *
   * @throws TorError `onion-key`
   */
  constructor(seed?: Uint8Array, hold: HoldSecret = inOrdinaryMemory) {
    const own = seed === undefined ? randomFillSync(new Uint8Array(ED25519_KEY_BYTES)) : Uint8Array.from(seed);
    if (own.length !== ED25519_KEY_BYTES) throw new TorError('onion-key');
    this.#seed = hold(own);
    this.publicKey = publicKeyOf('ed25519', this.#seed);
    this.address = onionAddressOf(this.publicKey);
    this.#expandedSecret = hold(expandSeed(this.#seed));
  }

  /**
   * Base64 of the 64 expanded bytes in a fresh buffer, for ADD_ONION after `ED25519-V3:`. The
   * caller wipes it.
   */
  encodeForTor(): Uint8Array {
    return base64Bytes(this.#expandedSecret);
  }

  /**
   * An Ed25519 signature (64 bytes) that `publicKey` verifies. The signed bytes begin with a label
   * of their own: Tor signs with keys that it derives from this one, never with this one itself
   * (rend-spec-v3, key blinding). @throws TorError `onion-key` after `wipe`
   */
  sign(bytes: Uint8Array): Uint8Array {
    if (this.#wiped) throw new TorError('onion-key');
    return withPrivateKey('ed25519', this.#seed, (key) => Uint8Array.from(sign(null, bytes, key)));
  }

  /** Signs nothing and publishes nothing after this: the secret is zero. */
  wipe(): void {
    this.#wiped = true;
    this.#seed.fill(0);
    this.#expandedSecret.fill(0);
  }
}

/**
 * The client-authorisation pair of one onion. `publicKey` is for the service, the secret for the
 * client's Tor.
 */
export class ClientAuthKey {
  readonly publicKey: Uint8Array;
  readonly #secret: Uint8Array;

  /** `secret`: 32 bytes, copied; X25519 clamps them itself. @throws TorError `onion-key` */
  constructor(secret: Uint8Array, hold: HoldSecret = inOrdinaryMemory) {
    if (secret.length !== X25519_KEY_BYTES) throw new TorError('onion-key');
    this.#secret = hold(Uint8Array.from(secret));
    this.publicKey = publicKeyOf('x25519', this.#secret);
  }

  /** Base32 of the public key, 52 characters: the value of `ClientAuthV3=`. */
  get publicBase32(): string {
    return encodeClientAuthPublicKey(this.publicKey);
  }

  /**
   * Base64 of the secret in a fresh buffer, for ONION_CLIENT_AUTH_ADD after `x25519:`. The caller
   * wipes it.
   */
  encodeForTor(): Uint8Array {
    return base64Bytes(this.#secret);
  }

  wipe(): void {
    this.#secret.fill(0);
  }
}

/**
 * Base32 of a 32-byte X25519 public key: the value of `ClientAuthV3=`.
 *
 * @throws TorError `onion-key`
 */
export function encodeClientAuthPublicKey(publicKey: Uint8Array): string {
  if (publicKey.length !== X25519_KEY_BYTES) throw new TorError('onion-key');
  return base32Encode(publicKey);
}

function addressChecksum(publicKey: Uint8Array): Uint8Array {
  const hash = createHash('sha3-256').update(CHECKSUM_PREFIX).update(publicKey).update(Uint8Array.of(ADDRESS_VERSION));
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}

function expandSeed(seed: Uint8Array): Buffer {
  const expanded = createHash('sha512').update(seed).digest();
  // RFC 8032 §5.1.5: clear the low three bits and the highest, set the one below it.
  expanded.writeUInt8(expanded.readUInt8(0) & 0xf8, 0);
  expanded.writeUInt8((expanded.readUInt8(31) & 0x3f) | 0x40, 31);
  return expanded;
}

function publicKeyOf(algorithm: Algorithm, secret: Uint8Array): Uint8Array {
  return withPrivateKey(algorithm, secret, (key) => rawPublicKey(createPublicKey(key)));
}

/** Node's form of the key, for as long as `use` runs. */
function withPrivateKey<Result>(algorithm: Algorithm, secret: Uint8Array, use: (key: KeyObject) => Result): Result {
  const der = Buffer.concat([PKCS8_PREFIX[algorithm], secret]);
  try {
    return use(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  } finally {
    der.fill(0);
  }
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const spki = key.export({ format: 'der', type: 'spki' });
  // A copy of its own, so that no view into a shared pool leaves this file. RFC 8410 §4: the key is
  // the end of the structure.
  return Uint8Array.from(spki.subarray(-ED25519_KEY_BYTES));
}
