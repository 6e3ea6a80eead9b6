// The parser of control replies reads any split of the stream, within its limits.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ControlMessage } from '../src/control/reply-parser.ts';
import { REPLY_LIMITS, ReplyParser } from '../src/control/reply-parser.ts';

const RUNS = Number(process.env['SOTTO_REPLY_RUNS'] ?? 20_000);

function parse(text: string, limits = REPLY_LIMITS): ReturnType<ReplyParser['push']> {
  return new ReplyParser(limits).push(Buffer.from(text, 'latin1'));
}

function messages(text: string): ControlMessage[] {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.code);
  return parsed.value;
}

describe('replies', () => {
  test('the parser reads a reply of one line', () => {
    expect(messages('250 OK\r\n')).toEqual([{ kind: 'reply', status: 250, lines: [{ status: 250, text: 'OK' }] }]);
  });

  test('the parser reads a reply of several lines', () => {
    expect(messages('250-version=0.4.9.11\r\n250 OK\r\n')).toEqual([
      {
        kind: 'reply',
        status: 250,
        lines: [
          { status: 250, text: 'version=0.4.9.11' },
          { status: 250, text: 'OK' },
        ],
      },
    ]);
  });

  test('the parser reads a block and removes one leading dot of its lines', () => {
    const [reply] = messages('250+key=\r\nplain\r\n..\r\n..dot\r\n\r\n.\r\n250 OK\r\n');
    expect(reply?.lines[0]).toEqual({ status: 250, text: 'key=', data: 'plain\n.\n.dot\n' });
  });

  test('the parser keeps events between the lines of a reply apart from it', () => {
    const stream = '250-a=1\r\n650 CIRC 1\r\n250+b=\r\n650 not an event\r\n.\r\n650-X\r\n250 OK\r\n650 OK\r\n';
    expect(messages(stream).map(({ kind, lines }) => [kind, lines.map((line) => line.data ?? line.text)])).toEqual([
      ['event', ['CIRC 1']],
      ['reply', ['a=1', '650 not an event', 'OK']],
      ['event', ['X', 'OK']],
    ]);
  });

  test('a reply has the status of its last line', () => {
    expect(messages('250-a=1\r\n551 no\r\n')[0]?.status).toBe(551);
  });
});

describe('violations', () => {
  test.each([
    '\r\n',
    '25 OK\r\n',
    '2500 OK\r\n',
    '950 OK\r\n',
    '250\r\n',
    '250_OK\r\n',
    'OK\r\n',
    ' 250 OK\r\n',
    '050 OK\r\n',
  ])('the parser refuses the line %j', (line) => {
    expect(parse(line)).toEqual({ ok: false, code: 'control-malformed' });
  });

  test('the parser refuses a bare line feed and a carriage return inside a line', () => {
    expect(parse('250 OK\n')).toEqual({ ok: false, code: 'control-malformed' });
    expect(parse('250 a\rb\r\n')).toEqual({ ok: false, code: 'control-malformed' });
  });

  test('the parser accepts a line at the limit and refuses one byte more, ended or not', () => {
    const limits = { ...REPLY_LIMITS, maxLineBytes: 20 };
    const fits = `250 ${'a'.repeat(16)}`;
    expect(parse(`${fits}\r\n`, limits)).toMatchObject({ ok: true });
    expect(parse(`${fits}a\r\n`, limits)).toEqual({ ok: false, code: 'control-line-too-long' });
    expect(parse(`${fits}aaa`, limits)).toEqual({ ok: false, code: 'control-line-too-long' });
  });

  test.each([
    ['bytes', `250-${'a'.repeat(60)}\r\n250-${'a'.repeat(60)}\r\n`],
    ['lines', '250-\r\n'.repeat(6)],
    ['lines of a block', `250+a=\r\n${'\r\n'.repeat(6)}`],
    ['bytes of an event', `650-${'a'.repeat(60)}\r\n650-${'a'.repeat(60)}\r\n`],
  ])('the parser refuses a message with too many %s', (_name, stream) => {
    const limits = { maxLineBytes: 100, maxReplyBytes: 100, maxReplyLines: 5 };
    expect(parse(stream, limits)).toEqual({ ok: false, code: 'control-reply-too-large' });
  });

  test('the parser stays failed, because the position in the stream is lost', () => {
    const parser = new ReplyParser();
    parser.push(Buffer.from('junk\r\n'));
    expect(parser.push(Buffer.from('250 OK\r\n'))).toEqual({ ok: false, code: 'control-malformed' });
    expect(parser.retainedBytes).toBe(0);
  });
});

describe('properties', () => {
  const safeText = fc.string({
    unit: fc.constantFrom('a', ' ', '.', '=', '$', '"', '~', ',', '6', '5', '0', '+', '-'),
    maxLength: 12,
  });
  const status = fc.constantFrom('250', '251', '551', '650');
  const line = fc.oneof(
    fc.tuple(status, safeText).map(([code, text]) => `${code}-${text}\r\n`),
    fc.tuple(status, safeText).map(([code, text]) => `${code} ${text}\r\n`),
    fc.tuple(status, safeText, fc.array(safeText, { maxLength: 4 })).map(
      ([code, text, data]) =>
        `${code}+${text}\r\n${data
          .map((item) => (item.startsWith('.') ? `.${item}` : item))
          .map((item) => `${item}\r\n`)
          .join('')}.\r\n`,
    ),
  );
  const stream = fc.array(line, { maxLength: 12 }).map((lines) => Buffer.from(lines.join(''), 'latin1'));

  test('the parser gives the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 20 }), (bytes, cuts) => {
        const whole = new ReplyParser().push(bytes);
        const parser = new ReplyParser();
        const gathered: ControlMessage[] = [];
        const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        edges.slice(1).forEach((end, index) => {
          const part = parser.push(bytes.subarray(edges[index], end));
          if (part.ok) gathered.push(...part.value);
        });
        expect({ ok: true, value: gathered }).toEqual(whole);
      }),
      { numRuns: RUNS },
    );
  });

  test('the parser gives the same messages byte by byte', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const whole = new ReplyParser().push(bytes);
        const parser = new ReplyParser();
        const gathered = [...bytes].flatMap((byte) => {
          const part = parser.push(Uint8Array.of(byte));
          return part.ok ? part.value : [];
        });
        expect({ ok: true, value: gathered }).toEqual(whole);
      }),
      { numRuns: RUNS },
    );
  });

  test('the parser never throws and never keeps more than its limits', () => {
    const limits = { maxLineBytes: 64, maxReplyBytes: 256, maxReplyLines: 8 };
    const bound = limits.maxLineBytes + 2 + 2 * limits.maxReplyBytes;
    const nearGrammar = fc.string({
      unit: fc.constantFrom('2', '5', '0', '6', '-', '+', ' ', '.', '\r', '\n', '\r\n', 'a', '250 ', '650-', '250+'),
      maxLength: 80,
    });
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      nearGrammar.map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
    );
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 6 }), (chunks) => {
        const parser = new ReplyParser(limits);
        for (const chunk of chunks) {
          parser.push(chunk);
          if (parser.retainedBytes > bound) throw new Error('grew beyond its limits');
        }
      }),
      { numRuns: RUNS * 3 },
    );
  });
});
