// Asks for a secret on a terminal without showing it, and gives the terminal back as it was on every path.

import { INVITE_BYTES_MAX } from './limits.ts';

/** The parts of a terminal's input that are used. */
export interface HiddenInput {
  setRawMode(raw: boolean): unknown;
  on(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', take: () => void): unknown;
  off(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  off(event: 'end' | 'close', take: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** What was typed, or that nobody wants to answer. */
export type Answer = { readonly type: 'answered'; readonly text: string } | { readonly type: 'cancelled' };

const KEY = {
  endOfText: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  killLine: 0x15,
  delete: 0x7f,
};
const FIRST_PRINTABLE = 0x20;

/** Keys that were typed so far; the bytes are overwritten when the answer is taken. */
class HiddenLine {
  readonly #bytes: Uint8Array = new Uint8Array(INVITE_BYTES_MAX);
  #length = 0;

  /** @returns the answer, if this key ends it. Keys beyond the limit are not kept: nothing that long is a connection string. */
  press(key: number): Answer | undefined {
    switch (key) {
      case KEY.enter:
      case KEY.newline:
        return this.#answer();
      case KEY.endOfText:
        return { type: 'cancelled' };
      case KEY.endOfInput:
        return this.#length === 0 ? { type: 'cancelled' } : undefined;
      case KEY.backspace:
      case KEY.delete:
        this.#length = Math.max(0, this.#length - 1);
        return undefined;
      case KEY.killLine:
        this.#length = 0;
        return undefined;
      default:
        if (key >= FIRST_PRINTABLE && this.#length < this.#bytes.length) {
          this.#bytes[this.#length] = key;
          this.#length += 1;
        }
        return undefined;
    }
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  #answer(): Answer {
    return { type: 'answered', text: Buffer.from(this.#bytes.buffer, 0, this.#length).toString('utf8') };
  }
}

/**
 * Writes `question`, then reads one line that is not echoed. Ctrl-C, Ctrl-D, the end of the input and `signal` cancel.
 * What follows the line in the same paste is dropped: it would go unseen into the room.
 */
export async function askHidden(
  question: string,
  input: HiddenInput,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<Answer> {
  const line = new HiddenLine();
  const done = Promise.withResolvers<Answer>();
  const cancel = (): void => done.resolve({ type: 'cancelled' });
  const take = (chunk: Uint8Array): void => {
    for (const key of chunk) {
      const answer = line.press(key);
      if (answer === undefined) continue;
      done.resolve(answer);
      break;
    }
    chunk.fill(0);
  };
  if (signal.aborted) return { type: 'cancelled' };
  // Before the question is seen: whoever answers at once must not be echoed.
  input.setRawMode(true);
  try {
    show(question);
    signal.addEventListener('abort', cancel, { once: true });
    input.on('data', take);
    input.on('end', cancel);
    input.on('close', cancel);
    input.resume();
    return await done.promise;
  } finally {
    signal.removeEventListener('abort', cancel);
    input.off('data', take);
    input.off('end', cancel);
    input.off('close', cancel);
    input.pause();
    input.setRawMode(false);
    line.wipe();
    show('\n');
  }
}
