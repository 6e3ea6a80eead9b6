// Puts the pieces of a snapshot together again: they come in order, and begin anew when the snapshot is replaced on its way. PROTOCOL.md §4.8.

import { concatBytes } from '@sotto/protocol';
import type { SnapshotName, SnapshotPiece } from '@sotto/protocol';

export interface Snapshot {
  readonly which: SnapshotName;
  /** The commit number that its commit made: what a commit on it has to name. */
  readonly commitNumber: number;
  /** The last sequence number of that commit. */
  readonly last: number;
  /** Empty if the room has no such snapshot. */
  readonly bytes: Uint8Array;
}

/** The pieces that have come, of one snapshot. */
export type SnapshotParts = readonly SnapshotPiece[];

export const NO_SNAPSHOT_PARTS: SnapshotParts = [];

/** Takes the next piece. A piece that does not follow voids what came before. @returns the snapshot once it is whole. */
export function processSnapshotPiece(
  parts: SnapshotParts,
  piece: SnapshotPiece,
): { readonly parts: SnapshotParts; readonly snapshot: Snapshot | undefined } {
  const first = parts[0];
  const expected = parts.reduce((length, part) => length + part.data.length, 0);
  const follows =
    piece.offset === expected &&
    (first === undefined ||
      (first.which === piece.which &&
        first.commitNumber === piece.commitNumber &&
        first.snapshotBytes === piece.snapshotBytes));
  const taken = follows ? [...parts, piece] : piece.offset === 0 ? [piece] : NO_SNAPSHOT_PARTS;
  const last = taken.at(-1);
  if (last === undefined || last.offset + last.data.length < last.snapshotBytes)
    return { parts: taken, snapshot: undefined };
  const bytes = concatBytes(...taken.map((part) => part.data));
  return {
    parts: NO_SNAPSHOT_PARTS,
    snapshot: { which: last.which, commitNumber: last.commitNumber, last: last.last, bytes },
  };
}
