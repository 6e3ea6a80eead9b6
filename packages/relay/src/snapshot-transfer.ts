// How heads go to one member, as a pure machine: one after the other, in pieces, each when the last was taken and the quota allows it.

import type { HeadName } from '@sotto/protocol';
import type { Allowance, Budget } from './budget.ts';
import { fullBudget, spend, waitMs } from './budget.ts';
import type { HeadPosition } from './snapshots.ts';
import { HEAD_BURST_BYTES, HEAD_BYTES_PER_SECOND } from './limits.ts';

/**
 * `wanted` has each name at most once. The first of them is on its way when there is a `position`. `phase` says whether pieces are in the
 * socket, or the quota is waited for.
 */
export interface HeadTransfer {
  readonly wanted: readonly HeadName[];
  readonly position: HeadPosition | undefined;
  readonly phase: 'quiet' | 'writing' | 'resting';
  readonly budget: Budget;
}

export type HeadEvent =
  | { readonly type: 'head-wanted'; readonly which: HeadName }
  /** What was asked for with `send-head` is in the socket now; no `next` at the head's end. */
  | { readonly type: 'head-cut'; readonly bytes: number; readonly next: HeadPosition | undefined }
  | { readonly type: 'head-taken' }
  | { readonly type: 'head-rested' };

export type HeadEffect =
  /** Write the next pieces; answers are `head-cut` at once and `head-taken` when the socket has let go of them. */
  | { readonly type: 'send-head'; readonly which: HeadName; readonly position: HeadPosition | undefined }
  | { readonly type: 'rest-head'; readonly milliseconds: number };

const ALLOWANCE: Allowance = { burst: HEAD_BURST_BYTES, intervalMs: 1_000 / HEAD_BYTES_PER_SECOND };

export function openTransfer(now: number): HeadTransfer {
  return { wanted: [], position: undefined, phase: 'quiet', budget: fullBudget(ALLOWANCE, now) };
}

export function stepTransfer(
  transfer: HeadTransfer,
  event: HeadEvent,
  now: number,
): { readonly transfer: HeadTransfer; readonly effect: HeadEffect | undefined } {
  switch (event.type) {
    case 'head-wanted':
      return advance(want(transfer, event.which), now);
    case 'head-cut': {
      const budget = spend(transfer.budget, ALLOWANCE, event.bytes, now);
      const wanted = event.next === undefined ? transfer.wanted.slice(1) : transfer.wanted;
      return { transfer: { ...transfer, wanted, position: event.next, budget }, effect: undefined };
    }
    case 'head-taken':
    case 'head-rested':
      return advance({ ...transfer, phase: 'quiet' }, now);
  }
}

/** One that is on its way may be wanted once more, behind what waits; one that waits is not wanted twice. */
function want(transfer: HeadTransfer, which: HeadName): HeadTransfer {
  const waiting = transfer.position === undefined ? transfer.wanted : transfer.wanted.slice(1);
  return waiting.includes(which) ? transfer : { ...transfer, wanted: [...transfer.wanted, which] };
}

function advance(
  transfer: HeadTransfer,
  now: number,
): { readonly transfer: HeadTransfer; readonly effect: HeadEffect | undefined } {
  const [which] = transfer.wanted;
  if (which === undefined || transfer.phase !== 'quiet') return { transfer, effect: undefined };
  const milliseconds = waitMs(transfer.budget, ALLOWANCE, 0, now);
  if (milliseconds > 0)
    return { transfer: { ...transfer, phase: 'resting' }, effect: { type: 'rest-head', milliseconds } };
  return {
    transfer: { ...transfer, phase: 'writing' },
    effect: { type: 'send-head', which, position: transfer.position },
  };
}
