// Signatures outside MLS: a connection's capability, a member's leave proof, a moderator's order. All
// members accept exactly the same ones. PROTOCOL.md §4.2, §5.2, §5.9.

import { capabilityStatement, concatBytes, orderStatement } from '@sotto/protocol';
import type { LeaveProof, Move, SignedOrder } from '@sotto/protocol';
import nacl from 'tweetnacl';
import { isStrictEd25519Key, littleEndianBytes } from './ed25519-keys.ts';
import { ascii } from './key-schedule.ts';
import type { RoomKeys } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import { SIGNATURE_BYTES } from './limits.ts';
import type { GroupIdentity } from './mls/identity.ts';
import type { Secret } from './secret.ts';

/** The order of the base point (RFC 8032 §5.1). */
const GROUP_ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

/** @returns the 64-byte signature by the key of this 32-byte seed. */
function signStatement(secret: Secret, statement: Uint8Array): Uint8Array {
  return secret.use((seed) => {
    const pair = nacl.sign.keyPair.fromSeed(seed);
    const signature = nacl.sign.detached(statement, pair.secretKey);
    pair.secretKey.fill(0);
    return signature;
  });
}

/** RFC 8032 §5.1.7 without the cofactor. The library alone would also take S + L for S, which others refuse. */
function verifyStatement(statement: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isStrictEd25519Key(key)) return false;
  if (littleEndianBytes(signature.subarray(32)) >= GROUP_ORDER) return false;
  return nacl.sign.detached.verify(statement, signature, key);
}

/** @returns the 64-byte Ed25519 signature that admits one connection: the challenge is fresh, so it is of no use on another. */
export function signCapability(keys: RoomKeys, challenge: Uint8Array, from: number): Uint8Array {
  const statement = capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from });
  return keys.capabilitySecret.use((secret) => nacl.sign.detached(statement, secret));
}

/** The proof needs no time: whoever has given it comes back under another id, so it is good for this stay only. */
export function proveLeave(identity: GroupIdentity, roomId: Uint8Array): LeaveProof {
  const { memberId } = identity;
  return { memberId, signature: signStatement(identity.secret, leaveStatement(roomId, memberId)) };
}

export function verifyLeave(proof: LeaveProof, roomId: Uint8Array, memberKey: Uint8Array): boolean {
  return verifyStatement(leaveStatement(roomId, proof.memberId), proof.signature, memberKey);
}

function leaveStatement(roomId: Uint8Array, memberId: Uint8Array): Uint8Array {
  return concatBytes(ascii(LABELS.leave), roomId, memberId);
}

/** @returns whether whoever holds the secret half of `moderatorKey` (32 bytes, the onion's public key) has signed this order for this room. */
export function verifyOrder(order: SignedOrder | Move, roomId: Uint8Array, moderatorKey: Uint8Array): boolean {
  return verifyStatement(orderStatement(roomId, order), order.signature, moderatorKey);
}
