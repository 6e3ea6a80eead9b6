// Draws a draft in rows that no terminal wraps by itself, so that the number of rows to erase is
// known.

import { columnsOf } from './columns.ts';
import { joinSafe, safeLine, safely } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

/** A terminal may still be told to draw two columns where there is one. */
const ROW_COLUMNS_MIN = 2;
const PROMPT = safely`> `;
const NOTHING = safely``;
const PLAIN = /^[ -~]$/;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

export interface Draft {
  readonly text: string;
  /** In UTF-16 units of `text`. */
  readonly cursor: number;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface DraftView {
  readonly rows: readonly SafeText[];
  readonly cursorRow: number;
  /** The cursor's row up to the cursor. */
  readonly beforeCursor: SafeText;
}

/** At most one row less than the terminal has. A taller draft shows the rows around the cursor. */
export function viewDraft(draft: Draft, size: TerminalSize): DraftView {
  // The last column stays free, because terminals differ in when they wrap after it.
  const width = Math.max(ROW_COLUMNS_MIN, size.columns - 1);
  const rows: SafeText[] = [];
  let row = PROMPT;
  let rowColumns = columnsOf(row);
  let cursor: { row: number; before: SafeText } | undefined;
  let end = 0;
  for (const piece of piecesOf(draft.text, width)) {
    const shown = PLAIN.test(piece) ? (piece as SafeText) : safeLine(piece);
    const columns = columnsOf(shown);
    if (rowColumns + columns > width) {
      rows.push(row);
      row = NOTHING;
      rowColumns = 0;
    }
    end += piece.length;
    // Inside of a piece the cursor stands before it.
    if (draft.cursor < end) cursor ??= { row: rows.length, before: row };
    row = joinSafe([row, shown], NOTHING);
    rowColumns += columns;
  }
  rows.push(row);
  cursor ??= { row: rows.length - 1, before: row };
  const height = Math.max(1, size.rows - 1);
  const first = Math.max(0, Math.min(cursor.row - Math.floor(height / 2), rows.length - height));
  return { rows: rows.slice(first, first + height), cursorRow: cursor.row - first, beforeCursor: cursor.before };
}

/**
 * Draws a view from the beginning of a row. Writing the text before the cursor moves it to its
 * place, because the terminal knows the widths.
 */
export function drawing({ rows, cursorRow, beforeCursor }: DraftView): string {
  const below = rows.length - 1 - cursorRow;
  return `${rows.join('\r\n')}${up(below)}\r${beforeCursor}`;
}

/**
 * Erases a view that was drawn and leaves the cursor where it began. A terminal that was narrowed
 * meanwhile may have wrapped the rows. The erasing then begins too low: a part of the old draft
 * stays, and nothing above it goes.
 */
export function erasing({ cursorRow }: DraftView): string {
  return `${up(cursorRow)}\r\u001b[J`;
}

export function up(rows: number): string {
  return rows > 0 ? `\u001b[${rows}A` : '';
}

/** Characters that are drawn as one stay together, unless they are wider than a row. */
function piecesOf(text: string, width: number): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment).flatMap((segment) =>
    segment.length > 1 && columnsOf(safeLine(segment)) > width ? Array.from(segment) : [segment],
  );
}
