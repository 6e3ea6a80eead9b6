// The keys that the group derives from the room secret: its id, the members' credentials, and half
// of every epoch frame key. PROTOCOL.md §5.6.

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, ROOM_ID_BYTES, ROOM_SECRET_BYTES } from '@sotto/protocol';
import { deriveKey } from '../key-schedule.ts';
import { LABELS } from '../labels.ts';
import { GROUP_ID_BYTES } from '../limits.ts';
import { Secret } from '../secret.ts';

/**
 * The keys of one group, all from its room secret. Their holder ends them with `destroyGroupKeys`.
 */
export interface GroupKeys {
  /** 16 bytes: the MLS group id. Only a holder of the room secret can compute it. */
  readonly groupId: Uint8Array;
  /** 16 bytes: the context of the exporter (RFC 9420 §8.5). */
  readonly roomId: Uint8Array;
  /** 32 bytes: makes and checks the members' credentials. */
  readonly credentialKey: Secret;
  /** 32 bytes: seals the snapshot. */
  readonly snapshotKey: Secret;
  /**
   * 32 bytes: seals key packages, and the commits of joiners. A joiner has no epoch frame key yet.
   */
  readonly joinKey: Secret;
  /** 32 bytes. */
  readonly roomSecret: Secret;
}

/** The input of `deriveGroupKeys`. */
export interface GroupKeyInput {
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
  /** 16 bytes. */
  readonly roomId: Uint8Array;
}

/**
 * @returns the group's keys (PROTOCOL.md §5.6). Both arguments are copied and stay the caller's;
 * `slice` of a Buffer would be a view.
 * @throws RangeError if one of the two has another length.
 */
export function deriveGroupKeys({ roomSecret, roomId }: GroupKeyInput): GroupKeys {
  if (roomSecret.length !== ROOM_SECRET_BYTES) throw new RangeError('a room secret of another length');
  if (roomId.length !== ROOM_ID_BYTES) throw new RangeError('a room id of another length');
  return {
    groupId: deriveKey(roomSecret, LABELS.groupId).slice(0, GROUP_ID_BYTES),
    roomId: Uint8Array.from(roomId),
    credentialKey: new Secret(deriveKey(roomSecret, LABELS.memberCredential)),
    snapshotKey: new Secret(deriveKey(roomSecret, LABELS.snapshot)),
    joinKey: new Secret(deriveKey(roomSecret, LABELS.join)),
    roomSecret: new Secret(Uint8Array.from(roomSecret)),
  };
}

/** Zeroes the four secrets of a group at its end. A later use of them throws. */
export function destroyGroupKeys(keys: GroupKeys): void {
  keys.credentialKey.destroy();
  keys.snapshotKey.destroy();
  keys.joinKey.destroy();
  keys.roomSecret.destroy();
}

/**
 * @returns the epoch frame key, 32 bytes: KDF(exporter || room secret). Breaking one of the two
 * does not break the envelope. `exported`, 32 bytes, is zeroed. PROTOCOL.md §5.6.
 */
export function deriveEpochFrameKey(keys: GroupKeys, exported: Uint8Array): Secret {
  const input = keys.roomSecret.use((roomSecret) => concatBytes(exported, roomSecret));
  const key = deriveKey(input, LABELS.epochFrame);
  input.fill(0);
  exported.fill(0);
  return new Secret(key);
}

/**
 * @returns 32 bytes that only a holder of the room secret can make for this member key: HMAC-SHA256
 * under the credential key, which has no other use. PROTOCOL.md §5.8.
 */
export function credentialMac(keys: GroupKeys, memberKey: Uint8Array): Uint8Array {
  return keys.credentialKey.use((key) => hmac(sha256, key, memberKey));
}
