// One connection, as a pure machine: it attaches, catches up, is live, falls behind, and is closed
// with a reason. It knows no sockets and no store.

import {
  checkEmpty,
  decodeAttach,
  decodeCommit,
  decodeFetch,
  decodeStage,
  encodeAttached,
  encodePing,
  HANDSHAKE_DEADLINE_MS,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import type { Allowance } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import { andThen, close, pause, unchanged, unpause, withEffect } from './connection-state.ts';
import type { ConnectionState, ConnectionEvent, ConnectionStep, ConnectionContext } from './connection-state.ts';
import { isSlotted, OPEN_DOWNLINK, startDownlink } from './downlink.ts';
import {
  onDispatchDue,
  onDeliveryDue,
  onPresent,
  onEntries,
  onLogDelivered,
  onLogWritten,
  onLocated,
  onLogReloaded,
  onSlotPacked,
  sendPrivate,
  scheduleDelivery,
  scheduleDispatch,
} from './delivery.ts';
import { openTransfer, stepTransfer } from './snapshot-transfer.ts';
import type { SnapshotEvent } from './snapshot-transfer.ts';
import {
  FETCH_BURST,
  FETCH_BYTES,
  FETCH_DEBT_MAX,
  FETCH_INTERVAL_MS,
  OUTBOUND_BYTES_MAX,
  PROGRESS_LIMIT_MS,
} from './limits.ts';
import { charge, debtMs, fullInboundRate } from './inbound-rate.ts';
import { dropPresence, isShared, publishShare, requestShare, startUplink } from './uplink.ts';

const FETCHES: Allowance = { burst: FETCH_BURST, intervalMs: FETCH_INTERVAL_MS };

export function openConnection(now: number): ConnectionState {
  return {
    phase: { kind: 'awaiting-attach', since: now },
    inboundRate: fullInboundRate(now),
    uplink: startUplink(undefined, now),
    fetches: fullBucket(FETCHES, now),
    snapshots: openTransfer(now),
    downlink: OPEN_DOWNLINK,
    pauses: new Set(),
    progress: { at: now, taken: 0 },
    heardAt: now,
  };
}

export function stepConnection(
  state: ConnectionState,
  event: ConnectionEvent,
  context: ConnectionContext,
): ConnectionStep {
  if (state.phase.kind === 'closed') return unchanged(state);
  switch (event.type) {
    case 'received':
      return onReceived(state, event.bytes, event.frames, context);
    case 'malformed':
      return close(state, 'frame-malformed');
    case 'admitted':
      return onAdmitted(state, event, context);
    case 'share-due':
      return requestShare(state, context.now);
    case 'share-granted':
      return onShareGranted(state, context.now);
    case 'entries':
      return onEntries(state, event, context);
    case 'present':
      return onPresent(state, event.bytes, context);
    case 'delivery-due':
      return onDeliveryDue(state);
    case 'log-delivered':
      return onLogDelivered(state, event.next, event.atEnd);
    case 'log-written':
      return onLogWritten(state, context);
    case 'log-trimmed':
      return close(state, 'too-slow');
    case 'log-reloaded':
      return onLogReloaded(state, context);
    case 'located':
      return andThen(payForFetch(state, event.bytes, context.now), (before) =>
        onLocated(before, event.cursor, context),
      );
    case 'snapshot-cut':
    case 'snapshot-written':
    case 'snapshot-due':
      return stepSnapshots(state, event, context.now);
    case 'private':
      return sendPrivate(state, event);
    case 'dispatch-due':
      return onDispatchDue(state, context);
    case 'slot-packed':
      return onSlotPacked(state, event, context);
    case 'drained':
      return onDrained(state, context);
    case 'pause':
      return pause(state, event.reason);
    case 'unpause':
      return unpause(state, event.reason, context.now);
    case 'sweep':
      return sweep(state, context);
    case 'end':
      return close(state, event.code);
    case 'gone':
      return unchanged({ ...state, phase: { kind: 'closed' } });
  }
}

/** Charges for the bytes that were read, whatever they hold. Then it does what the frames ask. */
function onReceived(
  state: ConnectionState,
  bytes: number,
  frames: readonly Frame[],
  context: ConnectionContext,
): ConnectionStep {
  const inboundRate = charge(state.inboundRate, bytes, frames.length, context.now);
  const heard: ConnectionState = { ...state, inboundRate, heardAt: context.now };
  const wait = debtMs(inboundRate);
  const paid = wait === 0 ? unchanged(heard) : pauseFor(heard, 'rate', wait);
  // A member that does not read our answers is not read either: otherwise answers pile up here.
  const unread = context.unsent > OUTBOUND_BYTES_MAX;
  const read = unread ? andThen(paid, (before) => pause(before, 'unread')) : paid;
  return andThen(read, (before) => processFrames(before, frames, context));
}

function processFrames(state: ConnectionState, frames: readonly Frame[], context: ConnectionContext): ConnectionStep {
  const { phase } = state;
  const [first, ...others] = frames;
  if (first === undefined) return unchanged(state);
  switch (phase.kind) {
    case 'awaiting-attach':
      return attach(state, phase.since, first, others);
    case 'attaching':
      return unchanged({ ...state, phase: { ...phase, early: [...phase.early, ...frames] } });
    case 'catching-up':
    case 'live':
      return processMemberFrames(state, frames, context.now);
    case 'closed':
      return unchanged(state);
  }
}

function attach(state: ConnectionState, since: number, frame: Frame, early: readonly Frame[]): ConnectionStep {
  if (frame.operation !== 'attach') return close(state, 'operation-unexpected');
  const request = decodeAttach(frame);
  if (!request.ok) return close(state, 'frame-malformed');
  const attaching: ConnectionState = { ...state, phase: { kind: 'attaching', since, early } };
  return withEffect(pause(attaching, 'attaching'), { type: 'authorise', request: request.value });
}

/**
 * A member that resumes from 0 gets only what is to come. One that resumes before the log's
 * beginning gets the whole log, and sees by `oldest` that it has missed entries. PROTOCOL.md §4.3.
 */
function onAdmitted(
  state: ConnectionState,
  { from, attached, cover, uplink }: Extract<ConnectionEvent, { type: 'admitted' }>,
  context: ConnectionContext,
): ConnectionStep {
  const { phase } = state;
  if (phase.kind !== 'attaching') return unchanged(state);
  const { oldest, next } = attached;
  const cursor = from === 0 ? next : Math.min(Math.max(from, oldest), next);
  const greeted: ConnectionStep = {
    state: {
      ...state,
      phase: { kind: 'catching-up', cursor, isWriting: false },
      downlink: startDownlink(cover, context.now, context.chance),
      uplink: startUplink(uplink, context.now),
    },
    effects: [{ type: 'write', bytes: encodeAttached(attached) }],
  };
  const delivered = andThen(greeted, (before) => scheduleDelivery(before, context));
  const covered = andThen(delivered, (before) => scheduleDispatch(before, context.now));
  const reading = andThen(covered, (before) => unpause(before, 'attaching', context.now));
  return andThen(reading, (before) => processMemberFrames(before, phase.early, context.now));
}

/** Frames of an attached member, in their order: from a shared one on they wait for the room's turn. */
function processMemberFrames(state: ConnectionState, frames: readonly Frame[], now: number): ConnectionStep {
  const { uplink } = state;
  if (uplink.waiting.length > 0) {
    return unchanged({ ...state, uplink: { ...uplink, waiting: [...uplink.waiting, ...frames] } });
  }
  let step = unchanged(state);
  for (const [index, frame] of frames.entries()) {
    if (isShared(step.state, frame, now)) {
      const waiting = frames.slice(index);
      return andThen(step, (before) => requestShare({ ...before, uplink: { ...before.uplink, waiting } }, now));
    }
    step = andThen(step, (before) => processControlFrame(before, frame, now));
    if (step.state.phase.kind === 'closed') break;
  }
  return step;
}

/** Goes on with the frames behind those that were published; it is read again when none wait. */
function onShareGranted(state: ConnectionState, now: number): ConnectionStep {
  const { step, rest } = publishShare(state, now);
  const next = andThen(step, (before) => processMemberFrames(before, rest, now));
  if (next.state.uplink.waiting.length > 0) return next;
  return andThen(next, (before) => unpause(before, 'share', now));
}

function processControlFrame(state: ConnectionState, frame: Frame, now: number): ConnectionStep {
  switch (frame.operation) {
    case 'ping': {
      if (!checkEmpty(frame).ok) return close(state, 'frame-malformed');
      return sendPrivate(state, { bytes: encodePing('pong', frame.number), after: 0 });
    }
    case 'fill':
      return isSlotted(state.downlink) ? unchanged(state) : close(state, 'operation-unexpected');
    case 'presence':
      return dropPresence(state, frame);
    case 'stage': {
      const piece = decodeStage(frame);
      if (!piece.ok) return close(state, 'frame-malformed');
      return withEffect(unchanged(state), { type: 'stage', piece: piece.value });
    }
    case 'commit': {
      const request = decodeCommit(frame);
      if (!request.ok) return close(state, 'frame-malformed');
      return withEffect(unchanged(state), { type: 'commit', request: request.value });
    }
    case 'fetch': {
      const request = decodeFetch(frame);
      if (!request.ok) return close(state, 'frame-malformed');
      if (request.value.what === 'log') {
        return withEffect(unchanged(state), { type: 'locate', from: request.value.from });
      }
      return stepSnapshots(state, { type: 'snapshot-wanted', which: request.value.what }, now);
    }
    default:
      return close(state, 'operation-unexpected');
  }
}

/** Going back is done at once; going back too often, or too far, is paid for by not being read. */
function payForFetch(state: ConnectionState, bytes: number, now: number): ConnectionStep {
  const spent = spend(state.fetches, FETCHES, Math.max(1, bytes / FETCH_BYTES), now);
  const fetches = { ...spent, tokens: Math.max(spent.tokens, -FETCH_DEBT_MAX) };
  const paid: ConnectionState = { ...state, fetches };
  const wait = waitMs(fetches, FETCHES, 0, now);
  return wait === 0 ? unchanged(paid) : pauseFor(paid, 'fetch', wait);
}

function stepSnapshots(state: ConnectionState, event: SnapshotEvent, now: number): ConnectionStep {
  const { state: snapshots, effects } = stepTransfer(state.snapshots, event, now);
  return { state: { ...state, snapshots }, effects };
}

function onDrained(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  return andThen(unpause(state, 'unread', context.now), (before) => scheduleDelivery(before, context));
}

function pauseFor(state: ConnectionState, reason: 'rate' | 'fetch', milliseconds: number): ConnectionStep {
  return withEffect(pause(state, reason), { type: 'unpause-after', reason, milliseconds });
}

function sweep(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  const { phase, pauses, heardAt } = state;
  const { now } = context;
  if (phase.kind === 'awaiting-attach' || phase.kind === 'attaching') {
    return now - phase.since > HANDSHAKE_DEADLINE_MS ? close(state, 'handshake-late') : unchanged(state);
  }
  const progress = observeProgress(state, context);
  if (now - progress.at > PROGRESS_LIMIT_MS) return close(state, 'too-slow');
  if (pauses.size === 0 && now - heardAt > SILENCE_LIMIT_MS) return close(state, 'silent');
  return unchanged({ ...state, progress });
}

/** A connection that has nothing to take, or has taken something since it was last looked at. */
function observeProgress(
  { progress }: ConnectionState,
  { now, unsent, taken }: ConnectionContext,
): ConnectionState['progress'] {
  return unsent === 0 || taken > progress.taken ? { at: now, taken } : progress;
}
