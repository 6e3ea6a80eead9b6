// What stands for a member's key on screens. PROTOCOL.md §5.6.

import { toHex } from '@sotto/protocol';
import { truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';

const FINGERPRINT_BYTES = 8;

/** @returns 16 hexadecimal digits. 64 bits: enough to tell members apart, not to verify one. */
export function fingerprint(memberKey: Uint8Array): string {
  return toHex(truncatedHash(LABELS.fingerprint, FINGERPRINT_BYTES, memberKey));
}
