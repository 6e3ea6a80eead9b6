// The frames directly before a commit's last piece: what allows it to do what it does, and its pieces. PROTOCOL.md §5.8.

import { concatBytes } from '@sotto/protocol';
import type { LeaveProof, Piece, SignedOrder } from '@sotto/protocol';
import type { Warrants } from './policy.ts';
import { WARRANTS_MAX } from '../limits.ts';

/** Pieces that stand behind one another. */
export type Pieces = readonly Uint8Array[];

/** @returns all pieces so far, and the whole if this was the last; undefined if the piece does not follow. */
export function takePiece(
  pieces: Pieces,
  { index, count, bytes }: Piece,
): { readonly pieces: Pieces; readonly whole: Uint8Array | undefined } | undefined {
  if (index !== pieces.length) return undefined;
  // A copy: a view would keep its frame alive.
  const taken = [...pieces, bytes.slice()];
  return taken.length < count ? { pieces: taken, whole: undefined } : { pieces: [], whole: concatBytes(...taken) };
}

export interface Row extends Warrants {
  readonly pieces: Pieces;
}

/** Whatever is no part of a commit, and a dummy, which every upload begins with, ends the row before it. */
export const EMPTY_ROW: Row = { leaves: [], orders: [], pieces: [] };

/** Warrants stand before the pieces: behind them, they are another commit's. */
export function beforePieces(row: Row): Row {
  return row.pieces.length === 0 ? row : EMPTY_ROW;
}

export function addLeave(row: Row, proof: LeaveProof): Row {
  const { memberId, signature } = proof;
  // Copies, as of pieces.
  const leaves = [...row.leaves, { memberId: memberId.slice(), signature: signature.slice() }];
  return leaves.length > WARRANTS_MAX ? row : { ...row, leaves };
}

export function addOrder(row: Row, order: SignedOrder): Row {
  const orders = [...row.orders, copyOrder(order)];
  return orders.length > WARRANTS_MAX ? row : { ...row, orders };
}

function copyOrder(order: SignedOrder): SignedOrder {
  const signature = order.signature.slice();
  return order.type === 'evict' ? { ...order, memberId: order.memberId.slice(), signature } : { ...order, signature };
}

/** @returns the row with this piece, and the commit if it is whole. A first piece that does not follow begins a row of its own. */
export function addPiece(row: Row, piece: Piece): { readonly row: Row; readonly commit: Uint8Array | undefined } {
  const follows = takePiece(row.pieces, piece);
  const taken = follows ?? takePiece([], piece);
  if (taken === undefined) return { row: EMPTY_ROW, commit: undefined };
  return { row: { ...(follows === undefined ? EMPTY_ROW : row), pieces: taken.pieces }, commit: taken.whole };
}
