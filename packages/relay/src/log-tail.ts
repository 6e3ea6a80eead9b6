// The relay's own copy of a room's log, kept as the very bytes that go to the members, so that
// catching up copies and encodes nothing anew.

import { encodeFrame, FRAME_BYTES, HEADER_BYTES } from '@sotto/protocol';

/**
 * The frames of one flush in one immutable buffer. `ends[i]` is where frame `first + i`, and what
 * follows it, ends in it.
 */
interface Segment {
  readonly first: number;
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

const NOTHING = new Uint8Array(0);

/** Consecutive entries, as bytes for the wire. `next` is the number after the last of them. */
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

  /**
   * Adds bodies as ENTRY frames. The bytes `behind` them belong to the last entry, and go wherever
   * it goes.
   * @returns the one buffer that every member is written.
   */
  append(bodies: readonly Uint8Array[], behind: Uint8Array = NOTHING): Run {
    const first = this.#next;
    const frames = bodies.map((body, index) => encodeFrame({ operation: 'entry', number: first + index, body }));
    const bytes = Buffer.concat([...frames, behind]);
    let end = 0;
    const ends = frames.map(
      (frame, index) => (end += frame.length + (index === frames.length - 1 ? behind.length : 0)),
    );
    this.#next += bodies.length;
    this.#bodyBytes += sum(bodies);
    if (bodies.length > 0) this.#segments.push({ first, bytes, ends });
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

  /** @returns all bodies from the oldest on, to reseed a store. */
  bodies(): Uint8Array[] {
    const all: Uint8Array[] = [];
    for (const segment of this.#segments) {
      for (const index of segment.ends.keys()) {
        if (segment.first + index < this.#oldest) continue;
        const start = (segment.ends[index - 1] ?? 0) + HEADER_BYTES;
        all.push(segment.bytes.subarray(start, start + bodySize(segment, index)));
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

/** A frame says its own length; behind the last there may be more. */
function bodySize({ bytes, ends }: Segment, index: number): number {
  const start = ends[index - 1] ?? 0;
  const end = start + (FRAME_BYTES[(bytes[start] ?? 0) & 0x0f] ?? (ends[index] ?? start) - start);
  return end - start - HEADER_BYTES;
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
