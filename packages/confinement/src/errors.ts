// Why a program does not begin: one table of codes, and one of the protections that it looks for. Neither says where it runs.

export const CONFINEMENT_CODES = {
  unprotected:
    'what docker-compose.yml asks of the engine is not in place, so nothing was begun: start it with docker compose and the compose file of this version; ./scripts/doctor looks at the rest',
  'unprotected-word':
    'SOTTO_UNPROTECTED names something that is no protection: leave it out, or name those that may be missing, with commas between them',
} as const;

/** The exit code of all programs that refuse to begin unprotected: EX_CONFIG of sysexits.h. */
export const EXIT_UNPROTECTED = 78;

/** Each protection by its word, and what the compose file says for it. */
export const PROTECTIONS = {
  user: 'user: it is not root',
  capabilities: 'cap_drop: it has no capability, and can get none',
  'no-new-privileges': 'security_opt: nothing that it starts gains a right',
  seccomp: 'security_opt: its system calls pass seccomp/sotto.json',
  'read-only': 'read_only: its root cannot be written to',
  network: 'networks: their gateways are not there, or it has no network',
} as const;
export type Protection = keyof typeof PROTECTIONS;

export function isProtection(word: string): word is Protection {
  return Object.hasOwn(PROTECTIONS, word);
}
