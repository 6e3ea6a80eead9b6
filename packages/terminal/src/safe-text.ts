// The one gate through which everything from outside reaches a screen: what can move a cursor, hide or reorder text does not pass.

import {
  COMBINING_MARKS_MAX,
  SHOWN_CHARS_MAX,
  SHOWN_LINE_CHARS_MAX,
  SHOWN_LINES_MAX,
  SHOWN_NAME_COLUMNS_MAX,
  TAB_COLUMNS,
} from './limits.ts';
import { columnsOf } from './columns.ts';

declare const safe: unique symbol;
/** Text that is harmless on any terminal: no control but the newline, nothing invisible, nothing that reorders. */
export type SafeText = string & { readonly [safe]: true };

const NEWLINES = /\r\n|[\r\n\v\f\u0085\u2028\u2029]/gu;
/** One emoji with its joiners, or one character. Emoji that Unicode has only reserved are not drawn by anybody: they fall through. */
const PIECES =
  /(?<emoji>[\p{ExtPict}--\p{Cn}][\u{FE0F}\p{EMod}]?(?:\u{200D}[\p{ExtPict}--\p{Cn}][\u{FE0F}\p{EMod}]?){0,7}|[0-9#*]\u{FE0F}\u{20E3})|./gsv;
/** Surrogates, private use, unassigned, format characters, and what Unicode says is drawn as nothing (fillers, selectors, tags). */
const DROPPED = /[\p{Cs}\p{Co}\p{Cn}\p{Cf}\p{Default_Ignorable_Code_Point}]/v;
/** All kinds of blank but the wide one, which is a letter's width in its script; braille blank is no space to Unicode. */
const BLANK = /[[\p{Zs}\u{2800}]--\u{3000}]/v;
const NOT_OF_A_NAME = /[^\p{L}\p{M}\p{N}_\-]/gv;
/** Letters to Unicode, but drawn like the dot that sets a name apart from its fingerprint. */
const DOTS = /[\u{A78F}\u{1427}]/gv;
const NAMELESS = 'nameless';

/** What is escaped in JSON beyond what JSON asks for, so that the bytes of a line are harmless by themselves. */
const NOT_FOR_CAT = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gv;

/** A text of many lines: at most SHOWN_LINES_MAX of them and SHOWN_CHARS_MAX characters; what is left out is counted. */
export function safeText(foreign: string): SafeText {
  const shown = foreign.slice(0, SHOWN_CHARS_MAX);
  const lines = filter(shown).split('\n');
  const kept = lines.slice(0, SHOWN_LINES_MAX);
  if (lines.length > kept.length) kept.push(`(${lines.length - kept.length} more lines)`);
  if (foreign.length > shown.length) kept.push('(cut here)');
  return kept.join('\n') as SafeText;
}

/** A text that belongs on one line: newlines become spaces, and it is cut at SHOWN_LINE_CHARS_MAX. */
export function safeLine(foreign: string): SafeText {
  const filtered = filter(foreign.slice(0, SHOWN_LINE_CHARS_MAX + 1)).replaceAll('\n', ' ');
  const cut = foreign.length > SHOWN_LINE_CHARS_MAX || filtered.length > SHOWN_LINE_CHARS_MAX;
  return (cut ? `${wellCut(filtered, SHOWN_LINE_CHARS_MAX)}...` : filtered) as SafeText;
}

/** A name: letters, marks, digits, "_" and "-", beginning with a letter or digit; never empty, at most SHOWN_NAME_COLUMNS_MAX wide. */
export function safeName(foreign: string): SafeText {
  const letters = filter(foreign.slice(0, SHOWN_LINE_CHARS_MAX))
    .replaceAll(/\s+/gu, '_')
    .replaceAll(NOT_OF_A_NAME, '')
    .replaceAll(DOTS, '')
    .replace(/^[^\p{L}\p{N}]+/u, '');
  let name = '';
  for (const character of letters) {
    if (columnsOf(name + character) > SHOWN_NAME_COLUMNS_MAX) break;
    name += character;
  }
  return (name === '' ? NAMELESS : name) as SafeText;
}

/** Hexadecimal digits as they are, anything else as nothing. */
export function safeFingerprint(foreign: string): SafeText {
  return foreign.replaceAll(/[^0-9a-f]/g, '') as SafeText;
}

/** Decimal digits as they are, anything else as nothing. */
export function safeDigits(foreign: string): SafeText {
  return foreign.replaceAll(/[^0-9]/g, '') as SafeText;
}

/** Puts safe parts into words of ours: the literal parts are this program's own. */
export function safely(words: TemplateStringsArray, ...parts: readonly (SafeText | number)[]): SafeText {
  return String.raw({ raw: words }, ...parts) as SafeText;
}

/** Joins safe parts with words of ours. */
export function joinSafe(parts: readonly SafeText[], separator: SafeText): SafeText {
  return parts.join(separator) as SafeText;
}

/** @returns one JSON document in one line, harmless to `cat`; JSON.parse gives back exactly `value`. */
export function safeJson(value: unknown): SafeText {
  return JSON.stringify(value).replaceAll(NOT_FOR_CAT, escapeUnits) as SafeText;
}

function filter(foreign: string): string {
  let shown = '';
  // At the start of a line there is no base: a mark there would be drawn on something of ours.
  let marks = COMBINING_MARKS_MAX;
  for (const piece of foreign.normalize('NFC').replaceAll(NEWLINES, '\n').matchAll(PIECES)) {
    const character = piece[0];
    const drawn = piece.groups?.['emoji'] ?? draw(character);
    if (drawn === '') continue;
    if (/^\p{M}$/u.test(drawn)) {
      marks += 1;
      if (marks > COMBINING_MARKS_MAX) continue;
    } else {
      marks = drawn === '\n' ? COMBINING_MARKS_MAX : 0;
    }
    shown += drawn;
  }
  return shown;
}

function draw(character: string): string {
  if (character === '\n') return character;
  if (character === '\t') return ' '.repeat(TAB_COLUMNS);
  const code = character.codePointAt(0) ?? 0;
  // The control pictures: ESC is seen as one, and what followed it as the harmless letters that it was.
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code > 0x7f && code < 0xa0) return '\ufffd';
  if (DROPPED.test(character)) return '';
  return BLANK.test(character) ? ' ' : character;
}

/** Cuts without leaving half of a surrogate pair. */
function wellCut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

function escapeUnits(characters: string): string {
  let escaped = '';
  for (let index = 0; index < characters.length; index += 1) {
    escaped += `\\u${characters.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}
