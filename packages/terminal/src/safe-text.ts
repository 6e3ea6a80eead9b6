// The filter through which everything from outside reaches a screen. Nothing passes that can move a
// cursor, or hide or reorder text.

import { message } from '@sotto/messages';
import type { MessageId, ParametersOf } from '@sotto/messages';
import {
  beginsLikeAFingerprint,
  DRAWN_AS_BLANK,
  DRAWN_AS_NOTHING,
  DRAWN_ON_BASE,
  isJoinerInPlace,
  showName,
} from '@sotto/client';
import { COMBINING_MARKS_MAX, SHOWN_CHARS_MAX, SHOWN_LINE_CHARS_MAX, SHOWN_LINES_MAX, TAB_COLUMNS } from './limits.ts';

declare const safe: unique symbol;
/**
 * Text that is harmless on any terminal. It has no control but the newline, no invisible and no
 * reordering character.
 */
export type SafeText = string & { readonly [safe]: true };

const NEWLINES = /\r\n|[\r\n\v\f\u0085\u2028\u2029]/gu;
/**
 * One emoji with its joiners, or one character. Emoji that Unicode has only reserved are no pieces,
 * because no terminal draws them.
 */
const PIECES =
  /(?<emoji>[\p{ExtPict}--\p{Cn}][\u{FE0F}\p{EMod}]?(?:\u{200D}[\p{ExtPict}--\p{Cn}][\u{FE0F}\p{EMod}]?){0,7}|[0-9#*]\u{FE0F}\u{20E3})|./gsv;
/** Code units behind a joiner that are looked at. */
const CONTEXT_UNITS = 33;
const JOINER = /^[\u200c\u200d]$/;
/**
 * Every line of this program begins with it, at any wrap. No text of others contains it, nor a sign
 * that is drawn like it. A wrap may put any part of a text into the first column, so words and
 * punctuation would not do.
 */
export const OWN_SIGN: SafeText = '\u00b6' as SafeText;
const DRAWN_LIKE_OWN_SIGN = /[\u{B6}\u{204B}-\u{204D}\u{2761}\u{2E3F}\u{2E4D}\u{A7FC}]/v;
const REPLACEMENT = '\ufffd';
/**
 * A name, a middle dot or a sign that is drawn like one (UTS 39), and possible digits of a
 * fingerprint.
 */
const LIKE_A_LABEL =
  /(?<=[\p{L}\p{M}\p{N}_\-] ?)[\u{B7}\u{2D9}\u{387}\u{589}\u{701}\u{1427}\u{16EB}\u{1802}\u{1CD3}\u{2022}\u{2027}\u{2218}\u{2219}\u{22C5}\u{25CF}\u{25E6}\u{2E31}\u{2E33}\u{30FB}\u{318D}\u{A78F}\u{FF65}\u{10101}](?=(?<run>[\p{L}\p{M}\p{N}]{4,80}))/gv;
/** Replaces the dot in a text, because only labels have their dot: `alice#4f2c`. */
const NO_DOT = '#';

/**
 * Characters that are escaped beyond the rules of JSON, so that the bytes of a line are harmless by
 * themselves.
 */
const NOT_FOR_CAT = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gv;

/**
 * A text of at most SHOWN_LINES_MAX lines and SHOWN_CHARS_MAX characters; the rest is counted. It
 * contains no member's label, so that no wrap makes it another member's line.
 */
export function safeText(foreign: string): SafeText {
  const shown = foreign.slice(0, SHOWN_CHARS_MAX);
  const lines = filter(shown).replace(LIKE_A_LABEL, withoutDot).split('\n');
  const kept = lines.slice(0, SHOWN_LINES_MAX);
  const count = lines.length - kept.length;
  if (count > 0) kept.push(message(`screen.more-lines-${count === 1 ? 'one' : 'many'}`, { count }));
  if (foreign.length > shown.length) kept.push(message('screen.cut'));
  return kept.join('\n') as SafeText;
}

/** A text on one line: newlines become spaces, and it is cut at SHOWN_LINE_CHARS_MAX. */
export function safeLine(foreign: string): SafeText {
  const filtered = filter(foreign.slice(0, SHOWN_LINE_CHARS_MAX + 1)).replaceAll('\n', ' ');
  const cut = foreign.length > SHOWN_LINE_CHARS_MAX || filtered.length > SHOWN_LINE_CHARS_MAX;
  return (cut ? `${wellCut(filtered, SHOWN_LINE_CHARS_MAX)}...` : filtered) as SafeText;
}

/** A name as all front ends show it. */
export function safeName(foreign: string): SafeText {
  return showName(foreign) as SafeText;
}

/** Hexadecimal digits as they are, anything else as nothing. */
export function safeFingerprint(foreign: string): SafeText {
  return foreign.replaceAll(/[^0-9a-f]/g, '') as SafeText;
}

/** Decimal digits as they are, anything else as nothing. */
export function safeDigits(foreign: string): SafeText {
  return foreign.replaceAll(/[^0-9]/g, '') as SafeText;
}

/** Puts safe parts between literal parts, which are this program's own. */
export function safely(words: TemplateStringsArray, ...parts: readonly (SafeText | number)[]): SafeText {
  return String.raw({ raw: words }, ...parts) as SafeText;
}

/**
 * A text of the catalogue with safe parameters: the text is this program's own. A parameter that
 * looks like a place for another stays as it is.
 */
export function safeMessage<Id extends MessageId>(
  id: Id,
  ...parameters: ParametersOf<Id, SafeText | number>
): SafeText {
  return message(id, ...(parameters as ParametersOf<Id>)) as SafeText;
}

/** Joins safe parts with a separator of this program. */
export function joinSafe(parts: readonly SafeText[], separator: SafeText): SafeText {
  return parts.join(separator) as SafeText;
}

/**
 * @returns one JSON document in one line, harmless to `cat`; JSON.parse gives back exactly `value`.
 */
export function safeJson(value: unknown): SafeText {
  return JSON.stringify(value).replaceAll(NOT_FOR_CAT, escapeUnits) as SafeText;
}

function filter(foreign: string): string {
  let shown = '';
  // A mark at the start of a line has no base: it would be drawn on the character before it.
  let marks = COMBINING_MARKS_MAX;
  const text = foreign.normalize('NFC').replaceAll(NEWLINES, '\n');
  for (const piece of text.matchAll(PIECES)) {
    const character = piece[0];
    if (JOINER.test(character)) {
      // The marks after a joiner are drawn on the letter before it, and counted with its marks.
      if (isJoinerInPlace(shown, character, text.slice(piece.index + 1, piece.index + CONTEXT_UNITS)))
        shown += character;
      continue;
    }
    const drawn = piece.groups?.['emoji'] ?? draw(character);
    if (drawn === '') continue;
    if (isDrawnOnBase(drawn)) {
      marks += 1;
      if (marks > COMBINING_MARKS_MAX) continue;
    } else {
      marks = drawn === '\n' ? COMBINING_MARKS_MAX : 0;
    }
    shown += drawn;
  }
  return shown;
}

function isDrawnOnBase(drawn: string): boolean {
  return Array.from(drawn).length === 1 && DRAWN_ON_BASE.test(drawn);
}

function draw(character: string): string {
  if (character === '\n') return character;
  if (character === '\t') return ' '.repeat(TAB_COLUMNS);
  const code = character.codePointAt(0) ?? 0;
  // The control pictures: ESC is shown as a sign, and the rest of its sequence as harmless letters.
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if ((code > 0x7f && code < 0xa0) || DRAWN_LIKE_OWN_SIGN.test(character)) return REPLACEMENT;
  if (DRAWN_AS_NOTHING.test(character)) return '';
  // The wide blank is as wide as a letter of its script.
  return character !== '\u3000' && DRAWN_AS_BLANK.test(character) ? ' ' : character;
}

function withoutDot(dot: string, run: string): string {
  return beginsLikeAFingerprint(run) ? NO_DOT : dot;
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
