// Reads the command line: the source of the connection string, the name, and the kind of screen.

import { message } from '@sotto/messages';
import { findMistypedVariable, findQuestion, nameOption, nearest, VERSION } from '@sotto/confinement/usage';
import yargs from 'yargs';
import {
  INVITE_PIECE_CHARS_LEAST,
  RENEW_EVERY_S,
  RENEW_LEAST_S,
  RENEW_MOST_S,
  SOCKET_PATH_BYTES_MAX,
} from './limits.ts';

type ScreenKind = 'line' | 'plain' | 'json';

/** Where the connection string comes from. `ask` needs a terminal. */
export type InviteSource =
  | { readonly from: 'ask' }
  /** All words of the command line that are no options, with a blank between them. */
  | { readonly from: 'argument'; readonly text: string }
  | { readonly from: 'stdin' }
  | { readonly from: 'file'; readonly path: string };

export interface Options {
  readonly invite: InviteSource;
  readonly name: string | undefined;
  /** The host's socket for its own client; undefined for every other client. */
  readonly moderatorSocket: string | undefined;
  readonly screen: ScreenKind;
  /** The circuit is renewed about so often. Undefined: only on request. */
  readonly renewEveryMs: number | undefined;
}

interface Refused {
  readonly ok: false;
  readonly code: 'usage' | 'invite-ambiguous';
  readonly problem: string;
}

/** `text` is for standard output; `problem` for standard error, and is one line. */
export type ReadOptions =
  | { readonly ok: true; readonly value: Options }
  | { readonly ok: false; readonly code: 'shown'; readonly text: string }
  | Refused;

interface Given {
  readonly name?: string;
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly 'invite-file'?: string;
  readonly host?: string;
  readonly renew?: string;
  readonly _?: readonly unknown[];
  readonly '--'?: readonly unknown[];
}

const STRING_OPTIONS = ['name', 'invite-file', 'host', 'renew'] as const;
const FLAGS: readonly string[] = ['json', 'plain', 'help', 'version'];
const OPTIONS: readonly string[] = [...STRING_OPTIONS, ...FLAGS];
/** Names of options for the connection string in other programs; here it is an argument. */
const INVITE_NAMES: ReadonlySet<string> = new Set(['connection-string', 'conn-string', 'string', 'invite']);
/** Stands for the argument among the names of options. */
const INVITE = 'invite';
/** The same for --name. */
const NAME_NAMES: ReadonlySet<string> = new Set(['nick', 'nickname', 'user']);
/** Hyphens, dashes and minus signs that a word processor writes instead of a hyphen. */
const DASHES = /^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+/u;
const STRING_BEGINS = /^sotto1/i;
/** All variables of the client but TERM; environment.ts reads the endpoints. */
const VARIABLES: readonly string[] = [
  'SOTTO_INVITE_FILE',
  'SOTTO_MODERATOR_SOCKET',
  'SOTTO_RENEW',
  'SOTTO_SOCKS',
  'SOTTO_GATE_SOCKET',
  'SOTTO_UNPROTECTED',
];

/**
 * Reads `args` (without node and script). It reads SOTTO_INVITE_FILE, SOTTO_MODERATOR_SOCKET,
 * SOTTO_RENEW and TERM from `environment`.
 */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): ReadOptions {
  const question = findQuestion(args);
  if (question !== undefined)
    return {
      ok: false,
      code: 'shown',
      text: question === 'help' ? message('terminal.help', { renew: RENEW_EVERY_S }) : VERSION,
    };
  const mistake = args
    .slice(0, endOfOptions(args))
    .map(findMistake)
    .find((found) => found !== undefined);
  if (mistake !== undefined) return refuse(mistake);
  const { problem, given } = parse(args);
  const wrong = problem ?? findMistypedVariable(environment, VARIABLES);
  return wrong === undefined ? choose(given, environment) : refuse(wrong);
}

function endOfOptions(args: readonly string[]): number {
  const end = args.indexOf('--');
  return end === -1 ? args.length : end;
}

interface Parsed {
  readonly given: Given;
  readonly problem: string | undefined;
}

function parse(args: readonly string[]): Parsed {
  let parsed: Parsed = { given: {}, problem: message('options.not-understood') };
  void makeParser().parse([...args], {}, (error: Error | null | undefined, given: unknown) => {
    parsed = { given: given as Given, problem: describeProblem(error ?? undefined) };
  });
  return parsed;
}

function describeProblem(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined;
  const option = /^Not enough arguments following: ([a-z-]+)$/.exec(error.message)?.[1];
  return option === undefined ? message('options.not-understood') : message('options.value-missing', { option });
}

function makeParser(): ReturnType<typeof yargs> {
  const parser = yargs()
    .scriptName('client')
    // English on every machine, because `describeProblem` reads the words of yargs.
    .locale('en')
    .exitProcess(false)
    .help(false)
    .version(false)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'boolean-negation': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'duplicate-arguments-array': false,
      'short-option-groups': false,
      'populate--': true,
    })
    .string('_')
    .boolean(['json', 'plain']);
  return STRING_OPTIONS.reduce((made, name) => made.option(name, { type: 'string', requiresArg: true }), parser);
}

/**
 * Checked before yargs. A value never begins with a hyphen, and yargs would misread some options.
 */
function findMistake(arg: string): string | undefined {
  if (DASHES.test(arg)) return describeDashes(arg.replace(DASHES, ''));
  if (!arg.startsWith('-') || arg === '-') return undefined;
  const [name = ''] = arg.replace(/^--?/, '').split('=', 1);
  if (!OPTIONS.includes(name)) return describeUnknown(nameOption(arg), name);
  return FLAGS.includes(name) && arg.includes('=') ? message('options.value-unexpected', { option: name }) : undefined;
}

/** @returns the long option that is meant, `invite` for the argument, or undefined. */
function findMeant(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (INVITE_NAMES.has(lower)) return INVITE;
  if (NAME_NAMES.has(lower)) return 'name';
  return name.length === 1 ? OPTIONS.find((option) => option.startsWith(lower)) : nearest(name, OPTIONS);
}

function describeDashes(name: string): string {
  const meant = findMeant(name);
  if (meant === undefined) return message('options.dashes');
  return meant === INVITE ? message('options.dashes-invite') : message('options.dashes-meant', { meant });
}

function describeUnknown(option: string | undefined, name: string): string {
  const meant = findMeant(name);
  if (option === undefined) {
    // Names of the argument can always be shown, so they are handled below.
    const isOption = meant !== undefined && meant !== INVITE;
    return isOption ? message('options.unknown-unnamed-meant', { meant }) : message('usage.unknown-option');
  }
  if (meant === undefined) return message('usage.unknown-option-named', { option });
  return meant === INVITE
    ? message('options.unknown-invite', { option })
    : message('options.unknown-meant', { option, meant });
}

function choose(given: Given, environment: NodeJS.ProcessEnv): ReadOptions {
  if (given.json === true && given.plain === true) return refuse(message('options.json-and-plain'));
  const empty = (['invite-file', 'host', 'renew'] as const).find((option) => given[option] === '');
  if (empty !== undefined) return refuse(message('options.value-missing', { option: empty }));
  const renew = readRenew(setting('--renew', given.renew, 'SOTTO_RENEW', environment));
  if (!renew.ok) return renew;
  const socket = setting('--host', given.host, 'SOTTO_MODERATOR_SOCKET', environment);
  if (Buffer.byteLength(socket.text ?? '') > SOCKET_PATH_BYTES_MAX) {
    return refuse(message('options.socket-too-long', { source: socket.source, limit: SOCKET_PATH_BYTES_MAX }));
  }
  const invite = chooseSource(given, environment);
  if (!invite.ok) return invite;
  const screen = given.json === true ? 'json' : given.plain === true || isDumb(environment) ? 'plain' : 'line';
  const { renewEveryMs } = renew;
  return {
    ok: true,
    value: { invite: invite.value, name: given.name, moderatorSocket: socket.text, screen, renewEveryMs },
  };
}

/** A setting and its source. An option overrides a variable; an empty variable is not set. */
interface Setting {
  readonly text: string | undefined;
  readonly source: string;
}

function setting(option: string, value: string | undefined, variable: string, environment: NodeJS.ProcessEnv): Setting {
  if (value !== undefined) return { text: value, source: option };
  const text = environment[variable];
  return { text: text === '' ? undefined : text, source: variable };
}

function readRenew({
  text,
  source,
}: Setting): { readonly ok: true; readonly renewEveryMs: number | undefined } | Refused {
  if (text === 'off') return { ok: true, renewEveryMs: undefined };
  const seconds = text === undefined ? RENEW_EVERY_S : /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  const isInRange = seconds >= RENEW_LEAST_S && seconds <= RENEW_MOST_S;
  if (isInRange) return { ok: true, renewEveryMs: seconds * 1_000 };
  return refuse(message('options.renew', { source, least: RENEW_LEAST_S, most: RENEW_MOST_S }));
}

function chooseSource(
  given: Given,
  environment: NodeJS.ProcessEnv,
): { readonly ok: true; readonly value: InviteSource } | Refused {
  const words = [...(given._ ?? []), ...(given['--'] ?? [])].map(String);
  const path = setting('--invite-file', given['invite-file'], 'SOTTO_INVITE_FILE', environment);
  if (words.length === 0) {
    return { ok: true, value: path.text === undefined ? { from: 'ask' } : { from: 'file', path: path.text } };
  }
  const strings = words.filter((word) => STRING_BEGINS.test(word)).length;
  const isTwice = strings > 1 || given['invite-file'] !== undefined || (words.includes('-') && words.length > 1);
  if (isTwice) return { ok: false, code: 'invite-ambiguous', problem: message('error.terminal.invite-ambiguous') };
  if (words[0] === '-') return { ok: true, value: { from: 'stdin' } };
  return describeWords(words) ?? { ok: true, value: { from: 'argument', text: words.join(' ') } };
}

/** Words that cannot be a part of a connection string have another mistake. */
function describeWords(words: readonly string[]): Refused | undefined {
  const [first = ''] = words;
  if (words.every((word) => word.trim() === '')) return refuse(message('options.argument-empty'));
  if (words.some((word) => STRING_BEGINS.test(word) || word.length >= INVITE_PIECE_CHARS_LEAST)) return undefined;
  if (/^(help|version)$/i.test(first))
    return refuse(message('options.argument-no-command', { meant: first.toLowerCase() }));
  return refuse(message('options.argument-no-invite'));
}

function isDumb(environment: NodeJS.ProcessEnv): boolean {
  return environment['TERM'] === 'dumb';
}

function refuse(problem: string): Refused {
  return { ok: false, code: 'usage', problem };
}
