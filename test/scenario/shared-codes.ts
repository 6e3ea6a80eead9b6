// Members of one process compute each room code once: a scrypt for each member in each epoch would
// take time from clocks that run fast here.

import { nativeCrypto } from '@sotto/crypto/native';
import { toHex } from '@sotto/protocol';
import { primitivesOf, registerCrypto } from '../../packages/crypto/src/provider/group-crypto.ts';
import type { GroupCrypto, Scrypt } from '../../packages/crypto/src/provider/group-crypto.ts';

const { provider, scrypt } = primitivesOf(nativeCrypto);
const computed = new Map<string, Promise<Uint8Array>>();

const scryptOnce: Scrypt = ({ password, salt, length }) => {
  const key = `${toHex(password)} ${toHex(salt)} ${length}`;
  const known = computed.get(key) ?? scrypt({ password, salt, length });
  computed.set(key, known);
  return known;
};

/** The native primitives, with results of scrypt that are kept. */
export const cryptoOfMembers: GroupCrypto = registerCrypto('native', { provider, scrypt: scryptOnce });
