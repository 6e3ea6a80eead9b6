// The outer envelope: what the relay and the network see of every frame, real or dummy. PROTOCOL.md §5.1.

import { ENVELOPE_OVERHEAD_BYTES, NONCE_BYTES, accept, concatBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import nacl from 'tweetnacl';
import type { Secret } from './secret.ts';

/** Random bytes from the system's generator; in tests a seeded one. */
export type RandomSource = (length: number) => Uint8Array;

/** Bytes of plaintext in an envelope that fills a body of this length. */
export function plaintextBytes(bodyBytes: number): number {
  return bodyBytes - ENVELOPE_OVERHEAD_BYTES;
}

/**
 * Seals `plaintext` (already padded to its frame) as nonce 24 || XSalsa20-Poly1305.
 * The nonce is 192 random bits: at 2^48 frames under one key a collision is less likely than 2^-97.
 * So no counter has to survive a restart.
 */
export function sealEnvelope(key: Secret, plaintext: Uint8Array, random: RandomSource): Uint8Array {
  const nonce = random(NONCE_BYTES);
  return key.use((bytes) => concatBytes(nonce, nacl.secretbox(plaintext, nonce, bytes)));
}

/** Opens a body. What does not open is not of this room (or a filling of the relay): the two cannot be told apart, and need not be. */
export function openEnvelope(key: Secret, body: Uint8Array): Decoded<Uint8Array, 'envelope-foreign'> {
  if (body.length < ENVELOPE_OVERHEAD_BYTES) return refuse('envelope-foreign');
  const opened = key.use((bytes) =>
    nacl.secretbox.open(body.subarray(NONCE_BYTES), body.subarray(0, NONCE_BYTES), bytes),
  );
  return opened === null ? refuse('envelope-foreign') : accept(opened);
}
