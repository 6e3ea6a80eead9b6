// The client of a JSON socket: requests leave at once, and answers come back in their order.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock } from '@sotto/machine';
import { LineSplitter } from './line-splitter.ts';

/**
 * Why a connection ended. `unreachable`: it was never made. `closed`: either side closed it.
 * `timeout`: an answer was late. `malformed`: a line was above the limit, was not a message, or
 * answered nothing.
 */
export type ConnectionEnd = 'unreachable' | 'closed' | 'timeout' | 'malformed';

/** A request that has no answer: the connection has ended, or (`busy`) too many requests wait. */
export class JsonSocketError extends Error {
  override readonly name = 'JsonSocketError';
  readonly code: ConnectionEnd | 'busy';

  constructor(code: ConnectionEnd | 'busy', options?: ErrorOptions) {
    super(`no answer: ${code}`, options);
    this.code = code;
  }
}

export interface JsonClientOptions<Message> {
  readonly path: string;
  readonly clock: Clock;
  readonly maxLineBytes: number;
  /** Requests that may wait for their answers. */
  readonly maxWaitingRequests: number;
  /** Reads one line, without its newline; undefined ends the connection as `malformed`. */
  readonly decode: (line: Buffer) => Message | undefined;
  /** Sees each message first. @returns true if it is an event and answers no request. */
  readonly onEvent?: (message: Message) => boolean;
  /** Called with a message that no request waits for; the connection then ends as `malformed`. */
  readonly onUnasked?: (message: Message) => void;
}

interface WaitingRequest<Message> {
  readonly settle: (message: Message) => void;
  readonly fail: (error: JsonSocketError) => void;
}

/** Connects at once. Requests may be asked before the connection is made. */
export class JsonClient<Message> {
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
  readonly #options: JsonClientOptions<Message>;
  readonly #socket: Socket;
  readonly #splitter: LineSplitter;
  readonly #waiting: WaitingRequest<Message>[] = [];
  #isConnected = false;
  #end: ConnectionEnd | undefined;
  #cause: unknown;
  #resolveClosed: (end: ConnectionEnd) => void = () => undefined;

  constructor(options: JsonClientOptions<Message>) {
    this.#options = options;
    this.#splitter = new LineSplitter(options.maxLineBytes);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#socket = connect({ path: options.path });
    this.#socket.once('connect', () => (this.#isConnected = true));
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (cause) => {
      this.#cause = cause;
      this.close();
    });
    this.#socket.on('close', () => this.close());
  }

  /** Why the connection has ended; undefined while it lives. */
  get end(): ConnectionEnd | undefined {
    return this.#end;
  }

  /**
   * Resolves when the connection is made.
   *
   * @throws JsonSocketError `unreachable`, also after `timeoutMs`
   */
  async connected(timeoutMs?: number): Promise<void> {
    const made = new Promise<undefined>((resolve) => {
      if (this.#isConnected) resolve(undefined);
      else this.#socket.once('connect', () => resolve(undefined));
    });
    const cancel = this.#limit(timeoutMs, 'unreachable');
    const end = await Promise.race([made, this.closed]);
    cancel();
    if (end !== undefined) throw new JsonSocketError(end, { cause: this.#cause });
  }

  /**
   * Writes `request`, a line with its newline or nothing at all, and waits for its answer.
   * After `timeoutMs` the whole connection ends, because later answers could not be told apart.
   *
   * @throws JsonSocketError
   */
  ask(request: string, timeoutMs?: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(new JsonSocketError(this.#end, { cause: this.#cause }));
        return;
      }
      if (this.#waiting.length >= this.#options.maxWaitingRequests) {
        reject(new JsonSocketError('busy'));
        return;
      }
      const cancel = this.#limit(timeoutMs, 'timeout');
      this.#waiting.push({
        settle: (message) => {
          cancel();
          resolve(message);
        },
        fail: (error) => {
          cancel();
          reject(error);
        },
      });
      if (request !== '') this.#socket.write(request);
    });
  }

  /** Ends the connection. The first reason counts; by default it is that of its state. */
  close(end: ConnectionEnd = this.#isConnected ? 'closed' : 'unreachable'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#socket.destroy();
    for (const request of this.#waiting.splice(0)) {
      request.fail(new JsonSocketError(end, { cause: this.#cause }));
    }
    this.#resolveClosed(end);
  }

  #limit(timeoutMs: number | undefined, end: ConnectionEnd): () => void {
    if (timeoutMs === undefined) return () => undefined;
    return this.#options.clock.after(timeoutMs, () => this.close(end));
  }

  #receive(chunk: Buffer): void {
    const { lines, overflow } = this.#splitter.push(chunk);
    for (const line of lines) {
      if (this.#end !== undefined) return;
      if (line !== undefined) this.#process(line);
    }
    if (overflow) this.close('malformed');
  }

  #process(line: Buffer): void {
    const { decode, onEvent, onUnasked } = this.#options;
    const message = decode(line);
    if (message === undefined) {
      this.close('malformed');
      return;
    }
    if (onEvent?.(message) === true) return;
    const request = this.#waiting.shift();
    if (request !== undefined) request.settle(message);
    else {
      onUnasked?.(message);
      this.close('malformed');
    }
  }
}
