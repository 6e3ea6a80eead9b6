// The connection slice: the link to the relay, its renewal, and how far the log was read on it.

import { concatBytes, followCommits, PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import type { Attached, CommitPlace, CommitProgress, SnapshotName, SnapshotPiece } from '@sotto/protocol';

/**
 * The phase of the link. Frames of the log are read from `attached` on. They take effect in the
 * order of the key work, so `attached` lasts until everything before ATTACHED has been processed.
 * `catching-up` ends when the log has been read up to `until`.
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

/** The cause of a renewal. Only a user is told its result. */
export type RenewalCause = 'by-user' | 'by-clock';

/**
 * The handover to another circuit. `dialling`, `greeting`: a standby connection opens, until its
 * CHALLENGE has come; the first connection goes on. `draining`: nothing leaves on the first
 * connection any more, and its echoes are awaited. `handover`: ATTACH has left on the standby
 * connection, and the first one is ignored. `catching-up`: ATTACHED has come, the first connection
 * is closed, and the log is read to its end. PROTOCOL.md §4.9.
 */
export type Renewal =
  | { readonly phase: 'none' }
  | { readonly phase: 'dialling'; readonly cause: RenewalCause }
  | { readonly phase: 'greeting'; readonly cause: RenewalCause; readonly connection: number }
  | {
      readonly phase: 'draining';
      readonly cause: RenewalCause;
      readonly connection: number;
      readonly challenge: Uint8Array;
    }
  | { readonly phase: 'handover'; readonly cause: RenewalCause; readonly connection: number }
  | { readonly phase: 'catching-up'; readonly cause: RenewalCause };

export interface Snapshot {
  readonly which: SnapshotName;
  /** The commit number that its commit made. A commit on this snapshot has to name it. */
  readonly commitNumber: number;
  /** The last sequence number of that commit. */
  readonly last: number;
  /** Empty if the room has no such snapshot. */
  readonly bytes: Uint8Array;
}

/** The pieces of one snapshot that have come. */
export type SnapshotParts = readonly SnapshotPiece[];

export interface ConnectionState {
  readonly link: Link;
  readonly renewal: Renewal;
  /** The circuit is renewed about so often; undefined: only when a user asks. */
  readonly renewEveryMs: number | undefined;
  /** Attempts to reconnect since the last ATTACHED. */
  readonly attempt: number;
  /** The number of the connection in use: events of earlier connections carry another one. */
  readonly number: number;
  /** When the relay sent something last (ms). */
  readonly heardAt: number;
  /** When the link broke that was live last (ms); undefined while it is live, and before. */
  readonly awaySince: number | undefined;
  /** How long the relay keeps a frame of the log (ms). */
  readonly patienceMs: number;
  /** When the connection in use was admitted (ms). */
  readonly admittedAt: number;
  /**
   * The last sequence number that went to the group worker; undefined before the first ATTACHED.
   */
  readonly read: number | undefined;
  /** How far `read` has come with the commits of the log. */
  readonly progress: CommitProgress;
  /**
   * `pending`: the log was fetched again from behind `read`; other entries are ignored until then.
   */
  readonly refetch: 'none' | 'pending';
  readonly parts: SnapshotParts;
}

const NO_RENEWAL: Renewal = { phase: 'none' };
/** The frame that comes next may be any frame of a commit, or of none. */
const UNKNOWN_PROGRESS: CommitProgress = { phase: 'unknown' };
export const NO_SNAPSHOT_PARTS: SnapshotParts = [];

export function createConnection(renewEveryMs: number | undefined): ConnectionState {
  return {
    link: { phase: 'idle' },
    renewal: NO_RENEWAL,
    renewEveryMs,
    attempt: 0,
    number: 0,
    heardAt: 0,
    awaySince: undefined,
    patienceMs: 1_000 * PATIENCE_SECONDS_MOST,
    admittedAt: 0,
    read: undefined,
    progress: UNKNOWN_PROGRESS,
    refetch: 'none',
    parts: NO_SNAPSHOT_PARTS,
  };
}

// The link

export function startDial(connection: ConnectionState): ConnectionState {
  return { ...connection, link: { phase: 'dialling' } };
}

/** A stream is open: its CHALLENGE is awaited. */
export function onOpened(connection: ConnectionState, number: number): ConnectionState {
  return { ...connection, number, link: { phase: 'greeting' } };
}

/** ATTACH has left. */
export function onAttachSent(connection: ConnectionState): ConnectionState {
  return { ...connection, link: { phase: 'attaching' } };
}

/** The relay has admitted the connection: the log is read from behind the last entry. */
export function onAdmitted(connection: ConnectionState, log: Attached, now: number): ConnectionState {
  const { read: known } = connection;
  const { oldest, next } = log;
  // Entries that the relay has dropped are not awaited. Entries that it has lost will come anew.
  const read = known === undefined ? next - 1 : Math.min(next - 1, Math.max(known, oldest - 1));
  const progress = progressBehind(connection, read, log);
  const patienceMs = 1_000 * log.patienceSeconds;
  const from = { read, progress, refetch: 'none' } as const;
  return { ...connection, ...from, patienceMs, admittedAt: now, attempt: 0, link: { phase: 'attached' } };
}

/** At the end of the log every commit is complete, and the last one made the room's number. */
function progressBehind(connection: ConnectionState, read: number, { commitNumber, next }: Attached): CommitProgress {
  if (read === next - 1) return { phase: 'between', commitNumber };
  return read === connection.read ? connection.progress : UNKNOWN_PROGRESS;
}

export function catchUp(connection: ConnectionState, until: number, commitNumber: number): ConnectionState {
  return { ...connection, link: { phase: 'catching-up', until, commitNumber } };
}

/** The log has been read to its end; so ends a renewal. */
export function onCaughtUp(connection: ConnectionState): ConnectionState {
  return { ...connection, link: { phase: 'live' }, awaySince: undefined, renewal: NO_RENEWAL };
}

export function noteHeard(connection: ConnectionState, now: number): ConnectionState {
  return { ...connection, heardAt: now };
}

/** The connection is given up, and with it a renewal and the pieces of a snapshot. */
export function dropConnection(connection: ConnectionState): ConnectionState {
  const awaySince = connection.awaySince ?? connection.heardAt;
  return { ...connection, awaySince, renewal: NO_RENEWAL, parts: NO_SNAPSHOT_PARTS };
}

/** @returns how long this member has been away from the log, until it was read to its end (ms) */
export function awayMs({ awaySince }: ConnectionState, now: number): number {
  return awaySince === undefined ? 0 : now - awaySince;
}

export function awaitRetry(connection: ConnectionState): ConnectionState {
  return { ...connection, link: { phase: 'waiting' }, attempt: connection.attempt + 1 };
}

export function close(connection: ConnectionState): ConnectionState {
  return { ...connection, link: { phase: 'closed' } };
}

// Entries and snapshots

/** The outcome of an entry's arrival: only a `new` one goes to the group worker. */
interface EntryArrival {
  readonly outcome: 'new' | 'replayed' | 'misplaced';
  readonly connection: ConnectionState;
}

/**
 * An entry goes to the group worker once: an entry at or below the last one is a replay, and the
 * keys that opened it are gone. `misplaced`: the relay shows a commit out of order. That is told
 * once: on the next connection, any entry is accepted in that place. PROTOCOL.md §4.7.
 */
export function onEntry(connection: ConnectionState, sequence: number, place: CommitPlace | undefined): EntryArrival {
  const read = connection.read ?? 0;
  if (sequence <= read || (connection.refetch === 'pending' && sequence !== read + 1)) {
    return { outcome: 'replayed', connection };
  }
  const progress = followCommits(sequence === read + 1 ? connection.progress : UNKNOWN_PROGRESS, place);
  return progress === undefined
    ? { outcome: 'misplaced', connection: { ...connection, progress: UNKNOWN_PROGRESS } }
    : { outcome: 'new', connection: { ...connection, read: sequence, progress, refetch: 'none' } };
}

/** The log is fetched again from behind `read`; absent: from behind the last entry. */
export function refetchLog(connection: ConnectionState, read = connection.read): ConnectionState {
  const progress = read === connection.read ? connection.progress : UNKNOWN_PROGRESS;
  return { ...connection, read, progress, refetch: 'pending' };
}

/** A snapshot is fetched: the pieces of the one before are void. */
export function clearParts(connection: ConnectionState): ConnectionState {
  return { ...connection, parts: NO_SNAPSHOT_PARTS };
}

export function onSnapshotPiece(
  connection: ConnectionState,
  piece: SnapshotPiece,
): { readonly connection: ConnectionState; readonly snapshot: Snapshot | undefined } {
  const { parts, snapshot } = processSnapshotPiece(connection.parts, piece);
  return { connection: { ...connection, parts }, snapshot };
}

/**
 * Adds the next piece. Pieces come in order, and begin anew when the snapshot is replaced on its
 * way. A piece that does not follow voids the pieces before. PROTOCOL.md §4.8.
 * @returns the snapshot once it is whole.
 */
export function processSnapshotPiece(
  parts: SnapshotParts,
  piece: SnapshotPiece,
): { readonly parts: SnapshotParts; readonly snapshot: Snapshot | undefined } {
  const first = parts[0];
  const expected = parts.reduce((length, part) => length + part.data.length, 0);
  const follows =
    piece.offset === expected &&
    (first === undefined ||
      (first.which === piece.which &&
        first.commitNumber === piece.commitNumber &&
        first.snapshotBytes === piece.snapshotBytes));
  const collected = follows ? [...parts, piece] : piece.offset === 0 ? [piece] : NO_SNAPSHOT_PARTS;
  const last = collected.at(-1);
  if (last === undefined || last.offset + last.data.length < last.snapshotBytes)
    return { parts: collected, snapshot: undefined };
  const bytes = concatBytes(...collected.map((part) => part.data));
  return {
    parts: NO_SNAPSHOT_PARTS,
    snapshot: { which: last.which, commitNumber: last.commitNumber, last: last.last, bytes },
  };
}

// The renewal

/** @returns whether frames wait: after the last one on the old connection, before ATTACHED. */
export function holdsFrames({ renewal }: ConnectionState): boolean {
  return renewal.phase === 'draining' || renewal.phase === 'handover';
}

/** @returns whether a user waits for the result of the renewal */
export function isAwaitedByUser(renewal: Renewal): boolean {
  return renewal.phase !== 'none' && renewal.cause === 'by-user';
}

export function startRenewal(connection: ConnectionState, cause: RenewalCause): ConnectionState {
  return { ...connection, renewal: { phase: 'dialling', cause } };
}

/** A user asks for a renewal that is under way. */
export function joinRenewal(connection: ConnectionState): ConnectionState {
  const { renewal } = connection;
  return renewal.phase === 'none' ? connection : { ...connection, renewal: { ...renewal, cause: 'by-user' } };
}

/** The standby connection is open: its CHALLENGE is awaited. */
export function awaitStandbyChallenge(
  connection: ConnectionState,
  cause: RenewalCause,
  standby: number,
): ConnectionState {
  return { ...connection, renewal: { phase: 'greeting', cause, connection: standby } };
}

/** The CHALLENGE of the standby connection has come. */
export function drain(
  connection: ConnectionState,
  renewal: Extract<Renewal, { phase: 'greeting' }>,
  challenge: Uint8Array,
): ConnectionState {
  return { ...connection, renewal: { ...renewal, phase: 'draining', challenge } };
}

/** ATTACH has left on the standby connection. */
export function startHandover(
  connection: ConnectionState,
  { cause, connection: standby }: Extract<Renewal, { phase: 'draining' }>,
): ConnectionState {
  return { ...connection, renewal: { phase: 'handover', cause, connection: standby } };
}

/** ATTACHED has come on the standby connection: it is the one in use. */
export function promoteStandby(
  connection: ConnectionState,
  { cause, connection: standby }: Extract<Renewal, { phase: 'handover' }>,
): ConnectionState {
  return { ...connection, number: standby, renewal: { phase: 'catching-up', cause }, parts: NO_SNAPSHOT_PARTS };
}

export function endRenewal(connection: ConnectionState): ConnectionState {
  return { ...connection, renewal: NO_RENEWAL };
}
