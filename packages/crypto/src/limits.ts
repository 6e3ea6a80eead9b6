// Bounds on the work and memory that foreign bytes can cause in the group keys. PROTOCOL.md §8.

import { COMMIT_BYTES_MAX, SNAPSHOT_BYTES_MAX, MESSAGE_OVERHEAD_BYTES } from '@sotto/protocol';

export { MEMBER_ID_BYTES, SIGNATURE_BYTES } from '@sotto/protocol';

/** Members of a room. A tree of 64 leaves has 127 nodes. */
export const GROUP_MEMBERS_MAX = 64;
/** A GroupInfo without a tree; one of the suite X-Wing has 1,520 bytes. */
export { GROUP_INFO_BYTES_MAX } from '@sotto/protocol';
/** A ratchet tree. It lies in a join snapshot. */
export const GROUP_TREE_BYTES_MAX: number = SNAPSHOT_BYTES_MAX;
/** A commit, of a member or of a joiner. */
export const GROUP_COMMIT_BYTES_MAX: number = COMMIT_BYTES_MAX;
/** A sealed message. It fits the largest frame. */
export const GROUP_MESSAGE_BYTES_MAX = 4_096;
/** A welcome, which carries no tree. */
export const GROUP_WELCOME_BYTES_MAX = 16_384;
/** A key package; one of the suite X-Wing fits a knock frame. */
export const GROUP_KEY_PACKAGE_BYTES_MAX = 4_096;
/** Proposals in one commit: one for each other member of a full room. */
export const GROUP_PROPOSALS_MAX: number = GROUP_MEMBERS_MAX - 1;
/** Messages of one sender that a receiver can miss in one epoch and still open the next. */
export const GROUP_SKIPPED_MESSAGES_MAX = 200;

/** The MLS group id (PROTOCOL.md §5.6). */
export const GROUP_ID_BYTES = 16;
/** The exported half of an epoch frame key (PROTOCOL.md §5.6). */
export const ENVELOPE_SECRET_BYTES = 32;
/**
 * The bytes by which a sealed message exceeds its content. Epoch 8, sealed sender data 28, content
 * length 1 or 2, signature 66, tag 16.
 */
export const GROUP_MESSAGE_OVERHEAD_BYTES: number = MESSAGE_OVERHEAD_BYTES;
