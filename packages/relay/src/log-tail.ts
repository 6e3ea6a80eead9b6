// The relay's own copy of a room's log, kept as the very bytes that go to the members, so that
// catching up encodes nothing anew. Its memory is in blocks of one size, so that it can be counted.

import { decodeFrame, encodeFrame, HEADER_BYTES } from '@sotto/protocol';
import type { LogFrame, LogOperation, Operation } from '@sotto/protocol';
import { LOG_AGE_STEP_MS, LOG_BLOCK_BYTES } from './limits.ts';

/** Whole frames in one buffer. `ends[i]` is where frame `first + i` ends. Bytes before it stay. */
interface Block {
  readonly first: number;
  readonly buffer: Buffer;
  readonly ends: number[];
}

/** Consecutive frames, as bytes for the wire. `next` is the number after the last of them. */
export interface Run {
  readonly first: number;
  readonly next: number;
  readonly bytes: Buffer;
}

/** All entries below `next` were there at `at`. */
interface AgeMark {
  readonly at: number;
  readonly next: number;
}

/**
 * Holds the entries that the store holds: it is trimmed to the `oldest` that the store answers.
 */
export class LogTail {
  #blocks: Block[] = [];
  /** The last append of each group of them, and of the one that grows. */
  #marks: AgeMark[] = [];
  #last: AgeMark | undefined;
  /** When the group began that grows: it takes in what comes within LOG_AGE_STEP_MS. */
  #groupedSince = 0;
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

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** @returns the one buffer that every member is written. */
  append(frames: readonly LogFrame[], now: number): Run {
    const first = this.#next;
    const encoded = frames.map((frame, index) => encodeFrame({ ...frame, number: first + index }));
    for (const frame of encoded) this.#keep(frame);
    this.#bodyBytes += sum(frames.map(({ body }) => body));
    this.#mark(now);
    return { first, next: this.#next, bytes: Buffer.concat(encoded) };
  }

  /** Adds what another tail has that begins where this one ends. */
  join(other: LogTail): void {
    if (other.#oldest !== this.#next) throw new Error('a tail that does not follow');
    this.#blocks = [...this.#blocks, ...other.#blocks];
    if (other.#last !== undefined) {
      this.#marks = [...this.#marks, ...(this.#last === undefined ? [] : [this.#last]), ...other.#marks];
      this.#last = other.#last;
      this.#groupedSince = other.#groupedSince;
    }
    this.#next = other.#next;
    this.#bodyBytes += other.#bodyBytes;
  }

  /** Drops older entries. A block with a part that is still needed stays whole. */
  trim(oldest: number): void {
    const kept = Math.min(Math.max(this.#oldest, oldest), this.#next);
    for (const [number, bytes] of this.#bodySizes()) {
      if (number >= kept) break;
      this.#bodyBytes -= bytes;
    }
    this.#oldest = kept;
    const keep = this.#blocks.findIndex(({ first, ends }) => first + ends.length > this.#oldest);
    if (keep !== 0) this.#blocks = keep === -1 ? [] : this.#blocks.slice(keep);
    const young = this.#marks.findIndex(({ next }) => next > this.#oldest);
    if (young !== 0) this.#marks = young === -1 ? [] : this.#marks.slice(young);
  }

  /**
   * @returns a copy of frames from `from`, of at most `maxBytes` unless the first alone is longer;
   *   undefined if the log does not reach back so far. A copy, so that bytes in a slow member's
   *   socket hold no whole block.
   */
  read(from: number, maxBytes: number): Run | undefined {
    if (from < this.#oldest) return undefined;
    const parts: Buffer[] = [];
    let cursor = from;
    let bytes = 0;
    for (const block of this.#blocksFrom(from)) {
      const part = cut(block, cursor, maxBytes - bytes, parts.length === 0);
      if (part.bytes.length > 0) parts.push(part.bytes);
      bytes += part.bytes.length;
      cursor = part.next;
      if (cursor < block.first + block.ends.length) break;
    }
    return { first: from, next: cursor, bytes: Buffer.concat(parts) };
  }

  /** @returns the bytes of the frames from this number on. */
  bytesFrom(from: number): number {
    let bytes = 0;
    for (const { first, ends } of this.#blocksFrom(from)) {
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

  /**
   * @returns the oldest number that may stay when what was there at `time` goes. An entry stays for
   *   at most LOG_AGE_STEP_MS too long, and never goes early.
   */
  oldestAfter(time: number): number {
    if (this.#last !== undefined && this.#last.at <= time) return this.#last.next;
    return this.#marks.findLast(({ at }) => at <= time)?.next ?? this.#oldest;
  }

  /** @returns all frames from the oldest on, to reseed a store, whatever is trimmed meanwhile. */
  frames(): Iterable<LogFrame> {
    return framesOf(this.#blocks, { oldest: this.#oldest, next: this.#next });
  }

  #keep(frame: Uint8Array): void {
    let block = this.#blocks.at(-1);
    let start = block?.ends.at(-1) ?? 0;
    if (block === undefined || start + frame.length > block.buffer.length) {
      block = { first: this.#next, buffer: Buffer.allocUnsafeSlow(LOG_BLOCK_BYTES), ends: [] };
      start = 0;
      this.#blocks = [...this.#blocks, block];
    }
    block.buffer.set(frame, start);
    block.ends.push(start + frame.length);
    this.#next += 1;
  }

  #mark(now: number): void {
    if (this.#last !== undefined && now - this.#groupedSince >= LOG_AGE_STEP_MS) this.#marks.push(this.#last);
    if (this.#last === undefined || now - this.#groupedSince >= LOG_AGE_STEP_MS) this.#groupedSince = now;
    this.#last = { at: now, next: this.#next };
  }

  /** From the oldest on: its number, and the bytes of its body. */
  *#bodySizes(): Generator<readonly [number: number, bytes: number]> {
    for (const block of this.#blocks) {
      for (const index of block.ends.keys()) {
        if (block.first + index >= this.#oldest) yield [block.first + index, bodySize(block, index)];
      }
    }
  }

  *#blocksFrom(from: number): Generator<Block> {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#blocks[middle];
      if (block !== undefined && block.first + block.ends.length <= from) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index];
      if (block !== undefined) yield block;
    }
  }
}

function* framesOf(
  blocks: readonly Block[],
  { oldest, next }: { readonly oldest: number; readonly next: number },
): Generator<LogFrame> {
  for (const { first, buffer, ends } of blocks) {
    for (const [index, end] of ends.entries()) {
      if (first + index < oldest) continue;
      if (first + index >= next) return;
      const frame = decodeFrame(buffer.subarray(ends[index - 1] ?? 0, end));
      if (!frame.ok || !isLogOperation(frame.value.operation)) throw new Error('a frame that is not of the log');
      yield { operation: frame.value.operation, body: frame.value.body };
    }
  }
}

function bodySize({ ends }: Block, index: number): number {
  return (ends[index] ?? 0) - (ends[index - 1] ?? 0) - HEADER_BYTES;
}

function isLogOperation(operation: Operation): operation is LogOperation {
  return operation === 'entry' || operation === 'committed';
}

function sum(bodies: readonly Uint8Array[]): number {
  return bodies.reduce((bytes, { length }) => bytes + length, 0);
}

/** Cuts a run out of one block, without copying. */
function cut(block: Block, from: number, maxBytes: number, atLeastOne: boolean): Run {
  const index = from - block.first;
  const start = block.ends[index - 1] ?? 0;
  let last = index;
  while (last < block.ends.length && (block.ends[last] ?? 0) - start <= maxBytes) last += 1;
  if (last === index && atLeastOne) last += 1;
  const end = block.ends[last - 1] ?? 0;
  return { first: from, next: block.first + last, bytes: block.buffer.subarray(start, Math.max(start, end)) };
}
