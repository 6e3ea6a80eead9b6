// Who is heard when much has been read at once: every room as much as every other in each turn of
// the event loop, so that none holds up the rest.

import { ITERATION_BYTES_MAX } from './limits.ts';

/** What shares one turn: a room, or all that have not been admitted to any. */
export type ReadGroup = object;

interface Waiting {
  readonly bytes: number;
  readonly process: () => void;
}

/** Holds one chunk of a connection at most: a connection whose chunk waits is not read from. */
export class FairReads {
  readonly #groups = new Map<ReadGroup, Map<object, Waiting>>();
  /** What each group has used up of this turn. */
  readonly #spent = new Map<ReadGroup, number>();
  #isIterationEndAwaited = false;

  /**
   * @returns `heard` if it was its turn, and `hear` was called; else it will be, unless `drop`
   *   comes before.
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
