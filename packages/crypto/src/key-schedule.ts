// The keys that a connection derives from the room secret, and the derivation itself. PROTOCOL.md
// §5.6.

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
  /**
   * 16 bytes, opaque to the relay. The capability signs it, so that a signature for one onion is
   * void at another.
   */
  readonly roomTag: Uint8Array;
  /** 32 bytes, Ed25519, known to the relay. */
  readonly capabilityKey: Uint8Array;
  /**
   * 64 bytes, the Ed25519 seed and public key as tweetnacl stores them. All members share it, so
   * the relay cannot tell them apart.
   */
  readonly capabilitySecret: Secret;
  /** 32 bytes, the seed of the onion's client authorisation key (X25519). */
  readonly clientAuthorisationSeed: Secret;
}

/**
 * @returns 32 bytes: HKDF-SHA-512 (RFC 5869) of `secret` with an empty salt and the label as info.
 * PROTOCOL.md §5.6.
 */
export function deriveKey(secret: Uint8Array, label: Label): Uint8Array {
  return hkdf(sha512, secret, undefined, ascii(label), KEY_BYTES);
}

/** The fields of an invite from which the keys follow; an `Invite` fits. */
export interface RoomKeyInput {
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
  /** 32 bytes, the onion's Ed25519 public key. */
  readonly onionKey: Uint8Array;
  /** The cover mode; absent is `off`. */
  readonly cover?: Cover;
}

/**
 * @returns the room's keys (PROTOCOL.md §5.6). The arguments are copied and stay the caller's; the
 * caller ends the keys with `destroyRoomKeys`.
 * @throws RangeError if the room secret is not 32 bytes long.
 */
export function deriveRoomKeys({ roomSecret, onionKey, cover = 'off' }: RoomKeyInput): RoomKeys {
  if (roomSecret.length !== ROOM_SECRET_BYTES) throw new RangeError('a room secret of another length');
  // A connection string with a changed mode gives other keys, so the relay refuses it.
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

/** Zeroes the two secrets of a room at its end. A later use of them throws. */
export function destroyRoomKeys(keys: RoomKeys): void {
  keys.capabilitySecret.destroy();
  keys.clientAuthorisationSeed.destroy();
}

/**
 * @returns SHA-256 of the label and the parts, cut to `length` bytes. Each caller gives parts of
 * fixed lengths, so two different lists never make the same input.
 */
export function truncatedHash(label: Label, length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(ascii(label), ...parts)).slice(0, length);
}

/**
 * @returns 32 bytes, SHA-256 of an upload's bytes: the relay checks it before it accepts the
 * commit. PROTOCOL.md §4.7.
 */
export function digestOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** @returns one byte a character. Labels are ASCII. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
