// Fair queueing: in each iteration of the event loop every room is served for as many bytes as every
// other, so that none holds up the rest. What members send is read so, and members read up so.

/** Connections that share one allowance: those of a room, or all that have not attached. */
export type QueueGroup = object;

interface Waiting {
  readonly bytes: number;
  readonly process: () => void;
}

/** Holds at most one piece of work of each connection. */
export class FairQueue {
  readonly #groups = new Map<QueueGroup, Map<object, Waiting>>();
  /** Bytes of each group that were served in this iteration. */
  readonly #spent = new Map<QueueGroup, number>();
  readonly #iterationBytes: number;
  #isIterationEndAwaited = false;

  /**
   * @param iterationBytes of one group that are served in one iteration. One piece of work may go
   *   over it.
   */
  constructor(iterationBytes: number) {
    this.#iterationBytes = iterationBytes;
  }

  /**
   * @returns `served` after calling `process` at once; otherwise `waits`: `process` is called in a
   *   later iteration, unless `drop` comes first.
   */
  request(group: QueueGroup, connection: object, waiting: Waiting): 'served' | 'waits' {
    this.#awaitIterationEnd();
    const queue = this.#groups.get(group);
    if (queue === undefined && this.#has(group)) {
      this.#process(group, waiting);
      return 'served';
    }
    if (queue === undefined) this.#groups.set(group, new Map([[connection, waiting]]));
    else queue.set(connection, waiting);
    return 'waits';
  }

  drop(group: QueueGroup, connection: object): void {
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

  #has(group: QueueGroup): boolean {
    return (this.#spent.get(group) ?? 0) < this.#iterationBytes;
  }

  #process(group: QueueGroup, { bytes, process }: Waiting): void {
    this.#spent.set(group, (this.#spent.get(group) ?? 0) + bytes);
    process();
  }
}
