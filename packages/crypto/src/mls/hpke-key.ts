// Whether a public key for key encapsulation can be used. One unusable key in a leaf would stop the
// next commit of every other member.

import { littleEndianBytes } from '../ed25519-keys.ts';

const X25519_BYTES = 32;
const MLKEM_MODULUS = 3329;
/**
 * 768 coefficients of 12 bits: 3 bytes for two. The 32 bytes behind them are a seed and can have
 * any value.
 */
const MLKEM_VECTOR_BYTES = 1152;
const FIELD_PRIME = (1n << 255n) - 19n;
/**
 * The u coordinates of low order modulo the field's prime (RFC 7748 §7, libsodium's list). With
 * them every secret gives zero.
 */
const LOW_ORDER_U: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
]);

/**
 * @returns whether a sender can encapsulate to `key`. It has the right length, passes ML-KEM's
 * modulus check (FIPS 203 §7.2), and is no point of low order.
 */
export function isUsableHpkeKey(key: Uint8Array, length: number): boolean {
  if (key.length !== length) return false;
  const u = (littleEndianBytes(key.subarray(length - X25519_BYTES)) & ((1n << 255n) - 1n)) % FIELD_PRIME;
  if (LOW_ORDER_U.has(u)) return false;
  return length === X25519_BYTES || hasReducedCoefficients(key.subarray(0, MLKEM_VECTOR_BYTES));
}

function hasReducedCoefficients(vector: Uint8Array): boolean {
  for (let index = 0; index + 2 < vector.length; index += 3) {
    const [a = 0, b = 0, c = 0] = vector.subarray(index, index + 3);
    if ((a | ((b & 0x0f) << 8)) >= MLKEM_MODULUS || ((b >> 4) | (c << 4)) >= MLKEM_MODULUS) return false;
  }
  return true;
}
