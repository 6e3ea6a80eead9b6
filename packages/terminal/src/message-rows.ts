// Lays out a line for the width of a terminal, so that the terminal does not wrap it. Pure.

import { breakRows, columnsOf } from './columns.ts';
import { TEXT_COLUMNS_MIN } from './limits.ts';
import { joinSafe, safely } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

/** Continuation rows begin with it; no first row of a member does. */
const INDENT = safely`    `;
const GAP = safely`  `;
const NEWLINE = safely`\n`;
/** The indent takes this part of a narrow terminal at most. */
const INDENT_SHARE = 4;

/**
 * The text stands beside its label, or below it if too few columns are left. `columns`: undefined
 * if lines may have any length.
 */
export function layOutMessage(label: SafeText, text: SafeText, columns: number | undefined): SafeText {
  const lines = text.split('\n') as SafeText[];
  const beside = columns === undefined ? undefined : columns - columnsOf(label) - columnsOf(GAP) - 1;
  if (beside !== undefined && beside < TEXT_COLUMNS_MIN) return layOut([label, ...lines], columns);
  const rows = beside === undefined ? lines : lines.flatMap((line) => breakRows(line, beside) as SafeText[]);
  return safely`${label}${GAP}${joinSafe(rows, safely`${NEWLINE}${INDENT}`)}`;
}

/**
 * A notice of the program, with its further rows below the text. They begin with the indent if the
 * gutter is no wider than it.
 */
export function layOutNotice(gutter: SafeText, notice: SafeText, columns: number | undefined): SafeText {
  const prefix = safely`${gutter} `;
  if (columns === undefined || columnsOf(prefix) > columnsOf(indentOf(columns))) {
    return layOut([safely`${prefix}${notice}`], columns);
  }
  return safely`${prefix}${layOut([notice], columns)}`;
}

/**
 * Every row but the first begins with the indent. No row reaches the last column, because terminals
 * differ in when they wrap there.
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
