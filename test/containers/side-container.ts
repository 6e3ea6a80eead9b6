// Containers beside the stack that run Node scripts: a stranger on a network, an examiner of
// another container's memory, or a program that exchanges JSON lines with a test.

import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import type { Canary, Findings } from './examiner.ts';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** The base image of our own images, by the name in .env. */
export const NODE_IMAGE: string = /^SOTTO_NODE_IMAGE=(.+)$/m.exec(readFileSync('.env', 'utf8'))?.[1] ?? '';
export const VERSION: string =
  process.env['SOTTO_VERSION'] ?? /^SOTTO_VERSION=(.+)$/m.exec(readFileSync('.env', 'utf8'))?.[1] ?? '';

const EXAMINER: string = readFileSync('test/containers/examiner.ts', 'utf8');
const NODE: readonly string[] = ['--entrypoint', '/usr/local/bin/node'];
/** Through stdin, so that an engine elsewhere needs no file of ours. */
const STDIN: readonly string[] = ['--input-type=module-typescript', '-'];

/**
 * Runs `script` (an ES module) in a container; arguments for `docker run` come first.
 *
 * @returns what it printed, parsed as JSON.
 */
export function runScript(
  dockerArgs: readonly string[],
  image: string,
  script: string,
  scriptArgs: readonly string[] = [],
): unknown {
  const args = ['run', '--rm', '-i', '--log-driver', 'none', ...dockerArgs, ...NODE, image, ...STDIN, ...scriptArgs];
  const result = spawnSync('docker', args, { input: script, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`side container: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

/** As the examiner takes them: what it is started with must not be what it finds. */
function inverted(canaries: readonly Canary[]): string {
  const invert = (hex: string): string =>
    Buffer.from(Buffer.from(hex, 'hex').map((byte) => byte ^ 0xff)).toString('hex');
  return JSON.stringify(canaries.map(({ name, hex }) => ({ name, hex: invert(hex) })));
}

/**
 * Looks for canaries in all memory of a container, read as root from beside it. Fails if it cannot
 * read all of it.
 */
export function examineMemory(container: string, canaries: readonly Canary[]): Findings {
  const beside = ['--pid', `container:${container}`, '--user', '0', '--cap-add', 'SYS_PTRACE', '--network', 'none'];
  const findings = runScript(beside, NODE_IMAGE, EXAMINER, [inverted(canaries)]) as Findings;
  const unread = findings.places.some(({ bytes, resident }) => bytes < resident);
  if (unread || findings.places.every(({ resident }) => resident === 0)) {
    throw new Error(`the memory of ${container} could not be read: ${JSON.stringify(findings.places)}`);
  }
  return findings;
}

/** Looks for canaries in all files of volumes; their names are `/volumes/<volume>/…`. */
export function examineVolumes(volumes: readonly string[], canaries: readonly Canary[]): Findings {
  const mounts = volumes.flatMap((volume) => ['-v', `${volume}:/volumes/${volume}:ro`]);
  const beside = [...mounts, '--user', '0', '--network', 'none'];
  return runScript(beside, NODE_IMAGE, EXAMINER, [inverted(canaries), '/volumes']) as Findings;
}

/** Looks for canaries in all files of a folder of the engine's machine, read as root. */
export function examineFolder(folder: string, canaries: readonly Canary[]): Findings {
  const beside = ['-v', `${folder}:/folder:ro`, '--user', '0', '--network', 'none'];
  return runScript(beside, NODE_IMAGE, EXAMINER, [inverted(canaries), '/folder']) as Findings;
}

/** Counts each canary (a text) in the memory of every process of a container, in any form. */
export function countInMemory(container: string, canaries: readonly string[]): number[] {
  const named = canaries.map((canary, index) => ({ name: `${index}`, hex: Buffer.from(canary).toString('hex') }));
  const { found } = examineMemory(container, named);
  return named.map(({ name }) => Object.values(found[name] ?? {}).reduce((sum, count) => sum + count, 0));
}

const LOOK_EVERY_MS = 20;
const STDERR_SHOWN = 2_000;

export class SideProgram<Command, Line> {
  /** The lines that the program has written so far. */
  readonly lines: Line[] = [];
  /** The exit code, when it has ended. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;
  #stderr = '';
  #isOver = false;

  /**
   * `file` (an ES module) goes with the command line, so that an engine elsewhere needs no file of
   * ours; arguments for `docker run` come first.
   */
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

  /**
   * The first line, from number `since` on, that matches; rejects if the program ends or `withinMs`
   * pass first.
   */
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
