// The thin edge around a session: performs its effects with the streams, timers and random numbers it is handed.

import { ByteReader, FrameSplitter } from '@sotto/protocol';
import type { Content, Invite } from '@sotto/protocol';
import type { RandomSource } from '@sotto/crypto';
import type { ClientEvent, Speaker, StateEvent } from './events.ts';
import { KeyQueue } from './key-queue.ts';
import { Membership } from './membership.ts';
import type { Opened } from './membership.ts';
import { step } from './session.ts';
import { createSession } from './session-state.ts';
import type { Effect, Session, SessionEvent, TimerName } from './session-state.ts';
import { listMembers } from './telling.ts';

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

/** Opens a new stream to the room's relay, telling its stages. Rejects with a DialError. */
export type Dial = (tell: (stage: StateEvent) => void, signal: AbortSignal) => Promise<ByteStream>;

/** Time as the client needs it; `after` returns what cancels. */
export interface Clock {
  now(): number;
  after(milliseconds: number, run: () => void): () => void;
}

export interface ClientOptions {
  readonly invite: Invite;
  readonly name: string;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly tell: (event: ClientEvent) => void;
}

/** A member of one room, until `leave` or the room's end. `ended` resolves once, when nothing more will be told. */
export class Client {
  readonly ended: Promise<void>;
  readonly #options: ClientOptions;
  readonly #membership: Membership;
  readonly #timers = new Map<TimerName, () => void>();
  readonly #abort = new AbortController();
  #session: Session;
  #stream: ByteStream | undefined;
  readonly #keyQueue = new KeyQueue({ full: () => this.#stream?.pause(), ready: () => this.#stream?.resume() });
  /** The events that wait their turn; undefined while nothing happens. */
  #turn: SessionEvent[] | undefined;
  #resolveEnded: () => void = () => undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#membership = new Membership(options.invite, options.random);
    this.#session = createSession(options.name);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get fingerprint(): string {
    return this.#membership.fingerprint;
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Sends a text of 1 to 65,536 bytes; `ref` comes back with `sent` or `error`. */
  say(text: string, ref?: string): void {
    this.#step({ type: 'say', text, ref });
  }

  members(): readonly (Speaker & { readonly self: boolean })[] {
    return listMembers(this.#session, this.#membership);
  }

  /** Says goodbye and ends; a second call ends at once. */
  leave(): void {
    this.#step({ type: 'leave' });
  }

  /** One event at a time: what a front end does from within `tell` waits until all effects before it are performed, or frames would overtake. */
  #step(event: SessionEvent): void {
    if (this.#turn !== undefined) {
      this.#turn.push(event);
      return;
    }
    this.#turn = [event];
    try {
      for (const next of this.#turn) this.#take(next);
    } finally {
      this.#turn = undefined;
    }
  }

  #take(event: SessionEvent): void {
    const context = { membership: this.#membership, now: this.#options.clock.now(), chance: () => this.#chance() };
    const { session, effects } = step(this.#session, event, context);
    this.#session = session;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        void this.#dial();
        return;
      case 'write':
        this.#stream?.write(effect.bytes);
        return;
      case 'open':
        this.#keyQueue.push(() => this.#open(effect));
        return;
      case 'seal':
        this.#keyQueue.push(() => this.#seal(effect.content));
        return;
      case 'hang-up':
        this.#hangUp();
        return;
      case 'set-timer':
        this.#setTimer(effect.name, effect.afterMs);
        return;
      case 'clear-timer':
        this.#timers.get(effect.name)?.();
        this.#timers.delete(effect.name);
        return;
      case 'emit':
        this.#options.tell(effect.event);
        return;
      case 'end':
        this.#end();
        return;
    }
  }

  async #open(effect: Extract<Effect, { type: 'open' }>): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const { sequence, body, own } = effect;
    const opened: Opened = own ? { kind: 'nothing', code: 'own' } : await Promise.resolve(this.#membership.open(body));
    this.#step({ type: 'opened', sequence, body, opened });
  }

  async #seal(content: Content): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const body = await Promise.resolve(this.#membership.seal(content));
    this.#step({ type: 'sealed', number: content.number, body });
  }

  async #dial(): Promise<void> {
    const tell = (stage: StateEvent): void => this.#step({ type: 'stage', stage });
    try {
      this.#listen(await this.#options.dial(tell, this.#abort.signal));
    } catch (error) {
      // It was told to stop: however it does, nobody waits for it any more.
      if (this.#abort.signal.aborted) return;
      if (!(error instanceof DialError)) throw error;
      this.#step({ type: 'dial-failed', code: error.code, message: error.message, final: error.final });
    }
  }

  /** Only the current stream is heard: what an earlier one still has to say is void. */
  #listen(stream: ByteStream): void {
    if (this.#abort.signal.aborted) {
      stream.close();
      return;
    }
    this.#stream = stream;
    const splitter = new FrameSplitter();
    stream.onData((chunk) => {
      if (this.#stream === stream) this.#takeChunk(stream, splitter, chunk);
    });
    stream.onClose(() => {
      if (this.#stream === stream) this.#step({ type: 'cut', code: 'relay-unreachable' });
    });
    if (this.#keyQueue.isFull) stream.pause();
    this.#step({ type: 'connected' });
  }

  #takeChunk(stream: ByteStream, splitter: FrameSplitter, chunk: Uint8Array): void {
    const frames = splitter.push(chunk);
    if (!frames.ok) {
      this.#step({ type: 'cut', code: frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved' });
      return;
    }
    for (const bytes of frames.value) if (this.#stream === stream) this.#step({ type: 'frame', bytes });
  }

  #hangUp(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }

  #setTimer(name: TimerName, afterMs: number): void {
    this.#timers.get(name)?.();
    const cancel = this.#options.clock.after(afterMs, () => {
      this.#timers.delete(name);
      this.#step({ type: 'timer', name });
    });
    this.#timers.set(name, cancel);
  }

  #end(): void {
    this.#abort.abort();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#membership.destroy();
    this.#resolveEnded();
  }

  /** A number in [0, 1) with 32 random bits. */
  #chance(): number {
    return new ByteReader(this.#options.random(4)).u32() / 2 ** 32;
  }
}
