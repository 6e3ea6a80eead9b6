// Time as an argument: the relay only ever measures how long something took, so that a clock that is set back or forth changes nothing.

/** Milliseconds since any moment, never backwards, and a call after some of them. */
export interface Clock {
  now(): number;
  /** @returns what cancels the call. */
  after(milliseconds: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};
