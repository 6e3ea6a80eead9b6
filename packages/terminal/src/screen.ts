// The only writer to standard output: whole lines of safe text, one write each, in bounded memory.

import type { TerminalCode } from './errors.ts';
import { FLUSH_LIMIT_MS, OUTPUT_BYTES_MAX } from './limits.ts';
import { safely } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

export interface Screen {
  /** Shows one or more whole lines; the last has no newline of its own. */
  print(lines: SafeText): void;
  /**
   * Resolves when the output has taken everything, or after FLUSH_LIMIT_MS. Nothing may be printed
   * after it.
   */
  close(): Promise<void>;
  /** Clears a terminal's screen and its scrollback. Nothing is printed after it. */
  wipe(): void;
}

/** The parts of a writable stream that are used. */
export interface Output {
  readonly writableLength: number;
  readonly isTTY?: boolean;
  write(text: string, done?: (error?: Error | null) => void): boolean;
  on(event: 'error', take: () => void): unknown;
}

export type OutputFailure = TerminalCode & `output-${string}`;

/**
 * Cursor home, erase the display, erase the scrollback (ECMA-48 CUP and ED; ED 3 is xterm's).
 * Terminals without ED 3 keep their scrollback.
 */
const WIPE = '\u001b[H\u001b[2J\u001b[3J';

/**
 * A screen that only appends. `fail` is called at most once, if the output is closed or is not
 * read.
 */
export function appendingScreen(output: Output, fail: (code: OutputFailure) => void): Screen {
  let isOver = false;
  const end = (code: OutputFailure): void => {
    if (isOver) return;
    isOver = true;
    fail(code);
  };
  output.on('error', () => end('output-closed'));
  return {
    print: (lines) => {
      if (isOver) return;
      output.write(safely`${lines}\n`);
      if (output.writableLength > OUTPUT_BYTES_MAX) end('output-stalled');
    },
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, FLUSH_LIMIT_MS);
        output.write('', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
    wipe: () => {
      isOver = true;
      if (output.isTTY === true) output.write(WIPE);
    },
  };
}
