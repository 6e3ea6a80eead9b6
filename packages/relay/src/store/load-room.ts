// Reads a whole room from the store, piece by piece, and refuses an answer that is no room's log.

import { bodyBytes, FRAME_BYTES, LOG_BYTES_MAX } from '@sotto/protocol';
import { RelayError } from '../errors.ts';
import { committedFrames } from '../snapshots.ts';
import { LOAD_CHUNK_BYTES } from '../limits.ts';
import { LogTail } from '../log-tail.ts';
import type { LogEntry, RoomRecord, RoomStore } from './room-store.ts';

const BODY_BYTES: ReadonlySet<number> = new Set(FRAME_BYTES.map(bodyBytes));

export interface LoadedRoom {
  readonly record: RoomRecord;
  readonly tail: LogTail;
}

/** @returns the room; undefined if the store has none. Rejects with a RelayError. */
export async function loadRoom(roomId: Uint8Array, store: RoomStore): Promise<LoadedRoom | undefined> {
  const record = await store.load(roomId);
  if (record === undefined) return undefined;
  const tail = new LogTail(record.oldest);
  const commitNumbers = committedFrames(record);
  let bytes = 0;
  while (tail.next < record.next) {
    const entries = await store.read(roomId, tail.next, LOAD_CHUNK_BYTES);
    if (entries.length === 0) return undefined;
    bytes += entries.reduce((sum, { body }) => sum + body.length, 0);
    if (!isLog(entries, tail.next) || bytes > LOG_BYTES_MAX) throw new RelayError('store-reply');
    appendEntries(tail, entries, commitNumbers);
  }
  return { record, tail };
}

/** Whether numbers have no gap and every body fits a frame. */
function isLog(entries: readonly LogEntry[], from: number): boolean {
  return entries.every(({ number, body }, index) => number === from + index && BODY_BYTES.has(body.length));
}

/** A commit's COMMITTED stands behind its last frame. */
function appendEntries(
  tail: LogTail,
  entries: readonly LogEntry[],
  commitNumbers: ReturnType<typeof committedFrames>,
): void {
  let bodies: Uint8Array[] = [];
  for (const { number, body } of entries) {
    bodies.push(body);
    const commitNumber = commitNumbers.get(number);
    if (commitNumber === undefined && number !== entries.at(-1)?.number) continue;
    tail.append(bodies, commitNumber);
    bodies = [];
  }
}
