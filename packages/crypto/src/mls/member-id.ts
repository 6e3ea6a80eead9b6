// A member's id, which follows from its key.

import { truncatedHash } from '../key-schedule.ts';
import { LABELS } from '../labels.ts';
import { MEMBER_ID_BYTES } from '../limits.ts';

/**
 * @returns the id, 16 bytes, of the member with this 32-byte key. No member can choose it.
 * PROTOCOL.md §5.6.
 */
export function memberIdOf(memberKey: Uint8Array): Uint8Array {
  return truncatedHash(LABELS.member, MEMBER_ID_BYTES, memberKey);
}
