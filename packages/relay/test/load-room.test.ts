// A store that answers with a log whose commits are broken is not believed.

import { encodeCommittedBody, FRAME_BYTES, uploadBodyBytes } from '@sotto/protocol';
import type { CommitPlace, LogFrame } from '@sotto/protocol';
import { makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import { describe, expect, test } from 'vitest';
import { loadRoom } from '../src/store/load-room.ts';
import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { NO_SNAPSHOT } from '../src/store/room-store.ts';

const ENTRY: LogFrame = { operation: 'entry', body: makeBody() };

function committed(place: CommitPlace): LogFrame {
  const envelope = new Uint8Array(uploadBodyBytes(FRAME_BYTES[0])).fill(place.index);
  return { operation: 'committed', body: encodeCommittedBody({ ...place, envelope }) };
}

function commit(commitNumber: number, count: number): LogFrame[] {
  return Array.from({ length: count }, (_, index) => committed({ commitNumber, index, count }));
}

/** @returns how many frames the room has that was loaded from such a log; or the code of the refusal. */
async function load(frames: readonly LogFrame[], commitNumber = 8): Promise<number | string> {
  const store = new MemoryRoomStore();
  const { roomId, roomTag, capabilityKey } = makeRoom();
  const snapshots = { snapshot: NO_SNAPSHOT, previousSnapshot: NO_SNAPSHOT };
  const numbers = { commitNumber, oldest: 5, next: 5 + frames.length };
  await store.restore(roomId, {
    roomTag,
    capabilityKey,
    patienceSeconds: 600,
    cover: 'off',
    ...snapshots,
    ...numbers,
    frames,
  });
  return loadRoom(roomId, store, { now: () => 0 }).then(
    (room) => [...(room?.tail.frames() ?? [])].length,
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'another error'),
  );
}

describe('a room that is loaded', () => {
  const good: readonly (readonly [string, readonly LogFrame[]])[] = [
    ['nothing', []],
    ['published frames alone', [ENTRY, ENTRY]],
    ['whole commits', [...commit(7, 3), ENTRY, ...commit(8, 1), ENTRY]],
    ['a commit whose first frames were trimmed', [...commit(7, 3).slice(1), ...commit(8, 2)]],
  ];
  test.each(good)('may have %s in its log', async (_what, frames) => {
    expect(await load(frames)).toBe(frames.length);
  });

  const bad: readonly (readonly [string, readonly LogFrame[]])[] = [
    ['a commit without its end', [ENTRY, ...commit(8, 3).slice(0, -1)]],
    ['a commit without its beginning, behind another frame', [ENTRY, ...commit(8, 3).slice(1)]],
    ['a commit without a frame in its middle', commit(8, 3).toSpliced(1, 1)],
    ['a commit with a published frame in its middle', commit(8, 3).toSpliced(1, 0, ENTRY)],
    ['a commit under two commit numbers', [...commit(7, 2).slice(0, 1), ...commit(8, 2).slice(1)]],
    ['a commit number that is left out', [...commit(6, 1), ...commit(8, 1)]],
    ['a commit behind the room’s commit number', [...commit(8, 1), ...commit(9, 1)]],
    ['no commit of the room’s commit number, and the one before', [...commit(7, 1), ENTRY]],
    ['a commit frame without a place', [{ operation: 'committed', body: makeBody().fill(0, 0, 12) }]],
  ];
  test.each(bad)('has not %s in its log: the answer counts as none', async (_what, frames) => {
    expect(await load(frames)).toBe('store-reply');
  });
});
