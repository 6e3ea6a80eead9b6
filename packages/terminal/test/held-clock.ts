// A clock whose timers run when the test says so.

import type { Clock } from '@sotto/client';

export class HeldClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<() => void, number>();

  now(): number {
    return this.#nowMs;
  }

  after(milliseconds: number, run: () => void): () => void {
    const call = (): void => run();
    this.#timers.set(call, this.#nowMs + milliseconds);
    return () => this.#timers.delete(call);
  }

  /** How long each timer still has. */
  get waiting(): number[] {
    return Array.from(this.#timers.values(), (atMs) => atMs - this.#nowMs);
  }

  pass(milliseconds: number): void {
    this.#nowMs += milliseconds;
    for (const [call, atMs] of [...this.#timers]) {
      if (atMs > this.#nowMs) continue;
      this.#timers.delete(call);
      call();
    }
  }
}
