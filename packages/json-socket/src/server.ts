// The server of a JSON socket: bounded connections, each answered line by line in order.

import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { LineSplitter } from './line-splitter.ts';
import type { WhenTooLong } from './line-splitter.ts';

/** A connection as its protocol sees it. Lines that are written end with their newline. */
export interface JsonConnection {
  /** Does nothing once the connection is ending. */
  write(line: string): void;
  /** Writes a last line and closes. Requests that still wait are dropped. */
  end(lastLine: string): void;
}

/** What a protocol does with one connection. */
export interface Responder {
  /**
   * Decides about each line when it arrives, before it waits for its turn.
   *
   * @returns a last line, if the connection ends here.
   */
  admit?(): string | undefined;
  /**
   * Answers one line, without its newline; the server zeroes it. A rejection destroys the
   * connection.
   */
  answer(line: Buffer): string | Promise<string>;
  /**
   * Gives back what the connection holds. Runs when it ends, and again after an answer that was
   * under way then.
   */
  release?(): void | Promise<void>;
}

export interface JsonServerOptions {
  readonly maxLineBytes: number;
  /**
   * The answer to a line above `maxLineBytes`. `stop` drops the requests that wait, and closes
   * behind it.
   * `skip` answers in turn and goes on, unless the line has no end yet: then it closes.
   */
  readonly lineTooLong: { readonly refusal: string; readonly then: WhenTooLong };
  readonly maxConnections: number;
  /** The last line of a connection above `maxConnections`; without one it is closed at once. */
  readonly fullRefusal?: string;
  /** Requests of one connection that wait for their turn. */
  readonly maxWaitingRequests: number;
  /**
   * The last line of a connection with more of them; without one, the server reads on when all are
   * answered.
   */
  readonly busyRefusal?: string;
  /** A connection that leaves more answers unread is destroyed. */
  readonly maxUnreadBytes: number;
  /** Makes the responder of a new connection. */
  readonly open: (connection: JsonConnection) => Responder;
  /** Called when an answer was rejected on a connection that is still there: a bug. */
  readonly onFailure?: (error: unknown) => void;
}

/** Accepts connections as soon as `server` listens: see `listenAtPath`. */
export class JsonServer {
  readonly server: Server;
  readonly #options: JsonServerOptions;
  readonly #connections = new Set<ServedConnection>();

  constructor(options: JsonServerOptions) {
    this.#options = options;
    this.server = createServer((socket) => this.#accept(socket));
  }

  /** Stops listening. Resolves when the last connection has closed too. */
  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** Closes every connection behind what has been written to it. */
  endConnections(): void {
    for (const connection of this.#connections) connection.finish();
  }

  destroyConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(socket: Socket): void {
    const { maxConnections, fullRefusal } = this.#options;
    if (this.#connections.size >= maxConnections) {
      socket.on('error', () => socket.destroy());
      if (fullRefusal === undefined) socket.destroy();
      else socket.end(fullRefusal, () => socket.destroy());
      return;
    }
    const connection: ServedConnection = new ServedConnection(socket, this.#options, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
  }
}

class ServedConnection implements JsonConnection {
  readonly #socket: Socket;
  readonly #options: JsonServerOptions;
  readonly #splitter: LineSplitter;
  readonly #responder: Responder;
  /** Undefined is a line above the limit. */
  readonly #waiting: (Buffer | undefined)[] = [];
  #isAnswering = false;
  #isEnding = false;
  #hasOverflowed = false;

  constructor(socket: Socket, options: JsonServerOptions, onClosed: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#splitter = new LineSplitter(options.maxLineBytes, options.lineTooLong.then);
    this.#responder = options.open(this);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A reset is just an end here; 'close' follows and does the work.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isEnding = true;
      this.#dropWaiting();
      onClosed();
      this.#release().catch((error: unknown) => this.#fail(error));
    });
  }

  write(line: string): void {
    if (this.#isEnding) return;
    this.#socket.write(line);
    // A client that does not read must not make the server keep its answers.
    if (this.#socket.writableLength > this.#options.maxUnreadBytes) this.#socket.destroy();
  }

  end(lastLine: string): void {
    this.write(lastLine);
    this.#isEnding = true;
    this.#dropWaiting();
    this.#socket.end(() => this.#socket.destroy());
  }

  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const { lines, overflow } = this.#splitter.push(chunk);
    for (const line of lines) {
      if (this.#isEnding || !this.#admit(line)) return;
    }
    if (this.#isEnding) return;
    if (overflow && this.#options.lineTooLong.then === 'stop') {
      this.end(this.#options.lineTooLong.refusal);
      return;
    }
    this.#hasOverflowed = overflow;
    if (overflow || this.#mustPause()) this.#socket.pause();
    this.#answerAll().catch((error: unknown) => this.#fail(error));
  }

  #admit(line: Buffer | undefined): boolean {
    const { busyRefusal, maxWaitingRequests } = this.#options;
    const isBusy = this.#waiting.length >= maxWaitingRequests;
    const refusal = this.#responder.admit?.() ?? (isBusy ? busyRefusal : undefined);
    if (refusal === undefined) this.#waiting.push(line);
    else this.end(refusal);
    return refusal === undefined;
  }

  /** Without a refusal for too many requests, the peer waits in its own socket. */
  #mustPause(): boolean {
    const { busyRefusal, maxWaitingRequests } = this.#options;
    return busyRefusal === undefined && this.#waiting.length >= maxWaitingRequests;
  }

  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    while (!this.#isEnding && this.#waiting.length > 0) await this.#answerNext();
    this.#isAnswering = false;
    if (this.#isEnding) await this.#release();
    else if (this.#hasOverflowed) this.end(this.#options.lineTooLong.refusal);
    else this.#socket.resume();
  }

  async #answerNext(): Promise<void> {
    const line = this.#waiting.shift();
    if (line === undefined) {
      this.write(this.#options.lineTooLong.refusal);
      return;
    }
    try {
      this.write(await this.#responder.answer(line));
    } finally {
      line.fill(0);
    }
  }

  async #release(): Promise<void> {
    await this.#responder.release?.();
  }

  #dropWaiting(): void {
    for (const line of this.#waiting.splice(0)) line?.fill(0);
  }

  #fail(error: unknown): void {
    if (!this.#socket.destroyed) this.#options.onFailure?.(error);
    this.#socket.destroy();
  }
}
