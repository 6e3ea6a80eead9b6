import type { HeadPiece } from '@sotto/protocol';
import { HEAD_DATA_BYTES } from '@sotto/protocol';
import { SeededRandom } from '@sotto/test-kit';
import { expect, test } from 'vitest';
import { NO_HEAD_PARTS, takeHeadPiece } from '../src/session/snapshot-reader.ts';
import type { Head, HeadParts } from '../src/session/snapshot-reader.ts';

function piecesOf(bytes: Uint8Array, counter = 5): HeadPiece[] {
  const count = Math.max(1, Math.ceil(bytes.length / HEAD_DATA_BYTES));
  return Array.from({ length: count }, (_, index) => {
    const offset = index * HEAD_DATA_BYTES;
    const data = bytes.subarray(offset, offset + HEAD_DATA_BYTES);
    return { which: 'head', counter, last: 9, headBytes: bytes.length, offset, data };
  });
}

function takeAll(pieces: readonly HeadPiece[]): Head[] {
  let parts: HeadParts = NO_HEAD_PARTS;
  return pieces.flatMap((piece) => {
    const taken = takeHeadPiece(parts, piece);
    parts = taken.parts;
    return taken.head ?? [];
  });
}

const random = new SeededRandom(1);
const first = random.bytes(3 * HEAD_DATA_BYTES + 17);
const second = random.bytes(2 * HEAD_DATA_BYTES);

test('pieces in order make the head', () => {
  expect(takeAll(piecesOf(first))).toEqual([{ which: 'head', counter: 5, last: 9, bytes: first }]);
});

test('a room without a head has an empty one', () => {
  expect(takeAll(piecesOf(new Uint8Array(0), 0))).toEqual([
    { which: 'head', counter: 0, last: 9, bytes: new Uint8Array(0) },
  ]);
});

test('a head that is replaced on its way is read from its new beginning', () => {
  const mixed = [...piecesOf(first).slice(0, 2), ...piecesOf(second, 6)];
  expect(takeAll(mixed)).toEqual([{ which: 'head', counter: 6, last: 9, bytes: second }]);
});

test('pieces of two heads, or with one missing, make none', () => {
  const [one, two, ...rest] = piecesOf(first);
  if (one === undefined || two === undefined) throw new Error('a head of one piece');
  expect(takeAll([one, ...rest])).toEqual([]);
  expect(takeAll([one, { ...two, counter: 6 }, ...rest])).toEqual([]);
  expect(takeAll([one, { ...two, headBytes: two.headBytes + 1 }, ...rest])).toEqual([]);
});
