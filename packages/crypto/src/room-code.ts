// The room code: members whose codes are equal are in one group. PROTOCOL.md §5.12.

import { wordlist } from '@scure/bip39/wordlists/english.js';
import { ascii } from './key-schedule.ts';
import { LABELS } from './labels.ts';
import { primitivesOf } from './provider/group-crypto.ts';
import type { GroupCrypto } from './provider/group-crypto.ts';

/** Words of a room code: 88 bits. */
export const ROOM_CODE_WORDS = 8;
/** The list has 2,048 words. */
const BITS_PER_WORD = 11;

/**
 * Takes tens of milliseconds and 16 MiB, so it is computed when it is shown. PROTOCOL.md §5.12.
 *
 * @returns eight words of the English BIP 39 list, for the 88 bits of scrypt(epoch authenticator,
 * salt: label).
 */
export async function roomCode(crypto: GroupCrypto, epochAuthenticator: Uint8Array): Promise<readonly string[]> {
  const length = (ROOM_CODE_WORDS * BITS_PER_WORD) / 8;
  const { scrypt } = primitivesOf(crypto);
  const code = await scrypt({ password: epochAuthenticator, salt: ascii(LABELS.roomCode), length });
  const bits = Array.from(code, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return Array.from({ length: ROOM_CODE_WORDS }, (_, index) => {
    const word = bits.slice(index * BITS_PER_WORD, (index + 1) * BITS_PER_WORD);
    return wordlist[Number.parseInt(word, 2)] ?? '';
  });
}
