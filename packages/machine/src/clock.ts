// Time as an argument, so that tests decide when a minute has passed.

/** A monotonic clock: setting the machine's time of day changes nothing. */
export interface Clock {
  /** @returns milliseconds since any moment, with fractions; they never go backwards. */
  now(): number;
  /**
   * Calls `run` once, when so many milliseconds have passed.
   *
   * @returns the function that cancels the call; it does nothing once `run` has been called.
   */
  after(milliseconds: number, run: () => void): () => void;
}
