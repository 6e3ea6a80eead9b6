// The frames directly before a commit's last piece: what allows it to do what it does, and its pieces. PROTOCOL.md §5.8.

import { concatBytes } from '@sotto/protocol';
import type { LeaveProof, Piece, SignedOrder } from '@sotto/protocol';
import type { Authorizations } from './policy.ts';
import { AUTHORIZATIONS_MAX } from '../limits.ts';

/** Pieces that stand behind one another. */
export type Pieces = readonly Uint8Array[];

/** @returns all pieces so far, and the whole if this was the last; undefined if the piece does not follow. */
export function collectPiece(
  pieces: Pieces,
  { index, count, bytes }: Piece,
): { readonly pieces: Pieces; readonly whole: Uint8Array | undefined } | undefined {
  if (index !== pieces.length) return undefined;
  // A copy: a view would keep its frame alive.
  const collected = [...pieces, bytes.slice()];
  return collected.length < count
    ? { pieces: collected, whole: undefined }
    : { pieces: [], whole: concatBytes(...collected) };
}

export interface CommitBundle extends Authorizations {
  readonly pieces: Pieces;
}

/** Whatever is no part of a commit, and a dummy, which every upload begins with, ends the bundle before it. */
export const EMPTY_BUNDLE: CommitBundle = { leaves: [], orders: [], pieces: [] };

/** Authorizations stand before the pieces: behind them, they are another commit's. */
export function beforePieces(bundle: CommitBundle): CommitBundle {
  return bundle.pieces.length === 0 ? bundle : EMPTY_BUNDLE;
}

export function addLeave(bundle: CommitBundle, proof: LeaveProof): CommitBundle {
  const { memberId, signature } = proof;
  // Copies, as of pieces.
  const leaves = [...bundle.leaves, { memberId: memberId.slice(), signature: signature.slice() }];
  return leaves.length > AUTHORIZATIONS_MAX ? bundle : { ...bundle, leaves };
}

export function addOrder(bundle: CommitBundle, order: SignedOrder): CommitBundle {
  const orders = [...bundle.orders, copyOrder(order)];
  return orders.length > AUTHORIZATIONS_MAX ? bundle : { ...bundle, orders };
}

function copyOrder(order: SignedOrder): SignedOrder {
  const signature = order.signature.slice();
  return order.type === 'evict' ? { ...order, memberId: order.memberId.slice(), signature } : { ...order, signature };
}

/** @returns the bundle with this piece, and the commit if it is whole. A first piece that does not follow begins a bundle of its own. */
export function addPiece(
  bundle: CommitBundle,
  piece: Piece,
): { readonly bundle: CommitBundle; readonly commit: Uint8Array | undefined } {
  const follows = collectPiece(bundle.pieces, piece);
  const collected = follows ?? collectPiece([], piece);
  if (collected === undefined) return { bundle: EMPTY_BUNDLE, commit: undefined };
  return {
    bundle: { ...(follows === undefined ? EMPTY_BUNDLE : bundle), pieces: collected.pieces },
    commit: collected.whole,
  };
}
