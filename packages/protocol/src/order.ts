// The host's orders, which all members obey: access modes, evictions, the room's move. They are
// signed by the onion's key. PROTOCOL.md §5.9.

import { ByteReader, ByteWriter, concatBytes } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { ContentCode, Decoded } from './errors.ts';
import { MEMBER_ID_BYTES, MOVE_BYTES, ONION_KEY_BYTES, ROOM_SECRET_BYTES, SIGNATURE_BYTES } from './limits.ts';

const TYPES = { access: 1, evict: 2, move: 3 } as const;
const MODES = { open: 0, knock: 1, locked: 2 } as const;
/** A room moves once, so the move order needs no place among the others. */
const MOVE_NUMBER = 0;
const LABEL = ascii('sotto/1 order');

/** number 8 + type 1 + the longest payload + signature 64. */
export const ORDER_BYTES_MAX: number = 8 + 1 + MEMBER_ID_BYTES + SIGNATURE_BYTES;
/** number 8 + mode 1 + signature 64: the access order as the snapshot carries it. */
const ACCESS_BYTES: number = 8 + 1 + SIGNATURE_BYTES;

/**
 * `open`: anyone with the connection string can join. `knock`: members admit joiners. `locked`:
 * nobody can join.
 */
export type AccessMode = keyof typeof MODES;

/** `number` is above that of every access order before it. */
interface AccessOrder {
  readonly type: 'access';
  readonly number: number;
  readonly mode: AccessMode;
}

interface EvictOrder {
  readonly type: 'evict';
  readonly number: number;
  /** 16 bytes. */
  readonly memberId: Uint8Array;
}

interface MoveOrder {
  readonly type: 'move';
  /** 32 bytes: the onion at which the room goes on. */
  readonly onionKey: Uint8Array;
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
}

export type Order = AccessOrder | EvictOrder | MoveOrder;

interface Signed {
  /** 64 bytes, over `orderStatement`. */
  readonly signature: Uint8Array;
}

export type SignedAccess = AccessOrder & Signed;
/** An order that a member's commit carries out. */
export type SignedOrder = SignedAccess | (EvictOrder & Signed);
/** A move order as a content: each member that receives it goes to the new room. */
export type Move = MoveOrder & Signed;

/**
 * @returns the bytes that the moderator signs. Every payload has the length of its type, so that no
 *   two orders have one statement. PROTOCOL.md §5.9.
 */
export function orderStatement(roomId: Uint8Array, order: Order): Uint8Array {
  const number = order.type === 'move' ? MOVE_NUMBER : order.number;
  const type = new ByteWriter(9).u64(number).u8(TYPES[order.type]).bytes;
  return concatBytes(LABEL, roomId, type, payloadOf(order));
}

function payloadOf(order: Order): Uint8Array {
  switch (order.type) {
    case 'access':
      return Uint8Array.of(MODES[order.mode]);
    case 'evict':
      return order.memberId;
    case 'move':
      return concatBytes(order.onionKey, order.roomSecret);
  }
}

/** @returns `number u64 || type u8 || payload || signature 64`. */
export function encodeSignedOrder(order: SignedOrder): Uint8Array {
  const header = new ByteWriter(9).u64(order.number).u8(TYPES[order.type]).bytes;
  return concatBytes(header, payloadOf(order), order.signature);
}

export function decodeSignedOrder(bytes: Uint8Array): Decoded<SignedOrder, ContentCode> {
  const reader = new ByteReader(bytes);
  const order = readSignedOrder(reader);
  return order.ok && reader.remaining > 0 ? refuse('content-length') : order;
}

/** Reads one order; the bytes after it stay in the reader. */
export function readSignedOrder(reader: ByteReader): Decoded<SignedOrder, ContentCode> {
  if (reader.remaining < 9) return refuse('content-length');
  const number = reader.u64();
  const type = reader.u8();
  if (number === undefined) return refuse('content-number');
  switch (type) {
    case TYPES.access:
      return readMode(reader, number);
    case TYPES.evict: {
      if (reader.remaining < MEMBER_ID_BYTES + SIGNATURE_BYTES) return refuse('content-length');
      const memberId = reader.take(MEMBER_ID_BYTES);
      return accept({ type: 'evict', number, memberId, signature: reader.take(SIGNATURE_BYTES) });
    }
    default:
      return refuse('content-kind');
  }
}

function readMode(reader: ByteReader, number: number): Decoded<SignedAccess, ContentCode> {
  if (reader.remaining < 1 + SIGNATURE_BYTES) return refuse('content-length');
  const value = reader.u8();
  const mode = (Object.keys(MODES) as AccessMode[]).find((key) => MODES[key] === value);
  if (mode === undefined) return refuse('content-kind');
  return accept({ type: 'access', number, mode, signature: reader.take(SIGNATURE_BYTES) });
}

/** The access order as the snapshot carries it: `number u64 || mode u8 || signature 64`. */
export function encodeAccess({ number, mode, signature }: SignedAccess): Uint8Array {
  return new ByteWriter(ACCESS_BYTES).u64(number).u8(MODES[mode]).put(signature).bytes;
}

export function readAccess(reader: ByteReader): Decoded<SignedAccess, ContentCode> {
  if (reader.remaining < ACCESS_BYTES) return refuse('content-length');
  const number = reader.u64();
  return number === undefined ? refuse('content-number') : readMode(reader, number);
}

/** @returns `onion key 32 || room secret 32 || signature 64`. */
export function encodeMove({ onionKey, roomSecret, signature }: Move): Uint8Array {
  return concatBytes(onionKey, roomSecret, signature);
}

export function decodeMove(bytes: Uint8Array): Decoded<Move, ContentCode> {
  if (bytes.length !== MOVE_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  const onionKey = reader.take(ONION_KEY_BYTES);
  const roomSecret = reader.take(ROOM_SECRET_BYTES);
  return accept({ type: 'move', onionKey, roomSecret, signature: reader.rest() });
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
