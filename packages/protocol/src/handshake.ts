// The bodies of the frames that admit a connection: CHALLENGE, ATTACH, ATTACHED, and the private
// frames that follow. PROTOCOL.md §4.

import { ByteWriter } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { Decoded, FrameCode, RelayCode } from './errors.ts';
import { CONTROL_BODY_BYTES, controlFields } from './fields.ts';
import { encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import {
  CHALLENGE_BYTES,
  NONCE_BYTES,
  PATIENCE_SECONDS_LEAST,
  PATIENCE_SECONDS_MOST,
  ROOM_ID_BYTES,
  SIGNATURE_BYTES,
} from './limits.ts';

const CAPABILITY_LABEL = 'sotto/1 capability';

/**
 * The content of ATTACH. `from` is the first sequence number that the client has not seen, or 0 for
 * "from now on".
 */
export interface AttachRequest {
  readonly roomId: Uint8Array;
  readonly from: number;
  readonly signature: Uint8Array;
}

/**
 * Where the room's log stands: the oldest frame the relay still has, the next to come, and the
 * room's commit number. And how long the relay keeps a frame.
 */
export interface Attached {
  readonly commitNumber: number;
  readonly oldest: number;
  readonly next: number;
  readonly patienceSeconds: number;
}

/** The statement that an ATTACH signs with the capability key. */
interface CapabilityClaim {
  /** The 32 bytes of this connection's CHALLENGE. */
  readonly challenge: Uint8Array;
  /** 16 bytes, opaque to the relay. */
  readonly roomTag: Uint8Array;
  /** 16 bytes. */
  readonly roomId: Uint8Array;
  /** The sequence number from which the member resumes. */
  readonly from: number;
}

/** @returns the bytes that the capability key signs. PROTOCOL.md §4.2. */
export function capabilityStatement({ challenge, roomTag, roomId, from }: CapabilityClaim): Uint8Array {
  const label = Uint8Array.from(CAPABILITY_LABEL, (character) => character.charCodeAt(0));
  return new ByteWriter(label.length + challenge.length + roomTag.length + roomId.length + 8)
    .put(label)
    .put(challenge)
    .put(roomTag)
    .put(roomId)
    .u64(from).bytes;
}

/** CHALLENGE: 32 fresh random bytes, the first frame on every connection. PROTOCOL.md §4.1. */
export function encodeChallenge(challenge: Uint8Array): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES).put(challenge).bytes;
  return encodeFrame({ operation: 'challenge', number: 0, body });
}

export function decodeChallenge(frame: Frame): Decoded<Uint8Array, FrameCode> {
  return controlFields(frame, CHALLENGE_BYTES, (reader) => reader.take(CHALLENGE_BYTES));
}

/** ATTACH: room id 16, signature 64; the header's number is `from`. PROTOCOL.md §4.2. */
export function encodeAttach(request: AttachRequest): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES).put(request.roomId).put(request.signature).bytes;
  return encodeFrame({ operation: 'attach', number: request.from, body });
}

export function decodeAttach(frame: Frame): Decoded<AttachRequest, FrameCode> {
  return controlFields(frame, ROOM_ID_BYTES + SIGNATURE_BYTES, (reader) => ({
    roomId: reader.take(ROOM_ID_BYTES),
    signature: reader.take(SIGNATURE_BYTES),
    from: frame.number,
  }));
}

/** ATTACHED: commit number in the header, oldest 8, next 8, patience 4. PROTOCOL.md §4.3. */
export function encodeAttached({ commitNumber, oldest, next, patienceSeconds }: Attached): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES).u64(oldest).u64(next).u32(patienceSeconds).bytes;
  return encodeFrame({ operation: 'attached', number: commitNumber, body });
}

export function decodeAttached(frame: Frame): Decoded<Attached, FrameCode> {
  const fields = controlFields(frame, 20, (reader) => ({
    oldest: reader.u64(),
    next: reader.u64(),
    patienceSeconds: reader.u32(),
  }));
  if (!fields.ok) return fields;
  const { oldest, next, patienceSeconds } = fields.value;
  if (oldest === undefined || next === undefined || oldest < 1 || next < oldest) return refuse('frame-number');
  const isPatience = patienceSeconds >= PATIENCE_SECONDS_LEAST && patienceSeconds <= PATIENCE_SECONDS_MOST;
  return isPatience ? accept({ commitNumber: frame.number, oldest, next, patienceSeconds }) : refuse('frame-field');
}

/**
 * PING and its answer PONG carry nothing but the number, which comes back as it was. PROTOCOL.md
 * §4.4.
 */
export function encodePing(operation: 'ping' | 'pong', number: number): Uint8Array {
  return encodeFrame({ operation, number, body: new Uint8Array(CONTROL_BODY_BYTES) });
}

/**
 * PRESENCE from a member, and PRESENT as the relay passes it on: an envelope, in the smallest
 * frame. PROTOCOL.md §4.10.
 */
export function encodePresence(operation: 'presence' | 'present', commitNumber: number, body: Uint8Array): Uint8Array {
  return encodeFrame({ operation, number: commitNumber, body });
}

/** PING, PONG and CLOSING: one size, an empty body. */
export function checkEmpty(frame: Frame): Decoded<number, FrameCode> {
  return controlFields(frame, 0, () => frame.number);
}

/**
 * REFUSED: the room's commit number in the header. The body has the nonce of the refused frame, or
 * the id of the refused upload followed by zeros. PROTOCOL.md §4.5.
 */
export function encodeRefused(code: RelayCode, commitNumber: number, what: Uint8Array): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES).put(what).bytes;
  return encodeFrame({ operation: 'refused', code, number: commitNumber, body });
}

export function decodeRefused(frame: Frame): Decoded<Uint8Array, FrameCode> {
  return controlFields(frame, NONCE_BYTES, (reader) => reader.take(NONCE_BYTES));
}

/**
 * CLOSING: the last frame of a connection that the relay ends, with its reason. PROTOCOL.md §4.6.
 */
export function encodeClosing(code: RelayCode): Uint8Array {
  return encodeFrame({ operation: 'closing', code, number: 0, body: new Uint8Array(CONTROL_BODY_BYTES) });
}
