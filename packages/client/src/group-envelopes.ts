// Puts the group's frames and heads into envelopes and takes them out: under the epoch's key among members, under the join key for whoever is outside. PROTOCOL.md §5.8.

import { openEnvelope, plaintextBytes, sealEnvelope } from '@sotto/crypto';
import type { RandomSource, Secret } from '@sotto/crypto';
import type { GroupKeys } from '@sotto/crypto/group';
import {
  accept,
  bodyBytes,
  decodeGroupPlaintext,
  decodeHeadPlaintext,
  encodeGroupPlaintext,
  encodeHeadPlaintext,
  ENVELOPE_OVERHEAD_BYTES,
  FRAME_BYTES,
  messageCapacity,
  pieceCapacity,
  refuse,
} from '@sotto/protocol';
import type {
  ContentCode,
  Decoded,
  GroupPlaintext,
  HeadPlaintext,
  LeaveProof,
  Piece,
  SignedOrder,
} from '@sotto/protocol';
import { COMMIT_FRAMES_MAX } from './limits.ts';

const PLAINTEXT_SIZES: readonly number[] = FRAME_BYTES.map((bytes) => plaintextBytes(bodyBytes(bytes)));
/** Commits travel in the largest frames. */
export const COMMIT_FRAME_SIZE = 3;
const COMMIT_PLAINTEXT_BYTES: number = plaintextBytes(bodyBytes(FRAME_BYTES[COMMIT_FRAME_SIZE]));

/** A frame that says nothing. */
export const DUMMY: GroupPlaintext = { kind: 'dummy' };

/** Under which key an envelope was: that of the present epoch, that of whoever has the connection string, or none that we have. */
export type SealedBy = 'member' | 'joiner' | 'nobody';

type Sealer = Exclude<SealedBy, 'nobody'>;

/** Who may say what: a member nothing that is for outsiders, and a string holder nothing that is for members. */
const SEALERS: Readonly<Record<GroupPlaintext['kind'], readonly Sealer[]>> = {
  dummy: ['member', 'joiner'],
  message: ['member'],
  piece: ['member', 'joiner'],
  leave: ['member'],
  order: ['member'],
  knock: ['joiner'],
  welcome: ['joiner'],
};

export interface OpenedFrame {
  readonly sealedBy: SealedBy;
  readonly plaintext: Decoded<GroupPlaintext, ContentCode | 'foreign'>;
}

/** What a commit's upload carries besides dummies. */
export interface CommitParts {
  readonly leaves: readonly LeaveProof[];
  readonly orders: readonly SignedOrder[];
  readonly welcome: Uint8Array | undefined;
  readonly commit: Uint8Array;
}

export class GroupEnvelopes {
  readonly #keys: GroupKeys;
  readonly #random: RandomSource;
  readonly #leastPlaintextBytes: number;

  /** `leastFrameBytes`: no message travels in a smaller frame. */
  constructor(keys: GroupKeys, random: RandomSource, leastFrameBytes: number) {
    this.#keys = keys;
    this.#random = random;
    this.#leastPlaintextBytes = plaintextBytes(bodyBytes(leastFrameBytes));
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

  /** In the smallest frame that holds it. @throws RangeError if none does. */
  sealMessage(bytes: Uint8Array, epochKey: Secret): Uint8Array {
    const size = PLAINTEXT_SIZES.find(
      (plaintext) => plaintext >= this.#leastPlaintextBytes && messageCapacity(plaintext) >= bytes.length,
    );
    if (size === undefined) throw new RangeError('a content larger than the largest frame');
    return sealEnvelope(epochKey, encodeGroupPlaintext({ kind: 'message', bytes }, size), this.#random);
  }

  /** In the largest frame. @throws RangeError if name and key package are longer. */
  sealKnock(name: Uint8Array, keyPackage: Uint8Array): Uint8Array {
    return this.#sealLargest({ kind: 'knock', name, keyPackage }, this.#keys.joinKey);
  }

  /**
   * The frames of a commit, a power of two of them, so that their number tells little: dummies, warrants, the welcome, the commit.
   * There is a dummy at least, which keeps away what stands in the log before. @returns undefined if it is more than a commit may carry.
   */
  sealCommit(parts: CommitParts, key: Secret): readonly Uint8Array[] | undefined {
    const frames: GroupPlaintext[] = [
      ...parts.leaves.map((proof) => ({ kind: 'leave' as const, ...proof })),
      ...parts.orders.map((order) => ({ kind: 'order' as const, order })),
      ...cut(parts.welcome ?? new Uint8Array(0)).map((piece) => ({ kind: 'welcome' as const, ...piece })),
      ...cut(parts.commit).map((piece) => ({ kind: 'piece' as const, ...piece })),
    ];
    const count = 2 ** Math.ceil(Math.log2(1 + frames.length));
    if (count > COMMIT_FRAMES_MAX) return undefined;
    const dummies = Array.from({ length: count - frames.length }, () => DUMMY);
    return this.sealFrames([...dummies, ...frames], key);
  }

  /** Frames of an upload, all of one size. A welcome is for who has no other key than the join key. */
  sealFrames(frames: readonly GroupPlaintext[], key: Secret): readonly Uint8Array[] {
    return frames.map((frame) => this.#sealLargest(frame, frame.kind === 'welcome' ? this.#keys.joinKey : key));
  }

  sealHead(head: HeadPlaintext): Uint8Array {
    return sealEnvelope(this.#keys.headKey, encodeHeadPlaintext(head, ENVELOPE_OVERHEAD_BYTES), this.#random);
  }

  openHead(sealed: Uint8Array): Decoded<HeadPlaintext, ContentCode | 'head-foreign'> {
    const opened = openEnvelope(this.#keys.headKey, sealed);
    if (!opened.ok) return refuse('head-foreign');
    const head = decodeHeadPlaintext(opened.value);
    return head.ok ? accept(keepable(head.value)) : head;
  }

  #sealLargest(plaintext: GroupPlaintext, key: Secret): Uint8Array {
    return sealEnvelope(key, encodeGroupPlaintext(plaintext, COMMIT_PLAINTEXT_BYTES), this.#random);
  }
}

/** Copies of what outlives the joining: views would keep the whole head alive. */
function keepable({ group, proofs, access }: HeadPlaintext): HeadPlaintext {
  return {
    group,
    proofs: proofs.map(({ memberId, signature }) => ({ memberId: memberId.slice(), signature: signature.slice() })),
    access: access && { ...access, signature: access.signature.slice() },
  };
}

/** What does not fit one frame goes into several. */
function cut(bytes: Uint8Array): Piece[] {
  const capacity = pieceCapacity(COMMIT_PLAINTEXT_BYTES);
  const count = Math.ceil(bytes.length / capacity);
  return Array.from({ length: count }, (_, index) => {
    return { index, count, bytes: bytes.subarray(index * capacity, (index + 1) * capacity) };
  });
}
