// How snapshots go to one member, as a pure machine: one after the other, in pieces. Each piece
// follows when the last was written and the token bucket allows it.

import type { SnapshotName } from '@sotto/protocol';
import type { Allowance, Step, TokenBucket } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import type { SnapshotPosition } from './snapshots.ts';
import { SNAPSHOT_BURST_BYTES, SNAPSHOT_BYTES_PER_SECOND } from './limits.ts';

/**
 * `wanted` has each name at most once. The first of them is on its way when there is a `position`.
 * `phase` says whether pieces are in the socket, or tokens are waited for.
 */
export interface SnapshotTransfer {
  readonly wanted: readonly SnapshotName[];
  readonly position: SnapshotPosition | undefined;
  readonly phase: 'idle' | 'writing' | 'waiting';
  readonly bucket: TokenBucket;
}

export type SnapshotEvent =
  | { readonly type: 'snapshot-wanted'; readonly which: SnapshotName }
  /** The pieces of `send-snapshot` are in the socket now; no `next` at the snapshot's end. */
  | { readonly type: 'snapshot-cut'; readonly bytes: number; readonly next: SnapshotPosition | undefined }
  | { readonly type: 'snapshot-written' }
  | { readonly type: 'snapshot-due' };

export type SnapshotEffect =
  /**
   * Write the next pieces; the answers are `snapshot-cut` at once and `snapshot-written` once the
   * socket has written them.
   */
  | { readonly type: 'send-snapshot'; readonly which: SnapshotName; readonly position: SnapshotPosition | undefined }
  | { readonly type: 'delay-snapshot'; readonly milliseconds: number };

const ALLOWANCE: Allowance = { burst: SNAPSHOT_BURST_BYTES, intervalMs: 1_000 / SNAPSHOT_BYTES_PER_SECOND };

export function openTransfer(now: number): SnapshotTransfer {
  return { wanted: [], position: undefined, phase: 'idle', bucket: fullBucket(ALLOWANCE, now) };
}

export function stepTransfer(
  transfer: SnapshotTransfer,
  event: SnapshotEvent,
  now: number,
): Step<SnapshotTransfer, SnapshotEffect> {
  switch (event.type) {
    case 'snapshot-wanted':
      return advance(want(transfer, event.which), now);
    case 'snapshot-cut': {
      const bucket = spend(transfer.bucket, ALLOWANCE, event.bytes, now);
      const wanted = event.next === undefined ? transfer.wanted.slice(1) : transfer.wanted;
      return { state: { ...transfer, wanted, position: event.next, bucket }, effects: [] };
    }
    case 'snapshot-written':
    case 'snapshot-due':
      return advance({ ...transfer, phase: 'idle' }, now);
  }
}

/**
 * A snapshot that is on its way may be requested once more, behind those that wait; one that waits
 * is not requested twice.
 */
function want(transfer: SnapshotTransfer, which: SnapshotName): SnapshotTransfer {
  const waiting = transfer.position === undefined ? transfer.wanted : transfer.wanted.slice(1);
  return waiting.includes(which) ? transfer : { ...transfer, wanted: [...transfer.wanted, which] };
}

function advance(transfer: SnapshotTransfer, now: number): Step<SnapshotTransfer, SnapshotEffect> {
  const [which] = transfer.wanted;
  if (which === undefined || transfer.phase !== 'idle') return { state: transfer, effects: [] };
  const milliseconds = waitMs(transfer.bucket, ALLOWANCE, 0, now);
  if (milliseconds > 0) {
    return { state: { ...transfer, phase: 'waiting' }, effects: [{ type: 'delay-snapshot', milliseconds }] };
  }
  return {
    state: { ...transfer, phase: 'writing' },
    effects: [{ type: 'send-snapshot', which, position: transfer.position }],
  };
}
