// The contract of every store of rooms. A store keeps opaque bytes: it knows no member and no key
// but the public key of a room's capability.

import { equalBytes, ROOM_TTL_SECONDS } from '@sotto/protocol';
import type { Cover, LogFrame } from '@sotto/protocol';

/**
 * What a commit has left: the snapshot, and the sequence numbers of its first and last frame. Empty
 * and 0 before there was one.
 */
export interface StoredSnapshot {
  readonly bytes: Uint8Array;
  readonly first: number;
  readonly last: number;
}

/**
 * A room without its log. `oldest` is the first sequence number still in the log, `next` the one to
 * come; equal when the log is empty.
 */
export interface RoomRecord {
  /** Ed25519 public key, 32 bytes. */
  readonly capabilityKey: Uint8Array;
  /** Opaque, 16 bytes. */
  readonly roomTag: Uint8Array;
  /** How the room hides when something is said: fixed at its creation. */
  readonly cover: Cover;
  /** How long the log keeps a frame, and the store at most a room that nobody asks about. */
  readonly patienceSeconds: number;
  /** From 0; one more with each commit. */
  readonly commitNumber: number;
  /**
   * That of the commit which made the commit number; the previous one is kept so that a bad one can
   * be undone.
   */
  readonly snapshot: StoredSnapshot;
  readonly previousSnapshot: StoredSnapshot;
  readonly oldest: number;
  readonly next: number;
}

/**
 * A whole room, as the relay remembers it: `frames` are those of `oldest` to `next - 1`. They are
 * made one by one, as they are asked for.
 */
export interface RoomMirror extends RoomRecord {
  readonly frames: Iterable<LogFrame>;
}

/** What the host says of a room when it makes it. */
export type RoomTerms = Pick<RoomRecord, 'capabilityKey' | 'roomTag' | 'cover' | 'patienceSeconds'>;

export const NO_SNAPSHOT: StoredSnapshot = { bytes: new Uint8Array(0), first: 0, last: 0 };

/** A frame of the log with its sequence number. */
export interface LogEntry extends LogFrame {
  readonly number: number;
}

/** ENTRY frames, which members have published. */
export interface Append {
  readonly commitNumber: number;
  /** The sequence number that the first body is to get. */
  readonly first: number;
  /** At most FLUSH_BYTES_MAX together. */
  readonly bodies: readonly Uint8Array[];
  /** The oldest number that stays in the log: what comes before it is dropped. */
  readonly oldest: number;
}

/** COMMITTED frames, whose bodies name their places in the commit, and the snapshot with them. */
export interface Commit {
  readonly commitNumber: number;
  /** The sequence number that the first body is to get. */
  readonly first: number;
  /** At least one. */
  readonly bodies: readonly Uint8Array[];
  /** At least one byte. */
  readonly snapshot: Uint8Array;
  /** As in an append. */
  readonly oldest: number;
}

/**
 * How far a room has come: it is behind another copy that has a higher commit number, or the same
 * and a higher next number.
 */
export type Position = Pick<RoomRecord, 'commitNumber' | 'next'>;

type RoomUnknown = { readonly kind: 'room-unknown' };
type Stale = { readonly kind: 'stale'; readonly commitNumber: number };
export type Stored = { readonly kind: 'stored'; readonly first: number; readonly oldest: number };
type OutOfStep = { readonly kind: 'out-of-step'; readonly next: number };

/** What append and commit answer. */
export type AppendAnswer = Stored | Stale | OutOfStep | RoomUnknown;
export type TouchAnswer = ({ readonly kind: 'present'; readonly oldest: number } & Position) | RoomUnknown;

/**
 * Where the relay keeps its rooms: a commit number, two snapshots and a log of sealed frames each.
 *
 * **Atomicity.** Each operation happens as a whole or not at all, also beside others on the same
 * room. A `restore` may take several steps inside. Its first removes a copy that is behind, and no
 * reader sees any other but the last.
 *
 * **Errors.** Each operation rejects with a `RelayError` and nothing else: `store-unavailable`,
 * `store-reply`, `store-reply-unasked`, `store-unstaged` or `store-command-long`. After that it may
 * have happened, or not, or may happen later. The caller repeats it: `create`, `append`, `commit`
 * and `restore` recognize their own repetition. Answers of the domain (`stale`, `room-unknown`) are
 * values. An answer that does not fit its question counts as none.
 *
 * **Lifetime.** A room lives for `StoreLimits.roomTtlMs`, or for its patience if that is shorter,
 * after its last `create`, `append`, `commit`, `touch` or `restore`. Then the store forgets all of
 * it at once.
 *
 * **Bounds.** Room ids have 16 bytes. Sequence numbers begin at 1 and are never given twice. The
 * caller keeps a log below LOG_BYTES_MAX by naming the `oldest` entry that stays, and a snapshot
 * below SNAPSHOT_BYTES_MAX. The caller does not write to byte arrays that it has given or received.
 *
 * `test/room-store.contract.ts` tests all of this against every store. PROTOCOL.md §6.
 */
export interface RoomStore {
  /**
   * Makes a room with commit number 0, no snapshots, and an empty log that begins at 1.
   *
   * @returns `room-exists` and changes nothing if there is one already; but `created` again for the
   *   same terms, as long as nothing was stored in the room, so that a lost answer can be repeated.
   */
  create(roomId: Uint8Array, terms: RoomTerms): Promise<'created' | 'room-exists'>;

  /** @returns the room without its log; undefined if the store does not know it. */
  load(roomId: Uint8Array): Promise<RoomRecord | undefined>;

  /**
   * Adds ENTRY frames to the log, and drops the entries before `oldest`.
   *
   * @returns `stored`, with the oldest number that is in the log now. Otherwise nothing has
   *   changed: `room-unknown`; `stale` if the room has another commit number; `out-of-step` if its
   *   next sequence number is not `first`. The append that was the last to be stored is `stored`
   *   again, and changes nothing.
   */
  append(roomId: Uint8Array, append: Append): Promise<AppendAnswer>;

  /**
   * Compares and sets: adds the commit's frames to the log, puts `snapshot` in the place of the
   * snapshot, keeps that one as the previous snapshot, and adds 1 to the commit number. Of any
   * number of commits under one commit number exactly one is stored.
   *
   * @returns as `append` does, also for a repetition.
   */
  commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer>;

  /**
   * Reads the log, without a gap, from the first entry that is not older than `from`. Each has the
   * operation that brought it.
   *
   * @returns entries with bodies of at most `maxBytes` together, but at least one entry if there is
   *   one; none for an unknown room.
   */
  read(roomId: Uint8Array, from: number, maxBytes: number): Promise<readonly LogEntry[]>;

  /**
   * Renews a room's lifetime, and drops the entries before `oldest`.
   *
   * @returns how far it has come, or `room-unknown`.
   */
  touch(roomId: Uint8Array, oldest: number): Promise<TouchAnswer>;

  /**
   * Puts a whole room into a store that has lost it, or whose copy is behind (`isBehind`), exactly
   * as the mirror has it. It may take seconds; other rooms' operations go on meanwhile. The store
   * never holds two copies of one log.
   *
   * @param wanted ends the attempt when it is aborted: it rejects with `store-unavailable`, and no
   *   further piece is sent.
   * @returns `present` and changes nothing if the store has the room and is not behind.
   */
  restore(roomId: Uint8Array, mirror: RoomMirror, wanted?: AbortSignal): Promise<'restored' | 'present'>;

  /**
   * Forgets a room at once, and what a `restore` or a `commit` has brought of it so far. Such an
   * attempt does not bring the room back.
   *
   * @returns whether there was such a room.
   */
  remove(roomId: Uint8Array): Promise<boolean>;

  /** Gives up the connection; operations that are under way reject. Rooms stay. */
  close(): Promise<void>;
}

/** How long a store keeps a room. The protocol's own number, except in tests. */
export interface StoreLimits {
  readonly roomTtlMs: number;
}

export const STORE_LIMITS: StoreLimits = { roomTtlMs: ROOM_TTL_SECONDS * 1_000 };

export function isSameTerms(one: RoomTerms, other: RoomTerms): boolean {
  const isSame = one.cover === other.cover && one.patienceSeconds === other.patienceSeconds;
  return isSame && isSameLock(one, other);
}

export function isSameLock(one: RoomTerms, other: RoomTerms): boolean {
  return equalBytes(one.capabilityKey, other.capabilityKey) && equalBytes(one.roomTag, other.roomTag);
}

export function isBehind(one: Position, other: Position): boolean {
  return one.commitNumber === other.commitNumber ? one.next < other.next : one.commitNumber < other.commitNumber;
}
