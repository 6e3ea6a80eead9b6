// The stable codes of a client's errors and warnings; @sotto/messages has their texts.
// PROTOCOL.md §9.6.

import type { RelayCode } from '@sotto/protocol';

export const CLIENT_CODES = [
  'not-admitted',
  'room-closed',
  'room-full',
  'version-mismatch',
  'relay-misbehaved',
  'relay-unreachable',
  'relay-busy',
  'connection-silent',
  'join-timeout',
  'outbox-full',
  'text-too-long',
  'text-empty',
  'name-invalid',
  'not-joined',
  'room-locked',
  'knock-unanswered',
  'evicted',
  'unlisted',
  'member-unknown',
  'moderator-missing',
  'moderator-busy',
  'circuit-kept',
  'circuit-not-now',
  'not-done',
  'move-unknown',
] as const;
export type ClientCode = (typeof CLIENT_CODES)[number];
export type CircuitCode = Extract<ClientCode, `circuit-${string}`>;

/** Codes of warnings: the client goes on, and the user has to see them. PROTOCOL.md §5.10. */
export const WARNING_CODES = [
  'log-differs',
  'log-rolled-back',
  'away-too-long',
  'key-changed',
  'name-taken',
  'name-reserved',
  'room-forked',
  'junk-commit',
  'nobody-answers',
  'commits-refused',
  'cover-thin',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** The client's code for each reason of the relay. `final`: a retry cannot help. */
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
