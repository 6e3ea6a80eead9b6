// What a program asks before it begins: whether the engine has built the walls around it that the compose file asks for.

export { CONFINEMENT_CODES, EXIT_UNPROTECTED, PROTECTIONS } from './errors.ts';
export { requireProtection } from './start.ts';
