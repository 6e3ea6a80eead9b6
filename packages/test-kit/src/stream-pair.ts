// Two ends of a byte stream in memory that a test can slow down, cut into odd pieces and break at any byte.

import type { FakeClock } from './fake-clock.ts';

/** One end. Bytes come in any pieces; `onClose` is called once, for any reason. */
export interface StreamEnd {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(take: (chunk: Uint8Array) => void): void;
  onClose(take: () => void): void;
}

export interface StreamConditions {
  /** How long the next piece takes. Pieces never overtake each other. */
  readonly latencyMs?: () => number;
  /** How many of the bytes that are ready come in one piece. */
  readonly chunkBytes?: (ready: number) => number;
  /** The stream breaks when so many bytes have arrived at the far end, or at the near one. */
  readonly cutAfterBytes?: { readonly atFar?: number; readonly atNear?: number };
  /** When the stream breaks, what the near end had written still arrives, so much later, as on a circuit with full buffers. */
  readonly lateMs?: number | undefined;
}

export interface StreamPair {
  readonly near: StreamEnd;
  readonly far: StreamEnd;
  /** Breaks the stream now, as `cutAfterBytes` does. */
  cut(): void;
}

/** One direction: bytes that were written and have not arrived. */
class Pipe {
  readonly #clock: FakeClock;
  readonly #conditions: StreamConditions;
  readonly #limit: number;
  readonly #onLimit: () => void;
  #held: Uint8Array = new Uint8Array(0);
  #arrived = 0;
  #standing: 'open' | 'finishing' | 'dead' = 'open';
  #flow: 'flowing' | 'paused' = 'flowing';
  #cancel: (() => void) | undefined;
  #take: ((chunk: Uint8Array) => void) | undefined;
  #onEmpty: () => void = () => undefined;

  constructor(clock: FakeClock, conditions: StreamConditions, limit: number, onLimit: () => void) {
    this.#clock = clock;
    this.#conditions = conditions;
    this.#limit = limit;
    this.#onLimit = onLimit;
  }

  write(bytes: Uint8Array): void {
    if (this.#standing !== 'open') return;
    const held = new Uint8Array(this.#held.length + bytes.length);
    held.set(this.#held);
    held.set(bytes, this.#held.length);
    this.#held = held;
    this.#schedule(this.#conditions.latencyMs?.() ?? 0);
  }

  listen(take: (chunk: Uint8Array) => void): void {
    this.#take = take;
    this.#schedule(0);
  }

  pause(): void {
    this.#flow = 'paused';
    this.#cancel?.();
    this.#cancel = undefined;
  }

  resume(): void {
    this.#flow = 'flowing';
    this.#schedule(0);
  }

  /** Takes no more; what is held still arrives, `afterMs` later. */
  finish(afterMs: number, onEmpty: () => void): void {
    if (this.#standing === 'dead') return;
    this.#standing = 'finishing';
    this.#onEmpty = onEmpty;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#schedule(afterMs);
  }

  drop(): void {
    this.#standing = 'dead';
    this.#held = new Uint8Array(0);
  }

  #schedule(afterMs: number): void {
    if (this.#cancel !== undefined || this.#take === undefined || this.#flow === 'paused') return;
    if (this.#held.length === 0 && this.#standing === 'open') return;
    this.#cancel = this.#clock.after(afterMs, () => {
      this.#cancel = undefined;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#standing === 'dead') return;
    if (this.#held.length === 0) {
      if (this.#standing === 'finishing') this.#onEmpty();
      return;
    }
    const wanted = this.#conditions.chunkBytes?.(this.#held.length) ?? this.#held.length;
    const length = Math.min(Math.max(1, wanted), this.#held.length, this.#limit - this.#arrived);
    const chunk = this.#held.slice(0, length);
    this.#held = this.#held.subarray(length);
    this.#arrived += length;
    if (length > 0) this.#take?.(chunk);
    if (this.#arrived >= this.#limit) this.#onLimit();
    else this.#schedule(this.#conditions.latencyMs?.() ?? 0);
  }
}

class End implements StreamEnd {
  readonly #clock: FakeClock;
  readonly #outgoing: Pipe;
  readonly #incoming: Pipe;
  #open = true;
  #onClose: (() => void) | undefined;
  #other: End | undefined;

  constructor(clock: FakeClock, outgoing: Pipe, incoming: Pipe) {
    this.#clock = clock;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
  }

  meet(other: End): void {
    this.#other = other;
  }

  write(bytes: Uint8Array): void {
    if (this.#open) this.#outgoing.write(bytes);
  }

  onData(take: (chunk: Uint8Array) => void): void {
    this.#incoming.listen((chunk) => {
      if (this.#open) take(chunk);
    });
  }

  onClose(take: () => void): void {
    this.#onClose = take;
    if (!this.#open) this.#tellClose();
  }

  pause(): void {
    this.#incoming.pause();
  }

  resume(): void {
    this.#incoming.resume();
  }

  close(): void {
    this.#outgoing.finish(0, () => this.#other?.end());
    this.end();
  }

  /** This end is closed from now on; its owner hears of it once. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#incoming.drop();
    this.#tellClose();
  }

  #tellClose(): void {
    const take = this.#onClose;
    if (take === undefined) return;
    this.#onClose = () => undefined;
    this.#clock.after(0, take);
  }
}

export function createStreamPair(clock: FakeClock, conditions: StreamConditions = {}): StreamPair {
  const cut = (): void => {
    if (conditions.lateMs === undefined) {
      up.drop();
      far.end();
    } else {
      up.finish(conditions.lateMs, () => far.end());
    }
    down.drop();
    near.end();
  };
  const limits = conditions.cutAfterBytes ?? {};
  const up = new Pipe(clock, conditions, limits.atFar ?? Infinity, () => {
    up.drop();
    cut();
    far.end();
  });
  const down = new Pipe(clock, conditions, limits.atNear ?? Infinity, cut);
  const near = new End(clock, up, down);
  const far = new End(clock, down, up);
  near.meet(far);
  far.meet(near);
  return { near, far, cut };
}
