import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { queueLines, LineQueue } from '../src/line-queue.ts';
import type { LineConsumer } from '../src/line-queue.ts';
import { LineSplitter } from '../src/line-splitter.ts';
import type { InputLine } from '../src/line-splitter.ts';

function texts(lines: readonly InputLine[]): string[] {
  return lines.map((line) => (line.ok ? line.text : `(${line.code})`));
}

function collect(): { taken: string[]; taker: LineConsumer } {
  const taken: string[] = [];
  return { taken, taker: { line: (line) => void taken.push(...texts([line])), end: () => void taken.push('(end)') } };
}

describe('lines split from bytes', () => {
  test('are the same however the bytes were cut', () => {
    const anyLines = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, '')),
    );
    fc.assert(
      fc.property(anyLines, fc.array(fc.nat(12)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter(1_000);
        const found: InputLine[] = [];
        let start = 0;
        for (const cut of cuts) {
          found.push(...splitter.push(bytes.subarray(start, start + cut)));
          start += cut;
        }
        found.push(...splitter.push(bytes.subarray(start)));
        expect(texts(found)).toEqual(lines);
        expect(splitter.finish()).toBeUndefined();
      }),
    );
  });

  test('lose only the carriage return at their end', () => {
    expect(texts(new LineSplitter(10).push(Buffer.from('a\r\nb\rc\n\r\n')))).toEqual(['a', 'b\rc', '']);
  });

  test('may have the limit of bytes; a line of one more is skipped to its end', () => {
    const splitter = new LineSplitter(4);
    expect(texts(splitter.push(Buffer.from('1234\n12345\n1234\r\n')))).toEqual(['1234', '(input-too-long)', '1234']);
    expect(texts(splitter.push(Buffer.from('x'.repeat(1_000))))).toEqual([]);
    expect(texts(splitter.push(Buffer.from('y'.repeat(1_000) + '\nok\n')))).toEqual(['(input-too-long)', 'ok']);
  });

  test('count without an end at the end of the input', () => {
    const splitter = new LineSplitter(4);
    splitter.push(Buffer.from('a\nbc'));
    expect(splitter.finish()).toEqual({ ok: true, text: 'bc' });
    expect(splitter.finish()).toBeUndefined();
  });

  test('are refused when they are not UTF-8', () => {
    expect(texts(new LineSplitter(10).push(Uint8Array.of(0xff, 0x0a, 0x61, 0x0a)))).toEqual(['(input-encoding)', 'a']);
  });

  test('lose only the byte order mark before them, which does not count', () => {
    const splitter = new LineSplitter(4);
    expect(texts(splitter.push(Buffer.from('\ufeff1234\r\n\ufeff\n\ufeff\ufeffa\n1\ufeff\n')))).toEqual([
      '1234',
      '',
      '\ufeffa',
      '1\ufeff',
    ]);
    expect(texts(splitter.push(Buffer.from('\ufeff12345\n')))).toEqual(['(input-too-long)']);
    splitter.push(Uint8Array.of(0xef));
    expect(texts(splitter.push(Uint8Array.of(0xbb, 0xbf, 0x61, 0x0a)))).toEqual(['a']);
  });

  test.each([
    ['UTF-16 LE', (text: string) => Buffer.from(text, 'utf16le')],
    ['UTF-16 BE', (text: string) => Buffer.from(text, 'utf16le').swap16()],
  ])('in %s are refused, with a byte order mark or without', (_name, encode) => {
    for (const mark of ['', '\ufeff']) {
      const splitter = new LineSplitter(1_000);
      const lines = splitter.push(encode(`${mark}{"cmd":"quit"}\r\nhello\n`));
      const last = splitter.finish();
      const found = texts(last === undefined ? lines : [...lines, last]);
      expect(found.length).toBeGreaterThanOrEqual(2);
      expect(new Set(found)).toEqual(new Set(['(input-encoding)']));
    }
  });
});

describe('a line queue', () => {
  test('passes no line on while it is held, not even of the same chunk, and loses none', () => {
    const source = new PassThrough();
    const queue = new LineQueue(source);
    const { taken, taker } = collect();
    queue.begin({
      ...taker,
      line: (line) => {
        taker.line(line);
        if (taken.length === 2) queue.hold();
      },
    });
    queue.enqueue(['a', 'b', 'c', 'd'].map((text) => ({ ok: true, text })));
    queue.end();
    expect(taken).toEqual(['a', 'b']);
    expect(source.isPaused()).toBe(true);
    queue.release();
    expect(taken).toEqual(['a', 'b', 'c', 'd', '(end)']);
  });

  test('goes on with its next reader where the first one held it', async () => {
    const source = new PassThrough();
    const queue = queueLines(source, 100);
    const first = collect();
    const held = Promise.withResolvers<undefined>();
    queue.begin({
      ...first.taker,
      line: (line) => {
        first.taker.line(line);
        queue.hold();
        held.resolve(undefined);
      },
    });
    source.end('invite\nhello\nworld');
    const ended = Promise.withResolvers<undefined>();
    await held.promise;
    const second = collect();
    queue.begin({ ...second.taker, end: () => ended.resolve(undefined) });
    await ended.promise;
    expect(first.taken).toEqual(['invite']);
    expect(second.taken).toEqual(['hello', 'world']);
  });
});
