// A client container in JSON mode, as a program would use it: `docker compose run --rm -T client
// --json -`.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { startCompose } from './compose.ts';

/** One JSON object that the client wrote; DESIGN's JSON mode. */
export type ClientLine = Readonly<Record<string, unknown>> & { readonly type: string };

interface Waiter {
  readonly matches: (line: ClientLine) => boolean;
  readonly resolve: (line: ClientLine) => void;
  readonly reject: (error: Error) => void;
}

/** A running client. It keeps its lines, so that waiting for an earlier one resolves at once. */
export class RoomClient {
  readonly name: string;
  readonly lines: ClientLine[] = [];
  /** The exit code, when it has ended. */
  readonly ended: Promise<number>;
  /** What it said on stderr: diagnostics for people. */
  stderr = '';
  readonly #process: ChildProcess;
  readonly #waiters = new Set<Waiter>();

  /** `service`: the host's own client needs no invite. */
  constructor(
    project: string,
    name: string,
    invite: string | undefined,
    args: readonly string[] = [],
    service: 'client' | 'host-client' = 'client',
  ) {
    this.name = name;
    this.#process = startCompose(project, [
      ...['run', '--rm', '-T', service, '--json', '--name', name, ...args],
      ...(invite === undefined ? [] : ['-']),
    ]);
    const { stdin, stdout, stderr } = this.#process;
    if (stdin === null || stdout === null || stderr === null) throw new Error('a client without pipes');
    // A client that ends early closes its input; its exit code tells why.
    stdin.on('error', () => undefined);
    if (invite !== undefined) stdin.write(`${invite}\n`);
    createInterface({ input: stdout }).on('line', (text) => this.#take(text));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (code) => {
        for (const waiter of this.#waiters) waiter.reject(new Error(this.#describe('ended')));
        resolve(code ?? 1);
      });
    });
  }

  send(text: string, ref: string): void {
    this.write({ cmd: 'send', text, ref });
  }

  write(command: Readonly<Record<string, unknown>>): void {
    this.#process.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /**
   * @returns the first matching line from number `since` on; rejects if the client ends or
   * `withinMs` pass first.
   */
  until(matches: (line: ClientLine) => boolean, withinMs: number, since = 0): Promise<ClientLine> {
    const found = this.lines.slice(since).find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => waiter.reject(new Error(this.#describe(`nothing within ${withinMs} ms`))),
        withinMs,
      );
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        matches,
        resolve: (line) => {
          settle();
          resolve(line);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  joined(withinMs: number): Promise<ClientLine> {
    return this.until((line) => line.type === 'state' && line['state'] === 'joined', withinMs);
  }

  messages(): ClientLine[] {
    return this.lines.filter((line) => line.type === 'message');
  }

  /** Asks it to leave and waits for its end. */
  async quit(): Promise<number> {
    this.write({ cmd: 'quit' });
    return this.ended;
  }

  /**
   * Ends the `docker compose run` process; the container goes with it or is removed with the
   * project.
   */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #take(text: string): void {
    const line = JSON.parse(text) as ClientLine;
    this.lines.push(line);
    for (const waiter of [...this.#waiters]) if (waiter.matches(line)) waiter.resolve(line);
  }

  #describe(what: string): string {
    const last = this.lines.slice(-5).map((line) => JSON.stringify(line));
    return `client ${this.name}: ${what}; last lines: ${last.join(' ')}; stderr: ${this.stderr.slice(-500)}`;
  }
}
