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
  'room-locked': 'the room is locked: ask the host to unlock it, then try again',
  'knock-unanswered': 'nobody let you in: ask a member to, then try again',
  evicted: 'the host has removed you from the room',
  'member-unknown': 'there is no such member, or nobody who asks to be let in, by this fingerprint',
  'moderator-missing': 'only the host’s own client can do that: docker compose run --rm host-client',
  'moderator-busy': 'the last order is still on its way: wait until it is done',
  'circuit-kept': 'no other circuit could be had: everything goes on over the one there is. Try again later',
  'circuit-not-now': 'a circuit is renewed only while the room is joined: try again then',
  'not-done': 'the room did not take it: try again',
} as const;
export type ClientCode = keyof typeof CLIENT_CODES;
export type CircuitCode = Extract<ClientCode, `circuit-${string}`>;

/** What is not an error of this client's, but has to be seen: by a stable code, cause and next step. PROTOCOL.md §5.10. */
export const WARNING_CODES = {
  'log-differs':
    'this member and you have not seen the same: the relay drops, changes or splits what is said. Compare room codes over another channel',
  'log-rolled-back': 'the relay has gone back to an earlier state: what was said since may be lost',
  'key-changed':
    'this name, or one that is drawn like it, had another key before: it may be somebody else. Compare the fingerprints, then verify',
  'name-taken':
    'this name is drawn like the name of somebody else here, and has another key: compare the fingerprints, then verify',
  'name-reserved':
    'this name is a word that the program uses for itself or for the host: any member can take it. Compare the fingerprint, then verify',
  'room-forked': 'frames come that cannot be read: the room has been split, or somebody disturbs it. Joining again',
  'junk-commit':
    'a commit came that is not a member’s: somebody with the connection string, or the relay, disturbs the room. It was refused',
  'nobody-answers':
    'nobody in the room has answered: they are away, or the relay shows you a room that is over. Compare room codes when somebody is there',
  'commits-refused':
    'the relay keeps refusing new keys: keys grow old, and nobody can be removed. Ask the host, or move to another room',
  'cover-thin':
    'far less comes from the relay than this room’s cover mode says: the network is slow, or the relay saves what should hide you',
} as const;
export type WarningCode = keyof typeof WARNING_CODES;

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
