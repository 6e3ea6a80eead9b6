// A real program on a real pseudo-terminal in front of a real screen model: tests type, resize and
// look at rows as a person does.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { spawn } from '@lydell/node-pty';
import type { IPty } from '@lydell/node-pty';
import { PROTECTIONS } from '@sotto/confinement';
import { COMPILED_MODULES } from '@sotto/fixtures';
import headless from '@xterm/headless';
import type { Terminal } from '@xterm/headless';
import type { MemoryRelay } from './memory-relay.ts';
import { openGate, openSocks } from './scripted-gate-and-socks.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const SCROLLBACK_ROWS = 10_000;
/** `read -t 0` reads nothing: it looks whether the terminal holds input. */
const AWAIT_UNREAD = 'until read -t 0; do sleep 0.01; done <"$1"';

export interface PtySize {
  readonly columns: number;
  readonly rows: number;
}

export interface PtyOptions {
  readonly size?: PtySize;
  readonly environment?: Record<string, string>;
  /**
   * Whether it starts as a shell's job: in a process group of its own that a stop would stop, as in
   * a container with `init: true`.
   * The shell then shows the exit code, and what it finds to read.
   */
  readonly isJob?: boolean;
  /** What the shell does with the job's streams. */
  readonly after?: string;
  /** A command that is given the client's as its last arguments: a shell, to see what it gets. */
  readonly behind?: readonly string[];
}

const jobScript = (after: string): string =>
  `"$@" ${after}; echo "code $?"; IFS= read -rs -d '' -t 1 left; printf 'left over: [%q]\\n' "$left"`;

export interface PtyEnded {
  readonly code: number;
  /** 0 for none. */
  readonly signal: number;
}

/**
 * A screen model: the rows that a terminal would show for some output, and the rows that it has
 * scrolled away.
 */
export class ScreenModel {
  readonly terminal: Terminal;

  constructor(size: PtySize) {
    this.terminal = new headless.Terminal({
      cols: size.columns,
      rows: size.rows,
      scrollback: SCROLLBACK_ROWS,
      allowProposedApi: true,
    });
  }

  /** Resolves when the model has taken all of it. */
  write(output: string): Promise<void> {
    return new Promise((resolve) => this.terminal.write(output, resolve));
  }

  /** The visible rows, without the blanks at their ends. */
  get rows(): string[] {
    return this.#rowsFrom(this.terminal.buffer.active.baseY);
  }

  /** What was scrolled away, then the visible rows. */
  get allRows(): string[] {
    return this.#rowsFrom(0);
  }

  /** `row` counts from the top of the visible screen. */
  get cursor(): { readonly row: number; readonly column: number } {
    const { cursorX, cursorY } = this.terminal.buffer.active;
    return { row: cursorY, column: cursorX };
  }

  /** The row of the cursor up to the cursor, as drawn. */
  get beforeCursor(): string {
    const { row, column } = this.cursor;
    const { active } = this.terminal.buffer;
    return active.getLine(active.baseY + row)?.translateToString(false, 0, column) ?? '';
  }

  #rowsFrom(first: number): string[] {
    const { active } = this.terminal.buffer;
    const rows: string[] = [];
    for (let row = first; row < active.length; row += 1) rows.push(active.getLine(row)?.translateToString(true) ?? '');
    return rows;
  }
}

/**
 * One program on one terminal. Its screen answers the program's questions (device status, cursor).
 */
export class PtyTerminal {
  readonly screen: ScreenModel;
  readonly ended: Promise<PtyEnded>;
  /** All that the program wrote, as it wrote it. */
  written = '';
  /**
   * How long its screen takes to answer a question; Infinity: for ever. What is typed gets through
   * all the same.
   */
  answersAfterMs = 0;
  readonly #pty: IPty;
  #end: PtyEnded | undefined;
  #waiting: (() => void)[] = [];

  constructor(file: string, args: readonly string[], options: PtyOptions = {}) {
    const size = options.size ?? { columns: 80, rows: 24 };
    this.screen = new ScreenModel(size);
    this.#pty = spawn(file, [...args], {
      name: 'xterm-256color',
      cols: size.columns,
      rows: size.rows,
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...COMPILED_MODULES, ...options.environment },
    });
    this.#pty.onData((output) => {
      this.written += output;
      void this.screen.write(output).then(() => this.#wake());
    });
    this.screen.terminal.onData((answer) => {
      const write = (): void => this.#pty.write(answer);
      if (this.answersAfterMs === 0) write();
      else if (this.answersAfterMs < Infinity) setTimeout(write, this.answersAfterMs);
    });
    this.ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal = 0 }) => {
        const end = { code: exitCode, signal };
        // Its last words are on the screen then.
        void this.screen.write('').then(() => {
          this.#end = end;
          resolve(end);
          this.#wake();
        });
      });
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** Keys as a terminal sends them: Enter is \r, Ctrl-Z is \x1a. */
  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Resolves once the terminal itself holds typed keys: its program is stopped, and reads none. */
  async untilUnread(): Promise<void> {
    await promisify(execFile)('bash', ['-c', AWAIT_UNREAD, 'bash', `/proc/${this.pid}/fd/0`]);
  }

  /**
   * As when the window is drawn narrower or wider: the screen goes first, then the program hears of
   * it.
   */
  resize(size: PtySize): void {
    this.screen.terminal.resize(size.columns, size.rows);
    this.#pty.resize(size.columns, size.rows);
  }

  /** From now on nobody reads what the program writes, nor answers, until `resume`. */
  pause(): void {
    this.#pty.pause();
  }

  resume(): void {
    this.#pty.resume();
  }

  /** As when its window is closed. */
  hangUp(): void {
    (this.#pty as IPty & { destroy(): void }).destroy();
  }

  /** Resolves once `found`; fails when the program ends before. */
  async until(found: (screen: ScreenModel) => boolean): Promise<void> {
    while (!found(this.screen)) {
      if (this.#end !== undefined) throw new Error(`the program ended before:\n${this.screen.allRows.join('\n')}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves once some row, scrolled away or not, has `part`. */
  untilHas(part: string): Promise<void> {
    return this.until((screen) => screen.allRows.some((row) => row.includes(part)));
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** The job that it has started, if it is a shell. */
  get jobPid(): number {
    return Number(readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').split(' ')[0]);
  }

  /**
   * Closes the terminal's side, as a window that is closed does, and ends the program if it still
   * runs.
   */
  async close(): Promise<void> {
    if (this.#end === undefined) this.#pty.kill('SIGKILL');
    await this.ended;
    this.screen.terminal.dispose();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The client's own program on a terminal, with a gate and a SOCKS port that lead to `relay`. */
export interface ClientOnPty {
  readonly terminal: PtyTerminal;
  close(): Promise<void>;
}

function wrapped(behind: readonly string[]): [file: string, before: string[]] {
  const [file, ...before] = [...behind, process.execPath];
  return [file, before];
}

/** Without a connection string among `args` it asks for one. */
export async function startClientOnPty(
  relay: MemoryRelay,
  args: readonly string[],
  options: PtyOptions = {},
): Promise<ClientOnPty> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-pty-'));
  await relay.untilFounded();
  const gateSocket = join(directory, 'gate.sock');
  const gate = await openGate(gateSocket, {
    network: 'private-test',
    stages: [{ state: 'done' }],
    descriptor: { state: 'received' },
  });
  const socks = await openSocks(() => relay.open());
  const [file, before] =
    options.isJob === true
      ? ['bash', ['--norc', '-m', '-c', jobScript(options.after ?? ''), 'bash', process.execPath]]
      : wrapped(options.behind ?? []);
  const terminal = new PtyTerminal(file, [...before, MAIN, ...args], {
    ...options,
    environment: {
      SOTTO_UNPROTECTED: Object.keys(PROTECTIONS).join(),
      SOTTO_SOCKS: `127.0.0.1:${socks.port}`,
      SOTTO_GATE_SOCKET: gateSocket,
      ...options.environment,
    },
  });
  const close = async (): Promise<void> => {
    await terminal.close();
    await Promise.all([gate.server, socks.server].map((server) => new Promise((resolve) => server.close(resolve))));
    await rm(directory, { recursive: true });
  };
  return { terminal, close };
}
