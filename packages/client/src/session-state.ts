// What a session is made of: where it stands, what happens to it, and what it asks of the world.

import type { Content } from '@sotto/protocol';
import type { ClientCode } from './errors.ts';
import type { ClientEvent, StateEvent } from './events.ts';
import { EMPTY_INBOX } from './inbox.ts';
import type { Inbox, InboxText } from './inbox.ts';
import type { Membership, Opened } from './membership.ts';
import { EMPTY_OUTBOX } from './outbox.ts';
import type { Outbox } from './outbox.ts';
import { OFF_SCHEDULE } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/** Where the connection stands. `catching-up` ends when the log has been read up to `until`. */
type Link =
  | { readonly phase: 'idle' }
  | { readonly phase: 'dialling' }
  | { readonly phase: 'greeting' }
  | { readonly phase: 'attaching' }
  | { readonly phase: 'catching-up'; readonly until: number }
  | { readonly phase: 'live' }
  | { readonly phase: 'waiting' }
  | { readonly phase: 'closed' };

/** Where this member stands in the room: it has joined when the room's log holds its announcement. */
type Stay = 'new' | 'announced' | 'joined' | 'leaving';

/** An own text that the relay holds, and how many others have said that they saw it. */
interface TrackedText {
  readonly id: string;
  readonly sequence: number;
  readonly by: number;
}

export interface Session {
  readonly link: Link;
  readonly stay: Stay;
  readonly name: string;
  readonly attempt: number;
  readonly counter: number;
  /** The number of this member's last frame that left. */
  readonly number: number;
  readonly heardAt: number;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly schedule: Schedule;
  readonly tracked: readonly TrackedText[];
  /** Texts that came before their speakers' names. */
  readonly unnamed: readonly InboxText[];
  /** `owed`: a text was shown since our last frame, and the receipt's timer runs. */
  readonly receipt: 'none' | 'owed';
}

export type TimerName =
  'retry' | 'attach-deadline' | 'beat' | 'silence' | 'join-limit' | 'receipt' | 'presence' | 'names' | 'leave';

export type SessionEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stage'; readonly stage: StateEvent }
  | { readonly type: 'connected' }
  | { readonly type: 'dial-failed'; readonly code: string; readonly message: string; readonly final: boolean }
  | { readonly type: 'frame'; readonly bytes: Uint8Array }
  /** The answers to `open` and `seal`, in the order in which they were asked for. */
  | { readonly type: 'opened'; readonly sequence: number; readonly body: Uint8Array; readonly opened: Opened }
  | { readonly type: 'sealed'; readonly number: number; readonly body: Uint8Array }
  | { readonly type: 'cut'; readonly code: ClientCode }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'say'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'leave' };

export type Effect =
  | { readonly type: 'dial' }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** Keys may take their time: both are answered by an event, one after another, in order. */
  | { readonly type: 'open'; readonly sequence: number; readonly body: Uint8Array; readonly own: boolean }
  | { readonly type: 'seal'; readonly content: Content }
  | { readonly type: 'hang-up' }
  | { readonly type: 'set-timer'; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: 'clear-timer'; readonly name: TimerName }
  | { readonly type: 'emit'; readonly event: ClientEvent }
  | { readonly type: 'end' };

/** What a step may use of the world: keys, the clock's reading, and a random number in [0, 1). */
export interface SessionContext {
  readonly membership: Membership;
  readonly now: number;
  readonly chance: () => number;
}

/** One step on its way: the context, and the effects so far. */
export interface Turn extends SessionContext {
  readonly effects: Effect[];
}

export function createSession(name: string): Session {
  return {
    link: { phase: 'idle' },
    stay: 'new',
    name,
    attempt: 0,
    counter: 0,
    number: 0,
    heardAt: 0,
    outbox: EMPTY_OUTBOX,
    inbox: EMPTY_INBOX,
    schedule: OFF_SCHEDULE,
    tracked: [],
    unnamed: [],
    receipt: 'none',
  };
}
