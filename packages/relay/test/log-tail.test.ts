import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeFrame, FrameSplitter } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
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
          const run = tail.append(frames, 0);
          expect([run.first, run.next]).toEqual([start + all.length, start + all.length + frames.length]);
          for (const frame of frames) all.push([start + all.length, printOf(frame)]);
        }
        tail.trim(start + trimmed);
        const oldest = Math.min(start + trimmed, start + all.length);
        expect([tail.oldest, tail.next]).toEqual([oldest, start + all.length]);
        expect(Array.from(tail.frames(), printOf)).toEqual(all.slice(oldest - start).map(([, print]) => print));
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

describe('the ages of entries', () => {
  const MINUTE_MS = 60_000;
  const frame = (): LogFrame => ({ operation: 'entry', body: makeBody() });

  test('are known to a minute: an entry never goes early, and late by a minute at most', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 * MINUTE_MS }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 100 * MINUTE_MS }),
        (waits, time) => {
          const tail = new LogTail(1);
          let now = 0;
          const times = waits.map((wait) => (now += wait));
          for (const at of times) tail.append([frame()], at);
          const oldest = tail.oldestAfter(time);
          const [gone, kept] = [times.slice(0, oldest - 1), times.slice(oldest - 1)];
          for (const at of gone) expect(at).toBeLessThanOrEqual(time);
          for (const at of kept) expect(at).toBeGreaterThan(time - MINUTE_MS);
        },
      ),
    );
  });

  test('stay known when the log is trimmed, and when what another tail has comes behind it', () => {
    const [tail, other] = [new LogTail(1), new LogTail(4)];
    for (const minute of [0, 1, 2]) tail.append([frame()], minute * MINUTE_MS);
    tail.trim(3);
    for (const minute of [3, 4]) other.append([frame(), frame()], minute * MINUTE_MS);
    tail.join(other);
    expect([tail.oldest, tail.next]).toEqual([3, 8]);
    expect(tail.bodyBytes).toBe(5 * makeBody().length);
    expect([1, 2, 3, 4].map((minute) => tail.oldestAfter(minute * MINUTE_MS))).toEqual([3, 4, 6, 8]);
    expect(tail.read(3, 1_000_000)?.next).toBe(8);
    expect(() => tail.join(other)).toThrow('does not follow');
  });
});

test('frames to reseed a store are those of the beginning, whatever is trimmed or appended meanwhile', () => {
  const tail = new LogTail(1);
  const frames = Array.from({ length: 600 }, (): LogFrame => ({ operation: 'entry', body: makeBody() }));
  tail.append(frames, 0);
  const seen: string[] = [];
  for (const frame of tail.frames()) {
    seen.push(printOf(frame));
    if (seen.length === 100) tail.trim(500);
    if (seen.length === 200) tail.append(frames, 0);
  }
  expect(seen).toEqual(frames.map(printOf));
});

test('a slow member’s bytes are a copy, so that they hold no block of the log', () => {
  const tail = new LogTail(1);
  tail.append(
    Array.from({ length: 40 }, (): LogFrame => ({ operation: 'entry', body: makeBody() })),
    0,
  );
  expect(tail.read(3, 2_000)?.bytes.buffer.byteLength).toBeLessThan(LOG_BLOCK_BYTES);
});
