// A program of ours in a container beside the stack, spoken to while it runs: one JSON object a line, in and out.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 20;
const STDERR_SHOWN = 2_000;

export class SideProgram<Command, Line> {
  /** What it has written so far. */
  readonly lines: Line[] = [];
  /** The exit code, when it has ended. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;
  #stderr = '';
  #isOver = false;

  /** `file` (an ES module) goes with the command line, so that an engine elsewhere needs no file of ours; arguments for `docker run` come first. */
  constructor(dockerArgs: readonly string[], image: string, file: string) {
    const script = ['--input-type=module-typescript', '-e', readFileSync(file, 'utf8')];
    const node = ['--entrypoint', '/usr/local/bin/node', image, ...script];
    const ours = ['--rm', '-i', '--init', '--log-driver', 'none', '--cap-drop', 'ALL', '--read-only'];
    this.#process = spawn('docker', ['run', ...ours, ...dockerArgs, ...node], { stdio: 'pipe' });
    const { stdin, stdout, stderr } = this.#process;
    if (stdin === null || stdout === null || stderr === null) throw new Error('a program without pipes');
    // One that ends early closes its input; its exit code tells why.
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (text) => this.lines.push(JSON.parse(text) as Line));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_SHOWN);
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (code) => {
        this.#isOver = true;
        resolve(code ?? 1);
      });
    });
  }

  write(command: Command): void {
    this.#process.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The first line, from number `since` on, that matches; rejects if the program ends or `withinMs` pass first. */
  async until(matches: (line: Line) => boolean, withinMs: number, since = 0): Promise<Line> {
    const untilMs = performance.now() + withinMs;
    for (let at = since; ;) {
      for (; at < this.lines.length; at += 1) {
        const line = this.lines[at];
        if (line !== undefined && matches(line)) return line;
      }
      if (this.#isOver) throw new Error(`side program: ended; ${this.#stderr}`);
      if (performance.now() >= untilMs) throw new Error(`side program: nothing within ${withinMs} ms; ${this.#stderr}`);
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Closes its input, at which it ends. */
  end(): Promise<number> {
    this.#process.stdin?.end();
    return this.ended;
  }
}
