// Randomness that a seed repeats, so that a failing run of a test can be run again. Not for keys of real rooms.

/** A 32-bit generator (xorshift128) behind bytes, numbers and choices. */
export class SeededRandom {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed ^ 0x9e3779b9, seed + 0x243f6a88, 0xb7e15162, 0x85a308d3);
    for (let round = 0; round < 20; round += 1) this.word();
  }

  /** @returns 32 bits. */
  word(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    const mixed = d ^ (d << 11);
    const next = (a ^ (a >>> 19) ^ mixed ^ (mixed >>> 8)) >>> 0;
    this.#state.set([next, a, b, c]);
    return next;
  }

  /** @returns a whole number from 0 up to and without `bound`. */
  below(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  /** @returns a whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** @returns whether something that happens once in `times` happens now. */
  onceIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.below(values.length)] ?? values[0];
  }

  /** A new buffer each time. Bound to the generator, so that it can be handed on as a random source. */
  readonly bytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 4) {
      const word = this.word();
      for (let index = offset; index < Math.min(length, offset + 4); index += 1)
        bytes[index] = word >>> (8 * (index % 4));
    }
    return bytes;
  };
}

/** Random bytes from the system. */
export function systemRandom(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}
