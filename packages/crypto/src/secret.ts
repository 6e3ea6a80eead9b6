// Holds secret bytes so that printing the holder never prints them, and ends them once.

const REDACTED = '[secret]';

/**
 * Secret bytes with a lifetime. Every way to print it gives "[secret]". After `destroy` the bytes are zero and `use` throws.
 * JavaScript may have copied them before (the collector, the primitives): this is best effort, and THREAT_MODEL.md says so.
 */
export class Secret {
  readonly #bytes: Uint8Array;
  #destroyed = false;

  /** Takes ownership: the caller must not keep or change `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Lends the bytes to `borrow`, which must not keep them. */
  use<Result>(borrow: (bytes: Uint8Array) => Result): Result {
    if (this.#destroyed) throw new Error('a secret was used after its end');
    return borrow(this.#bytes);
  }

  destroy(): void {
    this.#bytes.fill(0);
    this.#destroyed = true;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
