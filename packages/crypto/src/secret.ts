// Holds secret bytes so that printing the holder never prints them. They lie in memory that the
// program has chosen, and are zeroed once.

const REDACTED = '[secret]';

/**
 * The memory in which secret bytes lie. The entry point of a program chooses it
 * (`useSecretMemory`); without a choice it is ordinary memory, as in a browser.
 * `@sotto/crypto/locked-memory` offers one that the system neither pages out nor dumps.
 */
export interface SecretMemory {
  /**
   * `locked`: everything allocated so far is known to be locked. `unlocked`: anything else, an
   * unknown state included.
   */
  readonly status: 'locked' | 'unlocked';
  /** @returns that many zeroed bytes, which no other holder has. */
  allocate(bytes: number): Uint8Array;
  /**
   * Takes back the bytes of one `allocate`, zeroed by the caller. The memory may then be unmapped,
   * so no reference to it may remain.
   */
  release(bytes: Uint8Array): void;
}

const ordinaryMemory: SecretMemory = {
  status: 'unlocked',
  allocate: (bytes) => new Uint8Array(bytes),
  release: () => undefined,
};

let memory: SecretMemory = ordinaryMemory;
let holders: 'none' | 'some' = 'none';

/**
 * Chooses the memory of all later secrets.
 *
 * @throws Error if a secret exists already: a bug in the program's start.
 */
export function useSecretMemory(chosen: SecretMemory): void {
  if (holders === 'some') throw new Error('secret memory was chosen after the first secret');
  memory = chosen;
}

/**
 * Moves bytes into secret memory. It serves secrets that are a part of something else: the room
 * secret of an invite, the seed of an onion. `bytes` is zeroed.
 *
 * @returns the moved bytes, of the same length. Their holder zeroes them at their end; their place
 * is not used again.
 */
export function moveToSecretMemory(bytes: Uint8Array): Uint8Array {
  holders = 'some';
  const held = memory.allocate(bytes.length);
  held.set(bytes);
  bytes.fill(0);
  return held;
}

/**
 * Secret bytes with a lifetime. Every way to print the object gives "[secret]". After `destroy` the
 * bytes are zero and `use` throws.
 * The collector and the primitives of JavaScript may have made copies: zeroing is best effort
 * (THREAT_MODEL.md).
 */
export class Secret {
  readonly #memory: SecretMemory = memory;
  #bytes: Uint8Array | undefined;

  /** Moves the bytes, of any length, into secret memory, and zeroes `bytes`. */
  constructor(bytes: Uint8Array) {
    holders = 'some';
    this.#bytes = this.#memory.allocate(bytes.length);
    this.#bytes.set(bytes);
    bytes.fill(0);
  }

  /**
   * Lends the bytes to `borrow`, which must not keep them.
   *
   * @returns the result of `borrow`.
   * @throws Error after `destroy`.
   */
  use<Result>(borrow: (bytes: Uint8Array) => Result): Result {
    if (this.#bytes === undefined) throw new Error('a secret was used after its end');
    return borrow(this.#bytes);
  }

  /** Zeroes the bytes and releases their memory. A second call does nothing. */
  destroy(): void {
    if (this.#bytes === undefined) return;
    this.#bytes.fill(0);
    this.#memory.release(this.#bytes);
    this.#bytes = undefined;
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
