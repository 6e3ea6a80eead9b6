// What the logs of all rooms may hold together: when it is met, the longest gives up its oldest
// frames. So a room gives up frames only while it has more than its equal part. PROTOCOL.md §6.2.

import { LOGS_BYTES_MAX } from '@sotto/protocol';
import { FLUSH_BYTES_MAX } from './limits.ts';

/** A room's log, as far as the budget goes. */
export interface BudgetedLog {
  /** Of the bodies in it. */
  readonly logBytes: number;
  /** Drops the oldest frames, of at least so many bytes of bodies or all of them. */
  giveUp(bytes: number): void;
}

/** Makes the logs fit. A log gives up one flush at most before the next longest is looked for. */
export function fitLogs(logs: Iterable<BudgetedLog>): void {
  const all = [...logs];
  for (;;) {
    const excess = all.reduce((sum, { logBytes }) => sum + logBytes, -LOGS_BYTES_MAX);
    if (excess <= 0) return;
    const longest = all.reduce((one, other) => (other.logBytes > one.logBytes ? other : one));
    longest.giveUp(Math.min(excess, FLUSH_BYTES_MAX));
  }
}
