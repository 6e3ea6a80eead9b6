// An upper bound of the columns of a text. A line that wraps by itself would begin in the column of
// the program's own signs.

import { eastAsianWidth } from 'get-east-asian-width';

const ASCII_ONLY = /^[\x20-\x7e]*$/;
/** Marks are drawn on the character before them, joiners not at all. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\u{200C}\u{200D}]/v;
/**
 * Marks that terminals with older tables (xterm's own are of Unicode 5) draw in a column of their
 * own. These are the additions of later versions, by blocks, and the marks of kana and Han, which
 * make a narrow character wide.
 */
const IN_A_COLUMN_ELSEWHERE: readonly RegExp[] = [
  /[\u{487}\u{616}-\u{61A}\u{65F}\u{7FD}\u{816}-\u{900}\u{93A}\u{955}-\u{957}\u{9FE}\u{A51}\u{A75}\u{AFA}-\u{B00}\u{B44}\u{B55}]/v,
  /[\u{B62}\u{B63}\u{C00}\u{C04}\u{C3C}\u{C62}\u{C63}\u{C81}\u{D00}\u{D01}\u{D3B}\u{D3C}\u{D44}\u{D62}\u{D63}\u{D81}\u{EBA}]/v,
  /[\u{ECE}\u{F8D}-\u{F8F}\u{1033}-\u{1035}\u{103A}-\u{109D}\u{135D}\u{135E}\u{1885}\u{1886}\u{1A1B}-\u{1CF9}\u{1DCB}-\u{1DFF}]/v,
  /[\u{20F0}\u{2CEF}-\u{2DFF}\u{302A}-\u{302D}\u{3099}\u{309A}\u{A66F}-\u{ABFF}\u{FE24}-\u{FE2F}\u{10000}-\u{10FFFF}]/v,
];
/**
 * Characters that are narrow or ambiguous in Unicode, and wide in one of xterm's tables: numbers in
 * circles, and two emoji.
 */
const WIDE_ELSEWHERE = /[\u{3248}-\u{324F}\u{1F93B}\u{1F946}]/v;
/** It makes the character before it an emoji, which may be wide then. */
const EMOJI_SELECTOR = '\ufe0f';
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * An upper bound of the columns that `text`, one line, takes. A joined emoji counts as its parts,
 * as plain terminals draw it.
 */
export function columnsOf(text: string): number {
  if (ASCII_ONLY.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

function columnsOfOne(character: string): number {
  if (character === EMOJI_SELECTOR) return 1;
  if (WIDE_ELSEWHERE.test(character)) return 2;
  if (WITHOUT_WIDTH.test(character) && !IN_A_COLUMN_ELSEWHERE.some((marks) => marks.test(character))) return 0;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
}

/**
 * Breaks one line into rows of at most `columns`, at a space if there is one. It breaks inside a
 * drawn character only if that is wider than a row.
 */
export function breakRows(line: string, columns: number): string[] {
  const rows: string[] = [];
  let row = '';
  let taken = 0;
  for (const piece of piecesOf(line, columns)) {
    const wanted = columnsOf(piece);
    while (row !== '' && taken + wanted > columns) {
      const cut = breakPoint(row);
      rows.push(row.slice(0, cut));
      row = row.slice(cut);
      taken = columnsOf(row);
    }
    row += piece;
    taken += wanted;
  }
  return [...rows, row];
}

/**
 * Characters that are drawn as one stay together, unless they alone fill a row: some scripts have
 * no limit.
 */
function piecesOf(line: string, columns: number): string[] {
  return Array.from(segmenter.segment(line), ({ segment }) => segment).flatMap((segment) =>
    columnsOf(segment) > columns ? Array.from(segment) : [segment],
  );
}

/** After the last space of the row's second half, or at its end. */
function breakPoint(row: string): number {
  const space = row.lastIndexOf(' ');
  return space > row.length / 2 ? space + 1 : row.length;
}
