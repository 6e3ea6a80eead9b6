// Randomness as an argument, so that tests choose the bytes.

/** @returns that many unpredictable bytes in a buffer of its own. */
export type RandomSource = (length: number) => Uint8Array;
