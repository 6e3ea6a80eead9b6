// Whether a connection may attach: one Ed25519 signature over this connection's own challenge. The
// relay verifies signatures; it has no key to make one.

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { capabilityStatement, ROOM_TAG_BYTES } from '@sotto/protocol';
import type { AttachRequest } from '@sotto/protocol';
import type { RoomTerms } from './store/room-store.ts';

/**
 * What comes before the 32 bytes of an Ed25519 public key in its SubjectPublicKeyInfo: RFC 8410 §4.
 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** What a room verifies an ATTACH with. */
export interface RoomCapability {
  readonly key: KeyObject;
  readonly roomTag: Uint8Array;
}

/**
 * Stands for every room that does not exist: nobody has its private key. Verifying with it costs
 * what verifying for a room costs, so that time tells nothing.
 */
const NO_ROOM: RoomCapability = {
  key: generateKeyPairSync('ed25519').publicKey,
  roomTag: new Uint8Array(ROOM_TAG_BYTES),
};

/** `capabilityKey` is an Ed25519 public key of 32 bytes, `roomTag` 16 opaque bytes. */
export function makeRoomCapability({
  capabilityKey,
  roomTag,
}: Pick<RoomTerms, 'capabilityKey' | 'roomTag'>): RoomCapability {
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, capabilityKey]), format: 'der', type: 'spki' });
  return { key, roomTag };
}

/** No room and a wrong signature are the same answer after the same work. PROTOCOL.md §4.2. */
export function verifyAttach(
  capability: RoomCapability | undefined,
  challenge: Uint8Array,
  request: AttachRequest,
): boolean {
  const { key, roomTag } = capability ?? NO_ROOM;
  const statement = capabilityStatement({ challenge, roomTag, roomId: request.roomId, from: request.from });
  const fits = verify(null, statement, key, request.signature);
  return fits && capability !== undefined;
}
