// Why a program does not begin: its codes, and the protections that it looks for. The texts stand in @sotto/messages.

export const CONFINEMENT_CODES = ['unprotected', 'unprotected-word'] as const;

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
