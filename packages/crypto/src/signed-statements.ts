// Signatures outside MLS: a connection's capability, a member's leave proof, a moderator's order.
// All members accept exactly the same ones. PROTOCOL.md §4.2, §5.2, §5.9.

import { capabilityStatement, concatBytes, orderStatement } from '@sotto/protocol';
import type { LeaveProof, Move, SignedOrder, SignedPresence } from '@sotto/protocol';
import nacl from 'tweetnacl';
import { isStrictEd25519Key, littleEndianBytes } from './ed25519-keys.ts';
import { ascii } from './key-schedule.ts';
import type { RoomKeys } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import { SIGNATURE_BYTES } from './limits.ts';
import type { GroupIdentity } from './mls/identity.ts';
import { memberIdOf } from './mls/member-id.ts';
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

interface SignedStatement {
  readonly statement: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** 32 bytes, Ed25519. */
  readonly key: Uint8Array;
}

/**
 * RFC 8032 §5.1.7 without the cofactor. The bare library would also accept S + L for S, which other
 * implementations refuse.
 */
function verifyStatement({ statement, signature, key }: SignedStatement): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isStrictEd25519Key(key)) return false;
  if (littleEndianBytes(signature.subarray(32)) >= GROUP_ORDER) return false;
  return nacl.sign.detached.verify(statement, signature, key);
}

/** The fields of an attach request that the capability signs. */
export interface Challenged {
  /** 32 bytes, of the relay's CHALLENGE. */
  readonly challenge: Uint8Array;
  /** The number of the first log entry that the member asks for. */
  readonly from: number;
}

/**
 * @returns the 64-byte Ed25519 signature that admits one connection (PROTOCOL.md §4.2). The
 * challenge is fresh, so the signature is void on any other connection.
 */
export function signCapability(keys: RoomKeys, { challenge, from }: Challenged): Uint8Array {
  const statement = capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from });
  return keys.capabilitySecret.use((secret) => nacl.sign.detached(statement, secret));
}

/**
 * @returns the proof that the member leaves the room: its id and a 64-byte signature over label,
 * room id and member id (PROTOCOL.md §5.2). The proof carries no time: it ends the stay for which
 * the key was made, and the key is never used again.
 * @param roomId 16 bytes.
 */
export function proveLeave(identity: GroupIdentity, roomId: Uint8Array): LeaveProof {
  const memberId = memberIdOf(identity.memberKey);
  return { memberId, signature: signStatement(identity.secret, leaveStatement({ roomId, memberId })) };
}

/** A leave proof with the room and the key that it has to match. */
export interface SignedLeave {
  readonly proof: LeaveProof;
  /** 16 bytes. */
  readonly roomId: Uint8Array;
  /** 32 bytes, the Ed25519 key of the member that leaves. */
  readonly memberKey: Uint8Array;
}

/**
 * @returns whether the member with this key has signed that it leaves this room. PROTOCOL.md §5.2.
 */
export function verifyLeave({ proof, roomId, memberKey }: SignedLeave): boolean {
  return verifyStatement({
    statement: leaveStatement({ roomId, memberId: proof.memberId }),
    signature: proof.signature,
    key: memberKey,
  });
}

function leaveStatement({ roomId, memberId }: Pick<SignedLeave, 'roomId'> & Pick<LeaveProof, 'memberId'>): Uint8Array {
  return concatBytes(ascii(LABELS.leave), roomId, memberId);
}

/** A presence outside of the log is bound to this. */
export interface PresenceClaim {
  /** 16 bytes. */
  readonly roomId: Uint8Array;
  /** 64 bytes: a presence says nothing in any other epoch. */
  readonly epochAuthenticator: Uint8Array;
  readonly content: Uint8Array;
}

/** @returns the presence, signed by this member. PROTOCOL.md §5.5. */
export function signPresence(identity: GroupIdentity, claim: PresenceClaim): SignedPresence {
  const memberId = memberIdOf(identity.memberKey);
  const signature = signStatement(identity.secret, presenceStatement({ ...claim, memberId }));
  return { memberId, signature, content: claim.content };
}

/** @returns whether the member with this key has signed the presence. PROTOCOL.md §5.5. */
export function verifyPresence({
  presence,
  memberKey,
  ...bound
}: Omit<PresenceClaim, 'content'> & {
  readonly presence: SignedPresence;
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
}): boolean {
  const { memberId, signature, content } = presence;
  return verifyStatement({ statement: presenceStatement({ ...bound, memberId, content }), signature, key: memberKey });
}

function presenceStatement({
  roomId,
  epochAuthenticator,
  memberId,
  content,
}: PresenceClaim & Pick<SignedPresence, 'memberId'>): Uint8Array {
  return concatBytes(ascii(LABELS.presence), roomId, epochAuthenticator, memberId, content);
}

/** A signed order with the room and the key that it has to match. */
export interface OrderOfRoom {
  readonly order: SignedOrder | Move;
  /** 16 bytes. */
  readonly roomId: Uint8Array;
  /** 32 bytes, the onion's Ed25519 public key. */
  readonly moderatorKey: Uint8Array;
}

/** @returns whether the moderator has signed this order for this room. PROTOCOL.md §5.9. */
export function verifyOrder({ order, roomId, moderatorKey }: OrderOfRoom): boolean {
  return verifyStatement({ statement: orderStatement(roomId, order), signature: order.signature, key: moderatorKey });
}
