// A member's name: checked if it is given, made up for the session otherwise. It is never the name
// of the user's account.

import type { RandomSource } from './random.ts';
import { NAME_BYTES_MAX } from '@sotto/protocol';
import { safeName } from './safe-text.ts';

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aeiou';
const SYLLABLES = 3;

/** @returns whether other members would see exactly this name; it has to be composed (NFC) */
export function isName(name: string): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES_MAX && safeName(name) === name;
}

/**
 * A pronounceable name of six letters. Two equal names do no harm: the fingerprint tells them
 * apart.
 */
export function makeName(random: RandomSource): string {
  let name = '';
  for (const byte of random(SYLLABLES)) {
    name += CONSONANTS.charAt(byte % CONSONANTS.length) + VOWELS.charAt((byte >> 4) % VOWELS.length);
  }
  return name;
}
