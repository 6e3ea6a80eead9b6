// Why a program refuses to start: its codes, the protections that it looks for, and their status.
// The texts are in @sotto/messages.

export const CONFINEMENT_CODES = ['unprotected', 'unprotected-word'] as const;

/** The exit code of every program that refuses to start unprotected: EX_CONFIG of sysexits.h. */
export const EXIT_UNPROTECTED = 78;

/** Each protection by its word, and the setting of the compose file that provides it. */
export const PROTECTIONS = {
  user: 'user: it is not root',
  capabilities: 'cap_drop: it has no capability, and can get none',
  'no-new-privileges': 'security_opt: nothing that it starts gains a right',
  seccomp: 'security_opt: its system calls pass seccomp/sotto.json',
  'read-only': 'read_only: its root cannot be written to',
  network: 'networks: their gateways are not there, or it has no network',
} as const;
export type Protection = keyof typeof PROTECTIONS;

/**
 * What the kernel shows of one protection. `unseen` counts as missing: nothing is taken on trust.
 * `unasked`: only the gateways can show it, and they have not been asked yet.
 */
export type ProtectionStatus = 'in-place' | 'missing' | 'unseen' | 'unasked';

export function isProtection(word: string): word is Protection {
  return Object.hasOwn(PROTECTIONS, word);
}
