// Codes of the client program's failures; the texts stand in @sotto/messages.

export const TERMINAL_CODES = [
  'usage',
  'name-invalid',
  'invite-missing',
  'invite-several',
  'invite-ambiguous',
  'invite-file-unreadable',
  'environment-invalid',
  'memory-unlocked',
  'input-malformed',
  'input-encoding',
  'input-too-long',
  'input-full',
  'not-sent',
  'not-done',
  'member-unknown',
  'member-ambiguous',
  'member-absent',
  'member-self',
  'member-not-waiting',
  'number-not-shown',
  'code-absent',
  'moderator-needed',
  'moderator-unreachable',
  'moderator-closed',
  'moderator-timeout',
  'moderator-malformed',
  'moderator-refused',
  'invite-not-host',
  'stop-refused',
  'terminal-gone',
  'output-closed',
  'output-stalled',
  'internal-error',
] as const;
export type TerminalCode = (typeof TERMINAL_CODES)[number];

/** Codes with which the host refuses requests of its own client. */
export const HOST_REFUSALS = [
  'not-open',
  'busy',
  'move-undecided',
  'cover-too-small',
  'room-not-opened',
  'nothing-offered',
] as const;
type HostRefusal = (typeof HOST_REFUSALS)[number];

export function isTerminalCode(code: string): code is TerminalCode {
  return TERMINAL_CODES.some((known) => known === code);
}

export function isHostRefusal(code: string): code is HostRefusal {
  return HOST_REFUSALS.some((known) => known === code);
}
