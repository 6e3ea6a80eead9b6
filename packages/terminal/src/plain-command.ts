// Decides whether a typed line is a text, a command, or an unknown command. A line that begins with
// one slash is never a text.

import { nearest } from '@sotto/confinement/usage';
import { coverOfName } from '@sotto/protocol';
import type { Command, MemberAction } from './front-end.ts';

export type TypedLine =
  | { readonly type: 'command'; readonly command: Command }
  | { readonly type: 'nothing' | 'help' | 'cover-unknown' }
  /** `meant`: the most similar command, if there is one. */
  | { readonly type: 'unknown'; readonly meant: string | undefined }
  /** A command without arguments, followed by words. */
  | { readonly type: 'too-much'; readonly word: string }
  /** A command about a member, without that member. */
  | { readonly type: 'member-missing'; readonly action: MemberAction };

const PLAIN_COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['quit', { type: 'leave' }],
  ['exit', { type: 'leave' }],
  ['panic', { type: 'panic' }],
  ['members', { type: 'members' }],
  ['who', { type: 'members' }],
  ['code', { type: 'code' }],
  ['status', { type: 'status' }],
  ['circuit', { type: 'circuit' }],
  ['lock', { type: 'access', mode: 'locked' }],
  ['unlock', { type: 'access', mode: 'open' }],
  ['knock', { type: 'access', mode: 'knock' }],
]);
const MEMBER_ACTIONS: readonly MemberAction[] = ['verify', 'verified', 'admit', 'evict'];
const HELP_WORD = 'help';
const MOVE_WORD = 'move';
const WORDS: readonly string[] = [...PLAIN_COMMANDS.keys(), ...MEMBER_ACTIONS, MOVE_WORD, HELP_WORD];

/**
 * Blanks of every script, and invisible characters. A line that seems to begin with a slash begins
 * with one.
 */
const UNSEEN = '[\\p{White_Space}\\p{Default_Ignorable_Code_Point}\\p{Cc}\\p{Cf}\\u2800]';
/**
 * The slash and signs that are drawn like one: fraction, division, mathematical, big and full
 * width.
 */
const SLASH = '[/\\u2044\\u2215\\u27cb\\u29f8\\uff0f]';
const SLASHED = new RegExp(`^(?<unseen>${UNSEEN}*)(?<slashes>${SLASH}{1,2})(?<rest>.*)$`, 'su');
const AROUND = new RegExp(`^${UNSEEN}+|${UNSEEN}+$`, 'gu');
const BETWEEN = /[\p{White_Space}\u2800]+/u;
const UNDRAWN = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;
/** Signs at the end of a sentence. */
const STOPS = /[.,;:!?\u2026]+$/u;

/** A text is sent as it was typed, with its blanks. `//` at its beginning becomes one slash. */
export function readTyped(line: string): TypedLine {
  const typed = line.replaceAll(AROUND, '');
  if (typed === '') return { type: 'nothing' };
  if (isFarewell(typed)) return { type: 'command', command: { type: 'leave' } };
  const { unseen = '', slashes, rest = '' } = SLASHED.exec(line)?.groups ?? {};
  if (slashes === undefined) return textCommand(line);
  return slashes.length > 1 ? textCommand(unseen + slashes.slice(1) + rest) : readCommand(rest.replaceAll(AROUND, ''));
}

/** The two words that leave without a slash, as in a shell. */
function isFarewell(typed: string): boolean {
  return typed === 'quit' || typed === 'exit';
}

/** A name has no blank, and the program does not guess a member. */
function readCommand(typed: string): TypedLine {
  const [head = '', ...behind] = typed.split(BETWEEN).map((part) => part.replaceAll(AROUND, ''));
  const word = normalise(head);
  // A full stop after a command without arguments is a slip.
  const alone = behind.length === 0 ? word.replace(STOPS, '') : word;
  if (alone === HELP_WORD || word === '?') return { type: 'help' };
  const command = PLAIN_COMMANDS.get(alone);
  if (command !== undefined)
    return behind.length === 0 ? { type: 'command', command } : { type: 'too-much', word: alone };
  if (alone === MOVE_WORD) return readMove(behind);
  const action = MEMBER_ACTIONS.find((name) => name === alone);
  if (action === undefined) return { type: 'unknown', meant: findMeant(word) };
  const [member, ...more] = behind;
  if (member === undefined || more.length > 0) return { type: 'member-missing', action };
  return { type: 'command', command: { type: action, member } };
}

function readMove(behind: readonly string[]): TypedLine {
  const [word, ...more] = behind;
  const cover = word === undefined ? undefined : coverOfName(normalise(word).replace(STOPS, ''));
  const isKnown = more.length === 0 && (word === undefined || cover !== undefined);
  return isKnown ? { type: 'command', command: { type: 'move', cover } } : { type: 'cover-unknown' };
}

/** A word in one case and width. */
function normalise(word: string): string {
  return word.replaceAll(UNDRAWN, '').normalize('NFKC').toLowerCase();
}

/** Finds a mistyped command, or the longest command that the word begins with. */
function findMeant(word: string): string | undefined {
  const begun = WORDS.filter((known) => word.startsWith(known)).sort((one, other) => other.length - one.length);
  return nearest(word, WORDS) ?? begun[0];
}

function textCommand(text: string): TypedLine {
  return { type: 'command', command: { type: 'send', text, ref: undefined } };
}
