// Six words that are equal for all members of an epoch: different words mean that the relay, or somebody, has split the room. PROTOCOL.md §5.12

import { sha512 } from '@noble/hashes/sha2.js';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { concatBytes } from '@sotto/protocol';
import { ascii } from './key-schedule.ts';
import { LABELS } from './labels.ts';

export const ROOM_CODE_WORDS = 6;
/** 2,048 words. */
const BITS_PER_WORD = 11n;

/** @returns six words for 66 bits of SHA-512(label || epoch authenticator), the first bits first. */
export function roomCode(epochAuthenticator: Uint8Array): string[] {
  const hash = sha512(concatBytes(ascii(LABELS.roomCode), epochAuthenticator));
  const bits = hash.subarray(0, 9).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return Array.from({ length: ROOM_CODE_WORDS }, (_, index) => {
    const shift = 72n - BITS_PER_WORD * BigInt(index + 1);
    return wordlist[Number((bits >> shift) & ((1n << BITS_PER_WORD) - 1n))] ?? '';
  });
}
