// The program from its command line to its exit code, with everything that belongs to the machine handed in.

import type { Clock } from '@sotto/client';
import type { Invite } from '@sotto/protocol';
import { COLUMNS_DEFAULT, JSON_LINE_BYTES_MAX, PLAIN_LINE_BYTES_MAX } from './limits.ts';
import { readDoors } from './environment.ts';
import { TERMINAL_CODES } from './errors.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { FrontEnd } from './front-end.ts';
import { readInvite } from './invite-source.ts';
import { errorObject, JsonFrontEnd } from './json.ts';
import { editLines } from './line-editor.ts';
import { feedLines } from './line-feed.ts';
import type { LineFeed } from './line-feed.ts';
import { Messenger } from './messenger.ts';
import type { MessengerOptions } from './messenger.ts';
import { isName, makeName } from './name.ts';
import { createOnionDial } from './onion-dial.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { PlainFrontEnd } from './plain.ts';
import type { RandomSource } from './random.ts';
import { safeJson, safeLine, safely, safeText } from './safe-text.ts';
import { appendingScreen } from './screen.ts';
import type { Screen } from './screen.ts';

export interface Edge {
  /** Without node and script. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WritableStream;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Called once the command line has been read: it can be taken out of sight. */
  readonly hideArguments: () => void;
  /** How the relay is reached; the onion of the connection string, if absent. */
  readonly openDial?: MessengerOptions['openDial'];
}

/** `interrupt` is for Ctrl-C and the signals that ask to leave; a second one leaves at once. `ended` rejects for bugs only. */
export interface Run {
  readonly ended: Promise<ExitCode>;
  interrupt(): void;
}

export function run(edge: Edge): Run {
  const program = new Program(edge);
  return { ended: program.go(), interrupt: () => program.interrupt() };
}

class Program {
  readonly #edge: Edge;
  readonly #screen: Screen;
  readonly #prompting = new AbortController();
  #messenger: Messenger | undefined;
  #feed: LineFeed | undefined;

  constructor(edge: Edge) {
    this.#edge = edge;
    this.#screen = appendingScreen(edge.stdout, () => this.#messenger?.failOutput());
  }

  interrupt(): void {
    this.#prompting.abort();
    this.#messenger?.interrupt();
  }

  async go(): Promise<ExitCode> {
    const read = readOptions(this.#edge.args, this.#edge.environment);
    this.#edge.hideArguments();
    if (read.ok) return this.#join(read.value);
    if (read.code === 'shown') this.#screen.print(safeText(read.text));
    else this.#note(`${read.problem}. See: client --help`);
    await this.#screen.close();
    return read.code === 'shown' ? EXIT_CODES.left : EXIT_CODES.usage;
  }

  async #join(options: Options): Promise<ExitCode> {
    const name = options.name ?? makeName(this.#edge.random);
    if (!isName(name)) return this.#refuse(options, 'name-invalid', TERMINAL_CODES['name-invalid']);
    const openDial = this.#edge.openDial ?? this.#onionDial();
    if (openDial === undefined) {
      return this.#refuse(options, 'environment-invalid', TERMINAL_CODES['environment-invalid']);
    }
    const { stdin } = this.#edge;
    const invite = await readInvite(options.invite, {
      terminal: stdin.isTTY ? stdin : undefined,
      lines: () => this.#openFeed(options),
      show: (text) => void this.#edge.stderr.write(text),
      note: (line) => this.#note(line),
      signal: this.#prompting.signal,
    });
    if (invite.ok) return this.#talk(options, name, invite.value, openDial);
    return invite.code === 'cancelled' ? EXIT_CODES.left : this.#refuse(options, invite.code, invite.message);
  }

  async #talk(
    options: Options,
    name: string,
    invite: Invite,
    openDial: MessengerOptions['openDial'],
  ): Promise<ExitCode> {
    const { screen, feed, frontEnd } = this.#openScreen(options);
    const { clock, random } = this.#edge;
    const messenger = new Messenger({ invite, name, openDial, clock, random, frontEnd, feed });
    this.#messenger = messenger;
    messenger.start();
    // Asked to leave before there was anything to leave.
    if (this.#prompting.signal.aborted) messenger.interrupt();
    const code = await messenger.ended;
    await screen.close();
    return code;
  }

  #openScreen(options: Options): { screen: Screen; feed: LineFeed; frontEnd: FrontEnd } {
    const { stdin, stdout } = this.#edge;
    const columns = (): number | undefined =>
      stdout.isTTY ? (stdout.columns > 0 ? stdout.columns : COLUMNS_DEFAULT) : undefined;
    if (options.screen === 'json') {
      return { screen: this.#screen, feed: this.#openFeed(options), frontEnd: new JsonFrontEnd(this.#screen) };
    }
    if (options.screen === 'line' && stdin.isTTY && stdout.isTTY) {
      const editor = editLines(stdin, stdout, this.#screen, () => this.interrupt());
      return { ...editor, frontEnd: new PlainFrontEnd(editor.screen, columns) };
    }
    const frontEnd = new PlainFrontEnd(this.#screen, columns);
    return { screen: this.#screen, feed: this.#openFeed(options), frontEnd };
  }

  /** The lines of standard input, the same ones for the connection string and for what comes after it. */
  #openFeed(options: Options): LineFeed {
    const limit = options.screen === 'json' ? JSON_LINE_BYTES_MAX : PLAIN_LINE_BYTES_MAX;
    this.#feed ??= feedLines(this.#edge.stdin, limit);
    return this.#feed;
  }

  #onionDial(): MessengerOptions['openDial'] | undefined {
    const doors = readDoors(this.#edge.environment);
    if (!doors.ok) return undefined;
    const { clock } = this.#edge;
    return (invite, onNetwork) => createOnionDial({ invite, doors: doors.value, clock, onNetwork });
  }

  /** What stands in the way of a conversation, on standard error, and for programs on standard output too. */
  async #refuse(options: Options, code: string, message: string): Promise<ExitCode> {
    this.#note(`${message} (${code})`);
    if (options.screen === 'json') this.#screen.print(safeJson(errorObject(code, message, undefined)));
    await this.#screen.close();
    return EXIT_CODES.usage;
  }

  #note(line: string): void {
    this.#edge.stderr.write(safely`sotto: ${safeLine(line)}\n`);
  }
}
