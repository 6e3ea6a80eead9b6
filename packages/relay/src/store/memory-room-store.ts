// The store without Redis: the same contract in this process's memory, for tests and trials.

import { equalBytes, toHex } from '@sotto/protocol';
import type { LogFrame, LogOperation } from '@sotto/protocol';
import type { Clock } from '@sotto/machine';
import { systemClock } from '@sotto/machine/system-clock';
import { RelayError } from '../errors.ts';
import { isBehind, isSameLock, isSameTerms, NO_SNAPSHOT, STORE_LIMITS } from './room-store.ts';
import type {
  Append,
  AppendAnswer,
  Commit,
  LogEntry,
  RoomMirror,
  RoomRecord,
  RoomStore,
  RoomTerms,
  Stored,
  StoreLimits,
  TouchAnswer,
} from './room-store.ts';

interface KeptRoom {
  record: RoomRecord;
  frames: LogFrame[];
  expiresAt: number;
}

export class MemoryRoomStore implements RoomStore {
  readonly #rooms = new Map<string, KeptRoom>();
  readonly #limits: StoreLimits;
  readonly #clock: Clock;

  constructor(options: { readonly limits?: StoreLimits; readonly clock?: Clock } = {}) {
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#clock = options.clock ?? systemClock;
  }

  create(roomId: Uint8Array, terms: RoomTerms): Promise<'created' | 'room-exists'> {
    const known = this.#find(roomId)?.record;
    if (known !== undefined && (!isUntouched(known) || !isSameTerms(known, terms))) {
      return Promise.resolve('room-exists');
    }
    this.#keep(roomId, {
      capabilityKey: copy(terms.capabilityKey),
      roomTag: copy(terms.roomTag),
      cover: terms.cover,
      patienceSeconds: terms.patienceSeconds,
      commitNumber: 0,
      snapshot: NO_SNAPSHOT,
      previousSnapshot: NO_SNAPSHOT,
      oldest: 1,
      next: 1,
      frames: [],
    });
    return Promise.resolve('created');
  }

  load(roomId: Uint8Array): Promise<RoomRecord | undefined> {
    return Promise.resolve(this.#find(roomId)?.record);
  }

  append(roomId: Uint8Array, { commitNumber, first, bodies, oldest }: Append): Promise<AppendAnswer> {
    const room = this.#find(roomId);
    if (room === undefined) return Promise.resolve({ kind: 'room-unknown' });
    if (isRepeat(room, first, 'entry', bodies))
      return Promise.resolve({ kind: 'stored', first, oldest: room.record.oldest });
    if (room.record.commitNumber !== commitNumber)
      return Promise.resolve({ kind: 'stale', commitNumber: room.record.commitNumber });
    if (room.record.next !== first) return Promise.resolve({ kind: 'out-of-step', next: room.record.next });
    return Promise.resolve(this.#extend(room, 'entry', bodies, oldest));
  }

  commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer> {
    const { commitNumber, first, bodies, snapshot, oldest } = commit;
    const room = this.#find(roomId);
    if (room === undefined) return Promise.resolve({ kind: 'room-unknown' });
    if (isRepeatedCommit(room, commit)) return Promise.resolve({ kind: 'stored', first, oldest: room.record.oldest });
    if (room.record.commitNumber !== commitNumber)
      return Promise.resolve({ kind: 'stale', commitNumber: room.record.commitNumber });
    if (room.record.next !== first) return Promise.resolve({ kind: 'out-of-step', next: room.record.next });
    const replacement = { bytes: copy(snapshot), first, last: first + bodies.length - 1 };
    room.record = {
      ...room.record,
      commitNumber: commitNumber + 1,
      snapshot: replacement,
      previousSnapshot: room.record.snapshot,
    };
    return Promise.resolve(this.#extend(room, 'committed', bodies, oldest));
  }

  read(roomId: Uint8Array, from: number, maxBytes: number): Promise<readonly LogEntry[]> {
    const room = this.#find(roomId);
    const entries: LogEntry[] = [];
    if (room === undefined) return Promise.resolve(entries);
    const { oldest } = room.record;
    let bytes = 0;
    for (const [index, frame] of room.frames.entries()) {
      if (oldest + index < from) continue;
      bytes += frame.body.length;
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push({ ...frame, number: oldest + index });
    }
    return Promise.resolve(entries);
  }

  touch(roomId: Uint8Array, oldest: number): Promise<TouchAnswer> {
    const room = this.#find(roomId);
    if (room === undefined) return Promise.resolve({ kind: 'room-unknown' });
    const kept = this.#extend(room, 'entry', [], oldest).oldest;
    const { commitNumber, next } = room.record;
    return Promise.resolve({ kind: 'present', commitNumber, oldest: kept, next });
  }

  restore(roomId: Uint8Array, mirror: RoomMirror, wanted?: AbortSignal): Promise<'restored' | 'present'> {
    if (wanted?.aborted === true) return Promise.reject(new RelayError('store-unavailable'));
    const known = this.#find(roomId)?.record;
    if (known !== undefined && isSameLock(known, mirror) && !isBehind(known, mirror)) return Promise.resolve('present');
    this.#keep(roomId, mirror);
    return Promise.resolve('restored');
  }

  remove(roomId: Uint8Array): Promise<boolean> {
    const known = this.#find(roomId) !== undefined;
    this.#rooms.delete(toHex(roomId));
    return Promise.resolve(known);
  }

  /** Forgets everything, as a Redis without a disk does when it is restarted. */
  empty(): void {
    this.#rooms.clear();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #find(roomId: Uint8Array): KeptRoom | undefined {
    const room = this.#rooms.get(toHex(roomId));
    if (room === undefined || this.#clock.now() < room.expiresAt) return room;
    this.#rooms.delete(toHex(roomId));
    return undefined;
  }

  #keep(roomId: Uint8Array, { frames, ...record }: RoomMirror): void {
    const kept = Array.from(frames, ({ operation, body }) => ({ operation, body: copy(body) }));
    const room: KeptRoom = { record, frames: kept, expiresAt: 0 };
    this.#renew(room);
    this.#rooms.set(toHex(roomId), room);
  }

  #extend(room: KeptRoom, operation: LogOperation, bodies: readonly Uint8Array[], named: number): Stored {
    const { next: first, oldest: before } = room.record;
    const next = first + bodies.length;
    const oldest = Math.min(Math.max(before, named), next);
    room.frames.push(...bodies.map((body) => ({ operation, body: copy(body) })));
    room.frames.splice(0, oldest - before);
    room.record = { ...room.record, oldest, next };
    this.#renew(room);
    return { kind: 'stored', first, oldest };
  }

  #renew(room: KeptRoom): void {
    const ttlMs = Math.min(this.#limits.roomTtlMs, 1_000 * room.record.patienceSeconds);
    room.expiresAt = this.#clock.now() + ttlMs;
  }
}

/** Nothing was ever stored in it. */
function isUntouched({ commitNumber, next }: RoomRecord): boolean {
  return commitNumber === 0 && next === 1;
}

function isRepeat(room: KeptRoom, first: number, operation: LogOperation, bodies: readonly Uint8Array[]): boolean {
  if (bodies.length === 0 || room.record.next !== first + bodies.length) return false;
  const kept = room.frames.slice(-bodies.length);
  const isSame = (frame: LogFrame, index: number): boolean =>
    frame.operation === operation && equalBytes(frame.body, bodies[index] ?? frame.body);
  return kept.length === bodies.length && kept.every(isSame);
}

function isRepeatedCommit(room: KeptRoom, { commitNumber, first, bodies, snapshot }: Commit): boolean {
  const { record } = room;
  const isSame =
    record.commitNumber === commitNumber + 1 &&
    record.snapshot.first === first &&
    equalBytes(record.snapshot.bytes, snapshot);
  return isSame && isRepeat(room, first, 'committed', bodies);
}

/** Not slice(), which is a view where the bytes are a Buffer. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
