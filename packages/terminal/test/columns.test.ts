// How wide we take text to be, held to what terminals make of it: xterm with the tables of Unicode
// 6, 11 and 15 (by graphemes).

import { Unicode11Addon } from '@xterm/addon-unicode11';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import headless from '@xterm/headless';
import { describe, expect, test } from 'vitest';
import { columnsOf } from '../src/columns.ts';
import { safeText } from '../src/safe-text.ts';

/**
 * Marks, Hangul in pieces, and what one table or the other draws on the letter before it: sound
 * marks of kana, AM of Thai and Lao, an Arabic sign.
 */
const DRAWN_ON_A_LETTER = /[\p{M}\u{1160}-\u{11FF}\u{D7B0}-\u{D7FF}\u{FF9E}\u{FF9F}\u{E33}\u{EB3}\u{6DE}]|^[^a]/v;
const TABLES = ['6', '11', '15-graphemes'] as const;
const ROOM = 64;
const BATCH = 2_000;

/**
 * @returns how many columns the terminal takes for each of `texts`, by where its cursor stands
 * behind them.
 */
async function drawnColumns(table: (typeof TABLES)[number], texts: readonly string[]): Promise<number[]> {
  const terminal = new headless.Terminal({ cols: ROOM, rows: 4, allowProposedApi: true });
  terminal.loadAddon(new Unicode11Addon());
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.unicode.activeVersion = table;
  const columns: number[] = [];
  terminal.onData((report) => columns.push(Number(/;(?<column>\d+)R$/.exec(report)?.groups?.['column']) - 1));
  for (let start = 0; start < texts.length; start += BATCH) {
    const written = texts.slice(start, start + BATCH).map((text) => `\x1b[H\x1b[2J${text}\x1b[6n`);
    await new Promise<void>((resolve) => terminal.write(written.join(''), resolve));
  }
  terminal.dispose();
  return columns;
}

/** Each code point that reaches a screen, behind a letter. */
function everyShownCharacter(): string[] {
  const all: string[] = [];
  for (let code = 0x20; code <= 0x10ffff; code += 1) {
    const text = `a${String.fromCodePoint(code)}`;
    if (/\p{Cn}|\p{Cs}|\p{Co}/u.test(text)) continue;
    const shown = safeText(text);
    if (shown.length > 1 && !shown.includes('\n')) all.push(shown);
  }
  return all;
}

const shown = everyShownCharacter();

describe.each(TABLES)('the computed columns, against the tables of %s', (table) => {
  test('are never fewer than the drawn ones, for every shown character', async () => {
    const drawn = await drawnColumns(table, shown);
    expect(drawn).toHaveLength(shown.length);
    expect(shown.length).toBeGreaterThan(150_000);
    expect(shown.filter((text, index) => (drawn[index] ?? Infinity) > columnsOf(text)).map(codesOf)).toEqual([]);
  }, 120_000);

  test('are at least one for each shown character that is not drawn on a letter', async () => {
    const apart = shown.filter((text) => !DRAWN_ON_A_LETTER.test(text));
    const drawn = await drawnColumns(table, apart);
    expect(apart.filter((_text, index) => (drawn[index] ?? 0) < 2).map(codesOf)).toEqual([]);
  }, 120_000);

  test('control: the same check finds a width that is too small', async () => {
    const drawn = await drawnColumns(table, ['日', '한']);
    expect(drawn.every((columns) => columns > 1)).toBe(true);
  });

  test.each([
    '👩‍👩‍👧',
    '👨‍👩‍👧‍👦',
    '👍🏽',
    '❤️',
    '❤️‍🔥',
    '1️⃣',
    '🇪🇺',
    '🏳️‍🌈',
    '👩🏽‍🚀',
    '🫱🏻‍🫲🏿',
    'क्‍ष',
    'e\u0301\u0323',
    'か\u3099',
    '\u1100\u1161\u11a8',
  ])('are never fewer than the drawn ones, for the joined characters %s', async (text) => {
    const [columns] = await drawnColumns(table, [safeText(text)]);
    expect(columns).toBeLessThanOrEqual(columnsOf(safeText(text)));
  });

  test.each([
    ['English', 'The quick brown fox'],
    ['Vietnamese', 'Tiếng Việt: ẽ ễ ự ỹ Ặ'],
    ['Greek with accents', 'ἀρχή ᾳ ᾧ ῥ Ὦ'],
    ['Latin Extended Additional', 'ḍ ṣ ẞ ỳ'],
    ['Cyrillic', 'Съешь ещё'],
    ['Armenian', 'Հայերեն'],
    ['Georgian', 'ქართული'],
    ['Hebrew with points', 'שָׁלוֹם'],
    ['Arabic with points', 'مَرْحَبًا'],
    ['Persian with a non-joiner', 'می\u200cخواهم'],
    ['Thai', 'ที่นี่'],
    ['Chinese', '你好，世界'],
    ['Japanese', 'こんにちは カタカナ'],
    ['Korean', '안녕하세요'],
    ['punctuation and signs', '“a” – b… € → ─ │ ° § ·'],
  ])('are equal to the drawn ones for %s', async (_script, text) => {
    const [columns] = await drawnColumns(table, [text]);
    expect(columnsOf(text)).toBe(columns);
  });
});

function codesOf(text: string): string {
  return Array.from(text, (character) => character.codePointAt(0)?.toString(16)).join(' ');
}
