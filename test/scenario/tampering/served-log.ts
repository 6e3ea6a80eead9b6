// The log as one member was told it: with its own numbers, which need not be those that the relay
// gave.

import { encodeFrame } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';

/** A frame that stands in the log at `number`. */
interface Served {
  readonly number: number;
  readonly frame: LogFrame;
}

export class ServedLog {
  #oldest = 1;
  #next = 1;
  #served: Served[] = [];
  /**
   * Where the relay's own entries have come to stand; one that was kept back stands where the one
   * before it does.
   */
  readonly #places = new Map<number, number>();

  get oldest(): number {
    return this.#oldest;
  }

  /** The number of the next entry. */
  get next(): number {
    return this.#next;
  }

  /** The relay's log begins here. */
  begin(oldest: number): void {
    this.#oldest = oldest;
    this.#next = oldest;
  }

  /** @returns the frame as it is on the wire. */
  append(frame: LogFrame): Uint8Array {
    const served = { number: this.#next, frame };
    this.#served.push(served);
    this.#next += 1;
    return encodeServed(served);
  }

  /** Leaves a number out. */
  skip(): void {
    this.#next += 1;
  }

  /** The relay's entry `number` has been dealt with. */
  place(number: number): void {
    this.#places.set(number, this.#next - 1);
  }

  /** @returns the number here of the relay's entry `number`; the same if nothing is known of it. */
  placeOf(number: number): number {
    return Math.max(1, this.#places.get(number) ?? number);
  }

  frameAt(number: number): LogFrame {
    const found = this.#served.find((each) => each.number === number);
    if (found === undefined) throw new Error('no such entry was served');
    return found.frame;
  }

  /** @returns the frames of everything from this number on. */
  from(number: number): Uint8Array[] {
    return this.#served.filter((each) => each.number >= number).map(encodeServed);
  }

  /** @returns the last frame of a commit, as it was sent. */
  get lastCommitted(): Uint8Array | undefined {
    const served = this.#served.findLast(({ frame }) => frame.operation === 'committed');
    return served && encodeServed(served);
  }
}

function encodeServed({ number, frame }: Served): Uint8Array {
  return encodeFrame({ ...frame, number });
}
