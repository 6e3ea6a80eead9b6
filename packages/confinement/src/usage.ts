// The answers of every program before it starts: its help, its version, or a refusal. Pure.

import { message } from '@sotto/messages';
import { OPTION_CHARS_MAX, TYPING_MISTAKES_MAX } from './limits.ts';

/** The version that `--version` prints; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';

/** The exit code of wrong usage: an unknown option, argument or variable. */
export const EXIT_USAGE = 2;

export interface UsageOfProgram {
  /** The prefix of its output. */
  readonly name: string;
  /** Whole lines for standard output. */
  readonly help: string;
}

/** `out` and `err` are whole lines, or nothing. */
export type UsageAnswer =
  | { readonly next: 'begin' }
  | { readonly next: 'end'; readonly exitCode: number; readonly out: string; readonly err: string };

const END_OF_OPTIONS = '--';
/**
 * An option with or without a value. A part of a connection string never matches, so no screen
 * repeats it.
 */
const OPTION = new RegExp(`^(?<option>-{1,2}(?!sotto1)[A-Za-z][A-Za-z0-9-]{0,${OPTION_CHARS_MAX - 1}})(?:=.*)?$`, 's');

/**
 * @returns the first of the two in `args`. They win at every place, beside mistakes, too; after
 * `--` they are plain arguments.
 */
export function findQuestion(args: readonly string[]): 'help' | 'version' | undefined {
  for (const arg of args) {
    if (arg === END_OF_OPTIONS) return undefined;
    if (arg === '--help' || /^-h[hV]*$/.test(arg)) return 'help';
    if (arg === '--version' || /^-V[hV]*$/.test(arg)) return 'version';
  }
  return undefined;
}

/** The answer of a program that takes only `--help` and `--version`. */
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

/** @returns the problem as text; it names the option if a screen may show it. */
export function describeUnknownOption(arg: string): string {
  const option = nameOption(arg);
  return option === undefined ? message('usage.unknown-option') : message('usage.unknown-option-named', { option });
}

/** @returns the option without its value, or undefined if no screen may show it. */
export function nameOption(arg: string): string | undefined {
  return OPTION.exec(arg)?.groups?.['option'];
}

/**
 * Finds a variable of Sotto that the program does not read, with nearly the name of one that it
 * reads.
 * @returns the problem as text, without any value
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

/** @returns the first candidate within TYPING_MISTAKES_MAX mistakes of `word`, in any case. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.toLowerCase();
  let [found, least]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const mistakes = countMistakes(typed, candidate.toLowerCase());
    // Fewer mistakes turn a short word into another one.
    const allowed = Math.min(TYPING_MISTAKES_MAX, Math.floor(Math.min(typed.length, candidate.length) / 2));
    if (mistakes <= allowed && mistakes < least) [found, least] = [candidate, mistakes];
  }
  return found;
}

/**
 * Counts letters added, left out, changed, or swapped with their neighbour (optimal string
 * alignment).
 */
function countMistakes(typed: string, meant: string): number {
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
