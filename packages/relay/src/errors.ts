// Operational failures of the relay: one table of codes, none of which names a room, a member or an
// address.

import { message } from '@sotto/messages';

/** The codes of RelayError and of a refused configuration. */
export const RELAY_ERRORS = [
  'store-unavailable',
  'store-reply',
  'store-reply-unasked',
  'store-unstaged',
  'store-command-long',
  'socket-in-use',
  'socket-path-taken',
  'config-relay-socket',
  'config-admin-socket',
  'config-relay-place',
  'config-admin-place',
  'config-redis-host',
  'config-redis-port',
] as const;
export type RelayErrorCode = (typeof RELAY_ERRORS)[number];

/**
 * An operational failure. Its message is a text of the catalogue; it never has an id, an address, or
 * the text of another error.
 */
export class RelayError extends Error {
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode) {
    super(message(`error.relay.${code}`));
    this.name = 'RelayError';
    this.code = code;
  }
}
