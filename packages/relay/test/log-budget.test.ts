// The logs of all rooms together: the longest gives up its oldest frames, so that each room keeps
// its equal part whatever another one says.

import fc from 'fast-check';
import { LOG_BYTES_MAX, LOGS_BYTES_MAX } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { FLUSH_BYTES_MAX } from '../src/limits.ts';
import { fitLogs } from '../src/log-budget.ts';
import type { BudgetedLog } from '../src/log-budget.ts';

const FRAME_BYTES = 4_080;

function makeLog(frames: number): BudgetedLog {
  let left = frames;
  return {
    get logBytes() {
      return left * FRAME_BYTES;
    },
    giveUp: (bytes) => {
      left = Math.max(0, left - Math.ceil(bytes / FRAME_BYTES));
    },
  };
}

test('logs fit after it, and one that had no more than its equal part has lost nothing', () => {
  const frames = fc.integer({ min: 0, max: Math.floor(LOG_BYTES_MAX / FRAME_BYTES) });
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 4 }), (sizes) => {
      const logs = sizes.map(makeLog);
      fitLogs(logs);
      const bytes = logs.map(({ logBytes }) => logBytes);
      const all = bytes.reduce((sum, each) => sum + each, 0);
      const before = sizes.map((size) => size * FRAME_BYTES);
      const wanted = before.reduce((sum, each) => sum + each, 0);
      expect(all).toBeLessThanOrEqual(LOGS_BYTES_MAX);
      if (wanted <= LOGS_BYTES_MAX) expect(bytes).toEqual(before);
      else expect(all).toBeGreaterThan(LOGS_BYTES_MAX - logs.length * FLUSH_BYTES_MAX);
      for (const [index, each] of before.entries()) {
        if (each <= LOGS_BYTES_MAX / logs.length - FLUSH_BYTES_MAX) expect(bytes[index]).toBe(each);
      }
    }),
  );
});
