// The reader of control lines splits words and pairs as tor's control-spec §2.1.1 says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseKeywordLine } from '../src/control/keywords.ts';

test('the reader splits words, pairs and quoted strings', () => {
  const { words, keywords } = parseKeywordLine(
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=10 SUMMARY="Connected to a relay" WARNING="a \\"b\\" \\\\" EMPTY= Q=""',
  );
  expect(words).toEqual(['STATUS_CLIENT', 'WARN', 'BOOTSTRAP']);
  expect([...keywords]).toEqual([
    ['PROGRESS', '10'],
    ['SUMMARY', 'Connected to a relay'],
    ['WARNING', 'a "b" \\'],
    ['EMPTY', ''],
    ['Q', ''],
  ]);
});

test('the reader finds no pair inside a quoted string', () => {
  expect(parseKeywordLine('X WARNING="TAG=done PROGRESS=100" TAG=conn').keywords.get('TAG')).toBe('conn');
});

test('the reader keeps the first of two pairs of one name', () => {
  expect(parseKeywordLine('A=1 A=2').keywords.get('A')).toBe('1');
});

test('the reader reads the path of a circuit as a word', () => {
  const path = '$AAAA~one,$BBBB=two';
  expect(parseKeywordLine(`5 BUILT ${path} PURPOSE=GENERAL`)).toEqual({
    words: ['5', 'BUILT', path],
    keywords: new Map([['PURPOSE', 'GENERAL']]),
  });
});

test('the reader reads any text without throwing or hanging', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', '\\', ' ', '=', 'A', 'b', '\n', 'é'), maxLength: 60 }),
      (text) => {
        const { words, keywords } = parseKeywordLine(text);
        expect(words.length + keywords.size).toBeLessThanOrEqual(text.length);
      },
    ),
    { numRuns: 20_000 },
  );
});
