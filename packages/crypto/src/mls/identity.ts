// A member's own id and signing key in one group. It is made for this room, kept for a resync, and
// destroyed with the room.

import { ed25519 } from '@noble/curves/ed25519.js';
import type { RandomSource } from '../envelope.ts';
import { MEMBER_ID_BYTES } from '../limits.ts';
import { Secret } from '../secret.ts';

const SEED_BYTES = 32;

/**
 * The identity of one member in one room. Its holder ends it with `secret.destroy()`. PROTOCOL.md
 * §5.6.
 */
export interface GroupIdentity {
  /** 16 random bytes. */
  readonly memberId: Uint8Array;
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
  /** 32 bytes, the seed of the signing key. */
  readonly secret: Secret;
}

/**
 * @returns the same member with a secret of its own to destroy. The member takes the copy into the
 * room to which its room has moved (PROTOCOL.md §5.9).
 */
export function copyGroupIdentity({ memberId, memberKey, secret }: GroupIdentity): GroupIdentity {
  return { memberId, memberKey, secret: new Secret(secret.use((seed) => Uint8Array.from(seed))) };
}

/**
 * @returns a new member: 16 random bytes of id, and an Ed25519 key from a random seed of 32 bytes.
 */
export function createGroupIdentity(random: RandomSource): GroupIdentity {
  const seed = random(SEED_BYTES);
  return { memberId: random(MEMBER_ID_BYTES), memberKey: ed25519.getPublicKey(seed), secret: new Secret(seed) };
}
