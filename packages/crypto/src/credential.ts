// A member's own key for one session: who signed a frame, inside the envelope where the relay cannot look. PROTOCOL.md §5.2.

import { MEMBER_KEY_BYTES, SIGNATURE_BYTES, concatBytes, toHex } from '@sotto/protocol';
import nacl from 'tweetnacl';
import type { RandomSource } from './envelope.ts';
import { ascii, truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import { Secret } from './secret.ts';

const SEED_BYTES = 32;
const FINGERPRINT_BYTES = 8;

/** An Ed25519 key made for this session and gone with it: nothing links two sessions of one person. */
export interface MemberCredential {
  readonly memberKey: Uint8Array;
  readonly secret: Secret;
}

export function createCredential(random: RandomSource): MemberCredential {
  const seed = random(SEED_BYTES);
  const pair = nacl.sign.keyPair.fromSeed(seed);
  seed.fill(0);
  return { memberKey: pair.publicKey, secret: new Secret(pair.secretKey) };
}

/** Signs content for one room: the room id in the statement keeps a frame from being carried into another room. */
export function signContent(credential: MemberCredential, roomId: Uint8Array, content: Uint8Array): Uint8Array {
  const statement = memberStatement(roomId, credential.memberKey, content);
  return credential.secret.use((secret) => nacl.sign.detached(statement, secret));
}

export function verifyContent(
  roomId: Uint8Array,
  memberKey: Uint8Array,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (memberKey.length !== MEMBER_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  return nacl.sign.detached.verify(memberStatement(roomId, memberKey, content), signature, memberKey);
}

/** @returns 16 hexadecimal digits that stand for a member's key on screens. 64 bits: enough to tell members apart, not to verify one. */
export function fingerprint(memberKey: Uint8Array): string {
  return toHex(truncatedHash(LABELS.fingerprint, FINGERPRINT_BYTES, memberKey));
}

function memberStatement(roomId: Uint8Array, memberKey: Uint8Array, content: Uint8Array): Uint8Array {
  return concatBytes(ascii(LABELS.memberFrame), roomId, memberKey, content);
}
