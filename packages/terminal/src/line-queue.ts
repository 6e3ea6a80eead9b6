// Hands input lines on one at a time, and not while they are held back: what has been read is then
// kept, and no more is read.

import type { InputLine } from './line-splitter.ts';
import { LineSplitter } from './line-splitter.ts';

/** Where lines go. `end` comes once, after the last line. */
export interface LineConsumer {
  readonly line: (line: InputLine) => void;
  readonly end: () => void;
  /**
   * Asked of a line as soon as it has been read, whatever waits before it. True: it has been taken.
   */
  readonly supersede?: (line: InputLine) => boolean;
}

/** What lines are read from: the parts of a readable stream that are used. */
export interface ByteSource {
  on(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'error' | 'close', take: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/**
 * A queue in front of a taker, bounded by what a source delivers before `pause` has its effect: one
 * chunk.
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

  /** Lines that have been read and not handed on. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  enqueue(lines: readonly InputLine[]): void {
    for (const line of lines) if (!this.supersede(line)) this.#queue.push(line);
    this.#handOn();
  }

  /** @returns whether the taker took it before all that waits. */
  supersede(line: InputLine): boolean {
    return this.#consumer?.supersede?.(line) === true;
  }

  end(): void {
    if (this.#ended === 'no') this.#ended = 'read';
    this.#handOn();
  }

  /** From now on lines go to `taker`; those that have come before go first. */
  begin(taker: LineConsumer): void {
    this.#consumer = taker;
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
   * A taker that holds ends this loop; one that holds and releases goes on in a loop of its own,
   * behind the same line.
   */
  #handOn(): void {
    const taker = this.#consumer;
    if (this.#phase !== 'flowing' || taker === undefined) return;
    this.#phase = 'handing-on';
    while (this.#isHandingOn()) {
      const line = this.#queue[this.#next];
      if (line === undefined) break;
      this.#next += 1;
      taker.line(line);
    }
    if (this.#next === this.#queue.length) {
      this.#queue.length = 0;
      this.#next = 0;
    }
    if (!this.#isHandingOn()) return;
    this.#phase = 'flowing';
    if (this.#ended !== 'read') return;
    this.#ended = 'told';
    taker.end();
  }

  #isHandingOn(): boolean {
    return this.#phase === 'handing-on';
  }
}

/**
 * The lines of a stream of bytes. An error of the source is its end: there is nobody else to tell.
 */
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
