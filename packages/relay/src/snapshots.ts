// The two heads that a room has, as frames for the wire: cut into pieces as they are asked for, so that nobody's slowness keeps one alive.

import { encodeCounter, encodeHead, HEAD_DATA_BYTES, LARGEST_FRAME_BYTES } from '@sotto/protocol';
import type { HeadName } from '@sotto/protocol';
import { HEAD_CHUNK_BYTES } from './limits.ts';
import type { RoomRecord, StoredHead } from './store/room-store.ts';

type Heads = Pick<RoomRecord, 'counter' | 'head' | 'previousHead'>;

/** Where in which head somebody is: the counter that its commit made, and the offset of the next piece. */
export interface HeadPosition {
  readonly counter: number;
  readonly offset: number;
}

/** Frames for the wire, and where the next begin; no `next` at the head's end. */
export interface HeadCut {
  readonly bytes: Buffer;
  readonly next: HeadPosition | undefined;
}

const CHUNK_PIECES = HEAD_CHUNK_BYTES / LARGEST_FRAME_BYTES;

/**
 * The next pieces of a head: of that at `position` if the room has it still (as the head or by now as the previous one), else of the one that
 * is named now, from its beginning.
 */
export function cutHead(heads: Heads, which: HeadName, position: HeadPosition | undefined): HeadCut {
  const named = numbered(heads).find((one) => one.which === which);
  const known = numbered(heads).find(({ counter }) => counter === position?.counter);
  const { counter, stored } = known ?? named ?? { counter: 0, stored: undefined };
  if (stored === undefined) {
    const none = { which, counter: 0, last: 0, headBytes: 0, offset: 0, data: new Uint8Array(0) };
    return { bytes: Buffer.from(encodeHead(none)), next: undefined };
  }
  const { bytes, last } = stored;
  const begin = known === undefined || position === undefined ? 0 : position.offset;
  const end = Math.min(begin + CHUNK_PIECES * HEAD_DATA_BYTES, bytes.length);
  const pieces: Uint8Array[] = [];
  for (let offset = begin; offset < end; offset += HEAD_DATA_BYTES) {
    const data = bytes.subarray(offset, offset + HEAD_DATA_BYTES);
    pieces.push(encodeHead({ which, counter, last, headBytes: bytes.length, offset, data }));
  }
  return { bytes: Buffer.concat(pieces), next: end < bytes.length ? { counter, offset: end } : undefined };
}

/** The COUNTER frame of each head's commit, by the sequence number that it stands behind. */
export function counterFrames(heads: Heads): ReadonlyMap<number, Uint8Array> {
  return new Map(
    numbered(heads).map(({ counter, stored: { bytes, first, last } }) => [
      last,
      encodeCounter({ counter, first, last, headBytes: bytes.length }),
    ]),
  );
}

/** Every commit replaces the head, so the heads' counters are the room's and the one before. */
function numbered({ counter, head, previousHead }: Heads): readonly {
  readonly which: HeadName;
  readonly counter: number;
  readonly stored: StoredHead;
}[] {
  const both = [
    { which: 'head', counter, stored: head },
    { which: 'previous-head', counter: counter - 1, stored: previousHead },
  ] as const;
  return both.filter(({ stored }) => stored.bytes.length > 0);
}
