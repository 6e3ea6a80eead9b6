// A room with a full log, as the relay remembers it.

import { COMMIT_PLACE_BYTES, encodeCommittedBody, LOG_BYTES_MAX } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
import { makeBody } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import type { RoomMirror } from '../src/store/room-store.ts';

type FrameSize = 0 | 1 | 2 | 3;

export interface FullMirror extends RoomMirror {
  readonly frames: readonly LogFrame[];
}

/**
 * A room whose log is as full as it gets, of frames of this size, with two snapshots of the largest
 * size.
 */
export function makeFullMirror(room: TestRoom, size: FrameSize = 3, bytes: number = LOG_BYTES_MAX): FullMirror {
  const count = Math.floor(bytes / makeBody(size).length);
  // The first two are the commits that have set the two snapshots.
  const frames = Array.from({ length: count }, (_, index): LogFrame =>
    index < 2 ? makeCommitFrame(index + 1, size) : { operation: 'entry', body: makeBody(size) },
  );
  const snapshot = (first: number): { bytes: Uint8Array; first: number; last: number } => ({
    bytes: new Uint8Array(524_288).fill(first),
    first,
    last: first,
  });
  const { capabilityKey, roomTag, patienceSeconds } = room;
  const numbers = { commitNumber: 2, oldest: 11, next: 11 + count };
  return {
    capabilityKey,
    roomTag,
    cover: 'off',
    patienceSeconds,
    ...numbers,
    snapshot: snapshot(12),
    previousSnapshot: snapshot(11),
    frames,
  };
}

/** The only frame of the commit that makes this commit number. */
function makeCommitFrame(commitNumber: number, size: FrameSize): LogFrame {
  const envelope = makeBody(size).subarray(COMMIT_PLACE_BYTES);
  return { operation: 'committed', body: encodeCommittedBody({ commitNumber, index: 0, count: 1, envelope }) };
}
