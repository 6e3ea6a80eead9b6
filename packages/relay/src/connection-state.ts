// The state of one connection, its events and its effects.

import type {
  Attached,
  AttachRequest,
  Chance,
  CommitRequest,
  Cover,
  Frame,
  RelayCode,
  StagedPiece,
} from '@sotto/protocol';
import type { Allowance, Step, TokenBucket } from '@sotto/machine';
import type { Downlink, PrivateFrame, SlotOrder } from './downlink.ts';
import type { SnapshotEffect, SnapshotEvent, SnapshotTransfer } from './snapshot-transfer.ts';
import type { InboundRate } from './inbound-rate.ts';

/**
 * How far a connection is. `cursor` is the next sequence number that it is sent. While it catches
 * up, it is sent the log from its cursor, and new entries pass it by: so nothing is sent twice or
 * left out. One write of the log is asked for or in its socket at a time.
 */
type Phase =
  | { readonly kind: 'awaiting-attach'; readonly since: number }
  | { readonly kind: 'attaching'; readonly since: number; readonly early: readonly Frame[] }
  | { readonly kind: 'catching-up'; readonly cursor: number; readonly isWriting: boolean }
  | { readonly kind: 'live'; readonly cursor: number }
  | { readonly kind: 'closed' };

/**
 * Why a connection is not read. Each reason holds until its own cause is gone. Nothing that was
 * read is dropped.
 */
export type PauseReason = 'attaching' | 'fair-read' | 'share' | 'rate' | 'fetch' | 'room' | 'unread' | 'stopping';

/** The PUBLISH and PRESENCE frames of a connection that wait for their share. */
export interface Uplink {
  /** Frames that were read, from the one on that waits for its turn. */
  readonly waiting: readonly Frame[];
  /** Its own bound in a covered room, whatever the room has left. */
  readonly allowed: { readonly allowance: Allowance; readonly bucket: TokenBucket } | undefined;
  /** How often its presence is still passed on. */
  readonly presences: TokenBucket;
}

export interface ConnectionState {
  readonly phase: Phase;
  readonly inboundRate: InboundRate;
  readonly uplink: Uplink;
  /** How often it may still go back in the log. */
  readonly fetches: TokenBucket;
  readonly snapshots: SnapshotTransfer;
  /** When something is sent, from ATTACHED on. */
  readonly downlink: Downlink;
  readonly pauses: ReadonlySet<PauseReason>;
  /** When it was last seen to take something, or had nothing to take, and how much it had taken. */
  readonly progress: { readonly at: number; readonly taken: number };
  /** When it was last heard, or was last allowed to speak. */
  readonly heardAt: number;
}

/** The step context: the time, the socket, and the random numbers. */
export interface ConnectionContext {
  readonly now: number;
  /** Bytes that wait in the socket. */
  readonly unsent: number;
  /** Bytes of writes that the socket has taken whole. */
  readonly taken: number;
  readonly chance: Chance;
}

export type ConnectionEvent =
  | { readonly type: 'received'; readonly bytes: number; readonly frames: readonly Frame[] }
  | { readonly type: 'malformed' }
  | {
      readonly type: 'admitted';
      readonly from: number;
      readonly attached: Attached;
      readonly cover: Cover;
      readonly uplink: Allowance | undefined;
    }
  /** It may ask for its share of the room. */
  | { readonly type: 'share-due' }
  /** The frames that wait first may be said. */
  | { readonly type: 'share-granted' }
  | { readonly type: 'entries'; readonly first: number; readonly next: number; readonly bytes: Uint8Array }
  /** A presence that the room passes on. */
  | { readonly type: 'present'; readonly bytes: Uint8Array }
  | { readonly type: 'delivery-due' }
  | { readonly type: 'log-delivered'; readonly next: number; readonly atEnd: boolean }
  | { readonly type: 'log-written' }
  | { readonly type: 'log-trimmed' }
  | { readonly type: 'log-reloaded' }
  /** The log has so many bytes from there on. */
  | { readonly type: 'located'; readonly cursor: number; readonly bytes: number }
  | Exclude<SnapshotEvent, { readonly type: 'snapshot-wanted' }>
  /** A frame for this member alone, behind the entries below `after`. */
  | { readonly type: 'private'; readonly bytes: Uint8Array; readonly after: number }
  | { readonly type: 'dispatch-due' }
  /** The slot is written; `backlogBytes` still wait behind it. */
  | {
      readonly type: 'slot-packed';
      readonly next: number;
      readonly privates: readonly PrivateFrame[];
      readonly bytes: number;
      readonly backlogBytes: number;
    }
  | { readonly type: 'drained' }
  | { readonly type: 'pause'; readonly reason: PauseReason }
  | { readonly type: 'unpause'; readonly reason: PauseReason }
  | { readonly type: 'sweep' }
  | { readonly type: 'end'; readonly code: RelayCode }
  | { readonly type: 'gone' };

export type ConnectionEffect =
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  | { readonly type: 'authorise'; readonly request: AttachRequest }
  /** Ask for a dispatch after so much time; the answer is `dispatch-due`. */
  | { readonly type: 'dispatch-after'; readonly milliseconds: number }
  /** Write a whole slot; the answer is `slot-packed` or `log-trimmed`. */
  | { readonly type: 'pack-slot'; readonly order: SlotOrder }
  /** Write a NOISE frame. */
  | { readonly type: 'noise' }
  /** Ask the room for a turn; the answer is `share-granted`. */
  | { readonly type: 'request-share'; readonly cost: number }
  | { readonly type: 'publish'; readonly frames: readonly Frame[] }
  | { readonly type: 'pass-on'; readonly presence: Frame }
  | { readonly type: 'stage'; readonly piece: StagedPiece }
  | { readonly type: 'commit'; readonly request: CommitRequest }
  /** Look the number up in the log; the answer is `located`, with it or the closest one. */
  | { readonly type: 'locate'; readonly from: number }
  | SnapshotEffect
  /** Ask for the log's next bytes to be sent; the answer is `delivery-due`. */
  | { readonly type: 'schedule-delivery'; readonly cursor: number }
  /**
   * Write the log from here; the answer is `log-delivered` or `log-trimmed`, and `log-written` once
   * the socket has written it.
   */
  | { readonly type: 'deliver-log'; readonly cursor: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'unpause-after'; readonly reason: 'rate' | 'fetch'; readonly milliseconds: number }
  /** Wait so long; the answer is `share-due`. */
  | { readonly type: 'delay-share'; readonly milliseconds: number }
  /** Write CLOSING with this code, and end the socket. */
  | { readonly type: 'close'; readonly code: RelayCode };

export type ConnectionStep = Step<ConnectionState, ConnectionEffect>;

export function close(state: ConnectionState, code: RelayCode): ConnectionStep {
  return { state: { ...state, phase: { kind: 'closed' } }, effects: [{ type: 'close', code }] };
}

export function unchanged(state: ConnectionState): ConnectionStep {
  return { state, effects: [] };
}

export function withEffect(step: ConnectionStep, effect: ConnectionEffect): ConnectionStep {
  return { state: step.state, effects: [...step.effects, effect] };
}

export function andThen(step: ConnectionStep, then: (state: ConnectionState) => ConnectionStep): ConnectionStep {
  const next = then(step.state);
  return { state: next.state, effects: [...step.effects, ...next.effects] };
}

export function pause(state: ConnectionState, reason: PauseReason): ConnectionStep {
  if (state.pauses.has(reason)) return unchanged(state);
  const pauses = new Set(state.pauses).add(reason);
  return { state: { ...state, pauses }, effects: state.pauses.size === 0 ? [{ type: 'pause' }] : [] };
}

export function unpause(state: ConnectionState, reason: PauseReason, now: number): ConnectionStep {
  if (!state.pauses.has(reason)) return unchanged(state);
  const pauses = new Set(state.pauses);
  pauses.delete(reason);
  if (pauses.size > 0) return unchanged({ ...state, pauses });
  // A connection that was not read was not silent: its time counts from now.
  return { state: { ...state, pauses, heardAt: now }, effects: [{ type: 'resume' }] };
}
