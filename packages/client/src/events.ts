// The events that a client emits for its front end, and the values that it returns. PROTOCOL.md §9.

import type { Cover, CoverCost } from '@sotto/protocol';
import type { CircuitCode, ClientCode, WarningCode } from './errors.ts';
import type { RemovalReason } from './group/commit-policy.ts';
import type { AccessMode } from './moderator.ts';

/** A member as shown. The name is a claim; the fingerprint is that of the key that signs. */
export interface Speaker {
  readonly name: string;
  readonly fingerprint: string;
}

/** A member of the group, heard or not: it can read. An empty name was not sent yet. */
export interface ListedMember extends Speaker {
  readonly self: boolean;
  readonly present: boolean;
}

export type StateName =
  | 'bootstrapping'
  | 'descriptor'
  | 'rendezvous'
  | 'joining'
  | 'knocking'
  | 'joined'
  | 'reconnecting'
  | 'leaving'
  | 'closed';

/** Members compare it to see that they are in one group. PROTOCOL.md §5.12. */
export interface RoomCode {
  /** The code is that of this epoch. */
  readonly epoch: number;
  /** Eight words, equal for all members of the epoch. */
  readonly words: readonly string[];
}

export interface StateEvent {
  readonly type: 'state';
  readonly state: StateName;
  /** For people: a few words on the state. */
  readonly detail?: string;
  /** For `bootstrapping`: Tor's own percentage. */
  readonly percent?: number;
  /** For `reconnecting` and `closed`: the reason. */
  readonly code?: string;
}

/** This member's status, for its own user. It reveals nothing about contents. */
export interface ClientStatus extends CoverCost {
  readonly mode: Cover;
  /** Between two slots of this member; undefined without slots. */
  readonly slotMs: number | undefined;
  /** Undefined outside the group. */
  readonly epoch: number | undefined;
  readonly epochAgeSeconds: number | undefined;
  /** Until the next member rotates, if none is passed over; undefined outside of stealth. */
  readonly newKeysSeconds: number | undefined;
  /** How long the room keeps what is said for a member that is away. */
  readonly patienceSeconds: number;
  /** Since the present connection was admitted; undefined without one. */
  readonly connectedSeconds: number | undefined;
  /** Until all waiting frames have left, on average. */
  readonly waitingSeconds: number;
}

export type ClientEvent =
  | StateEvent
  | { readonly type: 'message'; readonly id: string; readonly from: Speaker; readonly text: string }
  | { readonly type: 'sent'; readonly ref: string | undefined; readonly id: string }
  | { readonly type: 'delivered'; readonly id: string; readonly by: number }
  | { readonly type: 'members'; readonly members: readonly ListedMember[] }
  | { readonly type: 'arrived' | 'left'; readonly member: Speaker }
  | { readonly type: 'removed'; readonly member: Speaker; readonly reason: RemovalReason }
  | { readonly type: 'gap'; readonly count: number; readonly from?: Speaker }
  /** An epoch has begun. */
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'warning'; readonly code: WarningCode; readonly message: string; readonly from?: Speaker }
  /** A joiner asks to be admitted. */
  | { readonly type: 'knock'; readonly member: Speaker }
  | { readonly type: 'access'; readonly mode: AccessMode }
  /** On joining, where the cover mode is not `off`: the mode and what it costs. */
  | ({ readonly type: 'cover'; readonly mode: Cover } & CoverCost)
  /** The average time until an own text, just accepted, has left. */
  | { readonly type: 'pace'; readonly ref: string | undefined; readonly seconds: number }
  /** After the user has asked for a renewal: the new circuit is in use, or the old one still is. */
  | { readonly type: 'circuit'; readonly state: 'renewed' }
  | { readonly type: 'circuit'; readonly state: 'kept'; readonly code: CircuitCode; readonly message: string }
  /** The room has moved to another onion, and this client follows. */
  | { readonly type: 'moved'; readonly invite: string }
  /** In stealth, to the host: the order waits for the next rotation, in about so long. */
  | { readonly type: 'deferred'; readonly what: 'access'; readonly seconds: number }
  /** To the host: its order holds. */
  | { readonly type: 'moderated'; readonly what: 'evicted' | 'moved' | 'access' }
  | {
      readonly type: 'error';
      readonly code: ClientCode | (string & {});
      readonly message: string;
      readonly ref?: string | undefined;
    };
