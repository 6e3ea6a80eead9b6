// The frame: the only thing that is ever on the wire, 512, 1024, 2048 or 4096 bytes with a 16-byte
// clear header. PROTOCOL.md §3.

import { ByteReader, ByteWriter } from './bytes.ts';
import { accept, refuse, RELAY_CODES } from './errors.ts';
import type { Decoded, FrameCode, RelayCode } from './errors.ts';
import { FRAME_BYTES, HEADER_BYTES, PROTOCOL_VERSION } from './limits.ts';

/**
 * Operations, by their numbers on the wire. Dummies and resent frames have none of their own: they
 * are PUBLISH and ENTRY.
 */
export const OPERATIONS = {
  attach: 0x01,
  publish: 0x02,
  ping: 0x03,
  stage: 0x04,
  commit: 0x05,
  fetch: 0x06,
  fill: 0x07,
  presence: 0x08,
  challenge: 0x81,
  attached: 0x82,
  entry: 0x83,
  pong: 0x84,
  refused: 0x85,
  closing: 0x86,
  committed: 0x87,
  snapshot: 0x88,
  noise: 0x89,
  present: 0x8a,
} as const;
export type Operation = keyof typeof OPERATIONS;

/**
 * A decoded frame. `number` is a commit number or a sequence number, as the operation says; `body`
 * is a view of the frame's bytes.
 */
export interface Frame {
  readonly operation: Operation;
  readonly code: RelayCode | undefined;
  readonly number: number;
  readonly body: Uint8Array;
}

/** The operations of the log's frames: as a member published it, or as a commit brought it. */
export type LogOperation = Extract<Operation, 'entry' | 'committed'>;

/** A frame of the log without its number. `body` is all that is behind the header. */
export interface LogFrame {
  readonly operation: LogOperation;
  readonly body: Uint8Array;
}

const operationOf = new Map(Object.entries(OPERATIONS).map(([name, value]) => [value as number, name as Operation]));
const codeOf = new Map(Object.entries(RELAY_CODES).map(([name, value]) => [value as number, name as RelayCode]));
const codedOperations: ReadonlySet<Operation> = new Set<Operation>(['refused', 'closing']);

/** Bytes of body in a frame of this length. */
export function bodyBytes(frameBytes: number): number {
  return frameBytes - HEADER_BYTES;
}

/**
 * @returns the frame's length in bytes that its first byte announces, before the rest has arrived.
 *   PROTOCOL.md §3.1.
 */
function announcedBytes(firstByte: number): Decoded<number, 'frame-version' | 'frame-size'> {
  if (firstByte >> 4 !== PROTOCOL_VERSION) return refuse('frame-version');
  const length = FRAME_BYTES[firstByte & 0x0f];
  return length === undefined ? refuse('frame-size') : accept(length);
}

/**
 * Encodes a frame. The body's length decides the frame's: it must be that of one of the four sizes
 * less the header.
 * @throws RangeError if it is not: a bug of the caller, nothing that a peer can bring about.
 */
export function encodeFrame(frame: {
  readonly operation: Operation;
  readonly number: number;
  readonly body: Uint8Array;
  readonly code?: RelayCode | undefined;
}): Uint8Array {
  const length = frame.body.length + HEADER_BYTES;
  const size = FRAME_BYTES.findIndex((bytes) => bytes === length);
  if (size === -1) throw new RangeError('a body of no frame size');
  return new ByteWriter(length)
    .u8((PROTOCOL_VERSION << 4) | size)
    .u8(OPERATIONS[frame.operation])
    .u16(frame.code === undefined ? 0 : RELAY_CODES[frame.code])
    .u32(0)
    .u64(frame.number)
    .put(frame.body).bytes;
}

/**
 * FILL or NOISE, which fills a slot without content. PROTOCOL.md §12.3, §12.4. @throws RangeError
 * if no frame has this length.
 */
export function encodeFiller(
  operation: 'fill' | 'noise',
  frameBytes: number,
  random: (length: number) => Uint8Array,
): Uint8Array {
  return encodeFrame({ operation, number: 0, body: random(bodyBytes(frameBytes)) });
}

/**
 * Decodes the bytes of exactly one frame. Nothing is copied: the body is a view. PROTOCOL.md §3.1.
 */
export function decodeFrame(bytes: Uint8Array): Decoded<Frame, FrameCode> {
  const announced = announcedBytes(bytes[0] ?? 0);
  if (!announced.ok) return announced;
  if (bytes.length !== announced.value) return refuse('frame-size');
  const reader = new ByteReader(bytes);
  reader.u8();
  const operation = operationOf.get(reader.u8());
  if (operation === undefined) return refuse('frame-operation');
  const codeNumber = reader.u16();
  const code = codeOf.get(codeNumber);
  if (codedOperations.has(operation) ? code === undefined : codeNumber !== 0) return refuse('frame-code');
  if (reader.u32() !== 0) return refuse('frame-reserved');
  const number = reader.u64();
  if (number === undefined) return refuse('frame-number');
  return accept({ operation, code, number, body: reader.rest() });
}

/**
 * Cuts a byte stream into frames, wherever the network has cut it. Holds less than one frame; after
 * a refusal it takes nothing more, because a stream that lost its frame boundaries cannot find them
 * again. Knows nothing of sockets. PROTOCOL.md §3.2.
 */
export class FrameSplitter {
  #held: Uint8Array = new Uint8Array(0);
  #refusal: { readonly ok: false; readonly code: 'frame-version' | 'frame-size' } | undefined;

  /**
   * @returns the complete frames, each in bytes of its own, or the refusal; frames before a refusal
   *   in the same chunk are dropped with it.
   */
  push(chunk: Uint8Array): Decoded<Uint8Array[], 'frame-version' | 'frame-size'> {
    if (this.#refusal !== undefined) return this.#refusal;
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    const frames: Uint8Array[] = [];
    let offset = 0;
    while (offset < bytes.length) {
      const announced = announcedBytes(bytes[offset] ?? 0);
      if (!announced.ok) {
        this.#held = new Uint8Array(0);
        this.#refusal = announced;
        return announced;
      }
      if (bytes.length - offset < announced.value) break;
      frames.push(bytes.slice(offset, offset + announced.value));
      offset += announced.value;
    }
    this.#held = bytes.slice(offset);
    return accept(frames);
  }
}
