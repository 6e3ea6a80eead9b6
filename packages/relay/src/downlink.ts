// When a covered room's frames go to one member, as a pure machine: the log and private frames wait
// here for the slots. PROTOCOL.md §12.4, §12.7.

import type { Step } from '@sotto/machine';
import {
  COVER_FRAME_BYTES,
  encodeFiller,
  FRAME_BYTES,
  isStealth,
  slotBytes,
  startMetronome,
  stepMetronome,
  wakeAt,
} from '@sotto/protocol';
import type { Chance, Cover, Dispatch, Metronome } from '@sotto/protocol';
import type { Run } from './log-tail.ts';

/**
 * A frame for this member alone: it goes behind the entries below `after`, which were stored before
 * it was made.
 */
export interface PrivateFrame {
  readonly after: number;
  readonly bytes: Uint8Array;
}

export interface Downlink {
  readonly cover: Cover;
  readonly metronome: Metronome;
  readonly privates: readonly PrivateFrame[];
}

/** The frames for one slot. */
export interface SlotOrder {
  readonly cursor: number;
  readonly bytes: number;
  readonly privates: readonly PrivateFrame[];
}

/** The bytes of one slot, and where the next slot begins. */
export interface PackedSlot {
  readonly bytes: Buffer;
  /** The sequence number of the entry that comes next. */
  readonly next: number;
  /** Private frames that wait for a later slot. */
  readonly privates: readonly PrivateFrame[];
}

export const OPEN_DOWNLINK: Downlink = { cover: 'off', metronome: { mode: 'off' }, privates: [] };

export function startDownlink(cover: Cover, now: number, chance: Chance): Downlink {
  return { cover, metronome: startMetronome(cover, 'down', now, chance), privates: [] };
}

/** @returns how long until something is due; undefined if time alone brings nothing. */
export function downlinkWait({ metronome }: Downlink, now: number): number | undefined {
  const due = wakeAt(metronome);
  return due === undefined ? undefined : Math.max(0, due - now);
}

/** Whether frames to this member wait for a slot. */
export function isSlotted({ cover }: Downlink): boolean {
  return isStealth(cover);
}

/** `content`: the log has something new. `due`: the time is there. */
export function stepDownlink(
  downlink: Downlink,
  type: 'content' | 'due',
  now: number,
  chance: Chance,
): Step<Downlink, Dispatch> {
  const { state: metronome, effects } = stepMetronome(downlink.metronome, { type, now }, chance);
  return { state: { ...downlink, metronome }, effects };
}

/** @returns the content of the slot that is due; its length is always the same. */
export function orderSlot({ cover, privates }: Downlink, cursor: number): SlotOrder {
  return { cursor, bytes: isStealth(cover) ? slotBytes(cover) : COVER_FRAME_BYTES, privates };
}

/**
 * Fills a slot: whole entries of the log, then private frames, then noise. PROTOCOL.md §12.4.
 *
 * @param take reads entries from a number on, of at most so many bytes unless the first alone is
 *   longer; undefined if they were trimmed.
 */
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
