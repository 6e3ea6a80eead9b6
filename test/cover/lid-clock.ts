// The clock of a machine whose lid can be closed: its timers stand still until the lid is open.

import type { FakeClock } from '@sotto/fixtures';
import type { Clock } from '@sotto/machine';

interface Timer {
  /** In the machine's own time. */
  readonly atMs: number;
  readonly run: () => void;
  cancel: () => void;
}

/**
 * `stands`: the machine was suspended, and its monotonic clock with it. `runs`: the process was
 * stopped, and all that fell due meanwhile is late.
 */
export type LidTime = 'stands' | 'runs';

export class LidClock implements Clock {
  readonly #clock: FakeClock;
  readonly #time: LidTime;
  readonly #timers = new Set<Timer>();
  #lostMs = 0;
  /** When the lid was closed, by the room's clock. */
  #closedAt: number | undefined;

  constructor(clock: FakeClock, time: LidTime) {
    this.#clock = clock;
    this.#time = time;
  }

  now(): number {
    return (this.#closedAt ?? this.#clock.now()) - this.#lostMs;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer: Timer = { atMs: this.now() + Math.max(0, milliseconds), run, cancel: () => undefined };
    this.#timers.add(timer);
    if (this.#closedAt === undefined) this.#set(timer);
    return () => {
      timer.cancel();
      this.#timers.delete(timer);
    };
  }

  closeLid(): void {
    this.#closedAt = this.#clock.now();
    for (const timer of this.#timers) timer.cancel();
  }

  openLid(): void {
    if (this.#closedAt === undefined) return;
    if (this.#time === 'stands') this.#lostMs += this.#clock.now() - this.#closedAt;
    this.#closedAt = undefined;
    for (const timer of [...this.#timers].sort((one, other) => one.atMs - other.atMs)) this.#set(timer);
  }

  #set(timer: Timer): void {
    timer.cancel = this.#clock.after(timer.atMs - this.now(), () => {
      this.#timers.delete(timer);
      timer.run();
    });
  }
}
