// One line of a JSON socket as a JSON object, and nothing else.

export type JsonObject = Readonly<Record<string, unknown>>;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * @returns the object that the bytes spell; undefined for anything else, text that is not UTF-8
 * included.
 */
export function parseJsonObject(line: Uint8Array): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(UTF8.decode(line));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    // Not UTF-8 or not JSON: for the caller both are "not a message".
    return undefined;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
