import type { SnapshotPiece } from '@sotto/protocol';
import { SNAPSHOT_DATA_BYTES } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { expect, test } from 'vitest';
import { NO_SNAPSHOT_PARTS, processSnapshotPiece } from '../src/session/slices/connection.ts';
import type { Snapshot, SnapshotParts } from '../src/session/slices/connection.ts';

function piecesOf(bytes: Uint8Array, commitNumber = 5): SnapshotPiece[] {
  const count = Math.max(1, Math.ceil(bytes.length / SNAPSHOT_DATA_BYTES));
  return Array.from({ length: count }, (_, index) => {
    const offset = index * SNAPSHOT_DATA_BYTES;
    const data = bytes.subarray(offset, offset + SNAPSHOT_DATA_BYTES);
    return { which: 'snapshot', commitNumber, last: 9, snapshotBytes: bytes.length, offset, data };
  });
}

function takeAll(pieces: readonly SnapshotPiece[]): Snapshot[] {
  let parts: SnapshotParts = NO_SNAPSHOT_PARTS;
  return pieces.flatMap((piece) => {
    const taken = processSnapshotPiece(parts, piece);
    parts = taken.parts;
    return taken.snapshot ?? [];
  });
}

const random = new SeededRandom(1);
const first = random.bytes(3 * SNAPSHOT_DATA_BYTES + 17);
const second = random.bytes(2 * SNAPSHOT_DATA_BYTES);

test('pieces in order make the snapshot', () => {
  expect(takeAll(piecesOf(first))).toEqual([{ which: 'snapshot', commitNumber: 5, last: 9, bytes: first }]);
});

test('a room without a snapshot yields empty bytes', () => {
  expect(takeAll(piecesOf(new Uint8Array(0), 0))).toEqual([
    { which: 'snapshot', commitNumber: 0, last: 9, bytes: new Uint8Array(0) },
  ]);
});

test('a snapshot that is replaced during its transfer is read from its new beginning', () => {
  const mixed = [...piecesOf(first).slice(0, 2), ...piecesOf(second, 6)];
  expect(takeAll(mixed)).toEqual([{ which: 'snapshot', commitNumber: 6, last: 9, bytes: second }]);
});

test('pieces of two snapshots, or with one missing, make none', () => {
  const [one, two, ...rest] = piecesOf(first);
  if (one === undefined || two === undefined) throw new Error('a snapshot of one piece');
  expect(takeAll([one, ...rest])).toEqual([]);
  expect(takeAll([one, { ...two, commitNumber: 6 }, ...rest])).toEqual([]);
  expect(takeAll([one, { ...two, snapshotBytes: two.snapshotBytes + 1 }, ...rest])).toEqual([]);
});
