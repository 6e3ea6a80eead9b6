import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnsOf } from '../src/columns.ts';
import { safeJson, safeLine, safeName, safeText } from '../src/safe-text.ts';
import { harmOf, HOSTILE_SAMPLES } from './hostile-samples.ts';

const samples = Object.entries(HOSTILE_SAMPLES);
/** Forged lines are made of the one control that a text of many lines keeps: the screen indents them. */
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

describe('the gate', () => {
  test.each(samples)('makes harmless: %s', (_name, sample) => {
    expect(harmOf(safeText(sample))).toBeUndefined();
    expect(harmOf(safeLine(sample))).toBeUndefined();
    expect(safeLine(sample)).not.toContain('\n');
    expect(safeName(sample)).toMatch(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u);
  });

  test('has samples that the same check finds harmful as they are', () => {
    expect(samples.length).toBeGreaterThanOrEqual(40);
    const harmless = samples.filter(([, sample]) => harmOf(sample) === undefined).map(([name]) => name);
    expect(harmless).toEqual([...onlyForgesLines]);
  });

  test('lets no control, no bidi and nothing invisible through, whatever comes', () => {
    fc.assert(
      fc.property(anyText, (text) => harmOf(safeText(text)) === undefined),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(anyText, (text) => harmOf(safeLine(text)) === undefined && !safeLine(text).includes('\n')));
  });

  test('would be caught if it let everything through', () => {
    const outcome = fc.check(fc.property(anyText, (text) => harmOf(text) === undefined));
    expect(outcome.failed).toBe(true);
  });

  test('shows an escape and what it would have done', () => {
    expect(safeText('\x1b[31mred\x07')).toBe('␛[31mred␇');
    expect(safeText('\x7f\u009b')).toBe('␡\ufffd');
  });

  test('takes every kind of line end for one, and a tab for blanks', () => {
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
  ])('leaves alone what people write: %s', (text) => {
    expect(safeText(text)).toBe(text.normalize('NFC'));
  });

  test('keeps four marks on a base, even with something invisible between them', () => {
    expect(safeText('q\u0301\u0302\u0303\u0304\u0305x')).toBe('q\u0301\u0302\u0303\u0304x');
    expect(safeText('q\u0301\u200b\u0302\u200b\u0303\u200b\u0304\u200b\u0305x')).toBe('q\u0301\u0302\u0303\u0304x');
  });

  test('cuts what has too many lines, and says so', () => {
    const lines = safeText('x\n'.repeat(500)).split('\n');
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe('(301 more lines)');
    expect(safeLine('y'.repeat(1_000))).toBe(`${'y'.repeat(300)}...`);
  });
});

describe('a name', () => {
  test('keeps letters of any script, marks and digits', () => {
    for (const name of ['alice', 'Ünal_2', 'Ελένη', '王小明', 'x-1']) expect(safeName(name)).toBe(name);
  });

  test('loses what could be taken for a fingerprint, a gutter or another name', () => {
    expect(safeName('alice·4f2c')).toBe('alice4f2c');
    expect(safeName('alice\ua78f4f2c\u1427')).toBe('alice4f2c');
    expect(safeName('-- alice')).toBe('alice');
    expect(safeName('alice\nbob')).toBe('alice_bob');
    expect(safeName('\u0301\u0302alice')).toBe('alice');
    expect(safeName('\u3164\u200b')).toBe('nameless');
    expect(safeName('')).toBe('nameless');
  });

  test('is never wider than it may be, nor outside of its alphabet', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const name = safeName(text);
        return columnsOf(name) <= 24 && /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u.test(name);
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

  test('is so for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const line = safeJson(text);
        return JSON.parse(line) === text && !/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(line);
      }),
      { numRuns: 1_000 },
    );
  });

  test('would not be so if JSON alone escaped', () => {
    const harmful = samples.filter(([, sample]) => /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u.test(JSON.stringify(sample)));
    expect(harmful.length).toBeGreaterThan(10);
  });
});
