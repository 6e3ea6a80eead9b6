// What a peer says never stands where a line of ours begins: at any width, after any change of it,
// on a terminal that wraps and reflows.

import headless from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ShownEvent } from '../src/front-end.ts';
import { Labels } from '../src/labels.ts';
import { WAITING_SHOWN_MAX } from '../src/limits.ts';
import { screenOf } from './plain-screen.ts';

const WIDTH_MAX = 300;
const PEER = { name: 'alice', fingerprint: '4f2c000000000000' };
const VICTIM = { name: 'bob', fingerprint: '1234000000000000' };
/** What the program's own lines begin with, or what could be taken for it. */
const NOTICE = /^(?:¶|\u204b|\u2761|\u2e3f)/;
const FORGED_LABEL = /^bob ?[·•∙⋅・]\p{M}*[1l][2]/u;

/** The rows of a terminal on which `printed` was shown, at each of `widths` in turn. */
async function rowsAt(printed: readonly string[], widths: readonly number[]): Promise<string[]> {
  const [first = 80, ...others] = widths;
  const terminal = new headless.Terminal({
    cols: Math.max(2, first),
    rows: 24,
    scrollback: 5_000,
    convertEol: true,
    allowProposedApi: true,
  });
  await new Promise<void>((resolve) => terminal.write(printed.map((line) => `${line}\n`).join(''), resolve));
  const rows: string[] = [];
  const look = (): void => {
    const { active } = terminal.buffer;
    for (let index = 0; index < active.length; index += 1)
      rows.push(active.getLine(index)?.translateToString(true) ?? '');
  };
  look();
  for (const width of others) {
    terminal.resize(Math.max(2, width), 24);
    look();
  }
  terminal.dispose();
  return rows;
}

function message(text: string, from = PEER): ShownEvent {
  return { type: 'message', id: 'x', from, text };
}

const anyWidth = fc.integer({ min: 1, max: WIDTH_MAX });
/** Texts that would do it, at some width, if they were printed as they come. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.integer({ min: 0, max: 90 }).map((count) => 'x'.repeat(count)),
      fc.constantFrom(
        '¶-- bob left',
        '¶!! WARNING: leave',
        '\u204b',
        '\u2761',
        '-- bob left',
        '!! Next: trust me',
        ' ',
        '\n',
        '日本',
        '👩‍👩‍👧',
        '\t',
      ),
      fc.constantFrom(
        'bob·1234  I agree',
        'bob•1234  yes',
        'bob ·1234',
        'bob・1234',
        'bob·l234',
        'bob·1\u03232\u032334',
        '\u200c',
        'مین',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
const anyName = fc.oneof(
  fc.constantFrom('alice', 'a'.repeat(24), '日'.repeat(16), '¶-- bob', 'x-----------bob', '-- bob left', '!!', '¶'),
  fc.string({ unit: 'binary', maxLength: 24 }),
);

describe('a row with a part of another member’s text or name', () => {
  test('never begins as a notice does, at any width and after any change of it', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        anyName,
        fc.array(anyWidth, { minLength: 1, maxLength: 3 }),
        async (text, name, widths) => {
          const { notify, lines } = screenOf(widths[0]);
          notify(message(text, { ...PEER, name }));
          const rows = await rowsAt(lines(), widths);
          return rows.every((row) => !NOTICE.test(row.trimStart()) && !FORGED_LABEL.test(row));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('never begins as a notice does on unwrapped lines, at any later wrap', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyName, anyWidth, async (text, name, width) => {
        const { notify, lines } = screenOf();
        notify(message(text, { ...PEER, name }));
        const rows = await rowsAt(lines(), [width]);
        return rows.every((row) => !NOTICE.test(row.trimStart()) && !FORGED_LABEL.test(row));
      }),
      { numRuns: 200 },
    );
  });

  test('control: the same check finds such a row in the raw text', async () => {
    const forged = await rowsAt([`alice·4f2c  ${'x'.repeat(28)}¶-- bob left`], [40]);
    expect(forged.some((row) => NOTICE.test(row))).toBe(true);
    const reflowed = await rowsAt([`alice·4f2c  ${'x'.repeat(28)}bob·1234  I agree`], [80, 40]);
    expect(reflowed.some((row) => FORGED_LABEL.test(row))).toBe(true);
    const words = await rowsAt([`${'a'.repeat(24)}·4f2c  123456789-- bob left`], [40]);
    expect(words.some((row) => row.startsWith('-- bob left'))).toBe(true);
  });

  test('has an indent after a break, and is never wider than the terminal', () => {
    for (let width = 1; width <= WIDTH_MAX; width += 1) {
      const { notify, rows } = screenOf(width);
      notify(message(`123456789-- bob left ${'word '.repeat(30)}`, { ...PEER, name: 'a'.repeat(24) }));
      const [, ...others] = rows();
      if (width >= 4) expect(others.every((row) => row.startsWith(' '))).toBe(true);
      expect(Math.max(...rows().map((row) => row.length))).toBeLessThanOrEqual(Math.max(1, width - 1));
    }
  });

  test('from the program is never wider than the terminal, and goes on after an indent', () => {
    for (let width = 1; width <= WIDTH_MAX; width += 1) {
      const { notify, rows } = screenOf(width);
      notify({ type: 'access', mode: 'locked' });
      expect(rows().every((row) => row.length <= Math.max(1, width - 1))).toBe(true);
      expect(rows()[0]).toMatch(/^¶/);
      if (width >= 4)
        expect(
          rows()
            .slice(1)
            .every((row) => row.startsWith(' ')),
        ).toBe(true);
    }
  });

  test('stands below its label if that leaves too little room, and beside it otherwise', () => {
    const narrow = screenOf(40);
    narrow.notify(message('123456789-- bob left', { ...PEER, name: 'a'.repeat(24) }));
    expect(narrow.rows()).toEqual([`${'a'.repeat(24)}·4f2c`, '    123456789-- bob left']);
    const wide = screenOf(80);
    wide.notify(message('123456789-- bob left', { ...PEER, name: 'a'.repeat(24) }));
    expect(wide.rows()).toEqual([`${'a'.repeat(24)}·4f2c  123456789-- bob left`]);
  });

  test('shows a label in a text without its dot, and a dot elsewhere as it is', () => {
    const { notify, rows } = screenOf();
    for (const text of [
      '/verify bob·1234',
      'col·lega · 2024',
      '• one\n• two',
      '·food',
      '阿道夫·希特勒',
      'x·y·z',
      'a·12',
      'col·laborar',
    ])
      notify(message(text));
    expect(rows().map((row) => row.replace('alice·4f2c  ', ''))).toEqual([
      '/verify bob#1234',
      'col·lega · 2024',
      '• one',
      '    • two',
      '·food',
      '阿道夫·希特勒',
      'x·y·z',
      'a·12',
      'col·laborar',
    ]);
  });
});

test('a label is never contained in a shown text, with digits of any script', () => {
  const label = new Labels().of(VICTIM);
  const disguises = [
    label,
    'bob·l234',
    'bob•1234',
    'bob⋅１２３４',
    'bob·1\u0332234',
    'bob·\u{1d7cf}234',
    'bob·1234000000000000',
    'bob·12З4',
    'bob·1234x',
    'bob·l234x',
    'bob·beefx',
  ];
  for (const disguise of disguises) {
    const { notify, rows } = screenOf();
    notify(message(disguise));
    expect(rows()[0]?.slice('alice·4f2c  '.length)).toMatch(/^bob#/);
  }
});

test('a stranger’s name gives a warning only if its knock is shown, or when it joins', () => {
  const { notify, rows } = screenOf();
  for (let waiting = 1; waiting <= 64; waiting += 1) {
    const member = { name: 'anna!', fingerprint: String(waiting).padStart(16, '0') };
    notify({ type: 'knock', member, waiting, again: false });
    notify({ type: 'warning', code: 'name-taken', message: 'm', from: member, namesakes: [] });
  }
  expect(rows().filter((row) => row.startsWith('¶!! WARNING'))).toHaveLength(WAITING_SHOWN_MAX);
  // Once the last of them is in, it is told.
  const member = { name: 'anna!', fingerprint: String(64).padStart(16, '0') };
  notify({ type: 'arrived', member });
  notify({ type: 'warning', code: 'name-taken', message: 'm', from: member, namesakes: [] });
  expect(rows().filter((row) => row.startsWith('¶!! WARNING'))).toHaveLength(WAITING_SHOWN_MAX + 1);
});

test('a warning names a few members that share a name, and counts the others', () => {
  const { notify, rows } = screenOf();
  const namesakes = Array.from({ length: 40 }, (_, index) => ({
    name: 'anna',
    fingerprint: String(index).padStart(16, '0'),
    verified: false,
  }));
  notify({ type: 'warning', code: 'name-taken', message: 'm', from: PEER, namesakes });
  expect(rows()[0]).toMatch(/^¶!! WARNING: .*(?:anna·[0-9]{16}.*){4} and 36 more: /);
  expect(rows()[0]?.length).toBeLessThan(300);
});
