// Which connection may commit, and when: the one whose last commit is the longest ago, as often as
// its own token bucket and the room's allow. PROTOCOL.md §6.3.

import { COMMIT_BURST, COMMIT_INTERVAL_MS, ROOM_COMMIT_BURST, ROOM_COMMIT_INTERVAL_MS } from '@sotto/protocol';
import type { Allowance, TokenBucket } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';

/**
 * A connection that may commit: its token bucket, and its place behind those whose last commit is
 * longer ago.
 */
interface Committer {
  readonly bucket: TokenBucket;
  readonly place: number;
}

export interface CommitQueue {
  readonly bucket: TokenBucket | undefined;
  readonly committers: ReadonlyMap<number, Committer>;
  readonly nextPlace: number;
}

const OF_CONNECTION: Allowance = { burst: COMMIT_BURST, intervalMs: COMMIT_INTERVAL_MS };
const OF_ROOM: Allowance = { burst: ROOM_COMMIT_BURST, intervalMs: ROOM_COMMIT_INTERVAL_MS };

export const EMPTY_COMMIT_QUEUE: CommitQueue = { bucket: undefined, committers: new Map(), nextPlace: 0 };

/** A new connection goes to the end, so reconnecting gains nothing. */
export function enter(queue: CommitQueue, connection: number, now: number): CommitQueue {
  return place(queue, connection, fullBucket(OF_CONNECTION, now));
}

export function withdraw(queue: CommitQueue, connection: number): CommitQueue {
  const committers = new Map(queue.committers);
  committers.delete(connection);
  return { ...queue, committers };
}

/** A commit of this connection was stored: it pays, and goes to the end. */
export function commitStored(queue: CommitQueue, connection: number, now: number): CommitQueue {
  const committer = queue.committers.get(connection);
  const room = spend(queue.bucket ?? fullBucket(OF_ROOM, now), OF_ROOM, 1, now);
  const paid: CommitQueue = { ...queue, bucket: room };
  return committer === undefined ? paid : place(paid, connection, spend(committer.bucket, OF_CONNECTION, 1, now));
}

/**
 * @returns which of these connections, all of which have entered, may commit now; or how long none
 *   may.
 */
export function choose(
  queue: CommitQueue,
  connections: readonly number[],
  now: number,
): { readonly kind: 'chosen'; readonly connection: number } | { readonly kind: 'wait'; readonly milliseconds: number } {
  const roomWait = waitMs(queue.bucket ?? fullBucket(OF_ROOM, now), OF_ROOM, 1, now);
  let best: { readonly connection: number; readonly place: number } | undefined;
  let soonest = Number.POSITIVE_INFINITY;
  for (const connection of connections) {
    const committer = queue.committers.get(connection);
    if (committer === undefined) continue;
    const wait = Math.max(roomWait, waitMs(committer.bucket, OF_CONNECTION, 1, now));
    soonest = Math.min(soonest, wait);
    if (wait === 0 && committer.place < (best?.place ?? Number.POSITIVE_INFINITY)) {
      best = { connection, place: committer.place };
    }
  }
  return best === undefined
    ? { kind: 'wait', milliseconds: Math.max(1, soonest) }
    : { kind: 'chosen', connection: best.connection };
}

/** @returns the one of these connections that would commit last. */
export function lastOf(queue: CommitQueue, connections: readonly number[]): number | undefined {
  const placeOf = (connection: number): number => queue.committers.get(connection)?.place ?? Number.POSITIVE_INFINITY;
  return [...connections].sort((a, b) => placeOf(a) - placeOf(b)).at(-1);
}

function place(queue: CommitQueue, connection: number, bucket: TokenBucket): CommitQueue {
  const committers = new Map(queue.committers).set(connection, { bucket, place: queue.nextPlace });
  return { ...queue, committers, nextPlace: queue.nextPlace + 1 };
}
