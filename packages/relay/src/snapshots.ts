// A room's two snapshots as frames for the wire. They are cut into pieces as they are asked for, so
// that no slow member keeps a replaced snapshot in memory.

import { encodeSnapshot, SNAPSHOT_DATA_BYTES, LARGEST_FRAME_BYTES } from '@sotto/protocol';
import type { SnapshotName } from '@sotto/protocol';
import { SNAPSHOT_CHUNK_BYTES } from './limits.ts';
import type { RoomRecord, StoredSnapshot } from './store/room-store.ts';

type Snapshots = Pick<RoomRecord, 'commitNumber' | 'snapshot' | 'previousSnapshot'>;

/**
 * How far a member has a snapshot: the commit number of its commit, and the offset of the next
 * piece.
 */
export interface SnapshotPosition {
  readonly commitNumber: number;
  readonly offset: number;
}

/** Frames for the wire, and where the next begin; no `next` at the snapshot's end. */
export interface SnapshotCut {
  readonly bytes: Buffer;
  readonly next: SnapshotPosition | undefined;
}

const CHUNK_PIECES = SNAPSHOT_CHUNK_BYTES / LARGEST_FRAME_BYTES;

/**
 * The next pieces of a snapshot: of that at `position` if the room has it still (as the snapshot or
 * by now as the previous one), else of the one that is named now, from its beginning.
 */
export function cutSnapshot(
  snapshots: Snapshots,
  which: SnapshotName,
  position: SnapshotPosition | undefined,
): SnapshotCut {
  const named = numbered(snapshots).find((one) => one.which === which);
  const known = numbered(snapshots).find(({ commitNumber }) => commitNumber === position?.commitNumber);
  const { commitNumber, stored } = known ?? named ?? { commitNumber: 0, stored: undefined };
  if (stored === undefined) {
    const none = { which, commitNumber: 0, last: 0, snapshotBytes: 0, offset: 0, data: new Uint8Array(0) };
    return { bytes: Buffer.from(encodeSnapshot(none)), next: undefined };
  }
  const { bytes, last } = stored;
  const begin = known === undefined || position === undefined ? 0 : position.offset;
  const end = Math.min(begin + CHUNK_PIECES * SNAPSHOT_DATA_BYTES, bytes.length);
  const pieces: Uint8Array[] = [];
  for (let offset = begin; offset < end; offset += SNAPSHOT_DATA_BYTES) {
    const data = bytes.subarray(offset, offset + SNAPSHOT_DATA_BYTES);
    pieces.push(encodeSnapshot({ which, commitNumber, last, snapshotBytes: bytes.length, offset, data }));
  }
  return { bytes: Buffer.concat(pieces), next: end < bytes.length ? { commitNumber, offset: end } : undefined };
}

/**
 * Every commit replaces the snapshot, so the snapshots' commit numbers are the room's and the one
 * before.
 */
function numbered({ commitNumber, snapshot, previousSnapshot }: Snapshots): readonly {
  readonly which: SnapshotName;
  readonly commitNumber: number;
  readonly stored: StoredSnapshot;
}[] {
  const both = [
    { which: 'snapshot', commitNumber, stored: snapshot },
    { which: 'previous-snapshot', commitNumber: commitNumber - 1, stored: previousSnapshot },
  ] as const;
  return both.filter(({ stored }) => stored.bytes.length > 0);
}
