// Plaintexts inside envelopes and snapshots: messages, commits, orders, leave notices and join
// requests. PROTOCOL.md §5.2, §5.8.

import { ByteReader, ByteWriter, concatBytes, isZero } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { ContentCode, Decoded } from './errors.ts';
import {
  GROUP_INFO_BYTES_MAX,
  MEMBER_ID_BYTES,
  MOVE_BYTES,
  NAME_BYTES_MAX,
  SIGNATURE_BYTES,
  SNAPSHOT_BYTES_MAX,
} from './limits.ts';
import { decodeMove, encodeAccess, encodeMove, encodeSignedOrder, readAccess, readSignedOrder } from './order.ts';
import type { Move, SignedAccess, SignedOrder } from './order.ts';

const KINDS = {
  dummy: 0,
  message: 2,
  piece: 3,
  leave: 4,
  order: 5,
  knock: 6,
  welcome: 7,
  'group-info': 8,
  move: 9,
  presence: 10,
} as const;
/** kind 1 + length 2. */
const MESSAGE_HEADER_BYTES = 3;
/** kind 1 + index 2 + count 2 + length 2. */
const PIECE_HEADER_BYTES = 7;
/**
 * The least length of a plaintext: a kind and the longest thing of fixed length. Frames are far
 * longer.
 */
const LEAST_BYTES: number = 1 + MOVE_BYTES;
const PROOF_BYTES: number = MEMBER_ID_BYTES + SIGNATURE_BYTES;
/** No commit within its limit has more pieces in the smallest frames that carry any. */
const PIECE_COUNT_MAX = 64;
const PROOFS_MAX = 64;
/** The two lengths of a join snapshot: of the GroupInfo 2, of the tree 4. */
const GROUP_FIELD_BYTES = 6;
/** The count of leave proofs 1, and whether there is an access order 1. */
const POLICY_BYTES = 2;

/** A member's notice that it leaves: another member may remove it only if it holds this notice. */
export interface LeaveProof {
  readonly memberId: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * `piece`: of a commit. `group-info`: of the epoch that the commit begins. `welcome`: of the Welcome
 * for a joiner that has knocked.
 */
export type GroupPlaintext =
  | { readonly kind: 'dummy' }
  | { readonly kind: 'message' | 'group-info'; readonly bytes: Uint8Array }
  | ({ readonly kind: 'piece' | 'welcome' } & Piece)
  | ({ readonly kind: 'leave' } & LeaveProof)
  | { readonly kind: 'order'; readonly order: SignedOrder }
  | { readonly kind: 'move'; readonly move: Move }
  | ({ readonly kind: 'presence' } & SignedPresence)
  | ({ readonly kind: 'knock' } & KnockFields);

/** A presence outside of the log, with its signature. PROTOCOL.md §5.5. */
export interface SignedPresence {
  /** 16 bytes: the member that says it. */
  readonly memberId: Uint8Array;
  /** 64 bytes, by the member key. */
  readonly signature: Uint8Array;
  /** A content of type presence. */
  readonly content: Uint8Array;
}

export interface Piece {
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A join request: a name in UTF-8, and an MLS key package. */
interface KnockFields {
  readonly name: Uint8Array;
  readonly keyPackage: Uint8Array;
}

/** Bytes of a commit that one frame carries whose envelope has this much room. */
export function pieceCapacity(plaintextBytes: number): number {
  return plaintextBytes - PIECE_HEADER_BYTES;
}

/** Bytes of a sealed message that a frame carries whose envelope has this much room. */
export function messageCapacity(plaintextBytes: number): number {
  return plaintextBytes - MESSAGE_HEADER_BYTES;
}

/** A frame of a commit bundle that authorizes something. */
export type BundleFrame = Extract<GroupPlaintext, { kind: 'leave' | 'order' }>;

/** @returns the plaintext without the zeros behind it, which a commit is bound to. PROTOCOL.md §5.8. */
export function encodeBundleFrame(frame: BundleFrame): Uint8Array {
  const kind = Uint8Array.of(KINDS[frame.kind]);
  return frame.kind === 'leave'
    ? concatBytes(kind, frame.memberId, frame.signature)
    : concatBytes(kind, encodeSignedOrder(frame.order));
}

/** @throws RangeError if it does not fit: the caller chose the frame’s size. PROTOCOL.md §5.2. */
export function encodeGroupPlaintext(plaintext: GroupPlaintext, plaintextBytes: number): Uint8Array {
  if (plaintext.kind === 'leave' || plaintext.kind === 'order')
    return new ByteWriter(plaintextBytes).put(encodeBundleFrame(plaintext)).bytes;
  const writer = new ByteWriter(plaintextBytes).u8(KINDS[plaintext.kind]);
  switch (plaintext.kind) {
    case 'dummy':
      return writer.bytes;
    case 'message':
    case 'group-info':
      return writer.u16(plaintext.bytes.length).put(plaintext.bytes).bytes;
    case 'piece':
    case 'welcome':
      return writer.u16(plaintext.index).u16(plaintext.count).u16(plaintext.bytes.length).put(plaintext.bytes).bytes;
    case 'move':
      return writer.put(encodeMove(plaintext.move)).bytes;
    case 'presence': {
      const { memberId, signature, content } = plaintext;
      return writer.put(memberId).put(signature).u16(content.length).put(content).bytes;
    }
    case 'knock':
      return writer
        .u8(plaintext.name.length)
        .put(plaintext.name)
        .u16(plaintext.keyPackage.length)
        .put(plaintext.keyPackage).bytes;
  }
}

export function decodeGroupPlaintext(bytes: Uint8Array): Decoded<GroupPlaintext, ContentCode> {
  if (bytes.length < LEAST_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case KINDS.dummy:
      return accept({ kind: 'dummy' });
    case KINDS.message: {
      const message = takeCounted(reader);
      return message.ok ? accept({ kind: 'message', bytes: message.value }) : message;
    }
    case KINDS.piece:
      return readPiece(reader, 'piece');
    case KINDS.welcome:
      return readPiece(reader, 'welcome');
    case KINDS.leave: {
      const memberId = reader.take(MEMBER_ID_BYTES);
      const signature = reader.take(SIGNATURE_BYTES);
      return isZero(reader.rest()) ? accept({ kind: 'leave', memberId, signature }) : refuse('content-padding');
    }
    case KINDS.order: {
      const order = readSignedOrder(reader);
      if (!order.ok) return order;
      return isZero(reader.rest()) ? accept({ kind: 'order', order: order.value }) : refuse('content-padding');
    }
    case KINDS.move: {
      const move = decodeMove(reader.take(MOVE_BYTES));
      if (!move.ok) return move;
      return isZero(reader.rest()) ? accept({ kind: 'move', move: move.value }) : refuse('content-padding');
    }
    case KINDS.presence: {
      const signed = { memberId: reader.take(MEMBER_ID_BYTES), signature: reader.take(SIGNATURE_BYTES) };
      const content = takeCounted(reader);
      return content.ok ? accept({ kind: 'presence', ...signed, content: content.value }) : content;
    }
    case KINDS.knock:
      return readKnock(reader);
    case KINDS['group-info']: {
      const info = takeCounted(reader, GROUP_INFO_BYTES_MAX);
      return info.ok ? accept({ kind: 'group-info', bytes: info.value }) : info;
    }
    default:
      return refuse('content-kind');
  }
}

function readPiece(reader: ByteReader, kind: 'piece' | 'welcome'): Decoded<GroupPlaintext, ContentCode> {
  const index = reader.u16();
  const count = reader.u16();
  if (count === 0 || count > PIECE_COUNT_MAX || index >= count) return refuse('fragment-index');
  const piece = takeCounted(reader);
  return piece.ok ? accept({ kind, index, count, bytes: piece.value }) : piece;
}

function readKnock(reader: ByteReader): Decoded<GroupPlaintext, ContentCode> {
  const length = reader.u8();
  if (length === 0 || length > NAME_BYTES_MAX) return refuse('content-text');
  const name = reader.take(length);
  const keyPackage = takeCounted(reader);
  return keyPackage.ok ? accept({ kind: 'knock', name, keyPackage: keyPackage.value }) : keyPackage;
}

/** A length, so many bytes, and zeros. */
function takeCounted(reader: ByteReader, most: number = reader.remaining): Decoded<Uint8Array, ContentCode> {
  const length = reader.u16();
  if (length === 0 || length > Math.min(most, reader.remaining)) return refuse('content-length');
  const bytes = reader.take(length);
  return isZero(reader.rest()) ? accept(bytes) : refuse('content-padding');
}

/**
 * The content of a join snapshot: the group's public state, members that asked to be removed, and
 * the access mode.
 */
export interface SnapshotPlaintext {
  /** The GroupInfo of the epoch, without a tree. */
  readonly groupInfo: Uint8Array;
  readonly tree: Uint8Array;
  readonly proofs: readonly LeaveProof[];
  /**
   * The access order that holds; undefined in a room that was never ordered anything: it is open.
   */
  readonly access: SignedAccess | undefined;
}

/**
 * `overhead` is the length that sealing adds. The sealed snapshot is a power of two long, so that
 * its length tells little about the number of members.
 */
export function encodeSnapshotPlaintext(
  { groupInfo, tree, proofs, access }: SnapshotPlaintext,
  overhead: number,
  leastBytes = 0,
): Uint8Array {
  const order = access === undefined ? new Uint8Array(0) : encodeAccess(access);
  const needed =
    GROUP_FIELD_BYTES +
    groupInfo.length +
    tree.length +
    POLICY_BYTES +
    proofs.length * PROOF_BYTES +
    order.length +
    overhead;
  const length = 2 ** Math.ceil(Math.log2(Math.max(needed, leastBytes)));
  if (length > SNAPSHOT_BYTES_MAX) throw new RangeError('a snapshot above the limit');
  const writer = new ByteWriter(length - overhead).u16(groupInfo.length).put(groupInfo).u32(tree.length).put(tree);
  writer.u8(proofs.length);
  for (const proof of proofs) writer.put(proof.memberId).put(proof.signature);
  return writer.u8(access === undefined ? 0 : 1).put(order).bytes;
}

export function decodeSnapshotPlaintext(bytes: Uint8Array): Decoded<SnapshotPlaintext, ContentCode> {
  if (bytes.length < GROUP_FIELD_BYTES + POLICY_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  const infoBytes = reader.u16();
  const isInfo = infoBytes > 0 && infoBytes <= GROUP_INFO_BYTES_MAX;
  if (!isInfo || infoBytes + 4 + POLICY_BYTES > reader.remaining) return refuse('content-length');
  const groupInfo = reader.take(infoBytes);
  const treeBytes = reader.u32();
  if (treeBytes === 0 || treeBytes + POLICY_BYTES > reader.remaining) return refuse('content-length');
  const tree = reader.take(treeBytes);
  const count = reader.u8();
  if (count > PROOFS_MAX || count * PROOF_BYTES + 1 > reader.remaining) return refuse('content-length');
  const proofs = Array.from({ length: count }, () => ({
    memberId: reader.take(MEMBER_ID_BYTES),
    signature: reader.take(SIGNATURE_BYTES),
  }));
  const access = readSnapshotAccess(reader);
  if (!access.ok) return access;
  return isZero(reader.rest()) ? accept({ groupInfo, tree, proofs, access: access.value }) : refuse('content-padding');
}

function readSnapshotAccess(reader: ByteReader): Decoded<SignedAccess | undefined, ContentCode> {
  const has = reader.u8();
  if (has === 0) return accept(undefined);
  return has === 1 ? readAccess(reader) : refuse('content-kind');
}
