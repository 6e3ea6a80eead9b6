// Compares two names as they are drawn: by the skeletons of UTS 39, and without regard to case.

import { rectifyConfusion } from 'unicode-confusables';
import { showName } from './shown-name.ts';

/** The blocks that run from right to left unless Unicode says otherwise (DerivedBidiClass). */
const RIGHT_TO_LEFT = /[\u{590}-\u{8FF}\u{FB1D}-\u{FDFF}\u{FE70}-\u{FEFF}\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]+/v;
/** These do not tell two names apart, nor does a letter that is drawn like punctuation. */
const TELLS_NOTHING_APART = /[\u200c\u200d_\-]/g;
const NOT_OF_A_WORD = /[^\p{L}\p{M}\p{N}]/gv;

/** A screen shows at least so many digits of a fingerprint. */
const FINGERPRINT_DIGITS_LEAST = 4;
/** The program's own words: a member with such a name could be taken for the program. */
const OWN_WORDS = ['sotto', 'host', 'relay', 'you', 'warning'];

/** @returns how `name` looks; names that have one of them in common can be taken for each other. */
export function nameLooks(name: string): readonly string[] {
  const shown = inRuns(showName(name));
  // Case first and shape first: `Iris` looks like `lris`, and reads as `iris` when spoken.
  return [...new Set([foldCase(skeletonOf(shown)), foldCase(skeletonOf(foldCase(shown)))])];
}

export function areNamesAlike(one: string, other: string): boolean {
  return shareALook(nameLooks(one), nameLooks(other));
}

export function shareALook(some: readonly string[], others: readonly string[]): boolean {
  return some.some((look) => others.includes(look));
}

export function looksLikeTheProgram(looks: readonly string[]): boolean {
  return shareALook(looks, OWN_LOOKS);
}

/**
 * @returns whether `run` begins as a fingerprint does, whatever stands on or under its digits. A
 * word of letters that are merely drawn like digits (`labor`) is no fingerprint, unless all of it
 * could be one.
 */
export function beginsLikeAFingerprint(run: string): boolean {
  const bare = Array.from(run.normalize('NFKD').replaceAll(/\p{M}/gu, ''));
  const first = bare.slice(0, FINGERPRINT_DIGITS_LEAST);
  if (first.length < FINGERPRINT_DIGITS_LEAST || !first.every(couldBeHex)) return false;
  const isOfLetters = first.every((character) => /\p{L}/u.test(character)) && !/^[a-f]*$/.test(first.join(''));
  return !isOfLetters || bare.every(couldBeHex);
}

function couldBeHex(character: string): boolean {
  return HEX_LOOKS.has(foldCase(skeletonOf(character)));
}

/** UTS 39 §4, after NFKD: letters that differ in width or font only are one letter. */
function skeletonOf(shown: string): string {
  const skeleton = rectifyConfusion(shown.normalize('NFKD')).normalize('NFD');
  const word = skeleton.replaceAll(NOT_OF_A_WORD, '');
  return word === '' ? skeleton : word;
}

/** By way of capitals: that makes the two small sigmas one, and `ß` what it is in capitals. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

/** A terminal may reorder the runs of a name that runs both ways, so their order is ignored. */
function inRuns(shown: string): string {
  const bare = shown.replaceAll(TELLS_NOTHING_APART, '');
  const name = bare === '' ? shown : bare;
  const runs = name.split(new RegExp(`(${RIGHT_TO_LEFT.source})`, 'v')).filter((run) => run !== '');
  return runs.length < 2 ? name : runs.sort().join('');
}

const OWN_LOOKS: readonly string[] = OWN_WORDS.flatMap(nameLooks);
const HEX_LOOKS: ReadonlySet<string> = new Set(
  Array.from('0123456789abcdefABCDEF', (digit) => foldCase(skeletonOf(digit))),
);
