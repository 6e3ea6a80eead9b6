// What the command line says: where the connection string comes from, under which name, and on which kind of screen.

import { message } from '@sotto/messages';
import { findMistypedVariable, findQuestion, nameOption, nearest, VERSION } from '@sotto/confinement/usage';
import yargs from 'yargs';
import {
  HELP_COLUMNS,
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
  /** Where the host answers its own client; undefined for everybody else. */
  readonly moderatorSocket: string | undefined;
  readonly screen: ScreenKind;
  /** The circuit is renewed about so often; undefined: only when it is asked for. */
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
const STANDS_ALONE = 'the connection string stands by itself; the client asks if it is absent';
/** What other programs call it. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['connection-string', STANDS_ALONE],
  ['conn-string', STANDS_ALONE],
  ['string', STANDS_ALONE],
  ['invite', STANDS_ALONE],
  ['nick', 'did you mean --name?'],
  ['nickname', 'did you mean --name?'],
  ['user', 'did you mean --name?'],
]);
/** Hyphens, dashes and minus signs that a word processor makes of a hyphen. */
const DASHES = /^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+/u;
const STRING_BEGINS = /^sotto1/i;
/** All that the client reads beside TERM; the doors are read in environment.ts. */
const VARIABLES: readonly string[] = [
  'SOTTO_INVITE_FILE',
  'SOTTO_MODERATOR_SOCKET',
  'SOTTO_RENEW',
  'SOTTO_SOCKS',
  'SOTTO_GATE_SOCKET',
  'SOTTO_UNPROTECTED',
];

const RENEW_RANGE = `${RENEW_LEAST_S} to ${RENEW_MOST_S} seconds, or "off"`;
const FIRST_LINES = `Usage: client [options] [connection string]

Joins a Sotto room and talks there.`;
const EPILOGUE = `Without a connection string the client asks for it and does not show it; "-"
reads it from the first line of standard input. As an argument it stays in your
shell's history.

Environment: SOTTO_INVITE_FILE, as --invite-file; SOTTO_MODERATOR_SOCKET, as
--host; SOTTO_RENEW, as --renew.

Exit codes: 0 left; 1 the room ended or cannot be reached, or a message was not
acknowledged or not taken; 2 wrong usage, connection string or input; 3 /panic
or SIGQUIT; 70 a bug; 78 the engine does not protect it (unprotected).`;

/** Reads `args` (without node and script). Of `environment` SOTTO_INVITE_FILE, SOTTO_MODERATOR_SOCKET, SOTTO_RENEW and TERM count. */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): ReadOptions {
  const question = findQuestion(args);
  if (question !== undefined) return { ok: false, code: 'shown', text: question === 'help' ? helpText() : VERSION };
  const mistake = args
    .slice(0, endOfOptions(args))
    .map(findMistake)
    .find((found) => found !== undefined);
  if (mistake !== undefined) return refuse(mistake);
  const { problem, given } = parse(makeParser().help(false).version(false), args);
  const wrong = problem ?? findMistypedVariable(environment, VARIABLES);
  return wrong === undefined ? choose(given, environment) : refuse(wrong);
}

function helpText(): string {
  const parser = makeParser().version(VERSION).alias('version', 'V').describe('version', 'show the version');
  const { output } = parse(parser.help().alias('help', 'h').describe('help', 'show this text'), ['--help']);
  return `${FIRST_LINES}\n\n${output}`;
}

function endOfOptions(args: readonly string[]): number {
  const end = args.indexOf('--');
  return end === -1 ? args.length : end;
}

interface Parsed {
  readonly given: Given;
  readonly output: string;
  readonly problem: string | undefined;
}

function parse(parser: ReturnType<typeof yargs>, args: readonly string[]): Parsed {
  let parsed: Parsed = { given: {}, output: '', problem: 'the command line is not understood' };
  void parser.parse([...args], {}, (error: Error | null | undefined, given: unknown, output: string) => {
    parsed = { given: given as Given, output, problem: describeProblem(error ?? undefined) };
  });
  return parsed;
}

function describeProblem(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined;
  const option = /^Not enough arguments following: ([a-z-]+)$/.exec(error.message)?.[1];
  return option === undefined ? 'the command line is not understood' : `--${option} needs a value`;
}

function makeParser(): ReturnType<typeof yargs> {
  return (
    yargs()
      .scriptName('client')
      // Its own language whatever the machine's is, so that a copied screen does not tell where somebody lives.
      .locale('en')
      .exitProcess(false)
      .wrap(HELP_COLUMNS)
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
      .option('name', { type: 'string', requiresArg: true, describe: 'what the others call you; made up if absent' })
      .option('json', { type: 'boolean', describe: 'for programs: one JSON object a line' })
      .option('plain', { type: 'boolean', describe: 'lines only: no editing, no cursor moves' })
      .option('invite-file', { type: 'string', requiresArg: true, describe: 'its first line is the string' })
      .option('host', { type: 'string', requiresArg: true, describe: "socket of the host, for the host's own client" })
      .option('renew', {
        type: 'string',
        requiresArg: true,
        describe: `seconds for a circuit, or "off"; ${RENEW_EVERY_S} if absent`,
      })
      .epilogue(EPILOGUE)
  );
}

/** Before yargs sees it: a value never begins with a hyphen, so whatever does is an option, and yargs would take some for something else. */
function findMistake(arg: string): string | undefined {
  if (DASHES.test(arg)) return `an option begins with hyphens, not with dashes${hint(arg.replace(DASHES, ''))}`;
  if (!arg.startsWith('-') || arg === '-') return undefined;
  const [name = ''] = arg.replace(/^--?/, '').split('=', 1);
  if (!OPTIONS.includes(name)) return `unknown option${spaced(nameOption(arg))}${hint(name)}`;
  return FLAGS.includes(name) && arg.includes('=') ? `--${name} takes no value` : undefined;
}

function hint(name: string): string {
  const other = OTHER_NAMES.get(name.toLowerCase());
  if (other !== undefined) return `: ${other}`;
  const meant =
    name.length === 1 ? OPTIONS.find((option) => option.startsWith(name.toLowerCase())) : nearest(name, OPTIONS);
  return meant === undefined ? '' : `: did you mean --${meant}?`;
}

function choose(given: Given, environment: NodeJS.ProcessEnv): ReadOptions {
  if (given.json === true && given.plain === true) return refuse('--json and --plain exclude each other');
  const empty = (['invite-file', 'host', 'renew'] as const).find((option) => given[option] === '');
  if (empty !== undefined) return refuse(`--${empty} needs a value`);
  const renew = readRenew(setting('--renew', given.renew, 'SOTTO_RENEW', environment));
  if (!renew.ok) return renew;
  const socket = setting('--host', given.host, 'SOTTO_MODERATOR_SOCKET', environment);
  if (Buffer.byteLength(socket.text ?? '') > SOCKET_PATH_BYTES_MAX) {
    return refuse(`${socket.source} is not the path of a socket: it is longer than ${SOCKET_PATH_BYTES_MAX} bytes`);
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

/** A setting and who gave it: an option goes before a variable, and a variable that is empty is not set. */
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
  return isInRange ? { ok: true, renewEveryMs: seconds * 1_000 } : refuse(`${source} takes ${RENEW_RANGE}`);
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

/** What cannot be a part of a connection string is not looked at as one: the mistake is another. */
function describeWords(words: readonly string[]): Refused | undefined {
  const [first = ''] = words;
  if (words.every((word) => word.trim() === ''))
    return refuse('the argument is empty: leave it out, and the client asks');
  if (words.some((word) => STRING_BEGINS.test(word) || word.length >= INVITE_PIECE_CHARS_LEAST)) return undefined;
  if (/^(help|version)$/i.test(first)) return refuse(`there are no commands: did you mean --${first.toLowerCase()}?`);
  return refuse('the argument is no connection string: one begins with sotto1; leave it out, and the client asks');
}

function isDumb(environment: NodeJS.ProcessEnv): boolean {
  return environment['TERM'] === 'dumb';
}

function refuse(problem: string): Refused {
  return { ok: false, code: 'usage', problem };
}

function spaced(word: string | undefined): string {
  return word === undefined ? '' : ` ${word}`;
}
