// Whether a connection may attach: one Ed25519 signature over this connection's own challenge. The relay verifies, and can sign nothing.

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { capabilityStatement, ROOM_TAG_BYTES } from '@sotto/protocol';
import type { AttachRequest } from '@sotto/protocol';

/** What comes before the 32 bytes of an Ed25519 public key in its SubjectPublicKeyInfo: RFC 8410 §4. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** What a room asks for. */
export interface RoomCapability {
  readonly key: KeyObject;
  readonly roomTag: Uint8Array;
}

/** The lock of no room: its private half is thrown away here. Checking it costs what a real one costs. */
const NO_ROOM: RoomCapability = {
  key: generateKeyPairSync('ed25519').publicKey,
  roomTag: new Uint8Array(ROOM_TAG_BYTES),
};

/** @param capabilityKey 32 raw bytes. */
export function makeRoomCapability(capabilityKey: Uint8Array, roomTag: Uint8Array): RoomCapability {
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, capabilityKey]), format: 'der', type: 'spki' });
  return { key, roomTag };
}

/** No room and a wrong signature are the same answer after the same work. PROTOCOL.md §4.2. */
export function verifyAttach(lock: RoomCapability | undefined, challenge: Uint8Array, request: AttachRequest): boolean {
  const { key, roomTag } = lock ?? NO_ROOM;
  const statement = capabilityStatement(challenge, roomTag, request.roomId, request.from);
  const fits = verify(null, statement, key, request.signature);
  return fits && lock !== undefined;
}
