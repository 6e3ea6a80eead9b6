// Cuts what is too long for one command to the store into pieces that are not, and lets them go one at a time.

import type { Clock } from '@sotto/machine';
import {
  STORE_COMMAND_BYTES_MAX,
  STORE_COMMAND_FRAME_BYTES,
  STORE_PIECE_PAUSE_MS_MAX,
  STORE_PIECE_PAUSE_TIMES,
} from '../limits.ts';
import { wordBytes } from './redis-connection.ts';

/** What the long words of one command may take on the wire. */
const PIECE_BYTES_MAX: number = STORE_COMMAND_BYTES_MAX - STORE_COMMAND_FRAME_BYTES;

/** Bodies in turn, of which the first has this place among all. */
export interface BodyRun {
  readonly index: number;
  readonly bodies: readonly Uint8Array[];
}

export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export function* cutBodies(bodies: readonly Uint8Array[]): Generator<BodyRun> {
  let index = 0;
  while (index < bodies.length) {
    let end = index;
    let bytes = 0;
    for (const { length } of bodies.slice(index)) {
      bytes += wordBytes(length);
      if (bytes > PIECE_BYTES_MAX && end > index) break;
      end += 1;
    }
    yield { index, bodies: bodies.slice(index, end) };
    index = end;
  }
}

export function* cutBytes(whole: Uint8Array): Generator<Piece> {
  // A word's own length takes less than is kept for the rest of its command.
  for (let offset = 0; offset < whole.length; offset += PIECE_BYTES_MAX) {
    yield { offset, bytes: whole.subarray(offset, offset + PIECE_BYTES_MAX) };
  }
}

/** @returns where a snapshot is cut, so that what comes behind goes together with these bodies: 0 if all of it does. */
export function cutSnapshot(snapshot: Uint8Array, bodies: readonly Uint8Array[]): number {
  const taken = bodies.reduce((bytes, { length }) => bytes + wordBytes(length), 0);
  return Math.max(0, snapshot.length - Math.max(0, PIECE_BYTES_MAX - taken));
}

/** Pieces of all rooms in one row, in the order in which they are asked for: rooms take turns, and behind each the store has a moment for others. */
export class PieceQueue {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const before = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise((resolve) => (end = resolve));
    await before;
    const begun = this.#clock.now();
    try {
      return await work();
    } finally {
      const took = this.#clock.now() - begun;
      this.#clock.after(Math.min(STORE_PIECE_PAUSE_TIMES * took, STORE_PIECE_PAUSE_MS_MAX), end);
    }
  }
}
