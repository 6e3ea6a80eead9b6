// What can go wrong for a client, by a stable code: cause and next step, for the one who reads the screen. PROTOCOL.md §9.6.

import type { RelayCode } from '@sotto/protocol';

export const CLIENT_CODES = {
  'not-admitted': 'the relay knows no such room, or it has ended: ask the host for a new connection string',
  'room-closed': 'the host has closed the room',
  'room-full': 'the room is full: ask the host, or try again when somebody has left',
  'version-mismatch': 'the other side speaks another version of Sotto: update both',
  'relay-misbehaved': 'the relay broke the protocol: the connection was closed and is made anew',
  'relay-unreachable': 'the relay cannot be reached now: trying again',
  'relay-busy': 'the relay refused the connection for now: trying again',
  'connection-silent': 'nothing came from the relay for too long: the connection is made anew',
  'join-timeout': 'the room could not be joined in time: check that the host is up, then try again',
  'outbox-full': 'too many messages wait to be sent: wait until some are through',
  'text-too-long': 'a message is at most 65536 bytes long: split it',
  'text-empty': 'there is nothing to send',
  'name-invalid': 'a name has 1 to 48 bytes',
  'not-joined': 'not in a room any more',
} as const;
export type ClientCode = keyof typeof CLIENT_CODES;

/** How a relay's reason looks to the client: whether to try again, and what to tell. */
export const RELAY_REASONS: Readonly<Record<RelayCode, { readonly code: ClientCode; readonly final: boolean }>> = {
  'not-admitted': { code: 'not-admitted', final: true },
  'room-closed': { code: 'room-closed', final: true },
  'room-full': { code: 'room-full', final: true },
  stale: { code: 'relay-misbehaved', final: false },
  'too-slow': { code: 'relay-busy', final: false },
  'frame-malformed': { code: 'relay-misbehaved', final: false },
  'operation-unexpected': { code: 'relay-misbehaved', final: false },
  'handshake-late': { code: 'relay-busy', final: false },
  silent: { code: 'connection-silent', final: false },
  'relay-full': { code: 'relay-busy', final: false },
  'relay-stopping': { code: 'relay-unreachable', final: false },
  'store-unavailable': { code: 'relay-busy', final: false },
  conflict: { code: 'relay-misbehaved', final: false },
  'upload-incomplete': { code: 'relay-misbehaved', final: false },
  'upload-full': { code: 'relay-misbehaved', final: false },
};
