// The relay's own copy of a room's log, kept as the very bytes that go to the members, so that
// catching up copies and encodes nothing anew.

import { decodeFrame, encodeFrame, HEADER_BYTES } from '@sotto/protocol';
import type { LogFrame, LogOperation, Operation } from '@sotto/protocol';

/** The frames of one flush in one immutable buffer. `ends[i]` is where frame `first + i` ends. */
interface Segment {
  readonly first: number;
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

/** Consecutive frames, as bytes for the wire. `next` is the number after the last of them. */
export interface Run {
  readonly first: number;
  readonly next: number;
  readonly bytes: Buffer;
}

/**
 * Holds the entries that the store holds: it is trimmed to the `oldest` that the store answers.
 */
export class LogTail {
  #segments: Segment[] = [];
  #oldest: number;
  #next: number;
  /** Of the bodies from `oldest` on. */
  #bodyBytes = 0;

  constructor(oldest: number) {
    this.#oldest = oldest;
    this.#next = oldest;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get next(): number {
    return this.#next;
  }

  /** @returns the one buffer that every member is written. */
  append(frames: readonly LogFrame[]): Run {
    const first = this.#next;
    const encoded = frames.map((frame, index) => encodeFrame({ ...frame, number: first + index }));
    const bytes = Buffer.concat(encoded);
    let end = 0;
    const ends = encoded.map(({ length }) => (end += length));
    this.#next += frames.length;
    this.#bodyBytes += sum(frames.map(({ body }) => body));
    if (frames.length > 0) this.#segments.push({ first, bytes, ends });
    return { first, next: this.#next, bytes };
  }

  /**
   * Drops older entries. A buffer with a part that is still needed stays whole: at most one flush
   * too much.
   */
  trim(oldest: number): void {
    const kept = Math.min(Math.max(this.#oldest, oldest), this.#next);
    for (const [number, bytes] of this.#bodySizes()) {
      if (number >= kept) break;
      this.#bodyBytes -= bytes;
    }
    this.#oldest = kept;
    const keep = this.#segments.findIndex(({ first, ends }) => first + ends.length > this.#oldest);
    if (keep !== 0) this.#segments = keep === -1 ? [] : this.#segments.slice(keep);
  }

  /**
   * @returns frames from `from`, of at most `maxBytes` unless the first alone is longer; undefined
   *   if the log does not reach back so far.
   */
  read(from: number, maxBytes: number): Run | undefined {
    if (from < this.#oldest) return undefined;
    const parts: Buffer[] = [];
    let cursor = from;
    let bytes = 0;
    for (const segment of this.#segmentsFrom(from)) {
      const part = cut(segment, cursor, maxBytes - bytes, parts.length === 0);
      if (part.bytes.length > 0) parts.push(part.bytes);
      bytes += part.bytes.length;
      cursor = part.next;
      if (cursor < segment.first + segment.ends.length) break;
    }
    const [only] = parts;
    return { first: from, next: cursor, bytes: parts.length === 1 && only !== undefined ? only : Buffer.concat(parts) };
  }

  /** @returns the bytes of the frames from this number on. */
  bytesFrom(from: number): number {
    let bytes = 0;
    for (const { first, ends } of this.#segmentsFrom(from)) {
      bytes += (ends.at(-1) ?? 0) - (ends[from - first - 1] ?? 0);
    }
    return bytes;
  }

  /**
   * @returns the oldest number that may stay when these bodies come, so that the log has at most
   *   `maxBytes` of bodies.
   */
  oldestWith(bodies: readonly Uint8Array[], maxBytes: number): number {
    let bytes = this.#bodyBytes + sum(bodies);
    let oldest = this.#oldest;
    for (const [number, size] of this.#bodySizes()) {
      if (bytes <= maxBytes) break;
      bytes -= size;
      oldest = number + 1;
    }
    return oldest;
  }

  /** @returns all frames from the oldest on, to reseed a store. */
  frames(): LogFrame[] {
    const all: LogFrame[] = [];
    for (const { first, bytes, ends } of this.#segments) {
      for (const [index, end] of ends.entries()) {
        if (first + index < this.#oldest) continue;
        const frame = decodeFrame(bytes.subarray(ends[index - 1] ?? 0, end));
        if (!frame.ok || !isLogOperation(frame.value.operation)) throw new Error('a frame that is not of the log');
        all.push({ operation: frame.value.operation, body: frame.value.body });
      }
    }
    return all;
  }

  /** From the oldest on: its number, and the bytes of its body. */
  *#bodySizes(): Generator<readonly [number: number, bytes: number]> {
    for (const segment of this.#segments) {
      for (const index of segment.ends.keys()) {
        if (segment.first + index >= this.#oldest) yield [segment.first + index, bodySize(segment, index)];
      }
    }
  }

  *#segmentsFrom(from: number): Generator<Segment> {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const segment = this.#segments[middle];
      if (segment !== undefined && segment.first + segment.ends.length <= from) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#segments.length; index += 1) {
      const segment = this.#segments[index];
      if (segment !== undefined) yield segment;
    }
  }
}

function bodySize({ ends }: Segment, index: number): number {
  return (ends[index] ?? 0) - (ends[index - 1] ?? 0) - HEADER_BYTES;
}

function isLogOperation(operation: Operation): operation is LogOperation {
  return operation === 'entry' || operation === 'committed';
}

function sum(bodies: readonly Uint8Array[]): number {
  return bodies.reduce((bytes, { length }) => bytes + length, 0);
}

/** Cuts a run out of one segment, without copying. */
function cut(segment: Segment, from: number, maxBytes: number, atLeastOne: boolean): Run {
  const index = from - segment.first;
  const start = segment.ends[index - 1] ?? 0;
  let last = index;
  while (last < segment.ends.length && (segment.ends[last] ?? 0) - start <= maxBytes) last += 1;
  if (last === index && atLeastOne) last += 1;
  const end = segment.ends[last - 1] ?? 0;
  return { first: from, next: segment.first + last, bytes: segment.bytes.subarray(start, Math.max(start, end)) };
}
