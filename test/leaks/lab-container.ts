// Containers of the lab beside the stack, all of one image, all with the lab's label, so that none
// is left behind.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const ANSWER_LIMIT_MS = 30_000;

export function setting(name: string): string {
  const found = process.env[name] ?? new RegExp(`^${name}=(.+)$`, 'm').exec(readFileSync('.env', 'utf8'))?.[1];
  if (found === undefined) throw new Error(`.env does not name ${name}`);
  return found;
}

export const LAB_IMAGE = `sotto-leaklab:${setting('SOTTO_VERSION')}`;
export const LAB_LABEL = 'sotto.leaklab';

/** Runs `docker …` to its end. @returns what it printed. */
export function docker(args: readonly string[], input?: string): string {
  const result = spawnSync('docker', args, { encoding: 'utf8', ...(input === undefined ? {} : { input }) });
  if (result.status !== 0) throw new Error(`docker ${args.slice(0, 4).join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** As `docker`, beside others at the same time. */
export function dockerAsync(args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const process = spawn('docker', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    process.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    process.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    process.stdin.on('error', () => undefined); // one that ended early says why on stderr
    process.stdin.end(input);
    process.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`docker ${args.slice(0, 6).join(' ')}: ${stderr}`));
    });
  });
}

export function runArgs(lab: string, dockerArgs: readonly string[], script: readonly string[]): string[] {
  const own = ['--rm', '-i', '--log-driver', 'none', '--label', `${LAB_LABEL}=${lab}`];
  return ['run', ...own, ...dockerArgs, LAB_IMAGE, ...script];
}

/**
 * A running program of the lab that prints lines; it ends when its stdin is closed, also when this
 * process dies.
 */
export class LabProgram {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #what: string;
  #stderr = '';
  #waiting: (() => void) | undefined;

  constructor(lab: string, dockerArgs: readonly string[], script: readonly string[]) {
    this.#what = script[0] ?? '';
    this.#process = spawn('docker', runArgs(lab, dockerArgs, script), { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#process;
    if (stdin === null || stdout === null || stderr === null) throw new Error('a program without pipes');
    stdin.on('error', () => undefined); // its end is noticed by whoever waits for a line
    stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#waiting?.();
    });
    this.#process.on('close', () => this.#waiting?.());
  }

  /** Line number `index`, as soon as it is there. */
  async line(index: number): Promise<string> {
    const untilMs = performance.now() + ANSWER_LIMIT_MS;
    for (;;) {
      const found = this.lines[index];
      if (found !== undefined) return found;
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.#process.exitCode !== null) throw new Error(`${this.#what}: no answer: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  ask(command = ''): Promise<string> {
    const index = this.lines.length;
    this.#process.stdin?.write(`${command}\n`);
    return this.line(index);
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    await new Promise((resolve) => {
      this.#process.on('close', resolve);
      this.#process.stdin?.end();
    });
  }
}
