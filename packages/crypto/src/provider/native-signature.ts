// Ed25519 on node:crypto, refusing exactly what the pure implementation refuses: members on either must agree on every signature.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { isStrictEd25519Key } from '../ed25519-keys.ts';
import { copyBytes } from './native-hkdf.ts';

const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SECRET_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SIGNATURE_BYTES = 64;

export function nativePublicKey(seed: Uint8Array): Uint8Array {
  const key = createPublicKey(secretKey(seed));
  return copyBytes(key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length));
}

export function nativeSign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return copyBytes(sign(null, message, secretKey(seed)));
}

export function nativeVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
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
