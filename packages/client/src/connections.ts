// The connections of one client: the connection in use and, while its circuit is renewed, a standby one beside it.

import { FrameSplitter } from '@sotto/protocol';
import type { StateEvent } from './events.ts';
import type { SessionEvent } from './session/state.ts';

/** A connection to the relay, whatever carries it. Bytes come in any pieces, none while it is paused; `onClose` is called once, for any reason. */
export interface ByteStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(listener: (chunk: Uint8Array) => void): void;
  onClose(listener: () => void): void;
}

/** Why a dial failed. `final`: trying again cannot help. */
export class DialError extends Error {
  readonly code: string;
  readonly final: boolean;

  constructor(code: string, message: string, options: { final?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.final = options.final ?? false;
  }
}

/** Opens a new stream to the room's relay, on a circuit of its own, telling its stages. Rejects with a DialError. */
export type Dial = (onStage: (stage: StateEvent) => void, signal: AbortSignal) => Promise<ByteStream>;

/** Numbered as they are opened, so that what one brought late is told from what another says. */
interface Connection {
  readonly number: number;
  readonly stream: ByteStream;
}

/** Only these two are heard: what an earlier connection still has to say is void. */
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

  /** Another room, or the same one anew: what is being dialled is not wanted any more. */
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

  /** The standby connection is the one in use from now on, and the former one is closed. */
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

  /** @returns undefined if nobody waits for it any more. */
  async #open(onStage: (stage: StateEvent) => void, signal: AbortSignal): Promise<Connection | DialError | undefined> {
    try {
      const stream = await this.#dial(onStage, signal);
      if (!signal.aborted) return { number: (this.#number += 1), stream };
      stream.close();
      return undefined;
    } catch (error) {
      // It was told to stop: however it does, nobody waits for it any more.
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
