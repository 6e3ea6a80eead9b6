// What the command line says: where the connection string comes from, under which name, and on which kind of screen.

import yargs from 'yargs';
import { TERMINAL_CODES } from './errors.ts';
import { RENEW_EVERY_S, RENEW_LEAST_S, RENEW_MOST_S } from './limits.ts';
import { VERSION } from './version.ts';

type ScreenKind = 'line' | 'plain' | 'json';

/** Where the connection string comes from. `ask` needs a terminal. */
export type InviteSource =
  | { readonly from: 'ask' }
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

/** `text` is for standard output; `problem` for standard error, and is one line. */
export type ReadOptions =
  | { readonly ok: true; readonly value: Options }
  | { readonly ok: false; readonly code: 'shown'; readonly text: string }
  | { readonly ok: false; readonly code: 'usage' | 'invite-ambiguous'; readonly problem: string };

interface Given {
  readonly 'conn-string'?: string | undefined;
  readonly name?: string | undefined;
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly 'invite-file'?: string | undefined;
  readonly host?: string | undefined;
  readonly renew?: string | undefined;
  readonly _?: readonly unknown[];
}

const HELP_COLUMNS = 96;
const RENEW_RANGE = `${RENEW_LEAST_S} to ${RENEW_MOST_S} seconds`;
const EPILOGUE = `Without a connection string the client asks for it and does not show it; "-" reads it from the
first line of standard input. On the command line it stays in your shell's history.

Environment: SOTTO_INVITE_FILE, as --invite-file; SOTTO_MODERATOR_SOCKET, as --host; SOTTO_RENEW, as --renew.
Ends with: 0 left, 1 room ended, unreachable, or a message not acknowledged, 2 wrong usage or
connection string, 3 /panic or SIGQUIT, 70 a bug.`;

/** Reads `args` (without node and script). Of `environment` SOTTO_INVITE_FILE, SOTTO_MODERATOR_SOCKET, SOTTO_RENEW and TERM count. */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): ReadOptions {
  let outcome: ReadOptions = { ok: false, code: 'usage', problem: 'the command line is not understood' };
  void parserOf().parse([...args], {}, (error: Error | null | undefined, given: unknown, output: string) => {
    if (error !== null && error !== undefined) {
      outcome = { ok: false, code: 'usage', problem: describeProblem(error.message, args) };
    } else if (output !== '') outcome = { ok: false, code: 'shown', text: output };
    else outcome = choose(given as Given, args, environment);
  });
  return outcome;
}

function parserOf(): ReturnType<typeof yargs> {
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
      })
      .command('$0 [conn-string]', 'Joins a Sotto room and talks there.', (command) =>
        command.positional('conn-string', { type: 'string', describe: 'what the host gave you; asked for if absent' }),
      )
      .option('name', { type: 'string', requiresArg: true, describe: 'what the others call you; made up if absent' })
      .option('json', { type: 'boolean', describe: 'for programs: one JSON object a line, both ways' })
      .option('plain', { type: 'boolean', describe: 'append-only lines, no line editing, no cursor moves' })
      .option('invite-file', { type: 'string', requiresArg: true, describe: 'a file whose first line is the string' })
      .option('host', {
        type: 'string',
        requiresArg: true,
        describe: "the host's socket for its own client: gives the string, and the right to lock and evict",
      })
      .option('renew', {
        type: 'string',
        requiresArg: true,
        describe: `another Tor circuit about every so many seconds, or "off"; ${RENEW_EVERY_S} if absent`,
      })
      .epilogue(EPILOGUE)
      .version(VERSION)
      .help()
      .strict()
  );
}

function choose(given: Given, args: readonly string[], environment: NodeJS.ProcessEnv): ReadOptions {
  if (given.json === true && given.plain === true) {
    return { ok: false, code: 'usage', problem: '--json and --plain exclude each other' };
  }
  if (given._ !== undefined && given._.length > 0)
    return { ok: false, code: 'usage', problem: describeProblem('Unknown', []) };
  const argument = given['conn-string'];
  if (argument !== undefined && given['invite-file'] !== undefined) {
    return { ok: false, code: 'invite-ambiguous', problem: TERMINAL_CODES['invite-ambiguous'] };
  }
  const path = given['invite-file'] ?? environment['SOTTO_INVITE_FILE'];
  const screen = given.json === true ? 'json' : given.plain === true || isDumb(environment) ? 'plain' : 'line';
  const socket = given.host ?? environment['SOTTO_MODERATOR_SOCKET'];
  const moderatorSocket = socket === '' ? undefined : socket;
  const renew = readRenew(given.renew ?? environment['SOTTO_RENEW']);
  if (renew === undefined) return { ok: false, code: 'usage', problem: `--renew takes ${RENEW_RANGE}, or "off"` };
  const invite = chooseSource(argument, path, args);
  return { ok: true, value: { invite, name: given.name, moderatorSocket, screen, ...renew } };
}

/** @returns undefined if it is none of what may be asked for. */
function readRenew(given: string | undefined): Pick<Options, 'renewEveryMs'> | undefined {
  if (given === 'off') return { renewEveryMs: undefined };
  const text = given === undefined || given === '' ? String(RENEW_EVERY_S) : given;
  const seconds = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  const isInRange = seconds >= RENEW_LEAST_S && seconds <= RENEW_MOST_S;
  return isInRange ? { renewEveryMs: seconds * 1_000 } : undefined;
}

function chooseSource(argument: string | undefined, path: string | undefined, args: readonly string[]): InviteSource {
  // yargs hands a lone "-" on as an empty string.
  if (argument === '' && args.includes('-')) return { from: 'stdin' };
  if (argument !== undefined) return { from: 'argument', text: argument };
  return path === undefined || path === '' ? { from: 'ask' } : { from: 'file', path };
}

function isDumb(environment: NodeJS.ProcessEnv): boolean {
  return environment['TERM'] === 'dumb';
}

/** yargs repeats what was typed; a connection string that was torn apart is not repeated on a screen. */
function describeProblem(message: string, args: readonly string[]): string {
  if (!message.startsWith('Unknown')) return message;
  const option = args.find((arg) => /^--[a-z-]{1,30}$/.test(arg) && message.includes(arg.slice(2)));
  return option === undefined ? 'an argument too many: is there a blank in the string?' : `unknown option ${option}`;
}
