// What can go wrong around the relay without being a bug: one table of codes, none of which tells who or what it was about.

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

/** An operational failure. Its message is a text of the catalogue: never an id, an address or another error's text. */
export class RelayError extends Error {
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode) {
    super(message(`error.relay.${code}`));
    this.name = 'RelayError';
    this.code = code;
  }
}
