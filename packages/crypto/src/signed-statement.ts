// Ed25519 for what members and the moderator state outside MLS: it takes exactly what the group's own signatures take, so that all judge alike.

import nacl from 'tweetnacl';
import { isPlainEd25519Key, littleEndianBytes } from './ed25519-keys.ts';
import { SIGNATURE_BYTES } from './limits.ts';
import type { Secret } from './secret.ts';

/** The order of the base point (RFC 8032 §5.1). */
const GROUP_ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

/** @returns the 64-byte signature by the key of this 32-byte seed. */
export function signStatement(secret: Secret, statement: Uint8Array): Uint8Array {
  return secret.use((seed) => {
    const pair = nacl.sign.keyPair.fromSeed(seed);
    const signature = nacl.sign.detached(statement, pair.secretKey);
    pair.secretKey.fill(0);
    return signature;
  });
}

/** RFC 8032 §5.1.7 without the cofactor. The library alone would also take S + L for S, which others refuse. */
export function verifyStatement(statement: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isPlainEd25519Key(key)) return false;
  if (littleEndianBytes(signature.subarray(32)) >= GROUP_ORDER) return false;
  return nacl.sign.detached.verify(statement, signature, key);
}
