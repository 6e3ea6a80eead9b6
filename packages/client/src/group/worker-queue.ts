// What keys have to do, one after another in the order in which it was asked for; while too much waits, nothing more is read.

import { KEY_WORK_MAX } from '../limits.ts';

/** Told when too much waits (`full`) and when half of it is done (`ready`), in turn. */
export interface WorkerQueueListener {
  full(): void;
  ready(): void;
}

export class WorkerQueue {
  readonly #listener: WorkerQueueListener;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #status: 'open' | 'full' = 'open';

  constructor(listener: WorkerQueueListener) {
    this.#listener = listener;
  }

  get isFull(): boolean {
    return this.#status === 'full';
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** What fails is a bug: its rejection is unhandled, and nothing after it is done. */
  push(work: () => Promise<void>): void {
    this.#waiting += 1;
    if (this.#waiting > KEY_WORK_MAX && this.#status === 'open') {
      this.#status = 'full';
      this.#listener.full();
    }
    this.#last = this.#last.then(work).then(() => this.#settle());
  }

  #settle(): void {
    this.#waiting -= 1;
    if (this.#status === 'open' || this.#waiting > KEY_WORK_MAX / 2) return;
    this.#status = 'open';
    this.#listener.ready();
  }
}
