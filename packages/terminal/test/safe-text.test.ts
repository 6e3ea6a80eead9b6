import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENGLISH } from '@sotto/messages';
import { columnsOf } from '../src/columns.ts';
import { safeJson, safeLine, safeMessage, safeName, safeText } from '../src/safe-text.ts';
import { harmOf, HOSTILE_SAMPLES } from './hostile-samples.ts';

const samples = Object.entries(HOSTILE_SAMPLES);
/**
 * Forged lines are made of the one control that a text of many lines keeps: the screen indents
 * them.
 */
const onlyForgesLines = new Set(['LF forged line']);
/** Any code units at all, with those that terminals act upon often among them. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\x1b', '\x1b[', '\x9b', '\r', '\u202e', '\u200d', '\ufe0f', '\u0301', '👩', '🏽', '\u{e0041}'),
    ),
  )
  .map((parts) => parts.join(''));

describe('the filter for text from outside', () => {
  test.each(samples)('makes harmless: %s', (_name, sample) => {
    expect(harmOf(safeText(sample))).toBeUndefined();
    expect(harmOf(safeLine(sample))).toBeUndefined();
    expect(safeLine(sample)).not.toContain('\n');
    expect(safeName(sample)).toMatch(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d_-]*$/u);
  });

  test('control: the same check finds the raw samples harmful', () => {
    expect(samples.length).toBeGreaterThanOrEqual(40);
    const harmless = samples.filter(([, sample]) => harmOf(sample) === undefined).map(([name]) => name);
    expect(harmless).toEqual([...onlyForgesLines]);
  });

  test('lets no control, no bidi and no invisible character through, in any text', () => {
    fc.assert(
      fc.property(anyText, (text) => harmOf(safeText(text)) === undefined),
      // A virama that has a width of its own, of Batak: a joiner may follow it (RFC 5892, A.2).
      { numRuns: 2_000, examples: [['\u4e00\u1bf2\u200d'], ['\u3400\u200d\u094d\u2c00']] },
    );
    fc.assert(fc.property(anyText, (text) => harmOf(safeLine(text)) === undefined && !safeLine(text).includes('\n')));
  });

  test('control: the same check finds a filter that lets everything through', () => {
    const outcome = fc.check(fc.property(anyText, (text) => harmOf(text) === undefined));
    expect(outcome.failed).toBe(true);
  });

  test('shows an escape character and its parameters as letters', () => {
    expect(safeText('\x1b[31mred\x07')).toBe('␛[31mred␇');
    expect(safeText('\x7f\u009b')).toBe('␡\ufffd');
  });

  test('reads every kind of line end as one, and a tab as blanks', () => {
    expect(safeText('a\r\nb\rc\u0085d\u2028e\u2029f\vg\fh\ti')).toBe('a\nb\nc\nd\ne\nf\ng\nh    i');
  });

  test.each([
    'héllo wörld',
    'Ελληνικά',
    'русский',
    '日本語　テキスト',
    'العربية',
    'हिन्दी',
    'ไทยที่นี่',
    '👩‍👩‍👧 👍🏽 ❤️ 1️⃣ 🇪🇺 ❤️‍🔥',
  ])('leaves ordinary text unchanged: %s', (text) => {
    expect(safeText(text)).toBe(text.normalize('NFC'));
  });

  test.each([
    ['Persian', 'می\u200cخواهم برو\u200cم آن\u200cها', 'می\u200cخواهم بروم آن\u200cها'],
    ['Sinhala', 'ශ්\u200dරී ලංකා ක්\u200dෂ', 'ශ්\u200dරී ලංකා ක්\u200dෂ'],
    ['Malayalam', 'അവന്\u200d, ന്\u200dറെ', 'അവന്\u200d, ന്\u200dറെ'],
    ['Hindi', 'क्\u200cष क्\u200dष', 'क्\u200cष क्\u200dष'],
    ['Bengali', 'র\u200d্যাব', 'র\u200d্যাব'],
    ['Kannada', 'ರ\u200d್ಯಾಂಕ್', 'ರ\u200d್ಯಾಂಕ್'],
  ])('keeps joiners where words need them, and counts no column for them: %s', (_script, text, shown) => {
    expect(safeText(text)).toBe(shown.normalize('NFC'));
    expect(columnsOf(shown)).toBe(columnsOf(shown.replaceAll(/[\u200c\u200d]/g, '')));
  });

  test.each([
    ['between Latin letters', 'a\u200cb\u200dc', 'abc'],
    ['at the start and at the end', '\u200cسلام\u200c', 'سلام'],
    ['two in a row, of which one shows', 'می\u200c\u200cخ', 'می\u200cخ'],
    ['behind a letter that joins nothing', 'ا\u200cب', 'اب'],
    ['next to a blank', 'می\u200c خ', 'می خ'],
    ['with something invisible beside them', 'می\u200b\u200cخ', 'می\u200cخ'],
    ['behind a virama that is one mark too many', 'क\u0941\u0942\u0941\u0942्\u200dष', 'क\u0941\u0942\u0941\u0942ष'],
  ])('drops joiners without a visible effect: %s', (_where, text, shown) => {
    expect(safeText(text)).toBe(shown.normalize('NFC'));
  });

  test('counts marks on both sides of a joiner as marks of one letter', () => {
    const flood = `ب${'\u064b\u064c\u064d\u064e\u200c'.repeat(50)}م`;
    expect(safeText(flood).match(/\p{M}/gu)).toHaveLength(4);
    expect(safeText(`\u1100${'\u1161\u1176'.repeat(50)}`).length).toBeLessThanOrEqual(5);
  });

  test('keeps four marks on a base, even with something invisible between them', () => {
    expect(safeText('q\u0301\u0302\u0303\u0304\u0305x')).toBe('q\u0301\u0302\u0303\u0304x');
    expect(safeText('q\u0301\u200b\u0302\u200b\u0303\u200b\u0304\u200b\u0305x')).toBe('q\u0301\u0302\u0303\u0304x');
  });

  test('cuts a text with too many lines, and reports the cut', () => {
    const lines = safeText('x\n'.repeat(500)).split('\n');
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe('(301 more lines)');
    expect(safeLine('y'.repeat(1_000))).toBe(`${'y'.repeat(300)}...`);
  });
});

describe('a text of the catalogue', () => {
  test('takes filtered parameters, and the compiler refuses any other', () => {
    expect(safeMessage('screen.arrived', { member: safeName('al\x1b[1mice') })).toBe('al1mice is here');
    // @ts-expect-error A plain string has not passed the filter.
    expect(safeMessage('screen.arrived', { member: 'alice' })).toBe('alice is here');
  });

  test('is harmless by itself, for every id', () => {
    const harmful = Object.entries(ENGLISH).filter(([, text]) => harmOf(text) !== undefined);
    expect(harmful).toEqual([]);
  });
});

describe('every code point', () => {
  /** What the rules say of one between two letters; undefined: it is shown as it is, composed. */
  function replacement(code: number, character: string): string | undefined {
    if (character === '\t') return '    ';
    if ([0x0a, 0x0b, 0x0c, 0x0d, 0x85, 0x2028, 0x2029].includes(code)) return '\n';
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    if (code >= 0x80 && code < 0xa0) return '\ufffd';
    if ([0xb6, 0x204b, 0x204c, 0x204d, 0x2761, 0x2e3f, 0x2e4d, 0xa7fc].includes(code)) return '\ufffd';
    if ([0x2800, 0x13441, 0x13442].includes(code)) return ' ';
    if (code !== 0x3000 && /\p{Zs}/u.test(character)) return ' ';
    if (code === 0x16fe4 || code === 0x1d159) return '';
    return /[\p{C}\p{Default_Ignorable_Code_Point}]/u.test(character) ? '' : undefined;
  }

  test('is shown, replaced or dropped by a rule, in a text and on one line', () => {
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const character = String.fromCodePoint(code);
      const rule = replacement(code, character);
      const expected = rule === undefined ? `x${character}y`.normalize('NFC') : `x${rule}y`;
      const right =
        safeText(`x${character}y`) === expected && safeLine(`x${character}y`) === expected.replace('\n', ' ');
      if (!right) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  test('is in a name a letter, its mark, a digit or a separator, or is dropped', () => {
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const shown = safeName(`x${String.fromCodePoint(code)}y`);
      const isBare = shown === 'xy' || shown === 'x_y';
      const isSeen = /^x[\p{L}\p{M}\p{N}_\-]+y$/u.test(shown.normalize('NFD')) || /^[\p{L}]y$/u.test(shown);
      if (!isBare && (!isSeen || harmOf(shown) !== undefined)) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  }, 120_000);
});

describe('a name', () => {
  test('keeps letters of any script, marks and digits', () => {
    for (const name of ['alice', 'Ünal_2', 'Ελένη', '王小明', 'x-1']) expect(safeName(name)).toBe(name);
  });

  test('loses characters that could pass for a fingerprint, a gutter or another name', () => {
    expect(safeName('alice·4f2c')).toBe('alice4f2c');
    expect(safeName('alice\ua78f4f2c\u1427')).toBe('alice4f2c');
    expect(safeName('-- alice')).toBe('alice');
    expect(safeName('alice\nbob')).toBe('alice_bob');
    expect(safeName('\u0301\u0302alice')).toBe('alice');
    expect(safeName('\u3164\u200b')).toBe('nameless');
    expect(safeName('')).toBe('nameless');
    for (const nothing of ['\u{16fe4}', '\u{1d159}', '\u115f', '\u034f', '\ufe0f', '\u{13430}', '\u1161', '\u200c'])
      expect(safeName(`an${nothing}na`)).toBe('anna');
  });

  test('is never longer than its limit, nor outside of its alphabet', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const name = safeName(text);
        return Array.from(name).length <= 24 && /^[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d_-]*$/u.test(name);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a JSON line', () => {
  test.each(samples)('is harmless to cat and exact to a parser: %s', (_name, sample) => {
    const line = safeJson({ text: sample });
    expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
    expect(JSON.parse(line)).toEqual({ text: sample });
  });

  test('is harmless and exact for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const line = safeJson(text);
        return JSON.parse(line) === text && !/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(line);
      }),
      { numRuns: 1_000 },
    );
  });

  test("control: JSON's own escapes alone leave a harmful line", () => {
    const harmful = samples.filter(([, sample]) => /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u.test(JSON.stringify(sample)));
    expect(harmful.length).toBeGreaterThan(10);
  });
});
