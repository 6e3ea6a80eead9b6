// What group keys put into an envelope, and into the head: messages, the pieces of a commit, and proofs that a member wants to go. PROTOCOL.md §5.8.

import { ByteReader, ByteWriter, isZero } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { ContentCode, Decoded } from './errors.ts';
import { HEAD_BYTES_MAX, MEMBER_ID_BYTES, SIGNATURE_BYTES } from './limits.ts';

const KINDS = { dummy: 0, message: 2, piece: 3, leave: 4 } as const;
/** kind 1 + length 2. */
const MESSAGE_HEADER_BYTES = 3;
/** kind 1 + index 2 + count 2 + length 2. */
const PIECE_HEADER_BYTES = 7;
const LEAVE_BYTES: number = 1 + MEMBER_ID_BYTES + SIGNATURE_BYTES;
const PROOF_BYTES: number = MEMBER_ID_BYTES + SIGNATURE_BYTES;
/** No commit within its limit has more pieces in the smallest frames that carry any. */
const PIECE_COUNT_MAX = 64;
const PROOFS_MAX = 64;

/** A member's own word that it wants to go: whoever has it may remove that member, and nobody else may. */
export interface LeaveProof {
  readonly memberId: Uint8Array;
  readonly signature: Uint8Array;
}

export type GroupPlaintext =
  | { readonly kind: 'dummy' }
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'piece'; readonly index: number; readonly count: number; readonly bytes: Uint8Array }
  | ({ readonly kind: 'leave' } & LeaveProof);

/** Bytes of a commit that one frame carries whose envelope has this much room. */
export function pieceCapacity(plaintextBytes: number): number {
  return plaintextBytes - PIECE_HEADER_BYTES;
}

/** Bytes of a sealed message that a frame carries whose envelope has this much room. */
export function messageCapacity(plaintextBytes: number): number {
  return plaintextBytes - MESSAGE_HEADER_BYTES;
}

/** @throws RangeError if it does not fit: the caller chose the frame's size. PROTOCOL.md §5.8. */
export function encodeGroupPlaintext(plaintext: GroupPlaintext, plaintextBytes: number): Uint8Array {
  const writer = new ByteWriter(plaintextBytes).u8(KINDS[plaintext.kind]);
  switch (plaintext.kind) {
    case 'dummy':
      return writer.bytes;
    case 'message':
      return writer.u16(plaintext.bytes.length).put(plaintext.bytes).bytes;
    case 'piece':
      return writer.u16(plaintext.index).u16(plaintext.count).u16(plaintext.bytes.length).put(plaintext.bytes).bytes;
    case 'leave':
      return writer.put(plaintext.memberId).put(plaintext.signature).bytes;
  }
}

export function decodeGroupPlaintext(bytes: Uint8Array): Decoded<GroupPlaintext, ContentCode> {
  if (bytes.length < LEAVE_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case KINDS.dummy:
      return accept({ kind: 'dummy' });
    case KINDS.message: {
      const message = takeCounted(reader);
      return message.ok ? accept({ kind: 'message', bytes: message.value }) : message;
    }
    case KINDS.piece: {
      const index = reader.u16();
      const count = reader.u16();
      if (count === 0 || count > PIECE_COUNT_MAX || index >= count) return refuse('fragment-index');
      const piece = takeCounted(reader);
      return piece.ok ? accept({ kind: 'piece', index, count, bytes: piece.value }) : piece;
    }
    case KINDS.leave: {
      const memberId = reader.take(MEMBER_ID_BYTES);
      const signature = reader.take(SIGNATURE_BYTES);
      return isZero(reader.rest()) ? accept({ kind: 'leave', memberId, signature }) : refuse('content-padding');
    }
    default:
      return refuse('content-kind');
  }
}

/** A length, so many bytes, and zeros. */
function takeCounted(reader: ByteReader): Decoded<Uint8Array, ContentCode> {
  const length = reader.u16();
  if (length === 0 || length > reader.remaining) return refuse('content-length');
  const bytes = reader.take(length);
  return isZero(reader.rest()) ? accept(bytes) : refuse('content-padding');
}

/** What a newcomer needs: the group's public state, and who has asked to be removed. */
export interface HeadPlaintext {
  readonly group: Uint8Array;
  readonly proofs: readonly LeaveProof[];
}

/** `overhead` is what sealing adds: the sealed head is a power of two long, so that its length tells little about the members' number. */
export function encodeHeadPlaintext({ group, proofs }: HeadPlaintext, overhead: number): Uint8Array {
  const needed = 4 + group.length + 1 + proofs.length * PROOF_BYTES + overhead;
  const length = 2 ** Math.ceil(Math.log2(needed));
  if (length > HEAD_BYTES_MAX) throw new RangeError('a head above the limit');
  const writer = new ByteWriter(length - overhead).u32(group.length).put(group).u8(proofs.length);
  for (const proof of proofs) writer.put(proof.memberId).put(proof.signature);
  return writer.bytes;
}

export function decodeHeadPlaintext(bytes: Uint8Array): Decoded<HeadPlaintext, ContentCode> {
  if (bytes.length < 5) return refuse('content-length');
  const reader = new ByteReader(bytes);
  const length = reader.u32();
  if (length === 0 || length + 1 > reader.remaining) return refuse('content-length');
  const group = reader.take(length);
  const count = reader.u8();
  if (count > PROOFS_MAX || count * PROOF_BYTES > reader.remaining) return refuse('content-length');
  const proofs = Array.from({ length: count }, () => ({
    memberId: reader.take(MEMBER_ID_BYTES),
    signature: reader.take(SIGNATURE_BYTES),
  }));
  return isZero(reader.rest()) ? accept({ group, proofs }) : refuse('content-padding');
}
