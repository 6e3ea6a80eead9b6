// Answers of every program before it begins: its help, its version, or the one word that it does not know. Pure.

import { message } from '@sotto/messages';
import { OPTION_CHARS_MAX, TYPING_MISTAKES_MAX } from './limits.ts';

/** The version that `--version` tells; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';

/** The exit code of wrong usage: an option, an argument or a variable that a program does not understand. */
export const EXIT_USAGE = 2;

export interface UsageOfProgram {
  /** As it calls itself in front of what it prints. */
  readonly name: string;
  /** Whole lines for standard output. */
  readonly help: string;
}

/** `out` and `err` are whole lines, or nothing. */
export type UsageAnswer =
  | { readonly next: 'begin' }
  | { readonly next: 'end'; readonly exitCode: number; readonly out: string; readonly err: string };

const END_OF_OPTIONS = '--';
/** An option by itself or with a value. Nothing that looks like a part of a connection string is repeated on a screen. */
const OPTION = new RegExp(`^(?<option>-{1,2}(?!sotto1)[A-Za-z][A-Za-z0-9-]{0,${OPTION_CHARS_MAX - 1}})(?:=.*)?$`, 's');

/** @returns which of the two is asked for first. They win wherever they stand, beside mistakes too; after `--` they are words like any other. */
export function findQuestion(args: readonly string[]): 'help' | 'version' | undefined {
  for (const arg of args) {
    if (arg === END_OF_OPTIONS) return undefined;
    if (arg === '--help' || /^-h[hV]*$/.test(arg)) return 'help';
    if (arg === '--version' || /^-V[hV]*$/.test(arg)) return 'version';
  }
  return undefined;
}

/** The answer of a program that takes `--help` and `--version` and nothing else. */
export function answerUsage({ name, help }: UsageOfProgram, args: readonly string[]): UsageAnswer {
  const question = findQuestion(args);
  if (question !== undefined) {
    return { next: 'end', exitCode: 0, out: question === 'help' ? help : `${VERSION}\n`, err: '' };
  }
  const [first] = args;
  if (first === undefined) return { next: 'begin' };
  const isOption = first.startsWith('-') && first !== '-' && first !== END_OF_OPTIONS;
  const problem = isOption ? describeUnknownOption(first) : message('usage.no-arguments');
  const answer = message('usage.see-help', { problem, program: name });
  return { next: 'end', exitCode: EXIT_USAGE, out: '', err: `${name}: ${answer}\n` };
}

/** @returns the problem in words; names the option if it may stand on a screen. */
export function describeUnknownOption(arg: string): string {
  const option = nameOption(arg);
  return option === undefined ? message('usage.unknown-option') : message('usage.unknown-option-named', { option });
}

/** @returns the option without its value, or undefined for what has no place on a screen. */
export function nameOption(arg: string): string | undefined {
  return OPTION.exec(arg)?.groups?.['option'];
}

/**
 * Finds a variable of Sotto's that the program does not read, and that is nearly one that it reads: a slip of the keyboard, which would pass unseen.
 * @returns the problem in words, without any value
 */
export function findMistypedVariable(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string | undefined {
  for (const variable of Object.keys(environment)) {
    if (!/^SOTTO_[A-Z_]{1,40}$/i.test(variable) || known.includes(variable)) continue;
    const meant = nearest(variable, known);
    if (meant !== undefined) return message('usage.variable-mistyped', { variable, meant });
  }
  return undefined;
}

/** @returns the candidate that a slip or two of the keyboard turn into `word`, whatever its case; the first of several. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.toLowerCase();
  let [found, least]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const slips = countSlips(typed, candidate.toLowerCase());
    // A short word is another word soon.
    const allowed = Math.min(TYPING_MISTAKES_MAX, Math.floor(Math.min(typed.length, candidate.length) / 2));
    if (slips <= allowed && slips < least) [found, least] = [candidate, slips];
  }
  return found;
}

/** Letters added, left out, changed, or swapped with their neighbour (optimal string alignment). */
function countSlips(typed: string, meant: string): number {
  if (Math.abs(typed.length - meant.length) > TYPING_MISTAKES_MAX) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let above = Array.from({ length: meant.length + 1 }, (_, index) => index);
  for (let row = 1; row <= typed.length; row += 1) {
    const here = [row];
    for (let column = 1; column <= meant.length; column += 1) {
      const isSame = typed[row - 1] === meant[column - 1];
      const isSwapped = typed[row - 1] === meant[column - 2] && typed[row - 2] === meant[column - 1];
      here[column] = Math.min(
        at(above, column) + 1,
        at(here, column - 1) + 1,
        at(above, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, above] = [above, here];
  }
  return at(above, meant.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
