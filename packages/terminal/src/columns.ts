// How many columns a text may take, never fewer than a terminal draws: a line that wraps by itself would begin where only we may write.

/** Marks that are drawn on the character before them. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\u{200D}]/v;
/** From Hangul on most characters are two columns wide; those that are not are taken for it. */
const FIRST_WIDE = 0x1100;
const EMOJI_SELECTOR = 0xfe0f;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** An upper bound of the columns that `text`, one line, takes. A joined emoji counts as its parts, as plain terminals draw it. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code === EMOJI_SELECTOR) columns += 1;
    else if (!WITHOUT_WIDTH.test(character)) columns += code < FIRST_WIDE ? 1 : 2;
  }
  return columns;
}

/** Breaks one line into rows of at most `columns`, at a space where there is one, and inside a drawn character only if it is wider. */
export function breakRows(line: string, columns: number): string[] {
  const rows: string[] = [];
  let row = '';
  for (const piece of piecesOf(line, columns)) {
    while (row !== '' && columnsOf(row + piece) > columns) {
      const cut = breakPoint(row);
      rows.push(row.slice(0, cut));
      row = row.slice(cut);
    }
    row += piece;
  }
  return [...rows, row];
}

/** What is drawn as one character stays together, unless it alone fills a row: some scripts let one grow without end. */
function piecesOf(line: string, columns: number): string[] {
  return Array.from(segmenter.segment(line), ({ segment }) => segment).flatMap((segment) =>
    columnsOf(segment) > columns ? Array.from(segment) : [segment],
  );
}

/** Behind the last space of the row's second half, or at its end. */
function breakPoint(row: string): number {
  const space = row.lastIndexOf(' ');
  return space > row.length / 2 ? space + 1 : row.length;
}
