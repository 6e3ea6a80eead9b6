// How much one connection may send: two token buckets that can be in debt. The relay never drops
// what it has read, so a connection pays its debt by not being read.

import { fullBucket, spend, waitMs } from '@sotto/machine';
import type { Allowance, TokenBucket } from '@sotto/machine';
import {
  INBOUND_BURST_BYTES,
  INBOUND_BURST_FRAMES,
  INBOUND_BYTES_PER_SECOND,
  INBOUND_FRAMES_PER_SECOND,
} from './limits.ts';

const BYTES: Allowance = { burst: INBOUND_BURST_BYTES, intervalMs: 1_000 / INBOUND_BYTES_PER_SECOND };
const FRAMES: Allowance = { burst: INBOUND_BURST_FRAMES, intervalMs: 1_000 / INBOUND_FRAMES_PER_SECOND };

/** Bytes and frames that the connection may still send. */
export interface InboundRate {
  readonly bytes: TokenBucket;
  readonly frames: TokenBucket;
}

export function fullInboundRate(now: number): InboundRate {
  return { bytes: fullBucket(BYTES, now), frames: fullBucket(FRAMES, now) };
}

export function charge(rate: InboundRate, bytes: number, frames: number, now: number): InboundRate {
  return { bytes: spend(rate.bytes, BYTES, bytes, now), frames: spend(rate.frames, FRAMES, frames, now) };
}

/** @returns milliseconds until the debt is paid, from the last charge on; 0 if there is none. */
export function debtMs({ bytes, frames }: InboundRate): number {
  return Math.max(waitMs(bytes, BYTES, 0, bytes.at), waitMs(frames, FRAMES, 0, frames.at));
}
