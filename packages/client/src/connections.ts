// The connections of one client: the one in use and, during a circuit renewal, a standby one.

import { FrameSplitter } from '@sotto/protocol';
import type { StateEvent } from './events.ts';
import type { SessionEvent } from './session/state.ts';

/**
 * A byte stream to the relay, over any transport. It is reliable and ordered; chunks have any size.
 * The client registers `onData` and `onClose` once each, as soon as the dial has resolved.
 */
export interface ByteStream {
  /** Queues bytes; the caller does not change them later. After the end it does nothing. */
  write(bytes: Uint8Array): void;
  /** Ends both directions at once. Bytes that are still queued may be lost. */
  close(): void;
  /** Stops `onData` until `resume`. */
  pause(): void;
  resume(): void;
  onData(listener: (chunk: Uint8Array) => void): void;
  /** Called once, when the stream has ended for any reason. */
  onClose(listener: () => void): void;
}

/** Why a dial failed. `code` is stable, the message is for people. `final`: a retry cannot help. */
export class DialError extends Error {
  readonly code: string;
  readonly final: boolean;

  constructor(code: string, message: string, options: { final?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.final = options.final ?? false;
  }
}

/**
 * The transport: opens a new stream to the room's relay on a circuit of its own. It may be called
 * while an earlier stream is open, and each call stands for itself.
 * `onStage` may be called with `state` events of the dial until the promise settles.
 * When `signal` aborts, the dial stops. It then rejects, or resolves with a stream that the client
 * closes. It has its own deadline. Rejects with a DialError; other errors count as bugs.
 */
export type Dial = (onStage: (stage: StateEvent) => void, signal: AbortSignal) => Promise<ByteStream>;

/** Numbered as they open, so that late events of one are not taken for another's. */
interface Connection {
  readonly number: number;
  readonly stream: ByteStream;
}

/** Events of the connection in use and of the standby one; those of earlier ones are dropped. */
export class Connections {
  readonly #onEvent: (event: SessionEvent) => void;
  #dial: Dial;
  #number = 0;
  #current: Connection | undefined;
  #standby: Connection | undefined;
  #dialling = new AbortController();
  #diallingStandby = new AbortController();
  #flow: 'flowing' | 'paused' = 'flowing';

  constructor(dial: Dial, onEvent: (event: SessionEvent) => void) {
    this.#dial = dial;
    this.#onEvent = onEvent;
  }

  /** Goes on with another room: connections and dials to the one before end. */
  redirect(dial: Dial): void {
    this.disconnect();
    this.#dial = dial;
  }

  async dial(): Promise<void> {
    const abort = new AbortController();
    this.#dialling = abort;
    const onStage = (stage: StateEvent): void => this.#onEvent({ type: 'stage', stage });
    const opened = await this.#open(onStage, abort.signal);
    if (opened === undefined) return;
    if (opened instanceof DialError) {
      const { code, message, final } = opened;
      this.#onEvent({ type: 'dial-failed', code, message, final });
      return;
    }
    this.#current = opened;
    this.#listen(opened);
    if (this.#flow === 'paused') opened.stream.pause();
    this.#onEvent({ type: 'connected', connection: opened.number });
  }

  async dialStandby(): Promise<void> {
    const abort = new AbortController();
    this.#diallingStandby = abort;
    const opened = await this.#open(() => undefined, abort.signal);
    if (opened === undefined) return;
    if (opened instanceof DialError) {
      this.#onEvent({ type: 'standby-failed' });
      return;
    }
    this.#standby = opened;
    this.#listen(opened);
    this.#onEvent({ type: 'standby-opened', connection: opened.number });
  }

  write(bytes: Uint8Array): void {
    this.#current?.stream.write(bytes);
  }

  writeStandby(bytes: Uint8Array): void {
    this.#standby?.stream.write(bytes);
  }

  /** Makes the standby connection the one in use, and closes the former. */
  promoteStandby(): void {
    const former = this.#current;
    this.#current = this.#standby;
    this.#standby = undefined;
    if (this.#flow === 'paused') this.#current?.stream.pause();
    former?.stream.close();
  }

  closeStandby(): void {
    this.#diallingStandby.abort();
    const standby = this.#standby;
    this.#standby = undefined;
    standby?.stream.close();
  }

  disconnect(): void {
    this.#dialling.abort();
    this.closeStandby();
    const connection = this.#current;
    this.#current = undefined;
    connection?.stream.close();
  }

  pause(): void {
    this.#flow = 'paused';
    this.#current?.stream.pause();
  }

  resume(): void {
    this.#flow = 'flowing';
    this.#current?.stream.resume();
  }

  /** @returns undefined if the dial was aborted */
  async #open(onStage: (stage: StateEvent) => void, signal: AbortSignal): Promise<Connection | DialError | undefined> {
    try {
      const stream = await this.#dial(onStage, signal);
      if (!signal.aborted) return { number: (this.#number += 1), stream };
      stream.close();
      return undefined;
    } catch (error) {
      // An aborted dial may fail in any way.
      if (signal.aborted) return undefined;
      if (!(error instanceof DialError)) throw error;
      return error;
    }
  }

  #listen(connection: Connection): void {
    const { number, stream } = connection;
    const splitter = new FrameSplitter();
    stream.onData((chunk) => this.#onChunk(connection, splitter, chunk));
    stream.onClose(() => {
      if (this.#isOpen(connection))
        this.#onEvent({ type: 'connection-lost', connection: number, code: 'relay-unreachable' });
    });
  }

  #onChunk(connection: Connection, splitter: FrameSplitter, chunk: Uint8Array): void {
    if (!this.#isOpen(connection)) return;
    const { number } = connection;
    const frames = splitter.push(chunk);
    if (!frames.ok) {
      const code = frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved';
      this.#onEvent({ type: 'connection-lost', connection: number, code });
      return;
    }
    for (const bytes of frames.value)
      if (this.#isOpen(connection)) this.#onEvent({ type: 'frame', connection: number, bytes });
  }

  #isOpen(connection: Connection): boolean {
    return connection === this.#current || connection === this.#standby;
  }
}
