// The effects and timers that a step of the session asks for, and a function for each.

import { message } from '@sotto/messages';
import { encodeFetch, encodeFrame, SEAL_LEAD_MS, wakeAt } from '@sotto/protocol';
import type { Attached, Invite, RelayCode, SnapshotName } from '@sotto/protocol';
import type { ClientCode, WarningCode } from '../errors.ts';
import type { ClientEvent, Speaker } from '../events.ts';
import type { Room } from '../group/room-keys.ts';
import type { GroupWork } from '../group/worker.ts';
import type { Snapshot } from './slices/connection.ts';
import type { CoverState } from './slices/cover.ts';
import type { Draft } from './slices/outbox.ts';

export type TimerName =
  | 'retry'
  | 'attach-deadline'
  /** The circuit is to be renewed; its renewal takes too long. */
  | 'renew'
  | 'handover'
  | 'ping'
  /**
   * In covered rooms: a frame is sealed for the next slot; the slot; texts are free; the goodbye.
   */
  | 'seal'
  | 'slot'
  | 'dwell'
  | 'goodbye'
  | 'silence'
  | 'join-limit'
  | 'receipt'
  | 'presence'
  | 'members-check'
  | 'names'
  | 'leave'
  /** Fetches the snapshot again. */
  | 'fetch'
  /** No member has answered, or a member has not followed a move. */
  | 'confirm'
  /** Runs a commit request again. */
  | 'commit-retry'
  /** After a welcome. */
  | 'rotate'
  /** It is this member's turn to rotate. */
  | 'scheduled-rotation'
  | 'remove-leavers'
  | 'log-gap'
  | 'restore-snapshot'
  | 'roll-call';

/**
 * A frame of the relay on its way through the key work: it takes effect when all entries before it
 * have been opened.
 */
export type RelayNotice =
  | { readonly type: 'attached'; readonly connection: number; readonly log: Attached }
  | {
      readonly type: 'refused';
      readonly connection: number;
      readonly code: RelayCode | undefined;
      readonly commitNumber: number;
      readonly what: Uint8Array;
    }
  | { readonly type: 'snapshot'; readonly connection: number; readonly snapshot: Snapshot };

/** Work that is done one after another, in the order in which a session asks for it. */
export type QueuedWork = GroupWork | { readonly type: 'queue-notice'; readonly notice: RelayNotice };

export type Effect =
  | { readonly type: 'dial' }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** The standby connection: opened, promoted to the one in use, closed, or written to. */
  | { readonly type: 'dial-standby' | 'promote-standby' | 'close-standby' }
  | { readonly type: 'write-standby'; readonly bytes: Uint8Array }
  | QueuedWork
  | { readonly type: 'disconnect' }
  | { readonly type: 'set-timer'; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: 'clear-timer'; readonly name: TimerName }
  | { readonly type: 'emit'; readonly event: ClientEvent }
  /** To the host: the members read in the log where the room goes on; or they never will. */
  | { readonly type: 'moved' | 'not-moved' }
  /** The session goes on in another room, with the texts that no other member has yet. */
  | {
      readonly type: 'move';
      readonly invite: Invite;
      readonly texts: readonly Draft[];
      readonly awaited: readonly Uint8Array[];
    }
  /** The session goes on in this room as another member: a lone member cannot resync as itself. */
  | { readonly type: 'restart'; readonly texts: readonly Draft[] }
  | { readonly type: 'end' };

/** The means of a step: keys that need no waiting, the time (ms), and random numbers in [0, 1). */
export interface StepInputs {
  readonly room: Room;
  readonly now: number;
  readonly chance: () => number;
}

/** One step on its way: its inputs, and the effects so far. */
export interface StepContext extends StepInputs {
  readonly effects: Effect[];
}

export function emit(context: StepContext, event: ClientEvent): void {
  context.effects.push({ type: 'emit', event });
}

export function emitError(context: StepContext, code: ClientCode, ref?: string): void {
  emit(context, { type: 'error', code, message: message(`error.client.${code}`), ref });
}

export function warn(context: StepContext, code: WarningCode, from: Speaker | undefined): void {
  emit(context, {
    type: 'warning',
    code,
    message: message(`warning.${code}`),
    ...(from === undefined ? {} : { from }),
  });
}

export function write(context: StepContext, bytes: Uint8Array): void {
  context.effects.push({ type: 'write', bytes });
}

export function publish(context: StepContext, commitNumber: number, body: Uint8Array): void {
  write(context, encodeFrame({ operation: 'publish', number: commitNumber, body }));
}

export function fetchFrame(what: SnapshotName): Uint8Array {
  return encodeFetch({ what });
}

export function queueNotice(context: StepContext, notice: RelayNotice): void {
  context.effects.push({ type: 'queue-notice', notice });
}

export function setTimer(context: StepContext, name: TimerName, afterMs: number): void {
  context.effects.push({ type: 'set-timer', name, afterMs });
}

export function clearTimer(context: StepContext, name: TimerName): void {
  context.effects.push({ type: 'clear-timer', name });
}

/** In stealth a frame is sealed a little before its slot, whatever it says. PROTOCOL.md §12. */
export function setSlotTimers(context: StepContext, { metronome }: CoverState): void {
  const due = wakeAt(metronome);
  if (due === undefined) return;
  setTimer(context, 'slot', Math.max(0, due - context.now));
  if (metronome.mode === 'stealth') setTimer(context, 'seal', Math.max(0, due - SEAL_LEAD_MS - context.now));
}

export function clearSlotTimers(context: StepContext): void {
  clearTimer(context, 'slot');
  clearTimer(context, 'seal');
}
