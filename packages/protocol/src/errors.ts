// Why the other side can be refused: one table, the same in the code, on the wire and in
// PROTOCOL.md §9.

/**
 * The relay's codes in REFUSED and CLOSING frames, by their numbers on the wire. PROTOCOL.md §9.1.
 */
export const RELAY_CODES = {
  'not-admitted': 1,
  stale: 2,
  'room-closed': 3,
  'too-slow': 4,
  'frame-malformed': 5,
  'operation-unexpected': 6,
  'handshake-late': 7,
  silent: 8,
  'room-full': 9,
  'relay-full': 10,
  'relay-stopping': 11,
  'store-unavailable': 12,
  conflict: 13,
  'upload-incomplete': 14,
  'upload-full': 15,
} as const;
export type RelayCode = keyof typeof RELAY_CODES;

/** Why bytes are not a frame. PROTOCOL.md §9.2. */
export const FRAME_CODES = {
  'frame-version': 'the first byte names another version of the protocol, or is not of Sotto at all',
  'frame-size': 'the first byte names no frame size, or the bytes have another length than it names',
  'frame-operation': 'no such operation',
  'frame-code': 'a code where the operation has none, or an unknown one',
  'frame-reserved': 'a reserved byte is not zero',
  'frame-number': 'the number is above 2^53-1',
  'frame-padding': 'the padding is not zero',
  'frame-length': 'the operation has one size, and this is another',
  'frame-field': 'a field has a value that its operation does not allow',
} as const;
export type FrameCode = keyof typeof FRAME_CODES;

/** Why an opened envelope holds no content. PROTOCOL.md §9.3. */
export const CONTENT_CODES = {
  'content-kind': 'no such kind of content',
  'content-length': 'a length field does not fit the bytes',
  'content-padding': 'the padding is not zero',
  'content-number': 'a number is above 2^53-1, or zero where it starts at one',
  'content-text': 'not UTF-8, or a name that is too long or empty',
  'fragment-index': 'a fragment beyond its own count, or a count of zero or above the limit',
} as const;
export type ContentCode = keyof typeof CONTENT_CODES;

/** Why a connection string is refused; front ends have the texts. PROTOCOL.md §9.4. */
export const INVITE_CODES = [
  'invite-empty',
  'invite-prefix',
  'invite-case',
  'invite-character',
  'invite-checksum',
  'invite-length',
  'invite-version',
  'invite-flags',
] as const;
export type InviteCode = (typeof INVITE_CODES)[number];

/** Why the relay refuses a request of the host on admin.sock. PROTOCOL.md §9.5. */
export const ADMIN_CODES = {
  'admin-malformed': 'not one JSON object a line with exactly the fields of its operation',
  'room-exists': 'a room with this id is there already',
  'room-unknown': 'there is no such room: neither the relay nor its store remembers it',
  'rooms-full': 'the relay holds as many rooms as it may',
  'store-unavailable': 'the relay cannot reach its store now',
} as const;
export type AdminCode = keyof typeof ADMIN_CODES;

/** Foreign input as a value: its meaning, or why it is refused. Decoders never throw. */
export type Decoded<Value, Code extends string> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: Code };

/** @returns the refusal with this code. */
export function refuse<Code extends string>(code: Code): { readonly ok: false; readonly code: Code } {
  return { ok: false, code };
}

/** @returns the accepted value. */
export function accept<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}
