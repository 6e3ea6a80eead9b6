// Operational failures of the relay: one table of codes, none of which names a room, a member or an
// address.

/** The codes of RelayError and of a refused configuration. */
export const RELAY_ERRORS = {
  'store-unavailable': 'the store cannot be reached, or does not answer in time',
  'store-reply': 'the store answered something that no operation of ours answers',
  'store-reply-unasked': 'the store answered something else than it was asked',
  'store-unstaged': 'the store has lost a part of what was being stored in pieces',
  'store-command-long': 'a command to the store is longer than any may be',
  'socket-in-use': 'another process listens on this socket',
  'socket-path-taken': 'the path of the socket is taken by something that is not a socket',
  'config-relay-socket': 'SOTTO_RELAY_SOCKET is not an absolute path of at most 107 bytes',
  'config-admin-socket': 'SOTTO_ADMIN_SOCKET is not an absolute path of at most 107 bytes',
  'config-relay-place':
    'SOTTO_RELAY_SOCKET: no socket can be made there, for want of its folder or its rights, or because something else has its path',
  'config-admin-place':
    'SOTTO_ADMIN_SOCKET: no socket can be made there, for want of its folder or its rights, or because something else has its path',
  'config-redis-host': 'SOTTO_REDIS_HOST is missing, or is not the name or address of a machine',
  'config-redis-port': 'SOTTO_REDIS_PORT is not a number from 1 to 65535',
} as const;
export type RelayErrorCode = keyof typeof RELAY_ERRORS;

/**
 * An operational failure. Its message is the table's line; it never has an id, an address, or the
 * text of another error.
 */
export class RelayError extends Error {
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode) {
    super(RELAY_ERRORS[code]);
    this.name = 'RelayError';
    this.code = code;
  }
}
