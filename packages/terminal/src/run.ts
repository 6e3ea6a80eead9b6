// The program from its command line to its exit code, with everything that belongs to the machine handed in.

import type { ClientOptions, Clock, ModeratorError } from '@sotto/client';
import { equalBytes } from '@sotto/protocol';
import { COLUMNS_DEFAULT, JSON_LINE_BYTES_MAX, PLAIN_LINE_BYTES_MAX } from './limits.ts';
import { readDoors } from './environment.ts';
import { TERMINAL_CODES } from './errors.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { FrontEnd } from './front-end.ts';
import { awaitHostInvite } from './host-invite.ts';
import { readInvite } from './invite-source.ts';
import type { ReadInvite } from './invite-source.ts';
import { errorObject, JsonFrontEnd, waitingObject } from './json.ts';
import { editLines } from './line-editor.ts';
import { feedLines } from './line-feed.ts';
import type { LineFeed } from './line-feed.ts';
import { Messenger } from './messenger.ts';
import type { MessengerOptions } from './messenger.ts';
import { ModeratorSocket } from './moderator-socket.ts';
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
  readonly crypto: ClientOptions['crypto'];
  /** Whether secrets lie in memory that is never paged out. */
  readonly secrets: 'locked' | 'unlocked';
  /** Called once the command line has been read: it can be taken out of sight. */
  readonly hideArguments: () => void;
  /** How the relay is reached; the onion of the connection string, if absent. */
  readonly openDial?: MessengerOptions['openDial'];
}

/** `interrupt` is for Ctrl-C and the signals that ask to leave; a second one leaves at once. `ended` rejects for bugs only. */
export interface Run {
  readonly ended: Promise<ExitCode>;
  interrupt(): void;
  /** Lets go of everything, now; `ended` resolves with the exit code of it. */
  panic(): void;
}

export function run(edge: Edge): Run {
  const program = new Program(edge);
  return { ended: program.go(), interrupt: () => program.interrupt(), panic: () => program.panic() };
}

class Program {
  readonly #edge: Edge;
  readonly #screen: Screen;
  readonly #prompting = new AbortController();
  #moderator: ModeratorSocket | undefined;
  #messenger: Messenger | undefined;
  #feed: LineFeed | undefined;
  #standing: 'calm' | 'panicked' = 'calm';

  constructor(edge: Edge) {
    this.#edge = edge;
    this.#screen = appendingScreen(edge.stdout, () => this.#messenger?.failOutput());
  }

  interrupt(): void {
    this.#prompting.abort();
    this.#messenger?.interrupt();
  }

  panic(): void {
    this.#standing = 'panicked';
    this.#prompting.abort();
    if (this.#messenger === undefined) this.#screen.wipe();
    else this.#messenger.panic();
  }

  #hasPanicked(): boolean {
    return this.#standing === 'panicked';
  }

  async go(): Promise<ExitCode> {
    const read = readOptions(this.#edge.args, this.#edge.environment);
    this.#edge.hideArguments();
    if (read.ok) return this.#joinAndSettle(read.value);
    if (read.code === 'shown') this.#screen.print(safeText(read.text));
    else this.#note(`${read.problem}. See: client --help`);
    await this.#screen.close();
    return read.code === 'shown' ? EXIT_CODES.left : EXIT_CODES.usage;
  }

  /** The host is told what it has to know before the process may end. */
  async #joinAndSettle(options: Options): Promise<ExitCode> {
    let code: ExitCode = EXIT_CODES.failed;
    try {
      code = await this.#join(options);
      return code;
    } finally {
      if (code !== EXIT_CODES.panic) await this.#moderator?.close();
    }
  }

  async #join(options: Options): Promise<ExitCode> {
    const name = (options.name ?? makeName(this.#edge.random)).normalize('NFC');
    if (!isName(name)) return this.#refuse(options, 'name-invalid', TERMINAL_CODES['name-invalid']);
    const openDial = this.#edge.openDial ?? this.#onionDial();
    if (openDial === undefined) {
      return this.#refuse(options, 'environment-invalid', TERMINAL_CODES['environment-invalid']);
    }
    const invite = await this.#findInvite(options);
    if (invite.ok) return this.#talk(options, { name, invite: invite.value, openDial });
    if (this.#hasPanicked()) return EXIT_CODES.panic;
    return invite.code === 'cancelled' ? EXIT_CODES.left : this.#refuse(options, invite.code, invite.message);
  }

  /** The host's own client asks the host; a connection string that it is given all the same has to be the host's. */
  async #findInvite(options: Options): Promise<ReadInvite> {
    if (options.moderatorSocket === undefined) return this.#readInvite(options);
    const given = options.invite.from === 'ask' ? undefined : await this.#readInvite(options);
    if (given?.ok === false) return given;
    const { clock } = this.#edge;
    const onProblem = (problem: ModeratorError): void => this.#tellProblem(problem);
    const host = new ModeratorSocket({ path: options.moderatorSocket, clock, onProblem });
    this.#moderator = host;
    const tell = (waiting: string): void => this.#tellWaiting(options, waiting);
    const invite = await awaitHostInvite({ host, clock, tell, signal: this.#prompting.signal });
    if (!invite.ok || given === undefined || equalBytes(given.value.onionKey, invite.value.onionKey)) return invite;
    return { ok: false, code: 'invite-not-host', message: TERMINAL_CODES['invite-not-host'] };
  }

  #readInvite(options: Options): Promise<ReadInvite> {
    const { stdin } = this.#edge;
    return readInvite(options.invite, {
      terminal: stdin.isTTY ? stdin : undefined,
      lines: () => this.#openFeed(options),
      show: (text) => void this.#edge.stderr.write(text),
      note: (line) => this.#note(line),
      signal: this.#prompting.signal,
    });
  }

  async #talk(options: Options, stay: Pick<MessengerOptions, 'name' | 'invite' | 'openDial'>): Promise<ExitCode> {
    const { screen, feed, frontEnd } = this.#openScreen(options);
    const { clock, random, crypto } = this.#edge;
    const moderator = this.#moderator === undefined ? {} : { moderator: this.#moderator };
    const wipeScreen = (): void => screen.wipe();
    const { renewEveryMs } = options;
    const messenger = new Messenger({
      ...stay,
      ...moderator,
      renewEveryMs,
      clock,
      random,
      crypto,
      frontEnd,
      feed,
      wipeScreen,
    });
    this.#messenger = messenger;
    // The messenger has its own, where secrets lie.
    stay.invite.roomSecret.fill(0);
    if (this.#edge.secrets === 'unlocked') this.#note(TERMINAL_CODES['memory-unlocked']);
    messenger.start();
    // Asked to leave before there was anything to leave.
    if (this.#hasPanicked()) messenger.panic();
    else if (this.#prompting.signal.aborted) messenger.interrupt();
    const code = await messenger.ended;
    this.#messenger = undefined;
    // Nothing is to be seen any more, so nothing is waited for.
    if (code !== EXIT_CODES.panic) await screen.close();
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
    if (options.screen === 'json') this.#screen.print(safeJson(errorObject(code, message)));
    await this.#screen.close();
    return EXIT_CODES.usage;
  }

  /** For people on standard error, like the prompt that there would have been; for programs as a state. */
  #tellWaiting(options: Options, waiting: string): void {
    if (options.screen === 'json') this.#screen.print(safeJson(waitingObject(waiting)));
    else this.#note(waiting);
  }

  /** Behind the last line of the room there is only standard error. */
  #tellProblem({ code, message }: ModeratorError): void {
    if (this.#messenger === undefined) this.#note(`${message} (${code})`);
    else this.#messenger.report(code, message);
  }

  #note(line: string): void {
    this.#edge.stderr.write(safely`sotto: ${safeLine(line)}\n`);
  }
}
