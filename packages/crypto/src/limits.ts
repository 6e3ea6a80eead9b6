// What a stranger's bytes may make the group keys hold or compute.

import { COMMIT_BYTES_MAX, SNAPSHOT_BYTES_MAX, MESSAGE_OVERHEAD_BYTES } from '@sotto/protocol';

export { MEMBER_ID_BYTES, SIGNATURE_BYTES } from '@sotto/protocol';

/** Members of a room at most. A tree of 64 has 127 nodes. */
export const GROUP_MEMBERS_MAX = 64;
export const GROUP_SNAPSHOT_BYTES_MAX: number = SNAPSHOT_BYTES_MAX;
export const GROUP_COMMIT_BYTES_MAX: number = COMMIT_BYTES_MAX;
/** A message fits the largest frame. */
export const GROUP_MESSAGE_BYTES_MAX = 4_096;
export const GROUP_WELCOME_BYTES_MAX = 16_384;
export const GROUP_KEY_PACKAGE_BYTES_MAX = 4_096;
/** Proposals in one commit: as many as there can be members to remove. */
export const GROUP_PROPOSALS_MAX: number = GROUP_MEMBERS_MAX - 1;
/** Messages of one sender that a receiver can miss in one epoch and still open the next. */
export const GROUP_SKIPPED_MESSAGES_MAX = 200;

export const GROUP_ID_BYTES = 16;
export const CREDENTIAL_MAC_BYTES = 32;
export const ENVELOPE_SECRET_BYTES = 32;
/** epoch 8 + sealed sender data 28 + content's length 1 or 2 + signature 66 + tag 16. */
export const GROUP_MESSAGE_OVERHEAD_BYTES: number = MESSAGE_OVERHEAD_BYTES;
