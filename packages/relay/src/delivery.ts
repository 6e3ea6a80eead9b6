// How the log gets to a member: at once, in its slots, or from its cursor after it fell behind.
// PROTOCOL.md §4.3, §6.4, §12.4.

import { andThen, close, withEffect, unchanged } from './connection-state.ts';
import type { ConnectionState, ConnectionEvent, ConnectionStep, ConnectionContext } from './connection-state.ts';
import { downlinkWait, isSlotted, orderSlot, stepDownlink } from './downlink.ts';
import type { PrivateFrame } from './downlink.ts';
import { BACKLOG_SLOTS_MAX, OUTBOUND_BYTES_MAX, PRIVATE_FRAMES_MAX } from './limits.ts';

export function onEntries(
  state: ConnectionState,
  run: { readonly first: number; readonly next: number; readonly bytes: Uint8Array },
  context: ConnectionContext,
): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'live') return unchanged(state);
  if (state.downlink.cover !== 'off') return noteContent(state, context);
  if (phase.cursor !== run.first || context.unsent > OUTBOUND_BYTES_MAX) return fallBehind(state, context);
  return {
    state: { ...state, phase: { kind: 'live', cursor: run.next } },
    effects: [{ type: 'write', bytes: run.bytes }],
  };
}

/** It goes to a member that is live and reads. Another one does without: nothing waits for it. */
export function onPresent(state: ConnectionState, bytes: Uint8Array, context: ConnectionContext): ConnectionStep {
  const isReading = state.phase.kind === 'live' && context.unsent <= OUTBOUND_BYTES_MAX;
  return isReading ? withEffect(unchanged(state), { type: 'write', bytes }) : unchanged(state);
}

// Covered rooms: content waits for the next dispatch.

export function scheduleDispatch(state: ConnectionState, now: number): ConnectionStep {
  const milliseconds = downlinkWait(state.downlink, now);
  return milliseconds === undefined
    ? unchanged(state)
    : withEffect(unchanged(state), { type: 'dispatch-after', milliseconds });
}

function noteContent(state: ConnectionState, { now, chance }: ConnectionContext): ConnectionStep {
  const { state: downlink } = stepDownlink(state.downlink, 'content', now, chance);
  const isSooner = downlinkWait(downlink, now) !== downlinkWait(state.downlink, now);
  const noted: ConnectionState = { ...state, downlink };
  return isSooner ? scheduleDispatch(noted, now) : unchanged(noted);
}

export function onDispatchDue(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { state: downlink, effects: dispatches } = stepDownlink(state.downlink, 'due', context.now, context.chance);
  let step = scheduleDispatch({ ...state, downlink }, context.now);
  for (const dispatch of dispatches) {
    if (dispatch === 'send') step = andThen(step, (before) => fallBehind(before, context));
    if (dispatch === 'dummy') step = withEffect(step, { type: 'noise' });
    if (dispatch === 'slot') step = andThen(step, (before) => packSlot(before, context));
  }
  return step;
}

/**
 * A member whose socket is full loses the slot. Its entries wait in the log, and nobody else waits.
 */
function packSlot(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { phase, downlink } = state;
  if (phase.kind !== 'live' || context.unsent > OUTBOUND_BYTES_MAX) return unchanged(state);
  return withEffect(unchanged(state), { type: 'pack-slot', order: orderSlot(downlink, phase.cursor) });
}

/** A member with a backlog that its slots cannot clear is sent the log at once. */
export function onSlotPacked(
  state: ConnectionState,
  slot: Extract<ConnectionEvent, { type: 'slot-packed' }>,
  context: ConnectionContext,
): ConnectionStep {
  if (state.phase.kind !== 'live') return unchanged(state);
  const next: ConnectionState = {
    ...state,
    phase: { kind: 'live', cursor: slot.next },
    downlink: { ...state.downlink, privates: slot.privates },
  };
  return slot.backlogBytes > BACKLOG_SLOTS_MAX * slot.bytes ? fallBehind(next, context) : unchanged(next);
}

export function sendPrivate(state: ConnectionState, frame: PrivateFrame): ConnectionStep {
  const { downlink } = state;
  if (!isSlotted(downlink)) return withEffect(unchanged(state), { type: 'write', bytes: frame.bytes });
  if (downlink.privates.length >= PRIVATE_FRAMES_MAX) return close(state, 'too-slow');
  return unchanged({ ...state, downlink: { ...downlink, privates: [...downlink.privates, frame] } });
}

/**
 * A slow member holds up nobody: it goes back to its cursor, and is sent the log as its socket
 * drains.
 */
function fallBehind(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'live') return unchanged(state);
  return scheduleDelivery({ ...state, phase: { ...phase, kind: 'catching-up', isWriting: false } }, context);
}

export function scheduleDelivery(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'catching-up' || phase.isWriting || context.unsent > OUTBOUND_BYTES_MAX) return unchanged(state);
  return {
    state: { ...state, phase: { ...phase, isWriting: true } },
    effects: [{ type: 'schedule-delivery', cursor: phase.cursor }],
  };
}

/** The cursor may have been moved while the delivery waited. */
export function onDeliveryDue(state: ConnectionState): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'catching-up') return unchanged(state);
  return withEffect(unchanged(state), { type: 'deliver-log', cursor: phase.cursor });
}

export function onLogDelivered(state: ConnectionState, next: number, atEnd: boolean): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'catching-up') return unchanged(state);
  if (atEnd) return unchanged({ ...state, phase: { kind: 'live', cursor: next } });
  return unchanged({ ...state, phase: { ...phase, cursor: next } });
}

export function onLogWritten(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'catching-up') return unchanged(state);
  return scheduleDelivery({ ...state, phase: { ...phase, isWriting: false } }, context);
}

export function onLogReloaded(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  return state.phase.kind === 'live' ? fallBehind(state, context) : unchanged(state);
}

/** A write that is on its way stays the only one. */
export function onLocated(state: ConnectionState, cursor: number, context: ConnectionContext): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'live' && phase.kind !== 'catching-up') return unchanged(state);
  const isWriting = phase.kind === 'catching-up' && phase.isWriting;
  return scheduleDelivery({ ...state, phase: { kind: 'catching-up', cursor, isWriting } }, context);
}
