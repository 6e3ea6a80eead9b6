// The log as one member was told it: with its own numbers, which need not be those that the relay
// gave.

import { encodeCommitted, encodeFrame } from '@sotto/protocol';
import type { CommitNotice } from '@sotto/protocol';

/** Something that stands in the log at `number`: an entry, or the COMMITTED behind it. */
type Served =
  { readonly number: number; readonly body: Uint8Array } | { readonly number: number; readonly notice: CommitNotice };

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

  /** @returns the ENTRY frame. */
  append(body: Uint8Array): Uint8Array {
    const served = { number: this.#next, body };
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

  /** @returns the COMMITTED frame, whose place is behind the last entry. */
  note(notice: CommitNotice): Uint8Array {
    const first = this.placeOf(notice.first);
    const told = { ...notice, first, last: Math.max(first, this.placeOf(notice.last)) };
    const served = { number: this.#next - 1, notice: told };
    this.#served.push(served);
    return encodeServed(served);
  }

  bodyAt(number: number): Uint8Array {
    const found = this.#served.find((each) => 'body' in each && each.number === number);
    if (found === undefined || !('body' in found)) throw new Error('no such entry was served');
    return found.body;
  }

  /** @returns the frames of everything from this number on. */
  from(number: number): Uint8Array[] {
    return this.#served.filter((each) => each.number >= number).map(encodeServed);
  }

  get lastNotice(): CommitNotice | undefined {
    return this.#served.flatMap((each) => ('notice' in each ? [each.notice] : [])).at(-1);
  }
}

function encodeServed(served: Served): Uint8Array {
  return 'body' in served
    ? encodeFrame({ operation: 'entry', number: served.number, body: served.body })
    : encodeCommitted(served.notice);
}
