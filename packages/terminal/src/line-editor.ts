// Line editing on a terminal: what comes in is printed above the line that is being typed, which stays as it is.

import { clearScreenDown, createInterface, cursorTo, moveCursor } from 'node:readline';
import { columnsOf } from './columns.ts';
import { LineFeed } from './line-feed.ts';
import { PLAIN_LINE_BYTES_MAX, TYPED_LINES_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import type { SafeText } from './safe-text.ts';
import type { Screen } from './screen.ts';

const PROMPT = '> ';
/** Kept in memory only, and gone with the process. */
const HISTORY_LINES = 100;
const TAB_COLUMNS = 4;
/** The terminal goes on being read while the feed is held: it is where Ctrl-C comes from. */
const NEVER_PAUSED = { pause: () => undefined, resume: () => undefined };

export interface LineEditor {
  readonly screen: Screen;
  readonly feed: LineFeed;
}

/** `below` is the screen that really writes. `interrupt` is called for Ctrl-C; Ctrl-D ends the feed. */
export function editLines(
  input: NodeJS.ReadableStream,
  output: NodeJS.WriteStream,
  below: Screen,
  interrupt: () => void,
): LineEditor {
  const editor = createInterface({
    input,
    output,
    terminal: true,
    prompt: PROMPT,
    historySize: HISTORY_LINES,
    tabSize: TAB_COLUMNS,
    crlfDelay: Infinity,
  });
  const feed = new LineFeed(NEVER_PAUSED);
  let isOpen = true;
  const hideTyped = (): void => {
    moveCursor(output, 0, -editor.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
  };
  const showTyped = (): void => editor.prompt(true);
  editor.on('SIGINT', interrupt);
  editor.on('line', (text) => {
    if (feed.overtake({ ok: true, text })) return;
    // The line comes back as a message when the relay holds it; a longer one than a row stays, because nobody knows how it was wrapped.
    if (columnsOf(PROMPT + text) < output.columns) {
      moveCursor(output, 0, -1);
      clearScreenDown(output);
    }
    // The refusal waits in the queue, too, as its one line too many.
    if (feed.waiting <= TYPED_LINES_MAX) feed.push([takeTyped(text, feed.waiting)]);
    if (isOpen) showTyped();
  });
  editor.on('close', () => {
    isOpen = false;
    feed.end();
  });
  const print = (lines: SafeText): void => {
    if (!isOpen) {
      below.print(lines);
      return;
    }
    hideTyped();
    below.print(lines);
    showTyped();
  };
  const close = (): Promise<void> => {
    if (isOpen) {
      hideTyped();
      isOpen = false;
      editor.close();
    }
    return below.close();
  };
  showTyped();
  const wipe = (): void => {
    isOpen = false;
    below.wipe();
    editor.close();
  };
  return { screen: { print, close, wipe }, feed };
}

function takeTyped(text: string, waiting: number): InputLine {
  if (waiting >= TYPED_LINES_MAX) return { ok: false, code: 'input-full' };
  return Buffer.byteLength(text) <= PLAIN_LINE_BYTES_MAX ? { ok: true, text } : { ok: false, code: 'input-too-long' };
}
