// UTF-8, both ways.

const encoder = new TextEncoder();
/** `ignoreBOM` keeps a leading U+FEFF: it is part of the text. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @returns the text, or undefined if the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
