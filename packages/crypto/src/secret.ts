// Holds secret bytes so that printing the holder never prints them, in memory that the program has chosen, and ends them once.

const REDACTED = '[secret]';

/**
 * Where secret bytes lie. Whoever starts a program chooses it (`useSecretMemory`); without a choice it is ordinary memory, as in a browser.
 * `@sotto/crypto/locked-memory` has one that the system neither pages out nor dumps.
 */
export interface SecretMemory {
  /** `locked`: all that was allocated so far is known never to be paged out. Anything else, not knowing included, is `unlocked`. */
  readonly status: 'locked' | 'unlocked';
  /** @returns so many zeroed bytes, nobody else's. */
  allocate(bytes: number): Uint8Array;
  /** Takes back what `allocate` gave, zeroed by the caller. It may be unmapped: nobody may hold on to it. */
  release(bytes: Uint8Array): void;
}

const ordinaryMemory: SecretMemory = {
  status: 'unlocked',
  allocate: (bytes) => new Uint8Array(bytes),
  release: () => undefined,
};

let memory: SecretMemory = ordinaryMemory;
let holders: 'none' | 'some' = 'none';

/** Chooses where secrets lie, before there is one. @throws Error if it comes too late: that would be a bug of the program's start. */
export function useSecretMemory(chosen: SecretMemory): void {
  if (holders === 'some') throw new Error('secret memory was chosen after the first secret');
  memory = chosen;
}

/**
 * Moves bytes into secret memory, for what is no Secret because it is a part of something else: the room secret of an invite, the seed of an
 * onion. `bytes` is zeroed. Whoever holds what comes back zeroes it at its end; its place is not used again.
 */
export function moveToSecretMemory(bytes: Uint8Array): Uint8Array {
  holders = 'some';
  const held = memory.allocate(bytes.length);
  held.set(bytes);
  bytes.fill(0);
  return held;
}

/**
 * Secret bytes with a lifetime. Every way to print it gives "[secret]". After `destroy` the bytes are zero and `use` throws.
 * JavaScript may have copied them before (the collector, the primitives): this is best effort, and THREAT_MODEL.md says so.
 */
export class Secret {
  readonly #memory: SecretMemory = memory;
  #bytes: Uint8Array | undefined;

  /** Takes the bytes: they are moved into secret memory, and `bytes` is zeroed. */
  constructor(bytes: Uint8Array) {
    holders = 'some';
    this.#bytes = this.#memory.allocate(bytes.length);
    this.#bytes.set(bytes);
    bytes.fill(0);
  }

  /** Lends the bytes to `borrow`, which must not keep them. */
  use<Result>(borrow: (bytes: Uint8Array) => Result): Result {
    if (this.#bytes === undefined) throw new Error('a secret was used after its end');
    return borrow(this.#bytes);
  }

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
