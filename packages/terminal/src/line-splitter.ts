// Cuts bytes from outside into lines of bounded length. Its only state is at most one line.

import type { TerminalCode } from './errors.ts';

/** A line without its end, or the code of its refusal. */
export type InputLine =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: TerminalCode & `input-${'encoding' | 'full' | 'too-long'}` };

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** No text has one, and UTF-16 has one beside every letter of ASCII. */
const NUL = 0x00;
/** Editors and shells of Windows write it in front of a file; `cat` leaves it in the middle. */
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
/** A byte order mark and a carriage return do not count as bytes of the line. */
const UNCOUNTED_BYTES = BYTE_ORDER_MARK.length + 1;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Holds less than one line. A line above the limit is skipped to its end and comes out as one
 * refusal.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #skipping = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): InputLine[] {
    const lines: InputLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      lines.push(this.#release());
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return lines;
  }

  /** @returns the last line, if it had no end. */
  finish(): InputLine | undefined {
    return this.#heldBytes === 0 && !this.#skipping ? undefined : this.#release();
  }

  /** @returns the bytes of the incomplete line, in an array of their own */
  #drainHeld(): Uint8Array {
    const rest = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return rest;
  }

  #hold(part: Uint8Array): void {
    if (this.#skipping || part.length === 0) return;
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#maxBytes + UNCOUNTED_BYTES) {
      this.#skipping = true;
      this.#held = [];
      this.#heldBytes = 0;
      return;
    }
    this.#held.push(part.slice());
  }

  #release(): InputLine {
    const skipped = this.#skipping;
    this.#skipping = false;
    const bytes = this.#drainHeld();
    const line = withoutMark(bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes);
    if (skipped || line.length > this.#maxBytes) return { ok: false, code: 'input-too-long' };
    if (line.includes(NUL)) return { ok: false, code: 'input-encoding' };
    try {
      return { ok: true, text: utf8.decode(line) };
    } catch {
      // A fatal decoder throws only for bytes that are not UTF-8.
      return { ok: false, code: 'input-encoding' };
    }
  }
}

function withoutMark(line: Uint8Array): Uint8Array {
  return BYTE_ORDER_MARK.every((byte, index) => line[index] === byte) ? line.subarray(BYTE_ORDER_MARK.length) : line;
}
