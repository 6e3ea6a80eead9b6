// The program from its command line to its exit code. Streams, clock, signals and randomness are
// arguments.

import { message } from '@sotto/messages';
import type { ClientOptions, Clock, ModeratorError } from '@sotto/client';
import { equalBytes } from '@sotto/protocol';
import { COLUMNS_DEFAULT, JSON_LINE_BYTES_MAX, PLAIN_LINE_BYTES_MAX } from './limits.ts';
import { readEndpoints } from './environment.ts';
import type { ReadEndpoints } from './environment.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { FrontEnd } from './front-end.ts';
import { awaitHostInvite } from './host-invite.ts';
import { readInvite } from './invite-source.ts';
import type { ReadInvite } from './invite-source.ts';
import { errorObject, JsonFrontEnd, waitingObject } from './json.ts';
import { editLines } from './line-editor.ts';
import type { LineEditor } from './line-editor.ts';
import { queueLines } from './line-queue.ts';
import type { LineQueue } from './line-queue.ts';
import { Messenger } from './messenger.ts';
import type { MessengerOptions } from './messenger.ts';
import { ModeratorSocket } from './moderator-socket.ts';
import { isName, makeName } from './name.ts';
import { createOnionDial } from './onion-dial.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { otherThreadRuns } from './other-threads.ts';
import { PlainFrontEnd } from './plain.ts';
import type { RandomSource } from './random.ts';
import { safeJson, safeLine, safely, safeMessage, safeText } from './safe-text.ts';
import { appendingScreen } from './screen.ts';
import type { Screen } from './screen.ts';
import { WatchedTerminal } from './terminal-watch.ts';
import type { SignalKey } from './terminal-watch-machine.ts';

type Secrets = 'locked' | 'unlocked';

export interface Edge {
  /** Without node and script. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly crypto: ClientOptions['crypto'];
  /** Called once the command line was read, to overwrite it. */
  readonly hideArguments: () => void;
  /**
   * Called before the command line has any effect.
   * @returns whether secrets lie in memory that is never paged out
   */
  readonly prepare: () => Promise<Secrets>;
  /** Opens the dial of the relay; the default dials the onion of the connection string. */
  readonly openDial?: MessengerOptions['openDial'];
}

/**
 * `interrupt` is for Ctrl-C and the signals that ask to leave; a second one leaves at once. `ended`
 * rejects for bugs only.
 */
export interface Run {
  readonly ended: Promise<ExitCode>;
  interrupt(): void;
  /** For the signal of a closed terminal; repetitions have no effect. */
  hangUp(): void;
  /** Zeroes and closes everything, at once. `ended` resolves with the exit code. */
  panic(): void;
  /** Shows that the client does not stop. */
  suspend(): void;
  /** Called when the process was stopped all the same, and continues. */
  resume(): void;
}

export function run(edge: Edge): Run {
  const program = new Program(edge);
  return {
    ended: program.go(),
    interrupt: () => program.interrupt(),
    hangUp: () => program.hangUp(),
    panic: () => program.panic(),
    suspend: () => program.suspend(),
    resume: () => program.resume(),
  };
}

class Program {
  readonly #edge: Edge;
  readonly #screen: Screen;
  readonly #prompting = new AbortController();
  readonly #promptingAtOnce = new AbortController();
  #moderator: ModeratorSocket | undefined;
  #messenger: Messenger | undefined;
  #queue: LineQueue | undefined;
  #secrets: Secrets = 'unlocked';
  #terminal: WatchedTerminal | undefined;
  #editor: LineEditor | undefined;
  #status: 'calm' | 'terminal-gone' | 'panicked' = 'calm';
  #refusesStopSilently = false;

  constructor(edge: Edge) {
    this.#edge = edge;
    this.#screen = appendingScreen(edge.stdout, () => this.#messenger?.failOutput());
  }

  interrupt(): void {
    this.#prompting.abort();
    this.#messenger?.interrupt();
  }

  hangUp(): void {
    this.#prompting.abort();
    this.#messenger?.hangUp();
  }

  panic(): void {
    this.#status = 'panicked';
    this.#prompting.abort();
    this.#promptingAtOnce.abort();
    if (this.#messenger === undefined) this.#screen.wipe();
    else this.#messenger.panic();
  }

  /** Shown once: a held key would fill the screen. */
  suspend(): void {
    if (this.#messenger === undefined || this.#refusesStopSilently) return;
    this.#refusesStopSilently = true;
    this.#messenger.report('stop-refused', message('error.terminal.stop-refused'));
  }

  resume(): void {
    this.#terminal?.resume();
    this.#editor?.redraw();
  }

  #hasPanicked(): boolean {
    return this.#status === 'panicked';
  }

  async go(): Promise<ExitCode> {
    const read = readOptions(this.#edge.args, this.#edge.environment);
    this.#edge.hideArguments();
    if (read.ok) return this.#begin(read.value);
    if (read.code === 'shown') this.#screen.print(safeText(read.text));
    else this.#note(message(`options.see-help${read.problem.endsWith('?') ? '-after-question' : ''}`, read));
    await this.#screen.close();
    return read.code === 'shown' ? EXIT_CODES.left : EXIT_CODES.usage;
  }

  async #begin(options: Options): Promise<ExitCode> {
    this.#secrets = await this.#edge.prepare();
    if (this.#hasPanicked()) return EXIT_CODES.panic;
    if (this.#prompting.signal.aborted) return EXIT_CODES.left;
    return this.#joinOnTerminal(options);
  }

  /** The terminal gets its mode back at the end of this call, at any outcome. */
  async #joinOnTerminal(options: Options): Promise<ExitCode> {
    const { stdin, stdout, clock } = this.#edge;
    if (options.screen !== 'line' || !stdin.isTTY || !stdout.isTTY) return this.#joinAndSettle(options);
    const signals: Readonly<Record<SignalKey, () => void>> = {
      interrupt: () => this.interrupt(),
      quit: () => this.panic(),
      suspend: () => this.suspend(),
    };
    const onKey = (key: SignalKey): void => signals[key]();
    const onGone = (): void => this.#loseTerminal();
    const terminal = new WatchedTerminal({ stdin, stdout, clock, onKey, onGone, otherThreadRuns });
    this.#terminal = terminal;
    try {
      return await this.#joinAndSettle(options);
    } finally {
      this.#terminal = undefined;
      await terminal.close();
    }
  }

  /** A terminal that comes back shows the reason. */
  #loseTerminal(): void {
    const reason = message('error.terminal.terminal-gone');
    if (this.#status === 'calm') this.#status = 'terminal-gone';
    this.#messenger?.report('terminal-gone', reason);
    this.#messenger?.failOutput();
    if (this.#messenger === undefined)
      this.#note(message('terminal.refused', { problem: reason, code: 'terminal-gone' }));
    this.#prompting.abort();
  }

  /** The host is told of a room move before the process may end. */
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
    if (!isName(name)) return this.#refuse(options, 'name-invalid', message('error.terminal.name-invalid'));
    const dialling = this.#onionDial();
    if (!dialling.ok) return this.#refuse(options, dialling.code, dialling.problem);
    const invite = await this.#findInvite(options);
    if (invite.ok) return this.#runMessenger(options, { name, invite: invite.value, openDial: dialling.value });
    if (this.#hasPanicked()) return EXIT_CODES.panic;
    if (invite.code !== 'cancelled') return this.#refuse(options, invite.code, invite.message);
    return this.#status === 'terminal-gone' ? EXIT_CODES.failed : EXIT_CODES.left;
  }

  /**
   * The host's own client asks the host. A connection string in its arguments must be the host's.
   */
  async #findInvite(options: Options): Promise<ReadInvite> {
    if (options.moderatorSocket === undefined) return this.#readInvite(options);
    const given = options.invite.from === 'ask' ? undefined : await this.#readInvite(options);
    if (given?.ok === false) return given;
    const { clock } = this.#edge;
    const onProblem = (problem: ModeratorError): void => this.#reportProblem(problem);
    const host = new ModeratorSocket({ path: options.moderatorSocket, clock, onProblem });
    this.#moderator = host;
    const report = (waiting: string): void => this.#reportWaiting(options, waiting);
    const invite = await awaitHostInvite({ host, clock, report, signal: this.#prompting.signal });
    if (!invite.ok || given === undefined || equalBytes(given.value.onionKey, invite.value.onionKey)) return invite;
    return { ok: false, code: 'invite-not-host', message: message('error.terminal.invite-not-host') };
  }

  #readInvite(options: Options): Promise<ReadInvite> {
    const { stdin, stderr, clock } = this.#edge;
    return readInvite(options.invite, {
      terminal: this.#terminal?.input ?? (stdin.isTTY ? stdin : undefined),
      // A watched terminal is always raw, and restores its mode by itself.
      staysRaw: this.#terminal !== undefined,
      lines: () => this.#openQueue(options),
      show: (text) => void stderr.write(text),
      showsOnTerminal: stderr.isTTY === true,
      note: (line) => this.#note(line),
      clock,
      signal: this.#prompting.signal,
      atOnce: this.#promptingAtOnce.signal,
    });
  }

  async #runMessenger(
    options: Options,
    stay: Pick<MessengerOptions, 'name' | 'invite' | 'openDial'>,
  ): Promise<ExitCode> {
    // Shown before the draft is drawn at the bottom of the screen.
    if (this.#secrets === 'unlocked') this.#note(message('error.terminal.memory-unlocked'));
    const { screen, queue, frontEnd } = this.#openScreen(options);
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
      queue,
      wipeScreen,
    });
    this.#messenger = messenger;
    // The messenger has its own copy, where secrets lie.
    stay.invite.roomSecret.fill(0);
    messenger.start();
    // A signal came before the messenger existed.
    if (this.#hasPanicked()) messenger.panic();
    else if (this.#prompting.signal.aborted) messenger.interrupt();
    const code = await messenger.ended;
    this.#messenger = undefined;
    // After a panic nothing more is shown, so no output is awaited.
    if (code !== EXIT_CODES.panic) await screen.close();
    return code;
  }

  #openScreen(options: Options): { screen: Screen; queue: LineQueue; frontEnd: FrontEnd } {
    const { stdout } = this.#edge;
    const columns = (): number | undefined =>
      stdout.isTTY ? (stdout.columns > 0 ? stdout.columns : COLUMNS_DEFAULT) : undefined;
    if (options.screen === 'json') {
      return { screen: this.#screen, queue: this.#openQueue(options), frontEnd: new JsonFrontEnd(this.#screen) };
    }
    if (this.#terminal !== undefined) {
      const editor = editLines(this.#terminal.input, stdout, this.#screen);
      this.#editor = editor;
      return { ...editor, frontEnd: new PlainFrontEnd(editor.screen, columns) };
    }
    const frontEnd = new PlainFrontEnd(this.#screen, columns);
    return { screen: this.#screen, queue: this.#openQueue(options), frontEnd };
  }

  /** The lines of standard input, for the connection string and for the conversation after it. */
  #openQueue(options: Options): LineQueue {
    const limit = options.screen === 'json' ? JSON_LINE_BYTES_MAX : PLAIN_LINE_BYTES_MAX;
    this.#queue ??= queueLines(this.#edge.stdin, limit);
    return this.#queue;
  }

  #onionDial():
    { readonly ok: true; readonly value: MessengerOptions['openDial'] } | (ReadEndpoints & { readonly ok: false }) {
    if (this.#edge.openDial !== undefined) return { ok: true, value: this.#edge.openDial };
    const endpoints = readEndpoints(this.#edge.environment);
    if (!endpoints.ok) return endpoints;
    const { clock } = this.#edge;
    return {
      ok: true,
      value: (invite, onNetwork) => createOnionDial({ invite, endpoints: endpoints.value, clock, onNetwork }),
    };
  }

  /**
   * Reports a failure before the conversation on standard error; for programs on standard output,
   * too.
   */
  async #refuse(options: Options, code: string, problem: string): Promise<ExitCode> {
    this.#note(message('terminal.refused', { problem, code }));
    if (options.screen === 'json') this.#screen.print(safeJson(errorObject(code, problem)));
    await this.#screen.close();
    return EXIT_CODES.usage;
  }

  /** Reports the wait to users on standard error, and to programs as a state. */
  #reportWaiting(options: Options, waiting: string): void {
    if (options.screen === 'json') this.#screen.print(safeJson(waitingObject(waiting)));
    else this.#note(waiting);
  }

  /** After the room's last line only standard error is left. */
  #reportProblem({ code, message: problem }: ModeratorError): void {
    if (this.#messenger === undefined) this.#note(message('terminal.refused', { problem, code }));
    else this.#messenger.report(code, problem);
  }

  #note(line: string): void {
    this.#edge.stderr.write(safely`${safeMessage('terminal.note', { note: safeLine(line) })}\n`);
  }
}
