// Base32 and base64 as Tor writes them; base64 into bytes, because a JavaScript string with a key
// in it cannot be erased.

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const BASE64_PAD = 0x3d;
const BASE64_TEXT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** RFC 4648 §6 base32, lower case, without padding. */
export function base32Encode(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let heldBits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    heldBits += 8;
    while (heldBits >= 5) {
      heldBits -= 5;
      text += BASE32.charAt((held >> heldBits) & 31);
    }
    held &= (1 << heldBits) - 1;
  }
  return heldBits === 0 ? text : text + BASE32.charAt((held << (5 - heldBits)) & 31);
}

/**
 * The bytes of lower-case base32 without padding; undefined for any other character. Spare bits at
 * the end are dropped.
 */
export function base32Decode(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let held = 0;
  let heldBits = 0;
  for (const char of text) {
    const value = BASE32.indexOf(char);
    if (value === -1) return undefined;
    held = (held << 5) | value;
    heldBits += 5;
    if (heldBits < 8) continue;
    heldBits -= 8;
    bytes.push((held >> heldBits) & 255);
    held &= (1 << heldBits) - 1;
  }
  return Uint8Array.from(bytes);
}

/** RFC 4648 §4 base64 with padding, as ASCII bytes in a buffer that the caller can wipe. */
export function base64Bytes(bytes: Uint8Array): Uint8Array {
  const encoded = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, BASE64_PAD);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const group = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    const digits = Math.min(bytes.length - from, 3) + 1;
    for (let digit = 0; digit < digits; digit += 1) {
      encoded.writeUInt8(BASE64.readUInt8((group >> (18 - 6 * digit)) & 63), to + digit);
    }
  }
  return encoded;
}

/** The bytes of canonical base64 with padding; undefined for anything else. */
export function base64Decode(text: string): Uint8Array | undefined {
  if (!BASE64_TEXT.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  // Spare bits must be zero, so that one key has one spelling.
  return bytes.toString('base64') === text ? bytes : undefined;
}
