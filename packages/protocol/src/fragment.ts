// Cuts a text into fragments that fit a frame, and puts a member's fragments together again.
// PROTOCOL.md §5.4.

import { concatBytes } from './bytes.ts';
import { CONTENT_HEADER_BYTES, FRAGMENT_HEADER_BYTES, MESSAGE_OVERHEAD_BYTES, TEXT_BYTES_MAX } from './limits.ts';

/** kind 1 + length 2. */
const MESSAGE_HEADER_BYTES = 3;

/**
 * Unfinished texts of one member. A member sends one text's fragments before the next text's, so
 * two is one more than an honest member needs.
 */
const PARTIAL_TEXTS_MAX = 2;

export interface Fragment {
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Text bytes that one fragment carries in an envelope with this much room. PROTOCOL.md §5.4. */
export function fragmentCapacity(plaintextBytes: number): number {
  return plaintextBytes - MESSAGE_HEADER_BYTES - MESSAGE_OVERHEAD_BYTES - CONTENT_HEADER_BYTES - FRAGMENT_HEADER_BYTES;
}

/**
 * Cuts `text` for frames of `plaintextBytes`. An empty text is one empty fragment.
 * @throws RangeError above TEXT_BYTES_MAX: the caller asks the user first.
 */
export function cutText(text: Uint8Array, plaintextBytes: number): Fragment[] {
  if (text.length > TEXT_BYTES_MAX) throw new RangeError('a text above the limit');
  const capacity = fragmentCapacity(plaintextBytes);
  const count = Math.max(1, Math.ceil(text.length / capacity));
  return Array.from({ length: count }, (_, index) => ({
    index,
    count,
    bytes: text.subarray(index * capacity, (index + 1) * capacity),
  }));
}

interface PartialText {
  readonly first: number;
  readonly count: number;
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/** The unfinished texts of one member. */
export type PartialTexts = readonly PartialText[];

/** No text is under way. */
export const NO_PARTIAL_TEXTS: PartialTexts = [];

/**
 * Adds one member's next fragment. Fragments come in order, because a member's numbers do. `first`
 * is the number of the text's first frame. At most TEXT_BYTES_MAX are kept for each of
 * PARTIAL_TEXTS_MAX texts; a text beyond that, or with a missing fragment, is dropped.
 * @returns the unfinished texts, and the text if this was its last fragment.
 */
export function joinFragment(
  partial: PartialTexts,
  first: number,
  fragment: Fragment,
): { readonly partial: PartialTexts; readonly text: Uint8Array | undefined } {
  const begun = partial.find((text) => text.first === first) ?? { first, count: fragment.count, parts: [], length: 0 };
  const others = partial.filter((text) => text.first !== first);
  const length = begun.length + fragment.bytes.length;
  const follows = fragment.index === begun.parts.length && fragment.count === begun.count;
  if (!follows || length > TEXT_BYTES_MAX) return { partial: others, text: undefined };
  // A copy: a view would keep the whole frame alive under a fragment of one byte.
  const parts = [...begun.parts, fragment.bytes.slice()];
  if (parts.length === begun.count) return { partial: others, text: concatBytes(...parts) };
  return { partial: [...others, { ...begun, parts, length }].slice(-PARTIAL_TEXTS_MAX), text: undefined };
}
