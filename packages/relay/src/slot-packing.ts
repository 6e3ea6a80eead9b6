// What is in one slot: whole frames of the log, then private ones, then noise, so many bytes as ever. PROTOCOL.md §12.4.

import { encodeFiller, FRAME_BYTES } from '@sotto/protocol';
import type { PrivateFrame, SlotOrder } from './downlink.ts';
import type { Run } from './log-tail.ts';

/** A slot as it is written, and what comes after it. */
export interface PackedSlot {
  readonly bytes: Buffer;
  /** The sequence number of the entry that comes next. */
  readonly next: number;
  /** What found no place. */
  readonly privates: readonly PrivateFrame[];
}

/** @param take entries from a number on, of at most so many bytes unless the first alone is longer; undefined if the log has forgotten them. */
export function packSlot(
  order: SlotOrder,
  take: (from: number, maxBytes: number) => Run | undefined,
  random: (length: number) => Uint8Array,
): PackedSlot | undefined {
  const run = take(order.cursor, order.bytes);
  if (run === undefined) return undefined;
  const fits = run.bytes.length <= order.bytes;
  const parts: Uint8Array[] = fits ? [run.bytes] : [];
  const next = fits ? run.next : order.cursor;
  let left = order.bytes - (fits ? run.bytes.length : 0);
  let placed = 0;
  for (const { after, bytes } of order.privates) {
    if (after > next || bytes.length > left) break;
    parts.push(bytes);
    left -= bytes.length;
    placed += 1;
  }
  for (const frameBytes of [...FRAME_BYTES].reverse()) {
    for (; left >= frameBytes; left -= frameBytes) parts.push(encodeFiller('noise', frameBytes, random));
  }
  return { bytes: Buffer.concat(parts, order.bytes), next, privates: order.privates.slice(placed) };
}
