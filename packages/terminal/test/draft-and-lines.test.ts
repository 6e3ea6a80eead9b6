// Lines that come in while something is being typed: none is ever missing, and what is typed stays
// below them, whole.

import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editLines } from '../src/line-editor.ts';
import type { LineEditor } from '../src/line-editor.ts';
import { safeLine } from '../src/safe-text.ts';
import { appendingScreen } from '../src/screen.ts';
import { MemoryRelay } from './memory-relay.ts';
import { INVITE, startProgram } from './program.ts';
import { ScreenModel, startClientOnPty } from './pty-terminal.ts';
import type { PtySize } from './pty-terminal.ts';

const KEY = { left: '\x1b[D', home: '\x1b[H', end: '\x1b[F', enter: '\r', backspace: '\x7f', repaint: '\x0c' };

/** A line editor in front of a screen model, without a process between them. */
class Desk {
  readonly model: ScreenModel;
  readonly editor: LineEditor;
  readonly said: string[] = [];
  readonly #input = new PassThrough();
  readonly #output: Writable & { columns: number; rows: number; isTTY: true };
  #written = '';

  constructor(size: PtySize, reflowsCursorLine = false) {
    this.model = new ScreenModel(size);
    this.model.terminal.options.reflowCursorLine = reflowsCursorLine;
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // A terminal's own line discipline does so.
        this.#written += chunk.toString('utf8').replaceAll(/\r?\n/g, '\r\n');
        done();
      },
    });
    this.#output = Object.assign(sink, { columns: size.columns, rows: size.rows, isTTY: true } as const);
    const output = this.#output as unknown as NodeJS.WriteStream;
    this.editor = editLines(
      this.#input,
      output,
      appendingScreen(output, (code) => expect.fail(code)),
    );
    this.editor.queue.begin({
      line: (line) => void this.said.push(line.ok ? line.text : line.code),
      end: () => undefined,
    });
  }

  async type(keys: string): Promise<void> {
    this.#input.emit('data', Buffer.from(keys));
    await this.settle();
  }

  async comeIn(line: string): Promise<void> {
    this.editor.screen.print(safeLine(line));
    await this.settle();
  }

  /** `hears`: whether the program is told, as it always is in the end. */
  async resize(size: PtySize, hears: 'at once' | 'later'): Promise<void> {
    this.model.terminal.resize(size.columns, size.rows);
    if (hears === 'at once') await this.hear(size);
  }

  async hear(size: PtySize): Promise<void> {
    Object.assign(this.#output, size);
    this.#output.emit('resize');
    await this.settle();
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const written = this.#written;
    this.#written = '';
    await this.model.write(written);
  }
}

/** Lines as they were printed, with what the terminal has wrapped put together again. */
function printedLines(model: ScreenModel): string[] {
  const { active } = model.terminal.buffer;
  const lines: string[] = [];
  for (let row = 0; row < active.length; row += 1) {
    const line = active.getLine(row);
    if (line?.isWrapped === true) lines.push((lines.pop() ?? '') + line.translateToString(true));
    else lines.push(line?.translateToString(true) ?? '');
  }
  return lines;
}

/** In their order, none missing. */
function expectAll(lines: readonly string[], model: ScreenModel): void {
  const printed = printedLines(model);
  let from = 0;
  for (const line of lines) {
    const at = printed.indexOf(line, from);
    if (at < 0) expect.fail(`missing: ${line}\n${printed.join('\n')}`);
    from = at + 1;
  }
}

/** Without blanks; on a narrow terminal an emoji is drawn as its parts. */
const bare = (text: string): string => text.replaceAll(/[\s\u{200D}]/gu, '');

/**
 * The draft is the last thing on the screen, and the cursor is behind its first `cursor`
 * characters.
 */
function expectDraft(draft: string, cursor: number, model: ScreenModel): void {
  const { rows, cursor: at } = model;
  expect(bare(rows.join('')).endsWith(bare(`> ${draft}`)), `${draft}\nis not below:\n${rows.join('\n')}`).toBe(true);
  const before = bare(rows.slice(0, at.row).join('') + model.beforeCursor);
  expect(before.endsWith(bare(`> ${draft.slice(0, cursor)}`)), `${draft.slice(0, cursor)}|\n${before}|`).toBe(true);
}

describe('a line that arrives while the user types', () => {
  test.each([1, 77, 78, 79, 80, 156, 157, 158, 159, 160, 170, 1_000])(
    'is shown whole above a draft of %i characters',
    async (length) => {
      const desk = new Desk({ columns: 80, rows: 24 });
      const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
      const draft = 'x'.repeat(length);
      await desk.type(draft);
      for (const line of lines) await desk.comeIn(line);
      expectAll(lines, desk.model);
      expectDraft(draft, length, desk.model);
    },
  );

  test('is shown whole in a burst, with the cursor in the middle of the draft', async () => {
    const desk = new Desk({ columns: 20, rows: 10 });
    const draft = Array.from({ length: 50 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    await desk.type(draft + KEY.left.repeat(21));
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
    for (const line of lines) desk.editor.screen.print(safeLine(line));
    await desk.settle();
    expectAll(lines, desk.model);
    expectDraft(draft, 29, desk.model);
  });

  test('is shown whole when the draft is taller than the screen, which shows the rows around the cursor', async () => {
    const desk = new Desk({ columns: 20, rows: 5 });
    const draft = Array.from({ length: 300 }, (_, index) => `${index}.`).join('');
    await desk.type(draft);
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (const line of lines) await desk.comeIn(line);
    expectAll(lines, desk.model);
    expect(desk.model.rows.join('').endsWith('298.299.')).toBe(true);
    await desk.type(KEY.home);
    await desk.comeIn('one more');
    expectAll([...lines, 'one more'], desk.model);
    expect(desk.model.rows.join('\n')).toMatch(/^one more\n> 0\.1\.2\./m);
    expect(desk.model.beforeCursor).toBe('> ');
    // Nothing of the draft is left behind in what was scrolled away.
    expect(printedLines(desk.model).filter((row) => row.includes('0.1.2.'))).toHaveLength(1);
    await desk.type(KEY.enter);
    expect(desk.said).toEqual([draft]);
    expectAll([...lines, 'one more'], desk.model);
  });

  test.each([
    ['wide characters', '漢字'.repeat(60)],
    ['emoji with modifiers and joiners', '👍🏽👨‍👩‍👧🏳️‍🌈'.repeat(12)],
    ['marks', 'e\u0301\u0323'.repeat(120)],
    ['tabs', 'a\tb'.repeat(40)],
  ])('is shown whole above a draft of %s', async (_kind, draft) => {
    const desk = new Desk({ columns: 31, rows: 24 });
    await desk.type(draft);
    const lines = Array.from({ length: 12 }, (_, index) => `line ${index}`);
    for (const line of lines) await desk.comeIn(line);
    await desk.type(KEY.left.repeat(40));
    await desk.comeIn('one more');
    expectAll([...lines, 'one more'], desk.model);
    await desk.type(KEY.enter);
    expect(desk.said).toEqual([draft]);
    expectAll([...lines, 'one more'], desk.model);
  });

  test.each([0, 79, 170, 400])('is shown whole when a draft of %i characters is sent', async (length) => {
    const desk = new Desk({ columns: 80, rows: 24 });
    await desk.comeIn('before');
    await desk.type('y'.repeat(length) + KEY.enter);
    await desk.comeIn('after');
    expect(desk.model.rows.slice(0, 4)).toEqual(['before', 'after', '> ', '']);
  });

  test('is shown whole on a terminal that reports no size', async () => {
    const desk = new Desk({ columns: 80, rows: 24 });
    await desk.hear({ columns: 0, rows: 0 });
    const draft = 'x'.repeat(170);
    await desk.type(draft);
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    for (const line of lines) await desk.comeIn(line);
    expectAll(lines, desk.model);
    expectDraft(draft, 170, desk.model);
  });

  test('is scrolled away, not erased, when the user clears the screen', async () => {
    const desk = new Desk({ columns: 80, rows: 24 });
    await desk.comeIn('before');
    await desk.type(`draft${KEY.repaint}`);
    expect(desk.model.rows[0]).toBe('> draft');
    expectAll(['before'], desk.model);
  });

  const size = fc.record({ columns: fc.integer({ min: 4, max: 100 }), rows: fc.integer({ min: 2, max: 30 }) });
  const step = fc.oneof(
    fc.record({
      type: fc.constant('type' as const),
      keys: fc.oneof(
        fc
          .array(fc.constantFrom('a', ' ', 'é', '漢', '👍🏽', '👨‍👩‍👧', 'e\u0301'), { minLength: 1, maxLength: 120 })
          .map((all) => all.join('')),
        fc.constantFrom(KEY.home, KEY.end, KEY.backspace, KEY.repaint, KEY.left, KEY.left.repeat(30), KEY.enter),
      ),
    }),
    fc.record({
      type: fc.constant('in' as const),
      count: fc.integer({ min: 1, max: 8 }),
      length: fc.integer({ min: 0, max: 150 }),
    }),
    fc.record({
      type: fc.constant('resize' as const),
      size,
      hears: fc.constantFrom('at once' as const, 'later' as const),
    }),
  );

  test.each([false, true])(
    'is never missing, whatever is typed and however the window changes (%s)',
    async (reflows) => {
      await fc.assert(
        fc.asyncProperty(size, fc.array(step, { maxLength: 25 }), async (first, steps) => {
          const desk = new Desk(first, reflows);
          const lines: string[] = [];
          let now = first;
          for (const next of steps) {
            if (next.type === 'type') await desk.type(next.keys);
            else if (next.type === 'resize') await desk.resize((now = next.size), next.hears);
            else {
              for (let index = 0; index < next.count; index += 1) {
                lines.push(`#${lines.length}${'.'.repeat(next.length)}`);
                desk.editor.screen.print(safeLine(lines.at(-1) ?? ''));
              }
              await desk.settle();
            }
            expectAll(lines, desk.model);
          }
          // The program hears of the last size in the end, and the draft is drawn for it.
          await desk.hear(now);
          await desk.type(KEY.end);
          const seen = desk.model.rows.slice(0, desk.model.cursor.row + 1);
          await desk.type(`!${KEY.enter}`);
          expectAll(lines, desk.model);
          const draft = bare(`> ${desk.said.at(-1) ?? ''}`.normalize('NFC')).slice(0, -1);
          // Of a taller draft its last rows are seen.
          const isWhole =
            bare(seen.join('')).endsWith(draft) || draft.endsWith(bare(seen.slice(1 - now.rows).join('')));
          if (!isWhole) expect.fail(`${draft}\nis not whole:\n${seen.join('\n')}`);
          desk.model.terminal.dispose();
        }),
        { numRuns: 150 },
      );
    },
  );
});

describe.runIf(process.platform === 'linux')('a draft on a pseudo-terminal, in a room', () => {
  test('keeps its three rows below eight lines and a warning', async () => {
    const relay = new MemoryRelay();
    const anna = await startClientOnPty(relay, [INVITE, '--name', 'anna']);
    const { terminal } = anna;
    try {
      await terminal.untilHas('-- joined as anna·');
      const bert = startProgram([INVITE, '--name', 'bert'], relay);
      await terminal.untilHas(' is here');
      const draft = 'x'.repeat(170);
      terminal.type(draft);
      await terminal.until(({ rows }) => rows.join('').endsWith(draft));
      for (let index = 0; index < 8; index += 1) bert.stdin.write(`line ${index}\n`);
      await terminal.untilHas('line 7');
      const namesake = startProgram([INVITE, '--name', 'bert'], relay);
      await terminal.untilHas('!!');
      await terminal.until(({ rows }) => rows.join('').endsWith(draft));
      const shown = terminal.screen.allRows;
      for (let index = 0; index < 8; index += 1)
        expect(shown.filter((row) => row.endsWith(`  line ${index}`))).toHaveLength(1);
      for (const program of [bert, namesake]) program.interrupt();
      await Promise.all([bert.ended, namesake.ended]);
    } finally {
      await anna.close();
    }
  });
});
