// The two runs: one that is short enough for every change, and one whose figures are published.

import type { PlanOptions, RoomKind } from './plan.ts';

/** Rooms of both kinds, in a mode: the observed member alone, and with four others. */
function kindsOf(mode: RoomKind['mode'], alone: number, five: number): RoomKind[] {
  const [coverAlone, coverFive] = mode === 'stealth' ? ['stealth-4', 'stealth-8'] : [mode, mode];
  return [
    { mode, cover: coverAlone, members: 1, rooms: alone },
    { mode, cover: coverFive, members: 5, rooms: five },
  ];
}

/** Stealth holds back what is said in the first 20 s; commits and receipts of the last join are over by then, too. */
const SETTLE_MS = 25_000;
const GAPS = { gapLeastMs: 3_000, gapMostMs: 6_000 } as const;

/** About five minutes on an idle machine. */
export function shortRun(seed: number): PlanOptions {
  const kinds = [...kindsOf('off', 4, 2), ...kindsOf('jitter', 4, 2), ...kindsOf('stealth', 4, 3)];
  return { seed, kinds, windows: 8, windowMs: 20_000, settleMs: SETTLE_MS, ...GAPS, burners: 0 };
}

/**
 * Three classifiers that only guess, each with an error of 0.011 (which is chance's, times 1.4 for folds that learn from each other), stay below 0.55 with
 * all their upper bounds in 19 of 20 runs: that takes 2,880 windows a class, 40 of them from each of 72 connections.
 * @param windows of each connection, a multiple of 2.
 * @param burners processes that keep a core busy each, as a machine that is used.
 */
export function longRun(seed: number, windows: number, burners: number): PlanOptions {
  const kinds = [...kindsOf('off', 3, 2), ...kindsOf('jitter', 3, 2), ...kindsOf('stealth', 64, 8)];
  return { seed, kinds, windows, windowMs: 30_000, settleMs: SETTLE_MS, ...GAPS, burners };
}
