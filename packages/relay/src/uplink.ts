// A connection's PUBLISH and PRESENCE frames, piece by piece: each waits for its share of the room,
// and in a covered room for what the connection's slots bring. Meanwhile the connection is not read.
// PROTOCOL.md §6.4.

import { bodyBytes, HEADER_BYTES, SMALLEST_FRAME_BYTES } from '@sotto/protocol';
import type { Frame, RelayCode } from '@sotto/protocol';
import type { Allowance } from '@sotto/machine';
import { fullBucket, spend, trySpend, waitMs } from '@sotto/machine';
import { close, pause, unchanged, withEffect } from './connection-state.ts';
import type { ConnectionState, ConnectionStep, Uplink } from './connection-state.ts';
import { costOf } from './fair-share.ts';
import { PRESENCE_BURST, PRESENCE_INTERVAL_MS, SHARE_QUANTUM_BYTES } from './limits.ts';

const PRESENCES: Allowance = { burst: PRESENCE_BURST, intervalMs: PRESENCE_INTERVAL_MS };

/** From ATTACHED on: nothing waits, and nothing was said. */
export function startUplink(allowance: Allowance | undefined, now: number): Uplink {
  const allowed = allowance && { allowance, bucket: fullBucket(allowance, now) };
  return { waiting: [], allowed, presences: fullBucket(PRESENCES, now) };
}

/** @returns whether it goes to all members, so that it waits for a share. */
export function isShared(state: ConnectionState, frame: Frame, now: number): boolean {
  if (frame.operation === 'publish') return true;
  if (frame.operation !== 'presence' || presenceFault(state, frame) !== undefined) return false;
  return trySpend(state.uplink.presences, PRESENCES, 1, now) !== undefined;
}

/** A presence that does not wait for a share ends the connection, or is one too many. PROTOCOL.md §4.10. */
export function dropPresence(state: ConnectionState, presence: Frame): ConnectionStep {
  const fault = presenceFault(state, presence);
  return fault === undefined ? unchanged(state) : close(state, fault);
}

function presenceFault(state: ConnectionState, { body }: Frame): RelayCode | undefined {
  if (state.downlink.cover !== 'off') return 'operation-unexpected';
  return body.length === bodyBytes(SMALLEST_FRAME_BYTES) ? undefined : 'frame-malformed';
}

/** Asks for the frames that wait first, which are shared ones, once the connection may say them. */
export function requestShare(state: ConnectionState, now: number): ConnectionStep {
  const { allowed, waiting } = state.uplink;
  const milliseconds = allowed === undefined ? 0 : waitMs(allowed.bucket, allowed.allowance, 0, now);
  if (milliseconds > 0) return withEffect(pause(state, 'share'), { type: 'delay-share', milliseconds });
  return withEffect(unchanged(state), {
    type: 'request-share',
    cost: costOf(firstPiece(waiting), state.downlink.cover),
  });
}

/** The turn has come: what waits first goes to all members. @returns the step, and the frames behind it. */
export function publishShare(
  state: ConnectionState,
  now: number,
): { readonly step: ConnectionStep; readonly rest: readonly Frame[] } {
  const { allowed, waiting, presences } = state.uplink;
  const frames = firstPiece(waiting);
  const [first] = frames;
  if (first === undefined) return { step: unchanged(state), rest: waiting };
  const rest = waiting.slice(frames.length);
  const bucket = allowed && spend(allowed.bucket, allowed.allowance, costOf(frames, state.downlink.cover), now);
  const uplink: Uplink = { waiting: [], allowed: allowed && bucket && { ...allowed, bucket }, presences };
  if (first.operation === 'publish') {
    return { step: withEffect(unchanged({ ...state, uplink }), { type: 'publish', frames }), rest };
  }
  const passed: Uplink = { ...uplink, presences: spend(presences, PRESENCES, 1, now) };
  return { step: withEffect(unchanged({ ...state, uplink: passed }), { type: 'pass-on', presence: first }), rest };
}

/**
 * A PRESENCE, or the PUBLISH frames at the beginning: of SHARE_QUANTUM_BYTES at most unless the first
 * alone is longer.
 */
function firstPiece(waiting: readonly Frame[]): readonly Frame[] {
  const [first] = waiting;
  if (first?.operation === 'presence') return [first];
  let [count, bytes] = [0, 0];
  for (const { operation, body } of waiting) {
    bytes += HEADER_BYTES + body.length;
    if (operation !== 'publish' || (count > 0 && bytes > SHARE_QUANTUM_BYTES)) break;
    count += 1;
  }
  return waiting.slice(0, count);
}
