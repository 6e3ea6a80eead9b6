import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFrame, FrameSplitter } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
import { LogTail } from '../src/log-tail.ts';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';

function entriesOf(bytes: Uint8Array): [number, string][] {
  const pieces = new FrameSplitter().push(bytes);
  if (!pieces.ok) throw new Error(pieces.code);
  return pieces.value.map((piece) => {
    const frame = decodeFrame(piece);
    if (!frame.ok) throw new Error(frame.code);
    const { operation, number, body } = frame.value;
    return [number, printOf({ operation: operation === 'committed' ? operation : 'entry', body })];
  });
}

function printOf({ operation, body }: LogFrame): string {
  return `${operation} ${fingerprint(body)}`;
}

const arbitrarySize = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const);

test('the log tail gives from any cursor and in any chunks exactly its frames, in order and with their operations', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(arbitrarySize, { maxLength: 6 }), fc.boolean()), { maxLength: 12 }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.nat(30),
      fc.nat(30),
      fc.integer({ min: 1, max: 20_000 }),
      (flushes, start, trimmed, offset, maxBytes) => {
        const tail = new LogTail(start);
        const all: [number, string][] = [];
        for (const [sizes, isCommit] of flushes) {
          const operation = isCommit ? 'committed' : 'entry';
          const frames = sizes.map((size): LogFrame => ({ operation, body: makeBody(size) }));
          const run = tail.append(frames);
          expect([run.first, run.next]).toEqual([start + all.length, start + all.length + frames.length]);
          for (const frame of frames) all.push([start + all.length, printOf(frame)]);
        }
        tail.trim(start + trimmed);
        const oldest = Math.min(start + trimmed, start + all.length);
        expect([tail.oldest, tail.next]).toEqual([oldest, start + all.length]);
        expect(tail.frames().map(printOf)).toEqual(all.slice(oldest - start).map(([, print]) => print));
        if (oldest > start) expect(tail.read(oldest - 1, maxBytes)).toBeUndefined();
        let cursor = Math.min(oldest + offset, tail.next);
        const expected = all.slice(cursor - start);
        const seen: [number, string][] = [];
        while (cursor < tail.next) {
          const run = tail.read(cursor, maxBytes);
          if (run === undefined) throw new Error('fallen off');
          const entries = entriesOf(run.bytes);
          expect(run.next).toBe(cursor + entries.length);
          expect(entries.length).toBeGreaterThan(0);
          if (run.next > cursor + 1) expect(run.bytes.length).toBeLessThanOrEqual(maxBytes);
          seen.push(...entries);
          cursor = run.next;
        }
        expect(seen).toEqual(expected);
        expect(tail.read(tail.next, maxBytes)?.bytes.length).toBe(0);
      },
    ),
  );
});
