// A clock that stands still until a test moves it, so that minutes of waiting pass at once and always in the same order.

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Lets promises that are ready run their course. */
function turnAround(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Time in milliseconds from 0. Timers run in the order of their times, and among equal times in the order in which they were set. */
export class FakeClock {
  #now = 0;
  #timers: Timer[] = [];
  readonly #isBusy: () => boolean;

  /** Time does not move on while somebody is busy with work that takes none. */
  constructor(isBusy: () => boolean = () => false) {
    this.#isBusy = isBusy;
  }

  now(): number {
    return this.#now;
  }

  /** Timers that are set and have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.length;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, milliseconds), run };
    const behind = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(behind === -1 ? this.#timers.length : behind, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on by `milliseconds`, running what falls due, and lets promises settle before, between and after. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    await this.#settle();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.at > until) break;
      this.#timers.shift();
      this.#now = next.at;
      next.run();
      await this.#settle();
    }
    this.#now = until;
  }

  async #settle(): Promise<void> {
    do await turnAround();
    while (this.#isBusy());
  }
}
