// Names that look alike on a screen, names that do not, and the form in which a name is shown.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { areNamesAlike } from '../src/names/likeness.ts';
import { showName } from '../src/names/shown-name.ts';

const alike: readonly (readonly [why: string, one: string, other: string])[] = [
  ['punctuation that is not drawn', 'anna', 'anna!'],
  ['a zero-width space', 'anna', 'an\u200bna'],
  ['a dot that is not drawn', 'anna', 'a.nna'],
  ['a separator before it', 'anna', '_anna'],
  ['a separator behind it', 'anna', 'anna_'],
  ['a separator in it', 'anna', 'an-na'],
  ['a blank in front', 'anna', ' anna'],
  ['a Cyrillic letter', 'anna', '\u0430nna'],
  ['a Cyrillic capital', 'Anna', '\u0410nna'],
  ['a Greek omicron', 'bob', 'b\u03bfb'],
  ['an Armenian letter', 'bob', 'b\u0585b'],
  ['a Cherokee letter', 'Adam', '\u13aadam'],
  ['a combining grapheme joiner', 'anna', 'an\u034fna'],
  ['a variation selector', 'anna', 'an\ufe0fna'],
  ['a Hangul filler', 'anna', 'an\u115fna'],
  ['the Khitan filler', 'anna', 'an\u{16fe4}na'],
  ['a braille blank', 'anna', 'anna\u2800'],
  ['a null notehead', 'anna', 'an\u{1d159}na'],
  ['a tag', 'anna', 'anna\u{e0061}'],
  ['a joiner', 'anna', 'an\u200dna'],
  ['a bidi mark', 'anna', 'an\u200fna'],
  ['a mark of another script', 'anna', 'an\u1039na'],
  ['an invisible number joiner', 'anna', 'an\u{1107f}na'],
  ['case', 'anna', 'aNNa'],
  ['the letters r and n', 'martin', 'rnartin'],
  ['nought and O', 'otto', '0tt0'],
  ['one and l', 'lola', '1ola'],
  ['capital I and l', 'Iris', 'lris'],
  ['case where a capital is drawn like another letter', 'Iris', 'iris'],
  ['full-width forms', 'anna', '\uff41\uff4e\uff4e\uff41'],
  ['mathematical letters', 'anna', '\u{1d41a}\u{1d427}\u{1d427}\u{1d41a}'],
  ['a letter drawn like an exclamation mark', 'anna', 'anna\u01c3'],
  ['composition', 'Jos\u00e9', 'Jose\u0301'],
  ['the other small sigma', 'Νίκος', 'Νίκοσ'],
  ['a name cut at its end', 'a'.repeat(24) + 'x', 'a'.repeat(24) + 'y'],
  ['nothing that is drawn, either', '--', '!!'],
  ['letters that are signs, and not drawn in a name', '\u24d0\u24dd', '\u{1ccd6}\u{1cce3}'],
  ['Persian with and without its joiner', 'می\u200cترا', 'میترا'],
  ['Arabic and Persian forms of a letter', 'علي', 'علی'],
  ['the order of runs that a terminal may turn around', 'דוד1', '1דוד'],
];

const different: readonly (readonly [one: string, other: string])[] = [
  ['anna', 'anne'],
  ['anna', 'hanna'],
  ['José', 'Jose'],
  ['Müller', 'Muller'],
  ['Иван', 'Иванка'],
  ['Анна', 'Яна'],
  ['Сергей', 'Андрей'],
  ['Дмитрий', 'Данил'],
  ['Ελένη', 'Ειρήνη'],
  ['Νίκος', 'Νίκη'],
  ['محمد', 'أحمد'],
  ['فاطمة', 'عائشة'],
  ['דוד', 'דנה'],
  ['王小明', '王小红'],
  ['田中', '中田'],
  ['さくら', 'サクラ'],
  ['김민수', '김민서'],
  ['สมชาย', 'สมหญิง'],
  ['अमित', 'अमिता'],
  ['Nguyễn', 'Nguyên'],
  ['bob1', 'bob2'],
  ['x-1', 'x-2'],
  ['nameless', 'nobody'],
];

describe('two names', () => {
  test.each(alike)('are alike if they differ by %s', (_why, one, other) => {
    expect(areNamesAlike(one, other)).toBe(true);
    expect(areNamesAlike(other, one)).toBe(true);
  });

  test('are different wherever every reader sees two names', () => {
    expect(different.filter(([one, other]) => areNamesAlike(one, other))).toEqual([]);
  });

  test('are alike if a screen draws them the same', () => {
    const anyName = fc
      .array(fc.constantFrom('a', 'п', '\u200b', '\u200d', '!', ' ', '_', 'é', '\u0301', '日', 'ب', 'क', '्'))
      .map((all) => all.join(''));
    fc.assert(
      fc.property(anyName, anyName, (one, other) => showName(one) !== showName(other) || areNamesAlike(one, other)),
    );
  });
});

describe('a name as shown', () => {
  test.each([
    ['Persian', 'می\u200cخواهم'],
    ['Sinhala', 'ශ්\u200dරී'],
    ['Malayalam', 'അവന്\u200d'],
    ['Bengali, with the joiner before the virama', 'র\u200d্যাব'],
    ['Vietnamese', 'Nguyễn'],
    ['Burmese', 'မြန်မာ'],
  ])('keeps everything that %s needs', (_script, name) => {
    expect(showName(name)).toBe(name.normalize('NFC'));
  });

  test('loses invisible joiners, and marks that its letters cannot carry', () => {
    expect(showName('an\u200cna\u200d')).toBe('anna');
    expect(showName('ب\u200c')).toBe('ب');
    expect(showName('an\u0e34na')).toBe('anna');
    expect(showName(`a${'\u0301\u0302'.repeat(9)}`).length).toBeLessThanOrEqual(5);
    expect(showName('\u1161anna')).toBe('anna');
  });

  test('is unchanged when it is shown again', () => {
    const anyText = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(
          '\u200c',
          '\u200d',
          'ب',
          'م',
          'र',
          '्',
          'র',
          '\u09cd',
          'য',
          'e',
          '\u0301',
          '\u0323',
          '\u1161',
          '\u1100',
          '-',
          '_',
          ' ',
        ),
      ),
    );
    fc.assert(
      fc.property(anyText, (parts) => {
        const shown = showName(parts.join(''));
        return (
          showName(shown) === shown &&
          Array.from(shown).length <= 24 &&
          /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_\-\u200c\u200d]*$/u.test(shown)
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
