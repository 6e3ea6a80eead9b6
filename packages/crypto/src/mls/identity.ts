// A member's own id and signing key in one group: made for this room, kept for a re-join, and gone with the room.

import { ed25519 } from '@noble/curves/ed25519.js';
import type { RandomSource } from '../envelope.ts';
import { MEMBER_ID_BYTES } from '../limits.ts';
import { Secret } from '../secret.ts';

const SEED_BYTES = 32;

export interface GroupIdentity {
  /** 16 random bytes. */
  readonly memberId: Uint8Array;
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
  /** 32 bytes, the seed of the signing key. */
  readonly secret: Secret;
}

/** @returns the same member, with a secret of its own to destroy: for the room to which its room has moved. */
export function copyGroupIdentity({ memberId, memberKey, secret }: GroupIdentity): GroupIdentity {
  return { memberId, memberKey, secret: new Secret(secret.use((seed) => Uint8Array.from(seed))) };
}

export function createGroupIdentity(random: RandomSource): GroupIdentity {
  const seed = random(SEED_BYTES);
  return { memberId: random(MEMBER_ID_BYTES), memberKey: ed25519.getPublicKey(seed), secret: new Secret(seed) };
}
