// How a line of this screen is laid out on a terminal, so that a terminal does not have to wrap it:
// pure, at any width.

import { breakRows, columnsOf } from './columns.ts';
import { TEXT_COLUMNS_MIN } from './limits.ts';
import { joinSafe, safely } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

/** What follows a line that somebody began; nobody's line begins so. */
const INDENT = safely`    `;
const GAP = safely`  `;
const NEWLINE = safely`\n`;
/** The indent takes this part of a narrow terminal at most. */
const INDENT_SHARE = 4;

/**
 * The text beside its label; below it, where the label leaves too little. `columns`: undefined
 * where lines may have any length.
 */
export function layOutMessage(label: SafeText, text: SafeText, columns: number | undefined): SafeText {
  const lines = text.split('\n') as SafeText[];
  const beside = columns === undefined ? undefined : columns - columnsOf(label) - columnsOf(GAP) - 1;
  if (beside !== undefined && beside < TEXT_COLUMNS_MIN) return layOut([label, ...lines], columns);
  const rows = beside === undefined ? lines : lines.flatMap((line) => breakRows(line, beside) as SafeText[]);
  return safely`${label}${GAP}${joinSafe(rows, safely`${NEWLINE}${INDENT}`)}`;
}

/**
 * A line of ours, and what does not fit behind it: below the text, where the gutter is no wider
 * than the indent.
 */
export function layOutNotice(gutter: SafeText, notice: SafeText, columns: number | undefined): SafeText {
  const prefix = safely`${gutter} `;
  if (columns === undefined || columnsOf(prefix) > columnsOf(indentOf(columns))) {
    return layOut([safely`${prefix}${notice}`], columns);
  }
  return safely`${prefix}${layOut([notice], columns)}`;
}

/**
 * Every row but the first begins with the indent. No row reaches the last column, where terminals
 * differ in when they wrap.
 */
function layOut(lines: readonly SafeText[], columns: number | undefined): SafeText {
  if (columns === undefined) return joinSafe(lines, safely`${NEWLINE}${INDENT}`);
  const indent = indentOf(columns);
  const width = Math.max(1, columns - columnsOf(indent) - 1);
  const rows = lines.flatMap((line) => breakRows(line, width) as SafeText[]);
  return joinSafe(rows, safely`${NEWLINE}${indent}`);
}

function indentOf(columns: number): SafeText {
  return INDENT.slice(0, Math.floor(columns / INDENT_SHARE)) as SafeText;
}
