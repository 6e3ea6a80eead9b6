// The outer envelope of every frame, real or dummy: the relay and the network see nothing more.
// PROTOCOL.md §5.1.

import { ENVELOPE_OVERHEAD_BYTES, NONCE_BYTES, accept, concatBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import nacl from 'tweetnacl';
import type { Secret } from './secret.ts';

/**
 * @returns `length` random bytes, unpredictable to others: of the system's generator, or in tests
 * of a seeded one.
 */
export type RandomSource = (length: number) => Uint8Array;

/**
 * @returns the bytes of plaintext that fill a body of `bodyBytes` bytes: 40 fewer (nonce 24, tag
 * 16).
 */
export function plaintextBytes(bodyBytes: number): number {
  return bodyBytes - ENVELOPE_OVERHEAD_BYTES;
}

/**
 * Seals `plaintext`, already padded to its frame, as `nonce 24 || XSalsa20-Poly1305` (PROTOCOL.md
 * §5.1).
 * The nonce is 192 random bits: after 2^48 frames under one key a collision is less likely than
 * 2^-97. So no counter has to survive a restart.
 *
 * @param key 32 bytes.
 * @returns the body, 40 bytes longer than `plaintext`.
 */
export function sealEnvelope(key: Secret, plaintext: Uint8Array, random: RandomSource): Uint8Array {
  const nonce = random(NONCE_BYTES);
  return key.use((bytes) => concatBytes(nonce, nacl.secretbox(plaintext, nonce, bytes)));
}

/**
 * Opens a body (PROTOCOL.md §5.1).
 *
 * @param key 32 bytes.
 * @returns the plaintext, or the code `envelope-foreign` for every body that this key did not seal:
 * changed, too short, or under another key.
 */
export function openEnvelope(key: Secret, body: Uint8Array): Decoded<Uint8Array, 'envelope-foreign'> {
  if (body.length < ENVELOPE_OVERHEAD_BYTES) return refuse('envelope-foreign');
  const opened = key.use((bytes) =>
    nacl.secretbox.open(body.subarray(NONCE_BYTES), body.subarray(0, NONCE_BYTES), bytes),
  );
  return opened === null ? refuse('envelope-foreign') : accept(opened);
}
