// Frames of one size, with fields followed by zeros: a decoder refuses other bytes there, so no
// frame carries unread bytes. PROTOCOL.md §2.

import { ByteReader, isZero } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { Decoded, FrameCode } from './errors.ts';
import { bodyBytes } from './frame.ts';
import type { Frame } from './frame.ts';
import { LARGEST_FRAME_BYTES, SMALLEST_FRAME_BYTES } from './limits.ts';

/** Bytes of body in a small control frame, and in one that carries data. */
export const CONTROL_BODY_BYTES: number = bodyBytes(SMALLEST_FRAME_BYTES);
export const LARGE_BODY_BYTES: number = bodyBytes(LARGEST_FRAME_BYTES);

/** Reads the fields of a 512-byte frame; all behind them must be zero. */
export function controlFields<Value>(
  frame: Frame,
  fieldBytes: number,
  read: (reader: ByteReader) => Value,
): Decoded<Value, FrameCode> {
  if (frame.body.length !== CONTROL_BODY_BYTES) return refuse('frame-length');
  if (!isZero(frame.body.subarray(fieldBytes))) return refuse('frame-padding');
  return accept(read(new ByteReader(frame.body)));
}

/**
 * @returns the `length` bytes of data that stand behind the fields of a 4096-byte frame; all behind
 *   them must be zero.
 */
export function dataBehind(frame: Frame, fieldBytes: number, length: number): Decoded<Uint8Array, FrameCode> {
  if (length > LARGE_BODY_BYTES - fieldBytes) return refuse('frame-field');
  const end = fieldBytes + length;
  if (!isZero(frame.body.subarray(end))) return refuse('frame-padding');
  return accept(frame.body.subarray(fieldBytes, end));
}
