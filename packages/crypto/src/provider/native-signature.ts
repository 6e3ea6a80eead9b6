// Ed25519 on node:crypto. It refuses exactly the signatures that the pure implementation refuses,
// because members on either must agree on every signature.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { isStrictEd25519Key } from '../ed25519-keys.ts';
import type { SignedMessage } from '../ed25519-keys.ts';
import { copyBytes } from './native-hkdf.ts';

const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SECRET_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SIGNATURE_BYTES = 64;

/** @returns the 32-byte public key of a 32-byte seed. */
export function nativePublicKey(seed: Uint8Array): Uint8Array {
  const key = createPublicKey(secretKey(seed));
  return copyBytes(key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length));
}

/** @returns the 64-byte signature by the key of this 32-byte seed (RFC 8032 §5.1.6). */
export function nativeSign({ seed, message }: { readonly seed: Uint8Array; readonly message: Uint8Array }): Uint8Array {
  return copyBytes(sign(null, message, secretKey(seed)));
}

/**
 * @returns whether the signature holds under our strict rules (RFC 8032 §5.1.7, without the
 * cofactor).
 */
export function nativeVerify({ publicKey, message, signature }: SignedMessage): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isStrictEd25519Key(publicKey)) return false;
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

function secretKey(seed: Uint8Array): ReturnType<typeof createPrivateKey> {
  if (seed.length !== 32) throw new RangeError('an Ed25519 seed of another length');
  const der = Buffer.concat([SECRET_PREFIX, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}
