// Finds the one valid connection string in a paste, or names its fault. Pure.

import { message } from '@sotto/messages';
import { decodeInvite, INVITE_CHARACTERS } from '@sotto/protocol';
import type { Invite, InviteCode } from '@sotto/protocol';
import { INVITE_BYTES_MAX } from './limits.ts';

export interface InviteNotFound {
  readonly ok: false;
  readonly code: InviteCode | 'invite-several';
  /** Adds to the text of the code and never repeats the string; may be empty. */
  readonly detail: string;
  /** The text is empty so far or ends within a connection string: the rest may come. */
  readonly unfinished: boolean;
}
export type FoundInvite = { readonly ok: true; readonly value: Invite } | InviteNotFound;

const PREFIX = 'sotto1';
const PREFIXES = /sotto1/gi;
/** The alphabet of bech32 after the prefix: no 1, b, i or o. */
const PIECE = /^[02-9AC-HJ-NP-Zac-hj-np-z]+$/;
const NOT_OF_A_PIECE = /[^02-9AC-HJ-NP-Zac-hj-np-z]/u;
/**
 * The characters of a word; everything else is a gap. A byte that is not UTF-8 may have been a
 * character of the string.
 */
const WORDS = /[\p{L}\p{N}\p{M}\ufffd]+/gu;
/**
 * Escape sequences: colours, cursor moves, paste markers, complete titles and links, character
 * sets.
 */
const SEQUENCES = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]/g;
/** Invisible characters, which may stand unseen in the middle of a word. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]/gu;
/** `docker compose up` writes this before each line: `host-1  | `. */
const SERVICE_COLUMN = /^[ \t>]{0,64}([A-Za-z0-9][\w.-]{0,63})[ \t]{0,64}\|/gm;
/** Keyboards with automatic capitals write only the first letter large. */
const CAPITALISED = /^S[a-z0-9]*$/;
/** Longer than every string of this version, to recognise one that is too long. */
const SPELLED_MAX: number = 2 * INVITE_CHARACTERS;
/**
 * A later word of this length is another piece. A shorter one needs a digit and no foreign
 * character.
 */
const PIECE_LONG = 20;
const PIECE_LEAST = 4;

type ForeignCharacter = 'not-text' | 'mark' | 'fullwidth' | 'cyrillic' | 'greek' | 'digit';
const FOREIGN_CHARACTERS: readonly (readonly [pattern: RegExp, kind: ForeignCharacter])[] = [
  [/\ufffd/u, 'not-text'],
  [/\p{M}/u, 'mark'],
  [/[\uff10-\uff5a]/u, 'fullwidth'],
  [/\p{Script=Cyrillic}/u, 'cyrillic'],
  [/\p{Script=Greek}/u, 'greek'],
  [/\p{N}/u, 'digit'],
];

/**
 * Looks for a connection string among other text (words, quotes, colours, a row's margin). Line
 * ends, blanks and indents may stand within it. The checksum decides: a result is always valid for
 * `decodeInvite`. Only the first INVITE_BYTES_MAX characters are read.
 */
export function findInvite(pasted: string): FoundInvite {
  const text = pasted.slice(0, INVITE_BYTES_MAX).replaceAll(SEQUENCES, '').replaceAll(INVISIBLE, '');
  // A row of a table may end in a bar, too; the word before it is then no service.
  const readings = [text, text.replaceAll(SERVICE_COLUMN, ' ')].map((reading) => wordsOf(reading).join(''));
  const [invite, ...others] = new Map(readings.flatMap(wholeInvites)).values();
  if (invite === undefined) return explain(wordsOf(text.replaceAll(SERVICE_COLUMN, withoutService)));
  if (others.length === 0) return { ok: true, value: invite };
  return { ok: false, code: 'invite-several', detail: '', unfinished: false };
}

function wordsOf(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/** Keeps a word that can be a piece of a string. */
function withoutService(column: string, service: string): string {
  return PIECE.test(service) || service.search(PREFIXES) !== -1 ? column : ' ';
}

/** Every valid string by its spelling; the same string twice counts once. */
function wholeInvites(letters: string): (readonly [spelling: string, invite: Invite])[] {
  const found: [string, Invite][] = [];
  for (const { index } of letters.matchAll(PREFIXES)) {
    const spelled = letters.slice(index, index + INVITE_CHARACTERS);
    if (!PIECE.test(spelled.slice(PREFIX.length))) continue;
    const decoded = decode(spelled);
    if (decoded.ok) found.push([spelled.toLowerCase(), decoded.value]);
  }
  return found;
}

function decode(spelled: string): ReturnType<typeof decodeInvite> {
  return decodeInvite(CAPITALISED.test(spelled) ? spelled.toLowerCase() : spelled);
}

/** Names the fault of the longest text that begins like a connection string. */
function explain(words: readonly string[]): InviteNotFound {
  if (words.length === 0) return notFound('invite-empty', '', true);
  const spelled = words.flatMap((word, index) =>
    Array.from(word.matchAll(PREFIXES), (prefix) => joinPieces(word.slice(prefix.index), words, index)),
  );
  const [longest, ...others] = spelled.sort((one, other) => other.length - one.length);
  if (longest === undefined) {
    const isCut = words.some((word) => word.length >= PIECE_LONG && PIECE.test(word));
    return notFound('invite-prefix', isCut ? '' : message('prompt.nothing-like-one'));
  }
  return explainOne(longest, others.length === 0 && isOpenAtEnd(words));
}

/**
 * @returns at most SPELLED_MAX characters: the word, and the later words that look like more of it
 */
function joinPieces(begun: string, words: readonly string[], index: number): string {
  let spelled = begun.slice(0, SPELLED_MAX);
  for (let next = index + 1; spelled.length < INVITE_CHARACTERS && next < words.length; next += 1) {
    const word = words[next] ?? '';
    if (NOT_OF_A_PIECE.test(spelled.slice(PREFIX.length)) || !isLikePiece(word)) break;
    spelled += word.slice(0, SPELLED_MAX);
  }
  return spelled;
}

function isLikePiece(word: string): boolean {
  if (word.search(PREFIXES) !== -1) return false;
  return word.length >= PIECE_LONG || (word.length >= PIECE_LEAST && PIECE.test(word) && /[0-9]/.test(word));
}

/** Whether only pieces follow the last prefix, and too few for a string. */
function isOpenAtEnd(words: readonly string[]): boolean {
  const letters = words.join('');
  const last = [...letters.matchAll(PREFIXES)].at(-1);
  const pieces = letters.slice((last?.index ?? 0) + PREFIX.length);
  return PREFIX.length + pieces.length < INVITE_CHARACTERS && (pieces === '' || PIECE.test(pieces));
}

function explainOne(spelled: string, unfinished: boolean): InviteNotFound {
  const foreign = NOT_OF_A_PIECE.exec(spelled.slice(PREFIX.length));
  if (foreign !== null && foreign.index + PREFIX.length < INVITE_CHARACTERS) {
    const position = foreign.index + PREFIX.length + 1;
    return notFound('invite-character', message('prompt.wrong-character', { position, character: nameOf(foreign[0]) }));
  }
  const decoded = decode(spelled);
  const code = decoded.ok ? 'invite-length' : decoded.code;
  if (code !== 'invite-checksum' && code !== 'invite-length') return notFound(code, '');
  if (spelled.length < INVITE_CHARACTERS) {
    const detail = message('prompt.characters-missing', { count: spelled.length, whole: INVITE_CHARACTERS });
    return notFound('invite-length', detail, unfinished);
  }
  if (spelled.length === INVITE_CHARACTERS)
    return notFound(code, message('prompt.characters-all', { whole: INVITE_CHARACTERS }));
  return notFound('invite-length', message('prompt.characters-many', { whole: INVITE_CHARACTERS }));
}

function notFound(code: InviteCode, detail: string, unfinished = false): InviteNotFound {
  return { ok: false, code, detail, unfinished };
}

/** In words and numbers, because the character may look like a valid one, or be invisible. */
function nameOf(character: string): string {
  if (/[0-9]/.test(character)) return message('prompt.digit', { character });
  if (/[A-Za-z]/.test(character)) return message('prompt.letter', { character });
  const [, kind = 'letter'] = FOREIGN_CHARACTERS.find(([pattern]) => pattern.test(character)) ?? [];
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return message(`prompt.character-${kind}`, { code: `U+${digits}` });
}
