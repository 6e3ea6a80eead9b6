// Who may commit, and when: the connection whose last commit is the longest ago, as often as connection and room may. PROTOCOL.md §6.3.

import { COMMIT_BURST, COMMIT_INTERVAL_MS, ROOM_COMMIT_BURST, ROOM_COMMIT_INTERVAL_MS } from '@sotto/protocol';
import type { Allowance, TokenBucket } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';

/** One connection's: what it may still commit, and its place in the order of those whose last turn is the longest ago. */
interface Standing {
  readonly budget: TokenBucket;
  readonly place: number;
}

export interface CommitTurns {
  readonly budget: TokenBucket | undefined;
  readonly standings: ReadonlyMap<number, Standing>;
  readonly nextPlace: number;
}

const OF_CONNECTION: Allowance = { burst: COMMIT_BURST, intervalMs: COMMIT_INTERVAL_MS };
const OF_ROOM: Allowance = { burst: ROOM_COMMIT_BURST, intervalMs: ROOM_COMMIT_INTERVAL_MS };

export const NO_TURNS: CommitTurns = { budget: undefined, standings: new Map(), nextPlace: 0 };

/** Who comes goes to the end: coming anew gains nothing. */
export function enter(turns: CommitTurns, connection: number, now: number): CommitTurns {
  return place(turns, connection, fullBucket(OF_CONNECTION, now));
}

export function withdraw(turns: CommitTurns, connection: number): CommitTurns {
  const standings = new Map(turns.standings);
  standings.delete(connection);
  return { ...turns, standings };
}

/** A commit of this connection was stored. */
export function take(turns: CommitTurns, connection: number, now: number): CommitTurns {
  const standing = turns.standings.get(connection);
  const room = spend(turns.budget ?? fullBucket(OF_ROOM, now), OF_ROOM, 1, now);
  const paid: CommitTurns = { ...turns, budget: room };
  return standing === undefined ? paid : place(paid, connection, spend(standing.budget, OF_CONNECTION, 1, now));
}

/** @returns which of these connections, all of which have entered, may commit now; or how long none may. */
export function choose(
  turns: CommitTurns,
  connections: readonly number[],
  now: number,
): { readonly kind: 'turn'; readonly connection: number } | { readonly kind: 'wait'; readonly milliseconds: number } {
  const roomWait = waitMs(turns.budget ?? fullBucket(OF_ROOM, now), OF_ROOM, 1, now);
  let best: { readonly connection: number; readonly place: number } | undefined;
  let soonest = Number.POSITIVE_INFINITY;
  for (const connection of connections) {
    const standing = turns.standings.get(connection);
    if (standing === undefined) continue;
    const wait = Math.max(roomWait, waitMs(standing.budget, OF_CONNECTION, 1, now));
    soonest = Math.min(soonest, wait);
    if (wait === 0 && standing.place < (best?.place ?? Number.POSITIVE_INFINITY)) {
      best = { connection, place: standing.place };
    }
  }
  return best === undefined
    ? { kind: 'wait', milliseconds: Math.max(1, soonest) }
    : { kind: 'turn', connection: best.connection };
}

/** @returns the one of these connections whose turn would be the last. */
export function lastOf(turns: CommitTurns, connections: readonly number[]): number | undefined {
  const placeOf = (connection: number): number => turns.standings.get(connection)?.place ?? Number.POSITIVE_INFINITY;
  return [...connections].sort((a, b) => placeOf(a) - placeOf(b)).at(-1);
}

function place(turns: CommitTurns, connection: number, budget: TokenBucket): CommitTurns {
  const standings = new Map(turns.standings).set(connection, { budget, place: turns.nextPlace });
  return { ...turns, standings, nextPlace: turns.nextPlace + 1 };
}
