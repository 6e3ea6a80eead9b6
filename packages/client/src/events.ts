// What a client tells its front end, and what a front end asks of it: DESIGN §7's words, without a screen.

import type { Cover, CoverCost } from '@sotto/protocol';
import type { CircuitCode, ClientCode, WarningCode } from './errors.ts';
import type { RemovalReason } from './group/policy.ts';
import type { AccessMode } from './moderator.ts';

/** A member as shown: the name is a claim, the fingerprint is of the key that signs. */
export interface Speaker {
  readonly name: string;
  readonly fingerprint: string;
}

/** Somebody who is in the group, whether it was heard or not: whoever is listed can read. An empty name has not been said yet. */
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

export interface StateEvent {
  readonly type: 'state';
  readonly state: StateName;
  /** For people: what is going on, in a few words. */
  readonly detail?: string;
  /** For `bootstrapping`: Tor's own percentage. */
  readonly percent?: number;
  /** For `reconnecting` and `closed`: why. */
  readonly code?: string;
}

/** Where this member stands, for its own eyes: nothing in it tells what was said and what was not. */
export interface ClientStatus extends CoverCost {
  readonly mode: Cover;
  /** Between two slots of this member; undefined where there are none. */
  readonly slotMs: number | undefined;
  /** Undefined outside the group. */
  readonly epoch: number | undefined;
  readonly epochAgeSeconds: number | undefined;
  /** Until the room has new keys, if nobody is passed over; undefined outside stealth. */
  readonly newKeysSeconds: number | undefined;
  /** How long this connection has been there; undefined while there is none. */
  readonly connectedSeconds: number | undefined;
  /** Until what waits has left, on average. */
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
  /** New keys; the six words are equal for all members that have them. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly code: readonly string[] }
  | { readonly type: 'warning'; readonly code: WarningCode; readonly message: string; readonly from?: Speaker }
  /** Somebody asks to be let in. */
  | { readonly type: 'knock'; readonly member: Speaker }
  | { readonly type: 'access'; readonly mode: AccessMode }
  /** Told on joining, where the room's mode is not `off`: how it hides when something is said, and what that costs. */
  | ({ readonly type: 'cover'; readonly mode: Cover } & CoverCost)
  /** So long it takes, on average, until an own text that was just taken has left. */
  | { readonly type: 'pace'; readonly ref: string | undefined; readonly seconds: number }
  /** To whoever asked for another circuit: whether everything goes over it now, or over the old one as before. */
  | { readonly type: 'circuit'; readonly state: 'renewed' }
  | { readonly type: 'circuit'; readonly state: 'kept'; readonly code: CircuitCode; readonly message: string }
  /** The room goes on at another onion, and this client with it. */
  | { readonly type: 'moved'; readonly invite: string }
  /** To whoever ordered it, in stealth: it waits for the next new keys, which come in about so long. */
  | { readonly type: 'deferred'; readonly what: 'access'; readonly seconds: number }
  /** To whoever ordered it: done. */
  | { readonly type: 'moderated'; readonly what: 'evicted' | 'access' }
  | {
      readonly type: 'error';
      readonly code: ClientCode | (string & {});
      readonly message: string;
      readonly ref?: string | undefined;
    };
