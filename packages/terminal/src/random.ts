// Randomness as an argument, so that tests decide what comes.

/** @returns that many unpredictable bytes in a buffer of its own. */
export type RandomSource = (length: number) => Uint8Array;
