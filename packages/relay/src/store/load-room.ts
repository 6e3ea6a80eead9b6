// Reads a whole room from the store, piece by piece, and refuses an answer that is no room's log.

import { bodyBytes, decodeCommittedBody, followCommits, FRAME_BYTES, LOG_BYTES_MAX } from '@sotto/protocol';
import type { CommitProgress } from '@sotto/protocol';
import { RelayError } from '../errors.ts';
import { LOAD_CHUNK_BYTES } from '../limits.ts';
import { LogTail } from '../log-tail.ts';
import type { LogEntry, RoomRecord, RoomStore } from './room-store.ts';

const BODY_BYTES: ReadonlySet<number> = new Set(FRAME_BYTES.map(bodyBytes));

/** `tail` has the room's log, or what of it comes behind the tail that was known. */
export interface LoadedRoom {
  readonly record: RoomRecord;
  readonly tail: LogTail;
}

interface LoadOptions {
  readonly now: () => number;
  /** A copy of the room's log, which need not be read again. */
  readonly known?: LogTail;
}

/**
 * The store does not know how old an entry is: its age counts from now on.
 *
 * @returns the room; undefined if the store has none. Rejects with a RelayError.
 */
export async function loadRoom(
  roomId: Uint8Array,
  store: RoomStore,
  { now, known }: LoadOptions,
): Promise<LoadedRoom | undefined> {
  const record = await store.load(roomId);
  if (record === undefined) return undefined;
  const follows = known !== undefined && known.next >= record.oldest && known.next <= record.next;
  const tail = new LogTail(follows ? known.next : record.oldest);
  let bytes = 0;
  let progress: CommitProgress = { phase: 'unknown' };
  while (tail.next < record.next) {
    const entries = await store.read(roomId, tail.next, LOAD_CHUNK_BYTES);
    if (entries.length === 0) return undefined;
    bytes += entries.reduce((sum, { body }) => sum + body.length, 0);
    if (!isLog(entries, tail.next) || bytes > LOG_BYTES_MAX) throw new RelayError('store-reply');
    progress = follow(progress, entries);
    tail.append(entries, now());
  }
  if (!isComplete(progress, record)) throw new RelayError('store-reply');
  return { record, tail };
}

/** Whether numbers have no gap and every body fits a frame. */
function isLog(entries: readonly LogEntry[], from: number): boolean {
  return entries.every(({ number, body }, index) => number === from + index && BODY_BYTES.has(body.length));
}

/**
 * Each commit stands whole in the log, up to the room's commit number. Only its oldest frames may
 * be trimmed.
 */
function follow(progress: CommitProgress, entries: readonly LogEntry[]): CommitProgress {
  return entries.reduce((before, { operation, body }) => {
    const committed = operation === 'committed' ? decodeCommittedBody(body) : undefined;
    const behind = committed?.ok === false ? undefined : followCommits(before, committed?.value);
    if (behind === undefined) throw new RelayError('store-reply');
    return behind;
  }, progress);
}

function isComplete(progress: CommitProgress, { commitNumber }: RoomRecord): boolean {
  if (progress.phase === 'within') return false;
  return progress.phase === 'unknown' || (progress.commitNumber ?? commitNumber) === commitNumber;
}
