// What follows from the room secret for whoever connects, and how everything does. PROTOCOL.md §5.6.

import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, ROOM_ID_BYTES, ROOM_SECRET_BYTES, ROOM_TAG_BYTES } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import nacl from 'tweetnacl';
import { LABELS } from './labels.ts';
import type { Label } from './labels.ts';
import { Secret } from './secret.ts';

const KEY_BYTES = 32;

/** The keys of one room, all from its secret; the room tag binds them to one onion. */
export interface RoomKeys {
  /** 16 bytes, known to the relay. */
  readonly roomId: Uint8Array;
  /** 16 bytes, opaque to the relay; part of what the capability signs, so that a signature for one onion is void at another. */
  readonly roomTag: Uint8Array;
  /** 32 bytes, Ed25519, known to the relay. */
  readonly capabilityKey: Uint8Array;
  /** 64 bytes, tweetnacl's form of the Ed25519 key. All members share it: the relay cannot tell them apart. */
  readonly capabilitySecret: Secret;
  /** 32 bytes, the seed of the onion's client authorisation key (X25519). */
  readonly clientAuthorisationSeed: Secret;
}

/** HKDF-SHA-512 (RFC 5869) with an empty salt and the label as info; 32 bytes. */
export function deriveKey(secret: Uint8Array, label: Label): Uint8Array {
  return hkdf(sha512, secret, undefined, ascii(label), KEY_BYTES);
}

/** What an invite says of a room: an `Invite` fits. */
export interface RoomKeyInput {
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
  /** 32 bytes, the onion's Ed25519 public key. */
  readonly onionKey: Uint8Array;
  /** Absent is `off`. */
  readonly cover?: Cover;
}

/**
 * @returns the room's keys. The arguments are copied where they are needed and stay the caller's.
 * PROTOCOL.md §5.6.
 * @throws RangeError if the room secret is not 32 bytes long.
 */
export function deriveRoomKeys({ roomSecret, onionKey, cover = 'off' }: RoomKeyInput): RoomKeys {
  if (roomSecret.length !== ROOM_SECRET_BYTES) throw new RangeError('a room secret of another length');
  // A string whose mode was changed leads nowhere.
  const seed = deriveKey(roomSecret, cover === 'off' ? LABELS.capability : `${LABELS.capability} ${cover}`);
  const capability = nacl.sign.keyPair.fromSeed(seed);
  seed.fill(0);
  return {
    roomId: truncatedHash(LABELS.roomId, ROOM_ID_BYTES, capability.publicKey),
    roomTag: truncatedHash(LABELS.roomTag, ROOM_TAG_BYTES, onionKey, capability.publicKey),
    capabilityKey: capability.publicKey,
    capabilitySecret: new Secret(capability.secretKey),
    clientAuthorisationSeed: new Secret(deriveKey(roomSecret, LABELS.clientAuthorisation)),
  };
}

/** Zeroes the keys at the end of a room. */
export function destroyRoomKeys(keys: RoomKeys): void {
  keys.capabilitySecret.destroy();
  keys.clientAuthorisationSeed.destroy();
}

/** SHA-256 of a label and fixed-length parts, cut to `length` bytes. The parts' lengths are fixed, so their joints are not ambiguous. */
export function truncatedHash(label: Label, length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(ascii(label), ...parts)).slice(0, length);
}

/** SHA-256 of an upload: what the relay checks before it takes a commit. PROTOCOL.md §4.7. */
export function digestOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** Labels are ASCII: one byte a character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
