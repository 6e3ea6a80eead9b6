// A member's word that it wants to go, which whoever removes it shows to all: nobody can be removed without. PROTOCOL.md §5.8.

import { concatBytes } from '@sotto/protocol';
import type { LeaveProof } from '@sotto/protocol';
import nacl from 'tweetnacl';
import type { GroupIdentity } from './group-identity.ts';
import { ascii } from './key-schedule.ts';
import { LABELS } from './labels.ts';

/** Member ids and keys are made for one room and one stay, so the proof needs no time: it is good once, and for this stay only. */
export function proveLeave(identity: GroupIdentity, roomId: Uint8Array): LeaveProof {
  const statement = leaveStatement(roomId, identity.memberId);
  const signature = identity.secret.use((seed) => {
    const pair = nacl.sign.keyPair.fromSeed(seed);
    const signed = nacl.sign.detached(statement, pair.secretKey);
    pair.secretKey.fill(0);
    return signed;
  });
  return { memberId: identity.memberId, signature };
}

export function verifyLeave(proof: LeaveProof, roomId: Uint8Array, memberKey: Uint8Array): boolean {
  return nacl.sign.detached.verify(leaveStatement(roomId, proof.memberId), proof.signature, memberKey);
}

function leaveStatement(roomId: Uint8Array, memberId: Uint8Array): Uint8Array {
  return concatBytes(ascii(LABELS.leave), roomId, memberId);
}
