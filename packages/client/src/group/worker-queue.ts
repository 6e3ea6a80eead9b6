// What keys have to do, one after another in the order in which it was asked for; while too much waits, nothing more is read.

import { KEY_WORK_MAX } from '../limits.ts';

/** Told when too much waits (`full`) and when half of it is done (`ready`), in turn. */
export interface KeyQueueListener {
  full(): void;
  ready(): void;
}

export class WorkerQueue {
  readonly #listener: KeyQueueListener;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #standing: 'open' | 'full' = 'open';

  constructor(listener: KeyQueueListener) {
    this.#listener = listener;
  }

  get isFull(): boolean {
    return this.#standing === 'full';
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** What fails is a bug: its rejection is unhandled, and nothing after it is done. */
  push(work: () => Promise<void>): void {
    this.#waiting += 1;
    if (this.#waiting > KEY_WORK_MAX && this.#standing === 'open') {
      this.#standing = 'full';
      this.#listener.full();
    }
    this.#last = this.#last.then(work).then(() => this.#settle());
  }

  #settle(): void {
    this.#waiting -= 1;
    if (this.#standing === 'open' || this.#waiting > KEY_WORK_MAX / 2) return;
    this.#standing = 'open';
    this.#listener.ready();
  }
}
