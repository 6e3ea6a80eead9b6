// Values that people compare to verify each other: fingerprint and safety number.
// PROTOCOL.md §5.6, §5.12.

import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, toHex } from '@sotto/protocol';
import { ascii, truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import type { GroupMember } from './mls/tree.ts';

const FINGERPRINT_BYTES = 8;

/**
 * @returns 16 hexadecimal digits of a 32-byte member key (PROTOCOL.md §5.6). 64 bits tell members
 * apart, but verify none.
 */
export function fingerprint(memberKey: Uint8Array): string {
  return toHex(truncatedHash(LABELS.fingerprint, FINGERPRINT_BYTES, memberKey));
}

/** Rounds of the hash. They raise the cost of a search for a key with a similar number. */
const ITERATIONS = 5_200;
const GROUPS = 12;
const BYTES_PER_GROUP = 5;
const DIGITS_PER_GROUP = 5;

/**
 * @returns 60 decimal digits, the same on both sides, and the same while both keep their keys.
 * PROTOCOL.md §5.12.
 * H_0 = label, H_i = SHA-512(H_(i-1) || pair), 5,200 times. Then 12 times five bytes, big-endian,
 * modulo 100,000.
 */
export function safetyNumber(one: SafetyParty, other: SafetyParty): string {
  const keys = [one.memberKey, other.memberKey].sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1));
  const pair = concatBytes(...keys);
  let hash: Uint8Array = ascii(LABELS.safetyNumber);
  for (let round = 0; round < ITERATIONS; round += 1) hash = sha512(concatBytes(hash, pair));
  return Array.from({ length: GROUPS }, (_, group) => digits(hash, group * BYTES_PER_GROUP)).join('');
}

/** One of the two members: its key of 32 bytes. */
export type SafetyParty = Pick<GroupMember, 'memberKey'>;

function digits(hash: Uint8Array, offset: number): string {
  const number = hash.subarray(offset, offset + BYTES_PER_GROUP).reduce((value, byte) => value * 256 + byte, 0);
  return String(number % 10 ** DIGITS_PER_GROUP).padStart(DIGITS_PER_GROUP, '0');
}
