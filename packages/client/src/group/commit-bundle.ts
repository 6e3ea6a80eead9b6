// Collects a commit bundle from the log: the authorizations and the pieces of one commit.
// PROTOCOL.md §5.8.

import type { BundleFrames } from '@sotto/crypto/mls';
import { concatBytes, copyOrder, encodeBundleFrame } from '@sotto/protocol';
import type { BundleFrame, LeaveProof, Piece, SignedOrder } from '@sotto/protocol';
import type { Authorizations } from './commit-policy.ts';
import { AUTHORIZATIONS_MAX } from '../limits.ts';

/** Pieces in their order. */
export type Pieces = readonly Uint8Array[];

/**
 * @returns the pieces so far, and the whole after the last; undefined if the piece does not follow
 */
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
  /** All leave and order frames, also those that do not hold. The upload's own limit bounds them. */
  readonly frames: BundleFrames;
  /** The GroupInfos of the bundle. A commit needs exactly one; of more two are kept. */
  readonly groupInfos: readonly Uint8Array[];
  readonly pieces: Pieces;
}

/**
 * A frame that is no part of a commit ends the bundle. So does a dummy, which begins every upload.
 */
export const EMPTY_BUNDLE: CommitBundle = { leaves: [], orders: [], frames: [], groupInfos: [], pieces: [] };

/**
 * Authorizations come before the GroupInfo, and that before the pieces. Behind them, they belong to
 * another commit.
 */
export function beforeGroupInfo(bundle: CommitBundle): CommitBundle {
  return bundle.groupInfos.length === 0 && bundle.pieces.length === 0 ? bundle : EMPTY_BUNDLE;
}

export function addGroupInfo(bundle: CommitBundle, groupInfo: Uint8Array): CommitBundle {
  const begun = bundle.pieces.length === 0 ? bundle : EMPTY_BUNDLE;
  const groupInfos = [...begun.groupInfos, groupInfo.slice()];
  return groupInfos.length > 2 ? begun : { ...begun, groupInfos };
}

/** The commit is bound to the frame, whether or not it holds. */
export function addFrame(bundle: CommitBundle, frame: BundleFrame): CommitBundle {
  return { ...bundle, frames: [...bundle.frames, encodeBundleFrame(frame)] };
}

/** @returns the frames of these authorizations in the order in which an upload has them */
export function authorizationFrames({ leaves, orders }: Authorizations): BundleFrame[] {
  return [
    ...leaves.map((proof) => ({ kind: 'leave' as const, ...proof })),
    ...orders.map((order) => ({ kind: 'order' as const, order })),
  ];
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

/**
 * A first piece that does not follow begins a bundle of its own.
 * @returns the bundle with this piece, and the commit if it is whole
 */
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
