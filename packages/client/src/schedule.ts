// When frames leave. Every send passes here, so that cover traffic has one place to decide; `off` lets content leave at once.

import { WINDOW_FRAMES } from './limits.ts';

export interface Schedule {
  readonly mode: 'off';
}

export const OFF_SCHEDULE: Schedule = { mode: 'off' };

/** @returns how many of the waiting frames leave now. `inFlight` frames have left and were not echoed yet. */
export function departures(_schedule: Schedule, waiting: number, inFlight: number): number {
  return Math.max(0, Math.min(waiting, WINDOW_FRAMES - inFlight));
}
