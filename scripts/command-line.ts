// Reads the arguments of every program that `npm run …` starts, the same way in all of them, and before they do anything.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

/** `sysexits.h`: for programs whose exit code 2 has another meaning. */
export const USAGE_EXIT_SYSEXITS = 64;
const USAGE_EXIT = 2;
const NEAREST_DISTANCE_MAX = 3;
const SHOWN_CHARS_MAX = 64;

type Options = NonNullable<ParseArgsConfig['options']>;

export interface CommandLine<Known extends Options> {
  readonly usage: string;
  readonly options: Known;
  /** How many arguments that are no options it takes. */
  readonly operandsMax?: number;
  /** 2, or 64 where 2 has another meaning. */
  readonly usageExit?: number;
}

/** What was called wrongly, in one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Answer<Values> =
  | { readonly kind: 'run'; readonly values: Values; readonly operands: readonly string[] }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'refused'; readonly cause: string };

type Values<Known extends Options> = ReturnType<typeof parseArgs<{ options: Known }>>['values'];

/** Reads `args` without any effect. */
export function validateCommandLine<Known extends Options>(
  { options, operandsMax = 0 }: Pick<CommandLine<Known>, 'options' | 'operandsMax'>,
  args: readonly string[],
): Answer<Values<Known>> {
  const end = args.indexOf('--');
  const asked = (end < 0 ? args : args.slice(0, end)).map((each) => (each === '-h' ? '--help' : each));
  if (asked.includes('--help')) return { kind: 'help' };
  if (asked.includes('--version')) return { kind: 'version' };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const known =
      Object.hasOwn(options, token.name) && token.rawName.startsWith('--') ? options[token.name] : undefined;
    if (known === undefined) {
      const names = [...Object.keys(options), 'help', 'version'].map((name) => `--${name}`);
      return { kind: 'refused', cause: `unknown option '${shown(token.rawName)}'${hint(token.rawName, names)}` };
    }
    if (known.type === 'boolean' && token.value !== undefined)
      return { kind: 'refused', cause: `${token.rawName} takes no value` };
    const isValue = token.value !== undefined && token.value !== '' && !token.value.startsWith('-');
    if (known.type === 'string' && !isValue) return { kind: 'refused', cause: `${token.rawName} needs a value` };
  }
  const excess = operands[operandsMax];
  if (excess !== undefined) return { kind: 'refused', cause: `unexpected argument '${shown(excess)}'` };
  return { kind: 'run', values: parseArgs({ args: [...args], options, allowPositionals: true }).values, operands };
}

/** Reads this program's arguments; help, version and what is called wrongly end it here. */
export function readCommandLine<Known extends Options>(
  line: CommandLine<Known>,
): { readonly values: Values<Known>; readonly operands: readonly string[]; readonly refuse: (cause: string) => never } {
  const refuse = (cause: string): never => {
    process.stderr.write(`sotto: ${cause}\n${line.usage.trimEnd()}\n`);
    process.exit(line.usageExit ?? USAGE_EXIT);
  };
  const answer = validateCommandLine(line, process.argv.slice(2));
  switch (answer.kind) {
    case 'run':
      return { values: answer.values, operands: answer.operands, refuse };
    case 'refused':
      return refuse(answer.cause);
    case 'help':
      process.stdout.write(`${line.usage.trimEnd()}\n`);
      return process.exit(0);
    case 'version':
      process.stdout.write(`Sotto ${versionOf()}\n`);
      return process.exit(0);
  }
}

/** A whole number within bounds. @throws UsageError that names the option */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not '${shown(text)}'`);
}

function versionOf(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

/** What somebody typed goes to a terminal: without control characters, and not without end. */
function shown(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?').slice(0, SHOWN_CHARS_MAX);
}

function hint(word: string, candidates: readonly string[]): string {
  const [nearest] = candidates
    .map((name) => ({ name, far: distance(word.slice(0, SHOWN_CHARS_MAX), name) }))
    .filter(({ name, far }) => far <= NEAREST_DISTANCE_MAX && far * 2 < name.length)
    .sort((one, other) => one.far - other.far);
  return nearest === undefined ? '' : `; did you mean '${nearest.name}'?`;
}

/** How many letters have to be changed, added or left out (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let line = 1; line <= one.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= other.length; column += 1) {
      const changed = (row[column - 1] ?? 0) + (one[line - 1] === other[column - 1] ? 0 : 1);
      next.push(Math.min((row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
