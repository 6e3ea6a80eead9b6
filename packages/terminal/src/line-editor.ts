// Line editing on a terminal: output is printed above the draft, which stays as it is.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { drawing, erasing, up, viewDraft } from './draft-view.ts';
import type { DraftView, TerminalSize } from './draft-view.ts';
import { LineQueue } from './line-queue.ts';
import { COLUMNS_DEFAULT, PLAIN_LINE_BYTES_MAX, ROWS_DEFAULT, TYPED_LINES_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import type { SafeText } from './safe-text.ts';
import type { Screen } from './screen.ts';

/** Kept in memory only, until the process ends. */
const HISTORY_LINES = 100;
/** The terminal is read even while the queue is held, because Ctrl-C comes from it. */
const NEVER_PAUSED = { pause: () => undefined, resume: () => undefined };

export interface LineEditor {
  readonly screen: Screen;
  readonly queue: LineQueue;
  /** Draws the draft again after the terminal may have lost it. */
  readonly redraw: () => void;
}

/**
 * The one line at the bottom of the terminal that may be erased. It knows what it drew last, and
 * erases nothing else.
 */
class DraftLine {
  readonly #output: NodeJS.WriteStream;
  #drawn: DraftView | undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  get size(): TerminalSize {
    const { columns, rows } = this.#output;
    return { columns: columns > 0 ? columns : COLUMNS_DEFAULT, rows: rows > 0 ? rows : ROWS_DEFAULT };
  }

  draw(text: string, cursor: number): void {
    const before = this.#erasing();
    this.#drawn = viewDraft({ text, cursor }, this.size);
    this.#output.write(before + drawing(this.#drawn));
  }

  erase(): void {
    const before = this.#erasing();
    if (before !== '') this.#output.write(before);
  }

  /**
   * Scrolls the visible lines away, so that the next drawing is alone on the screen. The cursor
   * then moves up over its own newlines only.
   */
  scrollAway(): void {
    const { rows } = this.size;
    this.#output.write(this.#erasing() + '\n'.repeat(rows) + up(rows - 1));
  }

  #erasing(): string {
    const erased = this.#drawn === undefined ? '' : erasing(this.#drawn);
    this.#drawn = undefined;
    return erased;
  }
}

/** `below` is the screen that writes. Ctrl-D ends the queue; signal keys are removed before. */
export function editLines(input: NodeJS.ReadableStream, output: NodeJS.WriteStream, below: Screen): LineEditor {
  // readline edits and does not draw: its drawing relies on how the terminal wraps.
  const editor = createInterface({
    input,
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
    terminal: true,
    historySize: HISTORY_LINES,
    crlfDelay: Infinity,
  });
  const queue = new LineQueue(NEVER_PAUSED);
  const draft = new DraftLine(output);
  let isOpen = true;
  let isDrawingDue = false;
  const redraw = (): void => {
    isDrawingDue = false;
    if (isOpen) draft.draw(editor.line, editor.cursor);
  };
  // Once for all keys of a chunk, after their effects.
  const redrawSoon = (): void => {
    if (!isDrawingDue) queueMicrotask(() => isDrawingDue && redraw());
    isDrawingDue = true;
  };
  input.on('keypress', (_text: string | undefined, key: { ctrl?: boolean; name?: string } | undefined) => {
    if (isOpen && key?.ctrl === true && key.name === 'l') draft.scrollAway();
    redrawSoon();
  });
  output.on('resize', redraw);
  // Without these handlers readline would end itself, or stop the process and the terminal with it.
  for (const key of ['SIGINT', 'SIGTSTP'] as const) editor.on(key, () => undefined);
  editor.on('line', (text) => {
    // The line is shown as a message when the relay holds it.
    if (queue.supersede({ ok: true, text })) return;
    // The refusal waits in the queue, too, as one line above the limit.
    if (queue.waiting <= TYPED_LINES_MAX) queue.enqueue([toInputLine(text, queue.waiting)]);
  });
  const end = (): void => {
    output.off('resize', redraw);
    isOpen = false;
  };
  editor.on('close', () => {
    if (isOpen) draft.erase();
    end();
    queue.end();
  });
  const print = (lines: SafeText): void => {
    draft.erase();
    below.print(lines);
    redraw();
  };
  const close = (): Promise<void> => {
    editor.close();
    return below.close();
  };
  const wipe = (): void => {
    end();
    below.wipe();
    editor.close();
  };
  redraw();
  return { screen: { print, close, wipe }, queue, redraw };
}

function toInputLine(text: string, waiting: number): InputLine {
  if (waiting >= TYPED_LINES_MAX) return { ok: false, code: 'input-full' };
  return Buffer.byteLength(text) <= PLAIN_LINE_BYTES_MAX ? { ok: true, text } : { ok: false, code: 'input-too-long' };
}
