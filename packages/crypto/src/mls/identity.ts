// A member's own signing key in one group. The key is made for one stay in the room, kept for a
// resync, and destroyed at the end of the stay.

import { ed25519 } from '@noble/curves/ed25519.js';
import type { RandomSource } from '../envelope.ts';
import { Secret } from '../secret.ts';

const SEED_BYTES = 32;

/**
 * The identity of one member in one room. Its holder ends it with `secret.destroy()`. PROTOCOL.md
 * §5.6.
 */
export interface GroupIdentity {
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
  /** 32 bytes, the seed of the signing key. */
  readonly secret: Secret;
}

/**
 * @returns the same member with a secret of its own to destroy. The member takes the copy into the
 * room to which its room has moved (PROTOCOL.md §5.9).
 */
export function copyGroupIdentity({ memberKey, secret }: GroupIdentity): GroupIdentity {
  return { memberKey, secret: new Secret(secret.use((seed) => Uint8Array.from(seed))) };
}

/** @returns a new member: an Ed25519 key from a random seed of 32 bytes. */
export function createGroupIdentity(random: RandomSource): GroupIdentity {
  const seed = random(SEED_BYTES);
  return { memberKey: ed25519.getPublicKey(seed), secret: new Secret(seed) };
}
