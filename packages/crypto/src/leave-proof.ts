// A member's word that it wants to go, which whoever removes it shows to all. PROTOCOL.md §5.2.

import { concatBytes } from '@sotto/protocol';
import type { LeaveProof } from '@sotto/protocol';
import type { GroupIdentity } from './mls/identity.ts';
import { ascii } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import { signStatement, verifyStatement } from './signed-statement.ts';

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
