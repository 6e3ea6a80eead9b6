// Cuts a byte stream into newline-ended lines of bounded length, for both ends of the gate's socket.

const LF = 0x0a;

/** Keeps at most `maxBytes` of an unfinished line. After a line that is too long it gives nothing more. */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #overflowed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that these bytes complete, without their newline, and whether a line was longer than allowed. */
  push(chunk: Buffer): { readonly lines: readonly Buffer[]; readonly overflow: boolean } {
    const lines: Buffer[] = [];
    let start = 0;
    while (!this.#overflowed && start < chunk.length) {
      const end = chunk.indexOf(LF, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (!this.#hold(piece) || end === -1) break;
      lines.push(this.#take());
      start = end + 1;
    }
    return { lines, overflow: this.#overflowed };
  }

  #hold(piece: Buffer): boolean {
    this.#heldBytes += piece.length;
    this.#overflowed = this.#heldBytes > this.#maxBytes;
    if (this.#overflowed) this.#pieces = [];
    else this.#pieces.push(Buffer.from(piece));
    return !this.#overflowed;
  }

  #take(): Buffer {
    const line = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#heldBytes = 0;
    return line;
  }
}
