// How the connections of a room share what the room may say: each has its part, and one that has
// said little goes before one that says much. PROTOCOL.md §6.4.

import {
  COVER_FRAME_BYTES,
  HEADER_BYTES,
  isStealth,
  JITTER_SEND_LEAST_MS,
  LARGEST_FRAME_BYTES,
  slotBytes,
  STEALTH_TICK_MS,
  stealthShape,
} from '@sotto/protocol';
import type { Cover, Frame, StealthCover } from '@sotto/protocol';
import type { Allowance, Clock, TokenBucket } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import {
  CONNECTION_BURST_FRAMES,
  ROOM_BURST_BYTES,
  ROOM_BYTES_PER_SECOND,
  SHARE_QUANTUM_BYTES,
  STEALTH_SENDING_TIMES,
} from './limits.ts';

/** The allowances of a room and of a connection of it, in bytes of frames. */
export interface Allowances {
  ofRoom(cover: Cover): Allowance;
  /** Undefined where only its part of the room's bounds it. */
  ofConnection(cover: Cover): Allowance | undefined;
}

/** As much as each line can carry; in a covered room as much as its slots bring. */
export const ALLOWANCES: Allowances = {
  ofRoom: (cover) =>
    isStealth(cover)
      ? allowance(slotBytes(cover), sharedBytes(cover) / STEALTH_TICK_MS)
      : allowance(ROOM_BURST_BYTES, ROOM_BYTES_PER_SECOND / 1_000),
  ofConnection: (cover) => {
    if (cover === 'off') return undefined;
    if (!isStealth(cover)) {
      return allowance(CONNECTION_BURST_FRAMES * LARGEST_FRAME_BYTES, LARGEST_FRAME_BYTES / JITTER_SEND_LEAST_MS);
    }
    const bytesPerMs = (STEALTH_SENDING_TIMES * COVER_FRAME_BYTES) / stealthShape(cover).sendEveryMs;
    return allowance(CONNECTION_BURST_FRAMES * COVER_FRAME_BYTES, bytesPerMs);
  },
};

/** The bytes that each slot brings down, without half of those for refusals and for commits. */
function sharedBytes(cover: StealthCover): number {
  const { shared, spare } = stealthShape(cover);
  return (shared + spare / 2) * COVER_FRAME_BYTES;
}

function allowance(burst: number, bytesPerMs: number): Allowance {
  return { burst, intervalMs: 1 / bytesPerMs };
}

/**
 * The cost of frames to a room. In stealth one that is longer than a slot's frames may leave the
 * rest of two slots empty.
 */
export function costOf(frames: readonly Frame[], cover: Cover): number {
  return frames.reduce((sum, { body }) => {
    const bytes = HEADER_BYTES + body.length;
    return sum + (isStealth(cover) && bytes > COVER_FRAME_BYTES ? 2 * slotBytes(cover) : bytes);
  }, 0);
}

/** The next frames of a connection: SHARE_QUANTUM_BYTES at most, or one frame. */
interface Piece {
  readonly cost: number;
  readonly process: () => void;
}

/** A connection with something to say. `credit`: what it may still say in this round. */
interface Flow {
  credit: number;
  piece: Piece | undefined;
}

/**
 * Deficit round robin over the connections that wait, with those first that did not wait just now.
 * It holds at most one piece of each connection, and works for one piece in constant time.
 */
export class FairShare {
  readonly #allowance: Allowance;
  readonly #clock: Clock;
  #bucket: TokenBucket;
  /** Connections in their first round. */
  readonly #fresh = new Map<number, Flow>();
  /** Those that have had a round, in the order of their next. */
  readonly #served = new Map<number, Flow>();
  #isServing = false;
  #cancelTimer: (() => void) | undefined;

  constructor(allowed: Allowance, clock: Clock) {
    this.#allowance = allowed;
    this.#clock = clock;
    this.#bucket = fullBucket(allowed, clock.now());
  }

  /**
   * @returns `served` after calling `process` at once; otherwise `waits`: `process` is called when
   *   the connection's turn has come, unless `drop` comes first.
   */
  request(connection: number, piece: Piece): 'served' | 'waits' {
    const isIdle = this.#fresh.size === 0 && this.#served.size === 0 && !this.#isServing;
    if (isIdle && this.#wait() === 0) {
      this.#process(piece);
      return 'served';
    }
    const flow = this.#fresh.get(connection) ?? this.#served.get(connection);
    if (flow === undefined) this.#fresh.set(connection, { credit: SHARE_QUANTUM_BYTES, piece });
    else flow.piece = piece;
    if (!this.#isServing) this.#schedule();
    return 'waits';
  }

  drop(connection: number): void {
    this.#fresh.delete(connection);
    this.#served.delete(connection);
  }

  /** The room has said so much without having asked: a commit. */
  charge(cost: number): void {
    this.#bucket = spend(this.#bucket, this.#allowance, cost, this.#clock.now());
  }

  /** Nobody's turn comes any more. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#fresh.clear();
    this.#served.clear();
  }

  #wait(): number {
    return waitMs(this.#bucket, this.#allowance, 0, this.#clock.now());
  }

  #process(piece: Piece): void {
    this.charge(piece.cost);
    piece.process();
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined || (this.#fresh.size === 0 && this.#served.size === 0)) return;
    this.#cancelTimer = this.#clock.after(this.#wait(), () => {
      this.#cancelTimer = undefined;
      this.#serve();
    });
  }

  #serve(): void {
    this.#isServing = true;
    try {
      while (this.#wait() === 0) {
        const piece = this.#nextPiece();
        if (piece === undefined) break;
        this.#process(piece);
      }
    } finally {
      this.#isServing = false;
    }
    this.#schedule();
  }

  /**
   * A connection that has used its credit goes to the end of the round with more. One that has
   * nothing more to say goes there too before it is forgotten, so that stopping gains nothing.
   */
  #nextPiece(): Piece | undefined {
    for (;;) {
      const [list, connection, flow] = this.#first();
      if (flow === undefined) return undefined;
      const { piece, credit } = flow;
      if (piece !== undefined && credit > 0) {
        flow.piece = undefined;
        flow.credit -= piece.cost;
        return piece;
      }
      list.delete(connection);
      if (piece === undefined && list === this.#served) continue;
      if (credit <= 0) flow.credit += SHARE_QUANTUM_BYTES;
      this.#served.set(connection, flow);
    }
  }

  #first(): readonly [Map<number, Flow>, number, Flow | undefined] {
    const list = this.#fresh.size > 0 ? this.#fresh : this.#served;
    const [connection, flow] = list.entries().next().value ?? [0, undefined];
    return [list, connection, flow];
  }
}
