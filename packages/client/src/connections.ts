// The connections of one client: the line in use and, while its circuit is renewed, a spare one beside it.

import { FrameSplitter } from '@sotto/protocol';
import type { StateEvent } from './events.ts';
import type { SessionEvent } from './session/state.ts';

/** A connection to the relay, whatever carries it. Bytes come in any pieces, none while it is paused; `onClose` is called once, for any reason. */
export interface ByteStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(take: (chunk: Uint8Array) => void): void;
  onClose(take: () => void): void;
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
export type Dial = (tell: (stage: StateEvent) => void, signal: AbortSignal) => Promise<ByteStream>;

/** Numbered as they are opened, so that what one brought late is told from what another says. */
interface Line {
  readonly number: number;
  readonly stream: ByteStream;
}

/** Only these two are heard: what an earlier line still has to say is void. */
export class Lines {
  readonly #take: (event: SessionEvent) => void;
  #dial: Dial;
  #number = 0;
  #line: Line | undefined;
  #spare: Line | undefined;
  #dialling = new AbortController();
  #diallingSpare = new AbortController();
  #flow: 'flowing' | 'paused' = 'flowing';

  constructor(dial: Dial, take: (event: SessionEvent) => void) {
    this.#dial = dial;
    this.#take = take;
  }

  /** Another room, or the same one anew: what is being dialled is not wanted any more. */
  turnTo(dial: Dial): void {
    this.hangUp();
    this.#dial = dial;
  }

  async dial(): Promise<void> {
    const abort = new AbortController();
    this.#dialling = abort;
    const tell = (stage: StateEvent): void => this.#take({ type: 'stage', stage });
    const opened = await this.#open(tell, abort.signal);
    if (opened === undefined) return;
    if (opened instanceof DialError) {
      const { code, message, final } = opened;
      this.#take({ type: 'dial-failed', code, message, final });
      return;
    }
    this.#line = opened;
    this.#listen(opened);
    if (this.#flow === 'paused') opened.stream.pause();
    this.#take({ type: 'connected', line: opened.number });
  }

  async dialSpare(): Promise<void> {
    const abort = new AbortController();
    this.#diallingSpare = abort;
    const opened = await this.#open(() => undefined, abort.signal);
    if (opened === undefined) return;
    if (opened instanceof DialError) {
      this.#take({ type: 'spare-failed' });
      return;
    }
    this.#spare = opened;
    this.#listen(opened);
    this.#take({ type: 'spare-opened', line: opened.number });
  }

  write(bytes: Uint8Array): void {
    this.#line?.stream.write(bytes);
  }

  writeSpare(bytes: Uint8Array): void {
    this.#spare?.stream.write(bytes);
  }

  /** The spare line is the one in use from now on, and the former one is closed. */
  adoptSpare(): void {
    const former = this.#line;
    this.#line = this.#spare;
    this.#spare = undefined;
    if (this.#flow === 'paused') this.#line?.stream.pause();
    former?.stream.close();
  }

  dropSpare(): void {
    this.#diallingSpare.abort();
    const spare = this.#spare;
    this.#spare = undefined;
    spare?.stream.close();
  }

  hangUp(): void {
    this.#dialling.abort();
    this.dropSpare();
    const line = this.#line;
    this.#line = undefined;
    line?.stream.close();
  }

  pause(): void {
    this.#flow = 'paused';
    this.#line?.stream.pause();
  }

  resume(): void {
    this.#flow = 'flowing';
    this.#line?.stream.resume();
  }

  /** @returns undefined if nobody waits for it any more. */
  async #open(tell: (stage: StateEvent) => void, signal: AbortSignal): Promise<Line | DialError | undefined> {
    try {
      const stream = await this.#dial(tell, signal);
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

  #listen(line: Line): void {
    const { number, stream } = line;
    const splitter = new FrameSplitter();
    stream.onData((chunk) => this.#takeChunk(line, splitter, chunk));
    stream.onClose(() => {
      if (this.#isHeard(line)) this.#take({ type: 'cut', line: number, code: 'relay-unreachable' });
    });
  }

  #takeChunk(line: Line, splitter: FrameSplitter, chunk: Uint8Array): void {
    if (!this.#isHeard(line)) return;
    const { number } = line;
    const frames = splitter.push(chunk);
    if (!frames.ok) {
      const code = frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved';
      this.#take({ type: 'cut', line: number, code });
      return;
    }
    for (const bytes of frames.value) if (this.#isHeard(line)) this.#take({ type: 'frame', line: number, bytes });
  }

  #isHeard(line: Line): boolean {
    return line === this.#line || line === this.#spare;
  }
}
