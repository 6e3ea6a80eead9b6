// Time as an argument, so that tests decide when a minute has passed.

/** `nowMs` never runs backwards; `after` calls once and gives the function that cancels it. */
export interface Clock {
  nowMs(): number;
  after(delayMs: number, call: () => void): () => void;
}

/** The machine's monotonic clock. Its timers do not keep a process alive. */
export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
