// The one place that writes to standard output: whole lines of safe text, one write each, and never
// more than a reader takes.

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
  /**
   * Clears the screen and what can be scrolled back to, where it is a terminal; from then on
   * nothing is printed.
   */
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
 * To the top, erase all that is seen, erase what was scrolled away (ECMA-48 CUP and ED; ED 3 is
 * xterm's). Terminals without the last keep that.
 */
const WIPE = '\u001b[H\u001b[2J\u001b[3J';

/**
 * A screen that only appends. `fail` is called at most once, when the output is gone or stands
 * still.
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
