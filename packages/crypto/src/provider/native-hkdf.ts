// HKDF and HMAC (RFC 5869, RFC 2104) on node:crypto, in the form that MLS and HPKE need.

import { createHmac, randomFillSync } from 'node:crypto';
import { concatBytes } from '@sotto/protocol';

export type NativeHash = 'sha256' | 'sha512';

const HASH_BYTES: Readonly<Record<NativeHash, number>> = { sha256: 32, sha512: 64 };
/** RFC 5869 §2.3: no more than 255 blocks. */
const MAX_BLOCKS = 255;

/** HKDF over one hash; `size` is the hash's length in bytes. */
export interface NativeKdf {
  readonly size: number;
  readonly extract: (input: { readonly salt: Uint8Array; readonly ikm: Uint8Array }) => Uint8Array;
  readonly expand: (input: {
    readonly prk: Uint8Array;
    readonly info: Uint8Array;
    readonly length: number;
  }) => Uint8Array;
}

/**
 * @returns a copy that shares no memory with Node's buffer pool. Zeroing it then zeroes the only
 * copy that we made.
 */
export function copyBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}

/** @returns the same copy, and zeroes the original, which no other code may hold. */
export function copyAndZero(buffer: Uint8Array): Uint8Array {
  const own = copyBytes(buffer);
  buffer.fill(0);
  return own;
}

/** @returns random bytes of the system, filled in place: there is no second copy. */
export function randomBytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

/** @returns HMAC (RFC 2104) of `data`: 32 bytes with SHA-256, 64 with SHA-512. */
export function hmac(
  hash: NativeHash,
  { key, data }: { readonly key: Uint8Array; readonly data: Uint8Array },
): Uint8Array {
  return copyAndZero(createHmac(hash, key).update(data).digest());
}

/** @returns HKDF (RFC 5869) over this hash. `expand` throws a RangeError above 255 blocks. */
export function makeKdf(hash: NativeHash): NativeKdf {
  const size = HASH_BYTES[hash];
  return {
    size,
    extract: ({ salt, ikm }) => hmac(hash, { key: salt, data: ikm }),
    expand: ({ prk, info, length }) => {
      const blocks = Math.ceil(length / size);
      if (blocks > MAX_BLOCKS) throw new RangeError('HKDF gives 255 blocks at most');
      const output = new Uint8Array(length);
      let block: Uint8Array = new Uint8Array(0);
      for (let index = 0; index < blocks; index += 1) {
        const next = hmac(hash, { key: prk, data: concatBytes(block, info, Uint8Array.of(index + 1)) });
        block.fill(0);
        block = next;
        output.set(block.subarray(0, Math.min(size, length - index * size)), index * size);
      }
      block.fill(0);
      return output;
    },
  };
}
