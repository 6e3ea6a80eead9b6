// Connection strings that are wrong in one way each, for the tests of everything that reads one.

import type { InviteCode } from '@sotto/protocol';
import { INVITE } from './program.ts';

/**
 * One for each way in which a connection string can be wrong. The last three have a right checksum.
 */
export const BAD_INVITES: Readonly<Record<InviteCode, string>> = {
  'invite-empty': '   ',
  'invite-prefix': INVITE.slice(3),
  'invite-case': `${INVITE.slice(0, 40)}${INVITE.slice(40).toUpperCase()}`,
  'invite-character': `${INVITE.slice(0, 40)}b${INVITE.slice(41)}`,
  'invite-checksum': `${INVITE.slice(0, 40)}${INVITE[40] === 'q' ? 'p' : 'q'}${INVITE.slice(41)}`,
  'invite-length': withChecksum(INVITE.slice(6, -7)),
  'invite-version': withChecksum(`p${INVITE.slice(7, -6)}`),
  'invite-flags': withChecksum(`${INVITE.slice(6, 8)}p${INVITE.slice(9, -6)}`),
};

/** Bech32m again, so that a wrong payload can have a right checksum (BIP 350). */
export function withChecksum(words: string): string {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
  const expanded = Array.from('sotto', (character) => character.charCodeAt(0));
  const values = [
    ...expanded.map((code) => code >> 5),
    0,
    ...expanded.map((code) => code & 31),
    ...Array.from(words, (character) => alphabet.indexOf(character)),
  ];
  let remainder = 1;
  for (const value of [...values, 0, 0, 0, 0, 0, 0]) {
    const top = remainder >> 25;
    remainder = ((remainder & 0x1ffffff) << 5) ^ value;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((term, bit) => {
      if (((top >> bit) & 1) === 1) remainder ^= term;
    });
  }
  remainder ^= 0x2bc830a3;
  const check = [5, 4, 3, 2, 1, 0].map((index) => alphabet[(remainder >> (5 * index)) & 31]).join('');
  return `sotto1${words}${check}`;
}
