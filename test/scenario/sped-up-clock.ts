// The real clock, run faster, so that a client's minutes pass in seconds while sockets and keys take the time that they take.

/** Above this, a client's deadlines come close to what a busy machine needs for a step: 45 s of silence are 900 ms then. */
const FACTOR_MAX = 50;

export class SpedUpClock {
  readonly #factor: number;

  constructor(factor: number) {
    if (factor < 1 || factor > FACTOR_MAX) throw new RangeError('a clock that no client could keep up with');
    this.#factor = factor;
  }

  now(): number {
    return performance.now() * this.#factor;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = setTimeout(run, milliseconds / this.#factor);
    return () => clearTimeout(timer);
  }
}
