// Puts the pieces of a head together again: they come in order, and begin anew when the head is replaced on its way. PROTOCOL.md §4.8.

import { concatBytes } from '@sotto/protocol';
import type { HeadName, HeadPiece } from '@sotto/protocol';

export interface Head {
  readonly which: HeadName;
  /** The counter that its commit made: what a commit on it has to name. */
  readonly counter: number;
  /** The last sequence number of that commit. */
  readonly last: number;
  /** Empty if the room has no such head. */
  readonly bytes: Uint8Array;
}

/** The pieces that have come, of one head. */
export type HeadParts = readonly HeadPiece[];

export const NO_HEAD_PARTS: HeadParts = [];

/** Takes the next piece. A piece that does not follow voids what came before. @returns the head once it is whole. */
export function takeHeadPiece(
  parts: HeadParts,
  piece: HeadPiece,
): { readonly parts: HeadParts; readonly head: Head | undefined } {
  const first = parts[0];
  const expected = parts.reduce((length, part) => length + part.data.length, 0);
  const follows =
    piece.offset === expected &&
    (first === undefined ||
      (first.which === piece.which && first.counter === piece.counter && first.headBytes === piece.headBytes));
  const taken = follows ? [...parts, piece] : piece.offset === 0 ? [piece] : NO_HEAD_PARTS;
  const last = taken.at(-1);
  if (last === undefined || last.offset + last.data.length < last.headBytes) return { parts: taken, head: undefined };
  const bytes = concatBytes(...taken.map((part) => part.data));
  return { parts: NO_HEAD_PARTS, head: { which: last.which, counter: last.counter, last: last.last, bytes } };
}
