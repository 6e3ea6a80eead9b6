// Cuts a byte stream into newline-ended lines of bounded length, for both ends of a JSON socket.

const LF = 0x0a;

/**
 * What follows a line above the limit whose end has come: `stop` gives nothing more, `skip` drops
 * the line and goes on. An unfinished line above the limit always stops the splitter.
 */
export type WhenTooLong = 'stop' | 'skip';

/** `lines` come without their newline; undefined stands for one that was dropped (`skip` only). */
export interface SplitLines {
  readonly lines: readonly (Buffer | undefined)[];
  /** True once the splitter has stopped at a line above the limit. */
  readonly overflow: boolean;
}

/**
 * Keeps at most `maxBytes` of an unfinished line. Lines are copies: the caller may overwrite them.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #whenTooLong: WhenTooLong;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #overflowed = false;

  constructor(maxBytes: number, whenTooLong: WhenTooLong = 'stop') {
    this.#maxBytes = maxBytes;
    this.#whenTooLong = whenTooLong;
  }

  /** @returns the lines that these bytes complete. */
  push(chunk: Buffer): SplitLines {
    const lines: (Buffer | undefined)[] = [];
    let start = 0;
    while (!this.#overflowed && start < chunk.length) {
      const end = chunk.indexOf(LF, start);
      const isFinished = end !== -1;
      const fits = this.#hold(chunk.subarray(start, isFinished ? end : chunk.length));
      if (!fits && !(isFinished && this.#whenTooLong === 'skip')) this.#overflowed = true;
      if (this.#overflowed || !isFinished) break;
      lines.push(fits ? Buffer.concat(this.#pieces) : undefined);
      this.#drop();
      start = end + 1;
    }
    if (this.#overflowed) this.#drop();
    return { lines, overflow: this.#overflowed };
  }

  #hold(piece: Buffer): boolean {
    this.#heldBytes += piece.length;
    const fits = this.#heldBytes <= this.#maxBytes;
    if (fits) this.#pieces.push(Buffer.from(piece));
    return fits;
  }

  #drop(): void {
    this.#pieces = [];
    this.#heldBytes = 0;
  }
}
