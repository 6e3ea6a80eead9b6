// Holds typed or pasted keys of the hidden prompt, in bounded memory that can be overwritten.

import { INVITE_BYTES_MAX } from './limits.ts';

const KEY = {
  endOfText: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  killLine: 0x15,
  escape: 0x1b,
  delete: 0x7f,
};
/** A terminal in bracketed-paste mode writes these around a paste. */
const PASTE_BEGINS = '\x1b[200~';
const PASTE_ENDS = '\x1b[201~';

/**
 * Keys of any number of lines, up to INVITE_BYTES_MAX; further ones are dropped. Inside an
 * announced paste no key is a command.
 */
export class HiddenKeys {
  readonly #bytes: Uint8Array = new Uint8Array(INVITE_BYTES_MAX);
  #length = 0;
  #lineStart = 0;
  #marker = '';
  #isPasting = false;
  #hasEnter = false;

  /** The terminal has announced a paste and not its end. */
  get isPasting(): boolean {
    return this.#isPasting;
  }

  /** A line end came, typed or pasted. */
  get hasEnter(): boolean {
    return this.#hasEnter;
  }

  /** @returns whether the key cancels: Ctrl-C, or Ctrl-D on nothing. */
  press(key: number): boolean {
    this.#readMarker(key);
    if (!this.#isPasting) {
      if (key === KEY.endOfText) return true;
      if (key === KEY.endOfInput) return this.#length === 0;
    }
    this.#edit(key);
    return false;
  }

  /** Keeps only whether a paste is on its way. */
  drop(key: number): void {
    this.#readMarker(key);
  }

  /** A paste whose end does not come has ended. */
  endPaste(): void {
    this.#isPasting = false;
  }

  text(): string {
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString('utf8');
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
    this.#lineStart = 0;
  }

  #edit(key: number): void {
    if (this.#isPasting) this.#keep(key);
    else if (key === KEY.backspace || key === KEY.delete) this.#rubOut();
    else if (key === KEY.killLine) this.#length = this.#lineStart;
    else this.#keep(key);
  }

  #keep(key: number): void {
    if (this.#length < this.#bytes.length) {
      this.#bytes[this.#length] = key;
      this.#length += 1;
    }
    if (key !== KEY.enter && key !== KEY.newline) return;
    this.#hasEnter = true;
    this.#lineStart = this.#length;
  }

  /** The last character of this line, with all of its bytes. */
  #rubOut(): void {
    while (this.#length > this.#lineStart) {
      this.#length -= 1;
      if (!isContinuation(this.#bytes[this.#length] ?? 0)) return;
    }
  }

  #readMarker(key: number): void {
    if (this.#marker === '' && key !== KEY.escape) return;
    const marker = this.#marker + String.fromCharCode(key);
    const isBegun = PASTE_BEGINS.startsWith(marker) || PASTE_ENDS.startsWith(marker);
    this.#marker = isBegun ? marker : key === KEY.escape ? '\x1b' : '';
    if (marker === PASTE_BEGINS) this.#isPasting = true;
    if (marker === PASTE_ENDS) this.#isPasting = false;
  }
}

/** Whether a byte is a later one of a UTF-8 character. */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
