// The Ed25519 public keys that Sotto accepts. RFC 8032 leaves cases open in which implementations
// differ; all members must decide them alike.

const FIELD_PRIME = (1n << 255n) - 19n;
const KEY_BYTES = 32;
/**
 * The y coordinates of the eight points of small order (libsodium lists the same). Under such a key
 * one signature fits many messages.
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  littleEndian('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  littleEndian('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
]);

function littleEndian(hex: string): bigint {
  return BigInt(`0x${(hex.match(/../g) ?? []).reverse().join('')}`);
}

/** The input of a verification, the same for both providers (RFC 8032 §5.1.7). */
export interface SignedMessage {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/**
 * @returns whether `key` is 32 bytes, canonically encoded and not of small order (PROTOCOL.md §2).
 * Whether it is a point of the curve shows when it is used.
 */
export function isStrictEd25519Key(key: Uint8Array): boolean {
  if (key.length !== KEY_BYTES) return false;
  const y = littleEndianBytes(key) & ((1n << 255n) - 1n);
  return y < FIELD_PRIME && !SMALL_ORDER_Y.has(y);
}

/** @returns the bytes as one unsigned number, the first byte the lowest. */
export function littleEndianBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
