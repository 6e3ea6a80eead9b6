// The connection string: which onion, and the secret of the room, in one checksummed word.
// PROTOCOL.md §7.

import { ByteReader, ByteWriter } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { Decoded, InviteCode } from './errors.ts';
import { coverNumber, coverOfNumber } from './cover.ts';
import type { Cover } from './cover.ts';
import { ONION_KEY_BYTES, ROOM_SECRET_BYTES } from './limits.ts';

const PREFIX = 'sotto';
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const CHECKSUM_CHARACTERS = 6;
/** The constant that makes it bech32m and not bech32 (BIP 350). */
const BECH32M_CONSTANT = 0x2bc830a3;
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
const INVITE_VERSION = 1;
const PAYLOAD_BYTES: number = 2 + ONION_KEY_BYTES + ROOM_SECRET_BYTES;
/** The length of a connection string of this version. */
export const INVITE_CHARACTERS: number = PREFIX.length + 1 + Math.ceil((PAYLOAD_BYTES * 8) / 5) + CHECKSUM_CHARACTERS;

/** The secrets of a connection string. Anyone who has them can join. */
export interface Invite {
  readonly onionKey: Uint8Array;
  readonly roomSecret: Uint8Array;
  /** The room's cover mode; absent is `off`. */
  readonly cover?: Cover;
}

export function coverOf({ cover = 'off' }: Pick<Invite, 'cover'>): Cover {
  return cover;
}

/**
 * @returns the connection string in lower case, 118 characters. Upper-cased it is the same string,
 *   and a smaller QR code.
 */
export function encodeInvite(invite: Invite): string {
  const payload = new ByteWriter(PAYLOAD_BYTES)
    .u8(INVITE_VERSION)
    .u8(coverNumber(coverOf(invite)))
    .put(invite.onionKey)
    .put(invite.roomSecret);
  const words = regroup(payload.bytes, 8, 5);
  if (words === undefined) throw new RangeError('bytes always make words');
  return `${PREFIX}1${[...words, ...checksum(words)].map((word) => ALPHABET[word]).join('')}`;
}

/**
 * Refuses with the one thing that is wrong with it: the string is the user's own, there is nothing
 * to hide. PROTOCOL.md §7.2.
 */
export function decodeInvite(text: string): Decoded<Invite, InviteCode> {
  const trimmed = text.trim();
  if (trimmed === '') return refuse('invite-empty');
  const lower = trimmed.toLowerCase();
  if (trimmed !== lower && trimmed !== trimmed.toUpperCase()) return refuse('invite-case');
  if (!lower.startsWith(`${PREFIX}1`)) return refuse('invite-prefix');
  const words = Array.from(lower.slice(PREFIX.length + 1), (character) => ALPHABET.indexOf(character));
  // Beyond ASCII some characters become one of the alphabet's in lower case: the Kelvin sign is no
  // k.
  if (words.includes(-1) || !/^[!-~]*$/.test(trimmed)) return refuse('invite-character');
  if (words.length < CHECKSUM_CHARACTERS) return refuse('invite-length');
  if (polymod([...expandPrefix(), ...words]) !== BECH32M_CONSTANT) return refuse('invite-checksum');
  const payload = regroup(Uint8Array.from(words.slice(0, -CHECKSUM_CHARACTERS)), 5, 8);
  return payload === undefined ? refuse('invite-length') : decodePayload(payload);
}

function decodePayload(payload: Uint8Array): Decoded<Invite, InviteCode> {
  // The version comes first: a later one may have another length, and its owner should be told to
  // update.
  if (payload[0] !== INVITE_VERSION) return refuse(payload.length === 0 ? 'invite-length' : 'invite-version');
  if (payload.length !== PAYLOAD_BYTES) return refuse('invite-length');
  const reader = new ByteReader(payload);
  reader.u8();
  const cover = coverOfNumber(reader.u8());
  if (cover === undefined) return refuse('invite-flags');
  const onionKey = reader.take(ONION_KEY_BYTES).slice();
  const roomSecret = reader.take(ROOM_SECRET_BYTES).slice();
  return accept({ onionKey, roomSecret, ...(cover === 'off' ? {} : { cover }) });
}

function checksum(words: readonly number[] | Uint8Array): number[] {
  const remainder = polymod([...expandPrefix(), ...words, 0, 0, 0, 0, 0, 0]) ^ BECH32M_CONSTANT;
  return Array.from({ length: CHECKSUM_CHARACTERS }, (_, index) => (remainder >> (5 * (5 - index))) & 31);
}

/** The prefix takes part in the checksum, its high bits first (BIP 173). */
function expandPrefix(): number[] {
  const codes = Array.from(PREFIX, (character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/**
 * The BCH code of bech32 over GF(32) (BIP 173). It finds every error of up to four characters in
 * 89; here it only detects.
 */
function polymod(values: readonly number[]): number {
  let remainder = 1;
  for (const value of values) {
    const top = remainder >> 25;
    remainder = ((remainder & 0x1ffffff) << 5) ^ value;
    for (const [bit, term] of GENERATOR.entries()) if (((top >> bit) & 1) === 1) remainder ^= term;
  }
  return remainder;
}

/**
 * Groups bits anew. Going to bytes, left-over bits must be fewer than a word's and zero, so that
 * each invite has one spelling.
 */
function regroup(values: Uint8Array, fromBits: number, toBits: number): Uint8Array | undefined {
  const groups: number[] = [];
  let held = 0;
  let heldBits = 0;
  for (const value of values) {
    held = (held << fromBits) | value;
    heldBits += fromBits;
    while (heldBits >= toBits) {
      heldBits -= toBits;
      groups.push((held >> heldBits) & ((1 << toBits) - 1));
      held &= (1 << heldBits) - 1;
    }
  }
  if (fromBits > toBits) return Uint8Array.from(heldBits > 0 ? [...groups, held << (toBits - heldBits)] : groups);
  return heldBits < fromBits && held === 0 ? Uint8Array.from(groups) : undefined;
}
