// Does the key work one piece after another, in order. While too much waits, the stream is paused.

import { KEY_WORK_MAX } from '../limits.ts';

/** Called in alternation: when too much waits (`full`), and when half of it is done (`ready`). */
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

  /** Work that fails is a bug: its rejection is unhandled, and no later work is done. */
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
