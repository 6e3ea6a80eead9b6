// A member's name as every screen shows it. The client draws names, because it compares them as
// drawn.

import { isJoinerInPlace } from './joiners.ts';
import { MARKS_ON_BASE_MAX, SHOWN_NAME_CHARACTERS_MAX, SHOWN_NAME_UNITS_READ } from '../limits.ts';

/**
 * No terminal draws these. Two lack the property: a Khitan filler, and a note without a notehead.
 */
export const DRAWN_AS_NOTHING = /[\p{Cs}\p{Co}\p{Cn}\p{Cf}\p{Default_Ignorable_Code_Point}\u{16FE4}\u{1D159}]/v;
/** Spaces, the braille pattern without dots, and the two blanks among Egyptian hieroglyphs. */
export const DRAWN_AS_BLANK = /[\p{Zs}\u{2800}\u{13441}\u{13442}]/v;
/** Drawn on the character before: marks, and vowels and finals of Hangul written in pieces. */
export const DRAWN_ON_BASE = /[\p{M}\u{1160}-\u{11FF}\u{D7B0}-\u{D7FF}]/v;

const JOINER = /[\u200c\u200d]/;
const OF_A_NAME = /[\p{L}\p{M}\p{N}_\-]/v;
const BEGINS_A_NAME = /[\p{L}\p{N}]/v;
/** Letters to Unicode, but drawn like the dot that sets a name apart from its fingerprint. */
const DOTS = /[\u{A78F}\u{1427}]/v;
const NAMELESS = 'nameless';
/** UAX 31, table 5: the scripts in wide use. */
const SCRIPTS: readonly RegExp[] = [
  ...['Arab', 'Armn', 'Beng', 'Bopo', 'Cyrl', 'Deva', 'Ethi', 'Geor', 'Grek', 'Gujr', 'Guru', 'Hang', 'Hani', 'Hebr'],
  ...['Hira', 'Kana', 'Khmr', 'Knda', 'Laoo', 'Latn', 'Mlym', 'Mymr', 'Orya', 'Sinh', 'Taml', 'Telu', 'Thaa', 'Thai'],
  'Tibt',
].map((script) => new RegExp(`\\p{Script_Extensions=${script}}`, 'v'));

/**
 * @returns letters, marks, digits, "_" and "-", beginning with a letter or digit, composed (NFC),
 * never empty. Done twice it is the same.
 */
export function showName(foreign: string): string {
  const read = foreign.slice(0, SHOWN_NAME_UNITS_READ).normalize('NFC').replaceAll(/\s+/gu, '_');
  const letters = Array.from(read, drawn).join('').normalize('NFC');
  const begins = Array.from(letters).findIndex((character) => isBase(character) && BEGINS_A_NAME.test(character));
  const characters = begins < 0 ? [] : Array.from(letters).slice(begins, begins + SHOWN_NAME_CHARACTERS_MAX);
  return begins < 0 ? NAMELESS : withoutStrayJoiners(withoutStrayMarks(characters).normalize('NFC')).normalize('NFC');
}

function drawn(character: string): string {
  if (JOINER.test(character)) return character;
  if (DRAWN_AS_NOTHING.test(character) || DOTS.test(character)) return '';
  if (DRAWN_AS_BLANK.test(character)) return '_';
  return OF_A_NAME.test(character) ? character : '';
}

/** Drops marks that are too many, or of another script than their letter. */
function withoutStrayMarks(characters: readonly string[]): string {
  let shown = '';
  let base = '';
  let marks = 0;
  for (const character of characters) {
    if (isBase(character)) {
      base = character;
      marks = 0;
    } else if (!JOINER.test(character)) {
      if (marks === MARKS_ON_BASE_MAX || !isOfOneScript(base, character)) continue;
      marks += 1;
    }
    shown += character;
  }
  return shown;
}

function withoutStrayJoiners(letters: string): string {
  let shown = '';
  for (const { 0: character, index } of letters.matchAll(/./gsu)) {
    const isStray = JOINER.test(character) && !isJoinerInPlace(shown, character, letters.slice(index + 1));
    if (!isStray) shown += character;
  }
  return shown;
}

function isBase(character: string): boolean {
  return !DRAWN_ON_BASE.test(character) && !JOINER.test(character);
}

/**
 * Fonts draw no mark on a letter of a script that does not have it. Scripts in narrower use are not
 * told apart.
 */
function isOfOneScript(base: string, mark: string): boolean {
  if (/\p{Script=Inherited}/v.test(mark)) return true;
  const scripts = SCRIPTS.filter((script) => script.test(mark));
  return scripts.length > 0
    ? scripts.some((script) => script.test(base))
    : !SCRIPTS.some((script) => script.test(base));
}
