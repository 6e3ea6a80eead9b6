// Where rooms are kept, and the contract that every store obeys (test/room-store.contract.ts). Opaque bytes only: a store knows no member.

import { LOG_TTL_SECONDS } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';

/** What a commit has left: the snapshot, and the sequence numbers of its first and last frame. Empty and 0 before there was one. */
export interface StoredSnapshot {
  readonly bytes: Uint8Array;
  readonly first: number;
  readonly last: number;
}

/** A room without its log. `oldest` is the first sequence number still in the log, `next` the one to come; equal when the log is empty. */
export interface RoomRecord {
  /** Ed25519 public key, 32 bytes. */
  readonly capabilityKey: Uint8Array;
  /** Opaque, 16 bytes. */
  readonly roomTag: Uint8Array;
  /** How the room hides when something is said: fixed at its creation. */
  readonly cover: Cover;
  /** From 0; one more with each commit. */
  readonly commitNumber: number;
  /** That of the commit which made the commit number; the previous one is kept so that a bad one can be undone. */
  readonly snapshot: StoredSnapshot;
  readonly previousSnapshot: StoredSnapshot;
  readonly oldest: number;
  readonly next: number;
}

/** A whole room, as the relay remembers it: `bodies` are those of `oldest` to `next - 1`. */
export interface RoomMirror extends RoomRecord {
  readonly bodies: readonly Uint8Array[];
}

/** What the host says of a room when it makes it. */
export type RoomTerms = Pick<RoomRecord, 'capabilityKey' | 'roomTag' | 'cover'>;

export const NO_SNAPSHOT: StoredSnapshot = { bytes: new Uint8Array(0), first: 0, last: 0 };

export interface LogEntry {
  readonly number: number;
  readonly body: Uint8Array;
}

export interface Append {
  readonly commitNumber: number;
  /** The sequence number that the first body is to get. */
  readonly first: number;
  /** At most FLUSH_BYTES_MAX together. */
  readonly bodies: readonly Uint8Array[];
  /** The oldest number that stays in the log: what comes before it is dropped. */
  readonly oldest: number;
}

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

/** How far a room has come: it is behind another copy that has a higher commit number, or the same and a higher next number. */
export type Position = Pick<RoomRecord, 'commitNumber' | 'next'>;

type RoomUnknown = { readonly kind: 'room-unknown' };
type Stale = { readonly kind: 'stale'; readonly commitNumber: number };
export type Stored = { readonly kind: 'stored'; readonly first: number; readonly oldest: number };
type OutOfStep = { readonly kind: 'out-of-step'; readonly next: number };

/** What append and commit answer. */
export type AppendAnswer = Stored | Stale | OutOfStep | RoomUnknown;
export type TouchAnswer = ({ readonly kind: 'present' } & Position) | RoomUnknown;

/**
 * Each operation is atomic. Each rejects with a RelayError, and then may or may not have happened, or may happen later: the caller asks again.
 * An answer that does not fit what was asked is refused, and counts as none.
 *
 * A room lives for its TTL after the last `create`, `append`, `commit`, `touch` or `restore`, log and all; then nobody knows it any more.
 * The caller says with each append and commit how much of the log stays; sequence numbers are never given twice.
 */
export interface RoomStore {
  /**
   * Makes a room with commit number 0, an empty snapshot and an empty log whose first sequence number will be 1. Leaves an existing room alone; one of
   * the same terms in which nothing was ever stored is answered `created` again, so that a create whose answer was lost can be repeated.
   */
  create(roomId: Uint8Array, terms: RoomTerms): Promise<'created' | 'room-exists'>;

  load(roomId: Uint8Array): Promise<RoomRecord | undefined>;

  /**
   * Adds bodies to the log if the room's commit number is `commitNumber` (else `stale`) and its next sequence number is `first` (else `out-of-step`).
   * The very append that was the last to be stored is answered `stored` again and changes nothing, so that one whose answer was lost can be
   * repeated.
   */
  append(roomId: Uint8Array, append: Append): Promise<AppendAnswer>;

  /**
   * Compare and set: if the commit number is `commitNumber` (else `stale`) and the next sequence number is `first` (else `out-of-step`), replaces the
   * snapshot, keeps the one before, adds the bodies to the log and counts up. Of any number of committers with the same commit number exactly one
   * succeeds. The very commit that was the last thing to be stored is answered `stored` again and changes nothing, as with `append`.
   */
  commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer>;

  /**
   * @returns entries in order without a gap from the first that is not older than `from`, of at most `maxBytes` together but at least one
   * if there is one; none for an unknown room.
   */
  read(roomId: Uint8Array, from: number, maxBytes: number): Promise<readonly LogEntry[]>;

  /** Lets a living room live on, and says how far it has come. */
  touch(roomId: Uint8Array): Promise<TouchAnswer>;

  /**
   * Brings a room back into a store that lost it or whose copy is behind, exactly as it was. A room that is not behind stays as it is, and is
   * `present`. Until all of it is there, nobody sees any of it. One that is not `wanted` any more is not begun, nor gone on with.
   */
  restore(roomId: Uint8Array, mirror: RoomMirror, wanted?: AbortSignal): Promise<'restored' | 'present'>;

  /** Also stops what is being restored. @returns whether there was such a room. */
  remove(roomId: Uint8Array): Promise<boolean>;

  close(): Promise<void>;
}

/** How long a store keeps a room. The protocol's own number, except in tests. */
export interface StoreLimits {
  readonly logTtlMs: number;
}

export const STORE_LIMITS: StoreLimits = { logTtlMs: LOG_TTL_SECONDS * 1_000 };

export function isBehind(one: Position, other: Position): boolean {
  return one.commitNumber === other.commitNumber ? one.next < other.next : one.commitNumber < other.commitNumber;
}
