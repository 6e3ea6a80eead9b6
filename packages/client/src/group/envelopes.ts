// Seals and opens the group's frames and snapshots in envelopes: messages under the epoch's key,
// commits under the join key. PROTOCOL.md §5.8.

import { openEnvelope, plaintextBytes, sealEnvelope } from '@sotto/crypto';
import type { RandomSource, Secret } from '@sotto/crypto';
import type { GroupKeys } from '@sotto/crypto/mls';
import {
  accept,
  bodyBytes,
  copyAccess,
  COVER_FRAME_BYTES,
  isStealth,
  SMALLEST_FRAME_BYTES,
  stealthShape,
  decodeGroupPlaintext,
  decodeSnapshotPlaintext,
  encodeGroupPlaintext,
  encodeSnapshotPlaintext,
  ENVELOPE_OVERHEAD_BYTES,
  FRAME_BYTES,
  LARGEST_FRAME_BYTES,
  messageCapacity,
  pieceCapacity,
  refuse,
  uploadBodyBytes,
} from '@sotto/protocol';
import type {
  ContentCode,
  Cover,
  Decoded,
  GroupPlaintext,
  SnapshotPlaintext,
  LeaveProof,
  Move,
  Piece,
  SignedOrder,
  SignedPresence,
} from '@sotto/protocol';
import { authorizationFrames } from './commit-bundle.ts';
import { COMMIT_FRAMES_MAX } from '../limits.ts';

const PLAINTEXT_SIZES: readonly number[] = FRAME_BYTES.map((bytes) => plaintextBytes(bodyBytes(bytes)));
/** Commits travel in the largest frames, and so do knocks. */
export const COMMIT_FRAME_SIZE = 3;
const COMMIT_PLAINTEXT_BYTES: number = plaintextBytes(uploadBodyBytes(FRAME_BYTES[COMMIT_FRAME_SIZE]));
const PRESENCE_PLAINTEXT_BYTES: number = plaintextBytes(bodyBytes(SMALLEST_FRAME_BYTES));
const KNOCK_PLAINTEXT_BYTES: number = plaintextBytes(bodyBytes(LARGEST_FRAME_BYTES));

/** A frame without content. */
export const DUMMY: GroupPlaintext = { kind: 'dummy' };

/**
 * The key of an envelope: the epoch's, the join key of the connection string, or an unknown one.
 */
export type SealedBy = 'member' | 'joiner' | 'nobody';

type Sealer = Exclude<SealedBy, 'nobody'>;

/** The keys under which each kind of frame is accepted. */
const SEALERS: Readonly<Record<GroupPlaintext['kind'], readonly Sealer[]>> = {
  dummy: ['member', 'joiner'],
  message: ['member'],
  piece: ['joiner'],
  leave: ['joiner'],
  order: ['joiner'],
  knock: ['joiner'],
  welcome: ['joiner'],
  'group-info': ['joiner'],
  // It opens under the key of the epoch that its commit begins: `openMove`.
  move: [],
  // It is outside of the log: `openPresence`.
  presence: [],
};

/** The least sizes in this room, so that lengths reveal less about its members and contents. */
export interface LeastSizes {
  readonly frameBytes: number;
  readonly commitFrames: number;
  readonly snapshotBytes: number;
}

export function leastSizes(cover: Cover): LeastSizes {
  if (!isStealth(cover)) return { frameBytes: SMALLEST_FRAME_BYTES, commitFrames: 0, snapshotBytes: 0 };
  const { commitFrames, snapshotBytes } = stealthShape(cover);
  return { frameBytes: COVER_FRAME_BYTES, commitFrames, snapshotBytes };
}

export interface OpenedFrame {
  readonly sealedBy: SealedBy;
  readonly plaintext: Decoded<GroupPlaintext, ContentCode | 'foreign'>;
}

/** The parts of a commit's upload besides dummies. */
export interface CommitParts {
  readonly leaves: readonly LeaveProof[];
  readonly orders: readonly SignedOrder[];
  readonly welcome: Uint8Array | undefined;
  /** Of the epoch that the commit begins. */
  readonly groupInfo: Uint8Array;
  readonly commit: Uint8Array;
  /** The way to another room, for the members of the epoch that the commit begins. */
  readonly move: Move | undefined;
}

export class GroupEnvelopes {
  readonly #keys: GroupKeys;
  readonly #random: RandomSource;
  readonly #least: LeastSizes;

  constructor(keys: GroupKeys, random: RandomSource, least: LeastSizes) {
    this.#keys = keys;
    this.#random = random;
    this.#least = least;
  }

  /** `epochKey`: undefined outside the group. */
  open(body: Uint8Array, epochKey: Secret | undefined): OpenedFrame {
    const keys = [['member', epochKey] as const, ['joiner', this.#keys.joinKey] as const];
    for (const [sealedBy, key] of keys) {
      const opened = key === undefined ? undefined : openEnvelope(key, body);
      if (opened?.ok !== true) continue;
      const plaintext = decodeGroupPlaintext(opened.value);
      const allowed = !plaintext.ok || SEALERS[plaintext.value.kind].includes(sealedBy);
      return { sealedBy, plaintext: allowed ? plaintext : refuse('content-kind') };
    }
    return { sealedBy: 'nobody', plaintext: refuse('foreign') };
  }

  /** @returns undefined if the envelope holds no move under this key */
  openMove(body: Uint8Array, epochKey: Secret): Move | undefined {
    const opened = openEnvelope(epochKey, body);
    const plaintext = opened.ok ? decodeGroupPlaintext(opened.value) : opened;
    return plaintext.ok && plaintext.value.kind === 'move' ? plaintext.value.move : undefined;
  }

  /** In the smallest frame. */
  sealPresence(presence: SignedPresence, epochKey: Secret): Uint8Array {
    const plaintext = encodeGroupPlaintext({ kind: 'presence', ...presence }, PRESENCE_PLAINTEXT_BYTES);
    return sealEnvelope(epochKey, plaintext, this.#random);
  }

  /** @returns undefined if the envelope holds no presence of this epoch */
  openPresence(body: Uint8Array, epochKey: Secret): SignedPresence | undefined {
    const opened = openEnvelope(epochKey, body);
    const plaintext = opened.ok ? decodeGroupPlaintext(opened.value) : opened;
    return plaintext.ok && plaintext.value.kind === 'presence' ? plaintext.value : undefined;
  }

  /** In the smallest frame that holds it. @throws RangeError if none does. */
  sealMessage(bytes: Uint8Array, epochKey: Secret): Uint8Array {
    const least = plaintextBytes(bodyBytes(this.#least.frameBytes));
    const size = PLAINTEXT_SIZES.find((plaintext) => plaintext >= least && messageCapacity(plaintext) >= bytes.length);
    if (size === undefined) throw new RangeError('a content larger than the largest frame');
    return sealEnvelope(epochKey, encodeGroupPlaintext({ kind: 'message', bytes }, size), this.#random);
  }

  /** In the largest frame. @throws RangeError if name and key package are longer. */
  sealKnock({ name, keyPackage }: { readonly name: Uint8Array; readonly keyPackage: Uint8Array }): Uint8Array {
    const plaintext = encodeGroupPlaintext({ kind: 'knock', name, keyPackage }, KNOCK_PLAINTEXT_BYTES);
    return sealEnvelope(this.#keys.joinKey, plaintext, this.#random);
  }

  /**
   * Seals the frames of a commit: dummies, authorizations, the welcome, the GroupInfo, the commit. Their number is
   * a power of two, so that it reveals little. The first is a dummy, which ends any bundle before
   * it. A move is under `nextKey`, that of the epoch that the commit begins.
   *
   * @param dummyKey the epoch's key, by which members know an upload of theirs; or the join key.
   * @returns undefined if a commit may not carry so much
   */
  sealCommit(parts: CommitParts, dummyKey: Secret, nextKey?: Secret): readonly Uint8Array[] | undefined {
    const frames = framesOf(parts);
    return 1 + frames.length > COMMIT_FRAMES_MAX ? undefined : this.sealUpload(frames, dummyKey, nextKey);
  }

  /** Frames of an upload with dummies in front of them: one at least, and a power of two in all. */
  sealUpload(frames: readonly GroupPlaintext[], dummyKey: Secret, nextKey?: Secret): readonly Uint8Array[] {
    const dummies = Array.from({ length: this.#uploadFrames(frames) - frames.length }, () => DUMMY);
    return this.sealFrames([...dummies, ...frames], dummyKey, nextKey);
  }

  /** The frames of a commit's upload; more than COMMIT_FRAMES_MAX if no upload holds them. */
  commitFrames(parts: CommitParts): number {
    return this.#uploadFrames(framesOf(parts));
  }

  #uploadFrames(frames: readonly GroupPlaintext[]): number {
    return Math.max(2 ** Math.ceil(Math.log2(1 + frames.length)), this.#least.commitFrames);
  }

  /**
   * Seals frames of an upload, all of one size. All but dummies and a move are under the join key.
   */
  sealFrames(frames: readonly GroupPlaintext[], dummyKey: Secret, nextKey: Secret = dummyKey): readonly Uint8Array[] {
    const keys: Readonly<Partial<Record<GroupPlaintext['kind'], Secret>>> = { dummy: dummyKey, move: nextKey };
    return frames.map((frame) => {
      const plaintext = encodeGroupPlaintext(frame, COMMIT_PLAINTEXT_BYTES);
      return sealEnvelope(keys[frame.kind] ?? this.#keys.joinKey, plaintext, this.#random);
    });
  }

  sealSnapshot(snapshot: SnapshotPlaintext): Uint8Array {
    return sealEnvelope(
      this.#keys.snapshotKey,
      encodeSnapshotPlaintext(snapshot, ENVELOPE_OVERHEAD_BYTES, this.#least.snapshotBytes),
      this.#random,
    );
  }

  openSnapshot(sealed: Uint8Array): Decoded<SnapshotPlaintext, ContentCode | 'snapshot-foreign'> {
    const opened = openEnvelope(this.#keys.snapshotKey, sealed);
    if (!opened.ok) return refuse('snapshot-foreign');
    const snapshot = decodeSnapshotPlaintext(opened.value);
    return snapshot.ok ? accept(keepable(snapshot.value)) : snapshot;
  }
}

/** Copies of what outlives the joining: views would keep the whole snapshot alive. */
function keepable({ groupInfo, tree, proofs, access }: SnapshotPlaintext): SnapshotPlaintext {
  return {
    groupInfo,
    tree,
    proofs: proofs.map(({ memberId, signature }) => ({ memberId: memberId.slice(), signature: signature.slice() })),
    access: access && copyAccess(access),
  };
}

/** The frames of a commit in their order in the log. */
function framesOf({ move, leaves, orders, welcome, groupInfo, commit }: CommitParts): GroupPlaintext[] {
  return [
    // Before the bundle: it is no evidence for the commit, and would end the bundle.
    ...(move === undefined ? [] : [{ kind: 'move' as const, move }]),
    ...authorizationFrames({ leaves, orders }),
    ...cut(welcome ?? new Uint8Array(0)).map((piece) => ({ kind: 'welcome' as const, ...piece })),
    { kind: 'group-info', bytes: groupInfo },
    ...cut(commit).map((piece) => ({ kind: 'piece' as const, ...piece })),
  ];
}

/** Cuts bytes that do not fit one frame into pieces. */
function cut(bytes: Uint8Array): Piece[] {
  const capacity = pieceCapacity(COMMIT_PLAINTEXT_BYTES);
  const count = Math.ceil(bytes.length / capacity);
  return Array.from({ length: count }, (_, index) => {
    return { index, count, bytes: bytes.subarray(index * capacity, (index + 1) * capacity) };
  });
}
