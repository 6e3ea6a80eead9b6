// Fair reads: in each iteration of the event loop every room is heard for as many bytes as every
// other, so that none holds up the rest.

import { ITERATION_BYTES_MAX } from './limits.ts';

/** Connections that share one allowance: those of a room, or all that have not attached. */
export type ReadGroup = object;

interface Waiting {
  readonly bytes: number;
  readonly process: () => void;
}

/** Holds at most one chunk of each connection: a connection whose chunk waits is not read. */
export class FairReads {
  readonly #groups = new Map<ReadGroup, Map<object, Waiting>>();
  /** Bytes of each group that were heard in this iteration. */
  readonly #spent = new Map<ReadGroup, number>();
  #isIterationEndAwaited = false;

  /**
   * @returns `heard` after calling `process` at once; otherwise `waits`: `process` is called in a
   *   later iteration, unless `drop` comes first.
   */
  request(group: ReadGroup, connection: object, waiting: Waiting): 'heard' | 'waits' {
    this.#awaitIterationEnd();
    const queue = this.#groups.get(group);
    if (queue === undefined && this.#has(group)) {
      this.#process(group, waiting);
      return 'heard';
    }
    if (queue === undefined) this.#groups.set(group, new Map([[connection, waiting]]));
    else queue.set(connection, waiting);
    return 'waits';
  }

  drop(group: ReadGroup, connection: object): void {
    this.#groups.get(group)?.delete(connection);
  }

  #awaitIterationEnd(): void {
    if (this.#isIterationEndAwaited) return;
    this.#isIterationEndAwaited = true;
    setImmediate(() => this.#beginIteration());
  }

  #beginIteration(): void {
    this.#isIterationEndAwaited = false;
    this.#spent.clear();
    if (this.#groups.size > 0) this.#awaitIterationEnd();
    for (const [group, queue] of [...this.#groups]) {
      for (const [connection, waiting] of queue) {
        if (!this.#has(group)) break;
        queue.delete(connection);
        this.#process(group, waiting);
      }
      if (queue.size === 0) this.#groups.delete(group);
    }
  }

  #has(group: ReadGroup): boolean {
    return (this.#spent.get(group) ?? 0) < ITERATION_BYTES_MAX;
  }

  #process(group: ReadGroup, { bytes, process: hear }: Waiting): void {
    this.#spent.set(group, (this.#spent.get(group) ?? 0) + bytes);
    hear();
  }
}
