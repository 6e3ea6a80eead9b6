// The clock of a scenario: the real one, run faster. A test can let time pass on it at once, so that
// no wait for a deadline of minutes depends on the machine.

import type { Clock } from '@sotto/machine';

/**
 * Above this, a client's deadlines come close to what a busy machine needs for a step: 45 s of
 * silence are 900 ms then.
 */
const FACTOR_MAX = 50;

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
  handle: NodeJS.Timeout | undefined;
}

/** A client's minutes pass in seconds, while sockets and keys take the time that they take. */
export class ScenarioClock implements Clock {
  readonly #factor: number;
  readonly #timers = new Set<Timer>();
  #skippedMs = 0;

  constructor(factor: number) {
    if (factor < 1 || factor > FACTOR_MAX) throw new RangeError('no client could keep up with this clock');
    this.#factor = factor;
  }

  now(): number {
    return performance.now() * this.#factor + this.#skippedMs;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer: Timer = { atMs: this.now() + milliseconds, run, handle: undefined };
    this.#timers.add(timer);
    this.#set(timer);
    return () => this.#cancel(timer);
  }

  /** So much time has passed. The timers that fell due run at once, the earliest first. */
  skip(milliseconds: number): void {
    this.#skippedMs += milliseconds;
    for (const timer of [...this.#timers].sort((one, other) => one.atMs - other.atMs)) {
      // A timer that ran before may have cancelled it.
      if (!this.#timers.has(timer)) continue;
      if (timer.atMs <= this.now()) this.#run(timer);
      else this.#set(timer);
    }
  }

  #set(timer: Timer): void {
    clearTimeout(timer.handle);
    timer.handle = setTimeout(() => this.#run(timer), Math.max(0, timer.atMs - this.now()) / this.#factor);
  }

  #run(timer: Timer): void {
    this.#cancel(timer);
    timer.run();
  }

  #cancel(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
  }
}
