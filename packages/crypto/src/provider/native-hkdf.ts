// HKDF and HMAC (RFC 5869, RFC 2104) on node:crypto, in the shape that MLS and HPKE ask for.

import { createHmac, randomFillSync } from 'node:crypto';
import { concatBytes } from '@sotto/protocol';

export type NativeHash = 'sha256' | 'sha512';

const HASH_BYTES: Readonly<Record<NativeHash, number>> = { sha256: 32, sha512: 64 };
/** RFC 5869 §2.3: no more than 255 blocks. */
const MAX_BLOCKS = 255;

export interface NativeKdf {
  readonly size: number;
  readonly extract: (salt: Uint8Array, ikm: Uint8Array) => Uint8Array;
  readonly expand: (prk: Uint8Array, info: Uint8Array, length: number) => Uint8Array;
}

/** A copy that shares no memory with Node's buffer pool: what is zeroed later is then the only one that we made. */
export function copyBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}

/** The same of what nobody else holds: the original is zeroed. */
export function copyAndZero(buffer: Uint8Array): Uint8Array {
  const own = copyBytes(buffer);
  buffer.fill(0);
  return own;
}

/** Filled where they stay: there is no second copy. */
export function randomBytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

export function hmac(hash: NativeHash, key: Uint8Array, data: Uint8Array): Uint8Array {
  return copyAndZero(createHmac(hash, key).update(data).digest());
}

export function makeKdf(hash: NativeHash): NativeKdf {
  const size = HASH_BYTES[hash];
  return {
    size,
    extract: (salt, ikm) => hmac(hash, salt, ikm),
    expand: (prk, info, length) => {
      const blocks = Math.ceil(length / size);
      if (blocks > MAX_BLOCKS) throw new RangeError('HKDF gives 255 blocks at most');
      const output = new Uint8Array(length);
      let block: Uint8Array = new Uint8Array(0);
      for (let index = 0; index < blocks; index += 1) {
        const next = hmac(hash, prk, concatBytes(block, info, Uint8Array.of(index + 1)));
        block.fill(0);
        block = next;
        output.set(block.subarray(0, Math.min(size, length - index * size)), index * size);
      }
      block.fill(0);
      return output;
    },
  };
}
