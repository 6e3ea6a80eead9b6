// How snapshots go to one member, as a pure machine: one after the other, in pieces, each when the last was taken and the quota allows it.

import type { SnapshotName } from '@sotto/protocol';
import type { Allowance, TokenBucket } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import type { SnapshotPosition } from './snapshots.ts';
import { SNAPSHOT_BURST_BYTES, SNAPSHOT_BYTES_PER_SECOND } from './limits.ts';

/**
 * `wanted` has each name at most once. The first of them is on its way when there is a `position`. `phase` says whether pieces are in the
 * socket, or the quota is waited for.
 */
export interface SnapshotTransfer {
  readonly wanted: readonly SnapshotName[];
  readonly position: SnapshotPosition | undefined;
  readonly phase: 'quiet' | 'writing' | 'resting';
  readonly budget: TokenBucket;
}

export type SnapshotEvent =
  | { readonly type: 'snapshot-wanted'; readonly which: SnapshotName }
  /** What was asked for with `send-snapshot` is in the socket now; no `next` at the snapshot's end. */
  | { readonly type: 'snapshot-cut'; readonly bytes: number; readonly next: SnapshotPosition | undefined }
  | { readonly type: 'snapshot-taken' }
  | { readonly type: 'snapshot-rested' };

export type SnapshotEffect =
  /** Write the next pieces; answers are `snapshot-cut` at once and `snapshot-taken` when the socket has let go of them. */
  | { readonly type: 'send-snapshot'; readonly which: SnapshotName; readonly position: SnapshotPosition | undefined }
  | { readonly type: 'rest-snapshot'; readonly milliseconds: number };

const ALLOWANCE: Allowance = { burst: SNAPSHOT_BURST_BYTES, intervalMs: 1_000 / SNAPSHOT_BYTES_PER_SECOND };

export function openTransfer(now: number): SnapshotTransfer {
  return { wanted: [], position: undefined, phase: 'quiet', budget: fullBucket(ALLOWANCE, now) };
}

export function stepTransfer(
  transfer: SnapshotTransfer,
  event: SnapshotEvent,
  now: number,
): { readonly transfer: SnapshotTransfer; readonly effect: SnapshotEffect | undefined } {
  switch (event.type) {
    case 'snapshot-wanted':
      return advance(want(transfer, event.which), now);
    case 'snapshot-cut': {
      const budget = spend(transfer.budget, ALLOWANCE, event.bytes, now);
      const wanted = event.next === undefined ? transfer.wanted.slice(1) : transfer.wanted;
      return { transfer: { ...transfer, wanted, position: event.next, budget }, effect: undefined };
    }
    case 'snapshot-taken':
    case 'snapshot-rested':
      return advance({ ...transfer, phase: 'quiet' }, now);
  }
}

/** One that is on its way may be wanted once more, behind what waits; one that waits is not wanted twice. */
function want(transfer: SnapshotTransfer, which: SnapshotName): SnapshotTransfer {
  const waiting = transfer.position === undefined ? transfer.wanted : transfer.wanted.slice(1);
  return waiting.includes(which) ? transfer : { ...transfer, wanted: [...transfer.wanted, which] };
}

function advance(
  transfer: SnapshotTransfer,
  now: number,
): { readonly transfer: SnapshotTransfer; readonly effect: SnapshotEffect | undefined } {
  const [which] = transfer.wanted;
  if (which === undefined || transfer.phase !== 'quiet') return { transfer, effect: undefined };
  const milliseconds = waitMs(transfer.budget, ALLOWANCE, 0, now);
  if (milliseconds > 0)
    return { transfer: { ...transfer, phase: 'resting' }, effect: { type: 'rest-snapshot', milliseconds } };
  return {
    transfer: { ...transfer, phase: 'writing' },
    effect: { type: 'send-snapshot', which, position: transfer.position },
  };
}
