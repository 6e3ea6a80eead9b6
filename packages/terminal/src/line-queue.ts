// Passes input lines on one at a time. While it is held, read lines are kept and no more are read.

import type { InputLine } from './line-splitter.ts';
import { LineSplitter } from './line-splitter.ts';

/** The consumer of the lines. `end` comes once, after the last line. */
export interface LineConsumer {
  readonly line: (line: InputLine) => void;
  readonly end: () => void;
  /**
   * Called for a line as soon as it was read, before all waiting lines. True: the consumer has
   * processed it.
   */
  readonly supersede?: (line: InputLine) => boolean;
}

/** The source of lines: the used parts of a readable stream. */
export interface ByteSource {
  on(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'error' | 'close', take: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/**
 * A queue in front of a consumer. Its bound is one chunk, the input that a source still delivers
 * after `pause`.
 */
export class LineQueue {
  readonly #source: { pause(): unknown; resume(): unknown };
  readonly #queue: InputLine[] = [];
  #next = 0;
  #consumer: LineConsumer | undefined;
  #phase: 'flowing' | 'held' | 'handing-on' = 'held';
  #ended: 'no' | 'read' | 'told' = 'no';

  constructor(source: { pause(): unknown; resume(): unknown }) {
    this.#source = source;
  }

  /** Lines that were read and not passed on. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  enqueue(lines: readonly InputLine[]): void {
    for (const line of lines) if (!this.supersede(line)) this.#queue.push(line);
    this.#handOn();
  }

  /** @returns whether the consumer processed it before all waiting lines */
  supersede(line: InputLine): boolean {
    return this.#consumer?.supersede?.(line) === true;
  }

  end(): void {
    if (this.#ended === 'no') this.#ended = 'read';
    this.#handOn();
  }

  /** Further lines go to `consumer`, after the waiting ones. */
  begin(consumer: LineConsumer): void {
    this.#consumer = consumer;
    this.release();
  }

  hold(): void {
    this.#phase = 'held';
    this.#source.pause();
  }

  release(): void {
    if (this.#phase !== 'held') return;
    this.#phase = 'flowing';
    this.#source.resume();
    this.#handOn();
  }

  /**
   * A consumer that holds ends this loop. One that holds and releases continues in a loop of its
   * own, after the same line.
   */
  #handOn(): void {
    const consumer = this.#consumer;
    if (this.#phase !== 'flowing' || consumer === undefined) return;
    this.#phase = 'handing-on';
    while (this.#isHandingOn()) {
      const line = this.#queue[this.#next];
      if (line === undefined) break;
      this.#next += 1;
      consumer.line(line);
    }
    if (this.#next === this.#queue.length) {
      this.#queue.length = 0;
      this.#next = 0;
    }
    if (!this.#isHandingOn()) return;
    this.#phase = 'flowing';
    if (this.#ended !== 'read') return;
    this.#ended = 'told';
    consumer.end();
  }

  #isHandingOn(): boolean {
    return this.#phase === 'handing-on';
  }
}

/** The lines of a stream of bytes. An error of the source counts as its end. */
export function queueLines(source: ByteSource, maxBytes: number): LineQueue {
  const queue = new LineQueue(source);
  const splitter = new LineSplitter(maxBytes);
  const end = (): void => {
    const last = splitter.finish();
    if (last !== undefined) queue.enqueue([last]);
    queue.end();
  };
  source.on('data', (chunk) => queue.enqueue(splitter.push(chunk)));
  source.on('end', end);
  source.on('error', end);
  source.on('close', end);
  return queue;
}
