// A client that sends whatever bytes a test wants and reads newline-ended answers, for both the
// gate's socket and Tor's own.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';

export class RawLineClient implements Disposable {
  readonly lines: string[] = [];
  readonly ended: Promise<unknown>;
  readonly #socket: Socket;
  readonly #waiters = new Set<() => void>();
  #held = '';
  #isEnded = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      const lines = (this.#held + chunk.toString('latin1')).split(/\r?\n/);
      this.#held = lines.pop() ?? '';
      this.lines.push(...lines);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isEnded = true;
        this.#wake();
        resolve(undefined);
      });
    });
  }

  static async connect(path: string): Promise<RawLineClient> {
    const socket = connect({ path });
    const client = new RawLineClient(socket);
    await once(socket, 'connect');
    return client;
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Stops reading, so that the other end's buffers fill. */
  pause(): void {
    this.#socket.pause();
  }

  /** The next line that has not been taken, or undefined if the other end hung up first. */
  async next(): Promise<string | undefined> {
    while (this.lines.length === 0 && !this.#isEnded) await new Promise<void>((resolve) => this.#waiters.add(resolve));
    return this.lines.shift();
  }

  async ask(line: string): Promise<string | undefined> {
    this.send(`${line}\n`);
    return this.next();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}
