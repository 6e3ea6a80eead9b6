// The hash that binds a commit to the leave and order frames of its upload: it is the commit's
// authenticated data. PROTOCOL.md §5.8.

import { sha256 } from '@noble/hashes/sha2.js';
import { ByteWriter, concatBytes } from '@sotto/protocol';
import { ascii } from './key-schedule.ts';
import { LABELS } from './labels.ts';

/**
 * The plaintexts of a bundle's leave and order frames in their order, each without the zeros behind
 * it.
 */
export type BundleFrames = readonly Uint8Array[];

/** @returns 32 bytes. Each frame has its length before it, so no two lists have one input. */
export function hashBundle(frames: BundleFrames): Uint8Array {
  const counted = frames.flatMap((frame) => [new ByteWriter(2).u16(frame.length).bytes, frame]);
  return sha256(concatBytes(ascii(LABELS.bundle), ...counted));
}
