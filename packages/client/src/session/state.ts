// What a session is made of: where it stands, what happens to it, and what it asks of the world.

import type { Attached, CommitNotice, Content, Cover, SnapshotName, Invite, RelayCode } from '@sotto/protocol';
import type { ClientCode } from '../errors.ts';
import type { ClientEvent, StateEvent } from '../events.ts';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import type { Snapshot, SnapshotParts } from './snapshot-reader.ts';
import { EMPTY_INBOX } from './inbox.ts';
import type { Inbox, InboxText } from './inbox.ts';
import type { Move, SignedOrder } from '../moderator.ts';
import { EMPTY_OUTBOX } from './outbox.ts';
import type { Draft, Outbox } from './outbox.ts';
import { NO_RENEWAL } from './renewal.ts';
import type { Renewal } from './renewal.ts';
import type { Room } from '../group/room-keys.ts';
import { startRotation } from './key-rotation.ts';
import type { Rotation } from './key-rotation.ts';
import { createSchedule } from './cover.ts';
import type { Schedule } from './cover.ts';
import type { Upload } from './uploads.ts';

/**
 * Where the connection stands. Frames of the log are taken from `attached` on; what they say takes effect in the order of the key work, so
 * `attached` lasts until everything before ATTACHED is done. `catching-up` ends when the log has been read up to `until`.
 */
type Link =
  | { readonly phase: 'idle' }
  | { readonly phase: 'dialling' }
  | { readonly phase: 'greeting' }
  | { readonly phase: 'attaching' }
  | { readonly phase: 'attached' }
  | { readonly phase: 'catching-up'; readonly until: number; readonly commitNumber: number }
  | { readonly phase: 'live' }
  | { readonly phase: 'waiting' }
  | { readonly phase: 'closed' };

/** Where this member stands for its user: it has joined when another member has been understood, or when nobody else is there. */
type UserStatus = 'new' | 'joined' | 'leaving';

/**
 * Where this member stands in the group. `outside` waits for a snapshot worth fetching; `joining` has made, or is making, the commit that lets it in;
 * `knocking` has asked to be let in; `welcomed` fetches the snapshot that its welcome belongs to. `arriving` has keys, and waits to hear that others have
 * the same: a relay can serve a snapshot that is over, and then nobody would ever read what is said.
 */
type Membership =
  | { readonly phase: 'outside' }
  | { readonly phase: 'fetching'; readonly which: SnapshotName; readonly commitNumber: number }
  | { readonly phase: 'joining' }
  | { readonly phase: 'knocking'; readonly body: Uint8Array; readonly status: 'refused' | 'posted' }
  | { readonly phase: 'welcomed'; readonly which: SnapshotName; readonly body: Uint8Array }
  | { readonly phase: 'arriving' }
  | { readonly phase: 'inside' };

/** The relay's commit number as the log tells it. `turning`: an epoch has begun, or a frame was stale, and COMMITTED is still to come: nothing leaves. */
interface CommitNumber {
  readonly phase: 'known' | 'turning';
  readonly value: number;
}

/** A commit that this member wants to make: one after another, and again when another commit came first. */
export type CommitRequest =
  | { readonly type: 'join'; readonly snapshot: Uint8Array; readonly resync: boolean }
  /**
   * `reason`: an own rotation is due whatever others do; it is this member's turn, unless another has taken it; those who want to go may be gone
   * already; who cannot tell what the log is can after any commit.
   */
  | { readonly type: 'rotate'; readonly reason: 'due' | 'scheduled' | 'departing' | 'log-gap' }
  | { readonly type: 'remove-silent' }
  | { readonly type: 'restore-snapshot' }
  | { readonly type: 'order'; readonly order: SignedOrder; readonly move: Move | undefined }
  | { readonly type: 'admit'; readonly memberId: Uint8Array }
  | { readonly type: 'leave-commit' };

/** What keys are asked to make: a commit, or a key package, or the place that a welcome gives. */
export type GroupTask =
  | CommitRequest
  | { readonly type: 'knock'; readonly name: string }
  /** `last`: the last sequence number of the commit that set this snapshot. */
  | { readonly type: 'join-by-welcome'; readonly snapshot: Uint8Array; readonly last: number };

/** The one commit of this member that is being made, or on its way to the relay. */
export type OwnCommit =
  | { readonly phase: 'none' }
  /** A join goes under the commit number of its snapshot; everything else under the one that holds when it is made. */
  | { readonly phase: 'making'; readonly request: CommitRequest; readonly commitNumber: number | undefined }
  | {
      readonly phase: 'sent';
      readonly request: CommitRequest;
      readonly upload: Upload;
      readonly connection: number;
      /** Its last frame came back in the log. */
      readonly stored: boolean;
    };

/** An own text that the relay holds, and how many others have said that they saw it. */
interface TrackedText {
  readonly id: string;
  readonly sequence: number;
  readonly by: number;
}

/** `start`: it began behind this entry. `hash`: its last; zeros if this member cannot tell. */
interface EndedEpoch {
  readonly start: number;
  readonly hash: Uint8Array;
}

/** What another member, by its fingerprint, has said of the epoch that began behind entry `start`. */
interface ComparedEpoch {
  readonly who: string;
  readonly start: number;
  readonly same: boolean;
}

/** What this member knows of the log in this epoch, to hold against what others say that they saw. */
export interface LogState {
  /** Hashes behind one another, the last of the newest entry; empty from a gap to the next epoch. */
  readonly hashes: readonly Uint8Array[];
  /** The sequence number of the last hash. */
  readonly last: number;
  /** The last sequence number that was lost, since the commit number was known last; 0 if none. */
  readonly lost: number;
  /** The last sequence number that a member's key opened, or that began an epoch. */
  readonly byMember: number;
  /** When another member was understood last (ms), how many frames since were not, and how many were not in this epoch. */
  readonly readableAt: number;
  readonly unreadable: number;
  readonly foreign: number;
  /** Fingerprints of members who have said in this epoch that they saw another log. */
  readonly differing: readonly string[];
  /** The epoch began behind this entry; 0 if that was not seen. */
  readonly start: number;
  /** Whether a text was said in this epoch. */
  readonly hasText: boolean;
  /** The last epochs without a break in which this member was in the group, the latest first. */
  readonly before: readonly EndedEpoch[];
  /** How others have said that they saw those. */
  readonly compared: readonly ComparedEpoch[];
}

/** Somebody who asks to be let in. */
interface Knock {
  readonly memberId: Uint8Array;
  readonly fingerprint: string;
}

export interface Session {
  readonly link: Link;
  readonly renewal: Renewal;
  /** About so often the circuit is renewed; undefined: never by itself. */
  readonly renewEveryMs: number | undefined;
  readonly status: UserStatus;
  readonly membership: Membership;
  readonly name: string;
  readonly attempt: number;
  /** The number of the connection in use, so that what an earlier one brought late is told from what this one says. */
  readonly connection: number;
  readonly commitNumber: CommitNumber;
  /** The number of this member's last frame that left. */
  readonly number: number;
  readonly heardAt: number;
  /** When the connection in use was admitted (ms). */
  readonly admittedAt: number;
  /** The last sequence number that was handed on to the keys; undefined before the first ATTACHED. */
  readonly read: number | undefined;
  /** `again`: the log was asked for again from `read` on, and what is still on the way of it as it was before is passed over. */
  readonly feed: 'on' | 'again';
  readonly view: GroupView | undefined;
  /** When the present epoch began here (ms). */
  readonly epochAt: number;
  readonly parts: SnapshotParts;
  readonly commit: OwnCommit;
  readonly commitRequests: readonly CommitRequest[];
  /** Commits in a row that the relay refused. */
  readonly tries: number;
  /** After a move: the keys of those who are to follow, for whom this member waits with its words. */
  readonly awaited: readonly Uint8Array[];
  /** Joins in a row that nobody has answered. */
  readonly unanswered: number;
  /** When this member has joined again because the room seemed to be forked (ms). */
  readonly forkedAt: number | undefined;
  /** When somebody was removed as silent last (ms): it may live on in the other one of two groups. */
  readonly silencedAt: number | undefined;
  /** When junk was told of last (ms). */
  readonly junkWarnedAt: number | undefined;
  /** Own frames since this member's keys were new. */
  readonly sinceRotation: number;
  /** In stealth: whose turn it is to have new ones. */
  readonly rotation: Rotation;
  /** The number of the access order that this member has said for its user, until one as high holds. */
  readonly ordered: number | undefined;
  readonly log: LogState;
  readonly knocks: readonly Knock[];
  /** Fingerprints by how a name looks, for the notice that a name has another key now. */
  readonly names: ReadonlyMap<string, string>;
  /** Fingerprints whose names were warned of, the latest last. */
  readonly namesWarned: readonly string[];
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly schedule: Schedule;
  readonly tracked: readonly TrackedText[];
  /** Texts that came before their speakers' names. */
  readonly unnamed: readonly InboxText[];
  /**
   * `owed`: a text was shown since our last frame, and the receipt's timer runs. `due`: an epoch with a text in it has ended, so that only a frame
   * will do that says what was before.
   */
  readonly receipt: 'none' | 'owed' | 'due';
}

export type TimerName =
  | 'retry'
  | 'attach-deadline'
  /** The circuit is to be renewed; its renewal takes too long. */
  | 'renew'
  | 'handover'
  | 'ping'
  /** In covered rooms: a frame is sealed for the next slot; the slot; own texts may be said; the goodbye may. */
  | 'seal'
  | 'slot'
  | 'dwell'
  | 'goodbye'
  | 'silence'
  | 'join-limit'
  | 'receipt'
  | 'presence'
  | 'names'
  | 'leave'
  /** Asks for the snapshot again. */
  | 'fetch'
  /** Nobody has answered, or somebody has not followed. */
  | 'confirm'
  /** Tries a commit request again. */
  | 'commit-retry'
  | 'rotate'
  /** In stealth: it is this member's turn to have new keys. */
  | 'scheduled-rotation'
  | 'departing'
  | 'log-gap'
  | 'restore-snapshot'
  | 'roll-call';

/** What the relay said, on its way through the key work: it takes effect when all entries before it have been opened. */
export type RelayNotice =
  | { readonly type: 'attached'; readonly connection: number; readonly log: Attached }
  | { readonly type: 'committed'; readonly notice: CommitNotice }
  | {
      readonly type: 'refused';
      readonly connection: number;
      readonly code: RelayCode | undefined;
      readonly commitNumber: number;
      readonly what: Uint8Array;
    }
  | { readonly type: 'snapshot'; readonly connection: number; readonly snapshot: Snapshot };

/** What became of a task. `code` is for programs: what a user is told is in errors.ts. */
export type GroupTaskResult =
  | { readonly ok: true; readonly upload?: Upload; readonly body?: Uint8Array }
  | { readonly ok: false; readonly code: string };

export type SessionEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stage'; readonly stage: StateEvent }
  | { readonly type: 'connected'; readonly connection: number }
  | { readonly type: 'standby-opened'; readonly connection: number }
  | { readonly type: 'standby-failed' }
  | { readonly type: 'dial-failed'; readonly code: string; readonly message: string; readonly final: boolean }
  | { readonly type: 'frame'; readonly connection: number; readonly bytes: Uint8Array }
  /** The answers to `open`, `pass`, `seal` and `make`, in the order in which they were asked for, with the group as it is then. */
  | {
      readonly type: 'entry-opened';
      readonly sequence: number;
      readonly body: Uint8Array;
      readonly opened: GroupOpened;
      readonly view: GroupView | undefined;
    }
  | { readonly type: 'notice'; readonly notice: RelayNotice }
  | { readonly type: 'sealed'; readonly ticket: number; readonly body: Uint8Array }
  | {
      readonly type: 'task-finished';
      readonly task: GroupTask;
      readonly made: GroupTaskResult;
      readonly view: GroupView | undefined;
    }
  | { readonly type: 'connection-lost'; readonly connection: number; readonly code: ClientCode }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'renew' }
  | { readonly type: 'send'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'admit'; readonly fingerprint: string }
  | { readonly type: 'ordered'; readonly order: SignedOrder; readonly move: Move | undefined }
  | { readonly type: 'order-failed'; readonly code: string; readonly message: string }
  | { readonly type: 'leave' };

export type Effect =
  | { readonly type: 'dial' }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** A standby connection beside the one in use: opened, written to, taken in its place, or closed. */
  | { readonly type: 'dial-standby' | 'promote-standby' | 'close-standby' }
  | { readonly type: 'write-standby'; readonly bytes: Uint8Array }
  /** Key work takes its time: it is done one after another, in order, and answered by events. */
  | { readonly type: 'open-entry'; readonly sequence: number; readonly body: Uint8Array }
  | { readonly type: 'queue-notice'; readonly notice: RelayNotice }
  | { readonly type: 'seal'; readonly ticket: number; readonly content: Content }
  | { readonly type: 'run-task'; readonly task: GroupTask }
  /** The commit that was made last will not come. */
  | { readonly type: 'clear-commit' }
  | { readonly type: 'disconnect' }
  | { readonly type: 'set-timer'; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: 'clear-timer'; readonly name: TimerName }
  | { readonly type: 'emit'; readonly event: ClientEvent }
  /** To the host: everybody has been told where the room goes on. */
  | { readonly type: 'moved' }
  /** Goes on in another room, with what nobody has heard yet. */
  | {
      readonly type: 'move';
      readonly invite: Invite;
      readonly texts: readonly Draft[];
      readonly awaited: readonly Uint8Array[];
    }
  /** Goes on in this room, as another member: one that is alone in its group cannot join again as itself. */
  | { readonly type: 'restart'; readonly texts: readonly Draft[] }
  | { readonly type: 'end' };

/** What a step may use of the world: the room's keys that need no waiting, the clock's reading, and a random number in [0, 1). */
export interface StepInputs {
  readonly room: Room;
  readonly now: number;
  readonly chance: () => number;
}

/** One step on its way: the context, and the effects so far. */
export interface StepContext extends StepInputs {
  readonly effects: Effect[];
}

const EMPTY_LOG: LogState = {
  hashes: [],
  last: 0,
  lost: 0,
  byMember: 0,
  readableAt: 0,
  unreadable: 0,
  foreign: 0,
  differing: [],
  start: 0,
  hasText: false,
  before: [],
  compared: [],
};

/** `texts`: what a member brings along from the room that moved here; `awaited`: who is to follow. */
export function createSession(
  name: string,
  texts: readonly Draft[] = [],
  awaited: readonly Uint8Array[] = [],
  cover: Cover = 'off',
  renewEveryMs?: number,
): Session {
  return {
    link: { phase: 'idle' },
    renewal: NO_RENEWAL,
    renewEveryMs,
    status: 'new',
    membership: { phase: 'outside' },
    // Composed, so that all who read it have the same letters.
    name: name.normalize('NFC'),
    attempt: 0,
    connection: 0,
    commitNumber: { phase: 'known', value: 0 },
    number: 0,
    heardAt: 0,
    admittedAt: 0,
    read: undefined,
    feed: 'on',
    view: undefined,
    epochAt: 0,
    parts: NO_SNAPSHOT_PARTS,
    commit: { phase: 'none' },
    commitRequests: [],
    tries: 0,
    awaited,
    unanswered: 0,
    forkedAt: undefined,
    silencedAt: undefined,
    junkWarnedAt: undefined,
    sinceRotation: 0,
    rotation: startRotation(0),
    ordered: undefined,
    log: EMPTY_LOG,
    knocks: [],
    names: new Map(),
    namesWarned: [],
    outbox: { ...EMPTY_OUTBOX, waiting: texts },
    inbox: EMPTY_INBOX,
    schedule: createSchedule(cover),
    tracked: [],
    unnamed: [],
    receipt: 'none',
  };
}
