// Splits the text of a control line into words and KEY=value pairs, quoted strings included (tor
// control-spec §2.1.1), so that no code matches on substrings.

/** `words` are the plain ones in order; `keywords` the pairs. The first pair of a name counts. */
export interface KeywordLine {
  readonly words: readonly string[];
  readonly keywords: ReadonlyMap<string, string>;
}

const TOKEN = /(?:([A-Za-z0-9_/.-]+)=)?(?:"((?:[^"\\]|\\.)*)"|([^ "]*))(?: +|$)/y;

/**
 * Reads as far as the text follows the grammar. @returns all that came before the first fault.
 */
export function parseKeywordLine(text: string): KeywordLine {
  const words: string[] = [];
  const keywords = new Map<string, string>();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null || match[0] === '') break;
    const [, key, quoted, bare] = match;
    const value = quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/g, '$1');
    if (key === undefined) words.push(value);
    else if (!keywords.has(key)) keywords.set(key, value);
  }
  return { words, keywords };
}
