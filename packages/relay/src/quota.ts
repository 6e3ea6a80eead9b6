// How much one connection may send: a token bucket that can be in debt, because what has been read is never dropped, only paid for by not reading.

import {
  INBOUND_BURST_BYTES,
  INBOUND_BURST_FRAMES,
  INBOUND_BYTES_PER_SECOND,
  INBOUND_FRAMES_PER_SECOND,
} from './limits.ts';

/** Bytes and frames that may still be sent; below zero is debt. `at` is when that was true, in milliseconds. */
export interface Quota {
  readonly bytes: number;
  readonly frames: number;
  readonly at: number;
}

export function fullQuota(now: number): Quota {
  return { bytes: INBOUND_BURST_BYTES, frames: INBOUND_BURST_FRAMES, at: now };
}

export function charge(quota: Quota, bytes: number, frames: number, now: number): Quota {
  const seconds = (now - quota.at) / 1_000;
  return {
    bytes: Math.min(INBOUND_BURST_BYTES, quota.bytes + seconds * INBOUND_BYTES_PER_SECOND) - bytes,
    frames: Math.min(INBOUND_BURST_FRAMES, quota.frames + seconds * INBOUND_FRAMES_PER_SECOND) - frames,
    at: now,
  };
}

/** @returns milliseconds until the debt is paid; 0 if there is none. */
export function debtMs(quota: Quota): number {
  const seconds = Math.max(-quota.bytes / INBOUND_BYTES_PER_SECOND, -quota.frames / INBOUND_FRAMES_PER_SECOND, 0);
  return Math.ceil(seconds * 1_000);
}
