import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFrame, encodeCommitted, FrameSplitter } from '@sotto/protocol';
import { LogTail } from '../src/log-tail.ts';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';

const COMMITTED = encodeCommitted({ commitNumber: 7, first: 1, last: 2, snapshotBytes: 3 });

function entriesOf(bytes: Uint8Array): [number, string][] {
  const pieces = new FrameSplitter().push(bytes);
  if (!pieces.ok) throw new Error(pieces.code);
  return pieces.value.map((piece) => {
    const frame = decodeFrame(piece);
    if (!frame.ok) throw new Error(frame.code);
    const { operation, number, body } = frame.value;
    return [number, operation === 'entry' ? fingerprint(body) : operation];
  });
}

const arbitrarySize = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const);

test('the log tail gives from any cursor and in any chunks exactly its entries, in order', () => {
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
        const committed = new Set<number>();
        for (const [sizes, isCommit] of flushes) {
          const bodies = sizes.map((size) => makeBody(size));
          const behind = isCommit && sizes.length > 0;
          const run = tail.append(bodies, ...(behind ? [COMMITTED] : []));
          expect([run.first, run.next]).toEqual([start + all.length, start + all.length + bodies.length]);
          for (const body of bodies) all.push([start + all.length, fingerprint(body)]);
          if (behind) committed.add(start + all.length - 1);
        }
        tail.trim(start + trimmed);
        const oldest = Math.min(start + trimmed, start + all.length);
        expect([tail.oldest, tail.next]).toEqual([oldest, start + all.length]);
        expect(tail.bodies().map(fingerprint)).toEqual(all.slice(oldest - start).map(([, print]) => print));
        if (oldest > start) expect(tail.read(oldest - 1, maxBytes)).toBeUndefined();
        let cursor = Math.min(oldest + offset, tail.next);
        // What was put behind an entry comes right after it, wherever one begins to read.
        const expected = all
          .slice(cursor - start)
          .flatMap((entry) => (committed.has(entry[0]) ? [entry, [7, 'committed']] : [entry]));
        const seen: [number, string][] = [];
        while (cursor < tail.next) {
          const run = tail.read(cursor, maxBytes);
          if (run === undefined) throw new Error('fallen off');
          const entries = entriesOf(run.bytes);
          expect(run.next).toBe(cursor + entries.filter(([, what]) => what !== 'committed').length);
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
