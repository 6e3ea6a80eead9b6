// The host's orders, which all members obey: access modes, evictions, the room's move. They are
// signed by the onion's key. PROTOCOL.md §5.9.

import { ByteReader, ByteWriter, concatBytes } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { ContentCode, Decoded } from './errors.ts';
import { coverNumber, coverOfNumber } from './cover.ts';
import type { Cover } from './cover.ts';
import {
  MEMBER_ID_BYTES,
  MEMBERS_MAX,
  MOVE_BYTES,
  ONION_KEY_BYTES,
  ROOM_SECRET_BYTES,
  SIGNATURE_BYTES,
} from './limits.ts';

const TYPES = { access: 1, evict: 2, move: 3 } as const;
const MODES = { open: 0, knock: 1, locked: 2, listed: 3 } as const;
/** A room moves once, so the move order needs no place among the others. */
const MOVE_NUMBER = 0;
const LABEL = ascii('sotto/1 order');

/** number 8 + mode 1 + signature 64: the shortest access order as the snapshot carries it. */
const ACCESS_LEAST_BYTES: number = 8 + 1 + SIGNATURE_BYTES;

/**
 * `open`: anyone with the connection string can join. `knock`: members admit joiners. `locked`:
 * nobody can join. `listed`: as `knock`, but for the members of a list, who join as in an open room.
 */
export type AccessMode = keyof typeof MODES;
/** The modes without a list. */
export type PlainMode = Exclude<AccessMode, 'listed'>;

/** `listed`: at most MEMBERS_MAX member ids of 16 bytes. */
export type Access = { readonly mode: PlainMode } | { readonly mode: 'listed'; readonly listed: readonly Uint8Array[] };

/** `number` is above that of every access order before it. */
type AccessOrder = { readonly type: 'access'; readonly number: number } & Access;

interface EvictOrder {
  readonly type: 'evict';
  readonly number: number;
  /** 16 bytes. */
  readonly memberId: Uint8Array;
  /**
   * The members that stay, at most MEMBERS_MAX ids of 16 bytes: all others go. The first of them
   * alone may carry the order out.
   */
  readonly listed: readonly Uint8Array[];
}

interface MoveOrder {
  readonly type: 'move';
  /** 32 bytes: the onion at which the room goes on. */
  readonly onionKey: Uint8Array;
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
  /** The cover mode of the room there. */
  readonly cover: Cover;
}

export type Order = AccessOrder | EvictOrder | MoveOrder;

interface Signed {
  /** 64 bytes, over `orderStatement`. */
  readonly signature: Uint8Array;
}

export type SignedAccess = AccessOrder & Signed;
/** An order that a member's commit carries out. */
export type SignedOrder = SignedAccess | (EvictOrder & Signed);
/** The way to the room in which this one goes on: each member that reads it goes there. */
export type Move = MoveOrder & Signed;

/**
 * @returns the bytes that the moderator signs. A payload's length follows from its type and, in an
 *   access order, from its mode and count. So no two orders have one statement. PROTOCOL.md §5.9.
 */
export function orderStatement(roomId: Uint8Array, order: Order): Uint8Array {
  const number = order.type === 'move' ? MOVE_NUMBER : order.number;
  const type = new ByteWriter(9).u64(number).u8(TYPES[order.type]).bytes;
  return concatBytes(LABEL, roomId, type, payloadOf(order));
}

function payloadOf(order: Order): Uint8Array {
  switch (order.type) {
    case 'access':
      return encodeMode(order);
    case 'evict':
      return concatBytes(order.memberId, encodeList(order.listed));
    case 'move':
      return concatBytes(order.onionKey, order.roomSecret, Uint8Array.of(coverNumber(order.cover)));
  }
}

/** @returns `mode u8`, and behind `listed` `count u8 || count x member id 16`. */
function encodeMode(access: Access): Uint8Array {
  if (access.mode !== 'listed') return Uint8Array.of(MODES[access.mode]);
  return concatBytes(Uint8Array.of(MODES[access.mode]), encodeList(access.listed));
}

/** @returns `count u8 || count x member id 16`. */
function encodeList(listed: readonly Uint8Array[]): Uint8Array {
  if (listed.length > MEMBERS_MAX) throw new RangeError('a list of more members than a room has');
  return concatBytes(Uint8Array.of(listed.length), ...listed);
}

/** A copy of all its bytes: views would keep the frame alive that they came in. */
export function copyAccess(order: SignedAccess): SignedAccess {
  const signature = order.signature.slice();
  return order.mode === 'listed' ? { ...order, listed: copyList(order.listed), signature } : { ...order, signature };
}

/** The same of any order of a bundle. */
export function copyOrder(order: SignedOrder): SignedOrder {
  if (order.type === 'access') return copyAccess(order);
  const { memberId, listed, signature } = order;
  return { ...order, memberId: memberId.slice(), listed: copyList(listed), signature: signature.slice() };
}

function copyList(listed: readonly Uint8Array[]): Uint8Array[] {
  return listed.map((memberId) => memberId.slice());
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
      if (reader.remaining < MEMBER_ID_BYTES + 1 + SIGNATURE_BYTES) return refuse('content-length');
      const memberId = reader.take(MEMBER_ID_BYTES);
      const listed = readList(reader);
      if (!listed.ok) return listed;
      return accept({ type: 'evict', number, memberId, listed: listed.value, signature: reader.take(SIGNATURE_BYTES) });
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
  if (mode !== 'listed') return accept({ type: 'access', number, mode, signature: reader.take(SIGNATURE_BYTES) });
  const listed = readList(reader);
  if (!listed.ok) return listed;
  return accept({ type: 'access', number, mode, listed: listed.value, signature: reader.take(SIGNATURE_BYTES) });
}

/** A list with a signature behind it, which stays in the reader. */
function readList(reader: ByteReader): Decoded<readonly Uint8Array[], ContentCode> {
  const count = reader.u8();
  return count > MEMBERS_MAX || reader.remaining < count * MEMBER_ID_BYTES + SIGNATURE_BYTES
    ? refuse('content-length')
    : accept(Array.from({ length: count }, () => reader.take(MEMBER_ID_BYTES)));
}

/** The access order as the snapshot carries it: `number u64 || payload || signature 64`. */
export function encodeAccess(order: SignedAccess): Uint8Array {
  return concatBytes(new ByteWriter(8).u64(order.number).bytes, encodeMode(order), order.signature);
}

export function readAccess(reader: ByteReader): Decoded<SignedAccess, ContentCode> {
  if (reader.remaining < ACCESS_LEAST_BYTES) return refuse('content-length');
  const number = reader.u64();
  return number === undefined ? refuse('content-number') : readMode(reader, number);
}

/** @returns `onion key 32 || room secret 32 || cover u8 || signature 64`. */
export function encodeMove(move: Move): Uint8Array {
  return concatBytes(payloadOf(move), move.signature);
}

export function decodeMove(bytes: Uint8Array): Decoded<Move, ContentCode> {
  if (bytes.length !== MOVE_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  const onionKey = reader.take(ONION_KEY_BYTES);
  const roomSecret = reader.take(ROOM_SECRET_BYTES);
  const cover = coverOfNumber(reader.u8());
  if (cover === undefined) return refuse('content-kind');
  return accept({ type: 'move', onionKey, roomSecret, cover, signature: reader.rest() });
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
