// What a session is made of, slice by slice, and the events that change it.
// Each slice has one owner: its module in slices/ alone makes new values of it.

import type { Cover } from '@sotto/protocol';
import type { ClientCode } from '../errors.ts';
import type { StateEvent } from '../events.ts';
import type { GroupWorkResult } from '../group/worker.ts';
import type { MoveOffer, PlainAccess } from '../moderator.ts';
import type { RelayNotice, TimerName } from './effects.ts';
import { NO_COMMITS } from './slices/commits.ts';
import type { CommitsState } from './slices/commits.ts';
import { createConnection } from './slices/connection.ts';
import type { ConnectionState } from './slices/connection.ts';
import { createCover } from './slices/cover.ts';
import type { CoverState } from './slices/cover.ts';
import { EMPTY_INBOX } from './slices/inbox.ts';
import type { Inbox } from './slices/inbox.ts';
import { startRotation } from './slices/key-rotation.ts';
import type { Rotation } from './slices/key-rotation.ts';
import { EMPTY_LOG } from './slices/log.ts';
import type { LogState } from './slices/log.ts';
import { createMembership } from './slices/membership.ts';
import type { MembershipState } from './slices/membership.ts';
import { createOutbox } from './slices/outbox.ts';
import type { Draft, Outbox } from './slices/outbox.ts';
import { createUser } from './slices/user.ts';
import type { UserState } from './slices/user.ts';

export interface Session {
  readonly connection: ConnectionState;
  readonly log: LogState;
  readonly membership: MembershipState;
  readonly commits: CommitsState;
  readonly rotation: Rotation;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly cover: CoverState;
  readonly user: UserState;
}

export interface SessionOptions {
  readonly name: string;
  /** Texts that a member takes along from the room that moved here. */
  readonly texts?: readonly Draft[];
  /** Keys of the members that are to follow from that room. */
  readonly awaited?: readonly Uint8Array[];
  /** Absent is `off`. */
  readonly cover?: Cover;
  readonly renewEveryMs?: number | undefined;
}

export function createSession(options: SessionOptions): Session {
  const { name, texts = [], awaited = [], cover = 'off', renewEveryMs } = options;
  return {
    connection: createConnection(renewEveryMs),
    log: EMPTY_LOG,
    membership: createMembership(awaited),
    commits: NO_COMMITS,
    rotation: startRotation(0),
    outbox: createOutbox(texts),
    inbox: EMPTY_INBOX,
    cover: createCover(cover),
    user: createUser(name),
  };
}

export type SessionEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stage'; readonly stage: StateEvent }
  | { readonly type: 'connected'; readonly connection: number }
  | { readonly type: 'standby-opened'; readonly connection: number }
  | { readonly type: 'standby-failed' }
  | { readonly type: 'dial-failed'; readonly code: string; readonly message: string; readonly final: boolean }
  | { readonly type: 'frame'; readonly connection: number; readonly bytes: Uint8Array }
  /** Results of queued work come in the order in which the work was asked for. */
  | GroupWorkResult
  | { readonly type: 'notice'; readonly notice: RelayNotice }
  | { readonly type: 'connection-lost'; readonly connection: number; readonly code: ClientCode }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'renew' }
  | { readonly type: 'send'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'admit'; readonly fingerprint: string }
  | { readonly type: 'ordered'; readonly order: PlainAccess }
  /** The host has opened another room, and offers the way there. */
  | { readonly type: 'move-offered'; readonly offer: MoveOffer }
  | { readonly type: 'order-failed'; readonly code: string; readonly message: string }
  | { readonly type: 'leave' };
