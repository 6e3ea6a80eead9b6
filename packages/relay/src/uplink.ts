// A connection's PUBLISH frames, piece by piece: each waits for its share of the room, and in a
// covered room for what the connection's slots bring. Meanwhile the connection is not read.
// PROTOCOL.md §6.4.

import { HEADER_BYTES } from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import type { Allowance } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import { pause, unchanged, withEffect } from './connection-state.ts';
import type { ConnectionState, ConnectionStep, Uplink } from './connection-state.ts';
import { costOf } from './fair-share.ts';
import { SHARE_QUANTUM_BYTES } from './limits.ts';

/** From ATTACHED on: nothing waits, and nothing was said. */
export function startUplink(allowance: Allowance | undefined, now: number): Uplink {
  if (allowance === undefined) return { waiting: [], allowed: undefined };
  return { waiting: [], allowed: { allowance, bucket: fullBucket(allowance, now) } };
}

/** Asks for the frames that wait first, which are PUBLISH frames, once the connection may say them. */
export function requestShare(state: ConnectionState, now: number): ConnectionStep {
  const { allowed, waiting } = state.uplink;
  const milliseconds = allowed === undefined ? 0 : waitMs(allowed.bucket, allowed.allowance, 0, now);
  if (milliseconds > 0) return withEffect(pause(state, 'share'), { type: 'delay-share', milliseconds });
  return withEffect(unchanged(state), {
    type: 'request-share',
    cost: costOf(firstPiece(waiting), state.downlink.cover),
  });
}

/** The turn has come: what waits first is published. @returns the step, and the frames behind it. */
export function publishShare(
  state: ConnectionState,
  now: number,
): { readonly step: ConnectionStep; readonly rest: readonly Frame[] } {
  const { allowed, waiting } = state.uplink;
  const frames = firstPiece(waiting);
  const bucket = allowed && spend(allowed.bucket, allowed.allowance, costOf(frames, state.downlink.cover), now);
  const uplink: Uplink = { waiting: [], allowed: allowed && bucket && { ...allowed, bucket } };
  const published = withEffect(unchanged({ ...state, uplink }), { type: 'publish', frames });
  return { step: frames.length === 0 ? unchanged(state) : published, rest: waiting.slice(frames.length) };
}

/** The PUBLISH frames at the beginning, of SHARE_QUANTUM_BYTES at most unless the first alone is longer. */
function firstPiece(waiting: readonly Frame[]): readonly Frame[] {
  let [count, bytes] = [0, 0];
  for (const { operation, body } of waiting) {
    bytes += HEADER_BYTES + body.length;
    if (operation !== 'publish' || (count > 0 && bytes > SHARE_QUANTUM_BYTES)) break;
    count += 1;
  }
  return waiting.slice(0, count);
}
