// Two questions of every program before it begins: its command line, and whether the engine has built the walls around it that the compose file asks for.

export { refuseVariable, requireKnownVariables, requireNoArguments } from './command-line.ts';
export { EXIT_UNPROTECTED, PROTECTIONS } from './errors.ts';
export { requireProtection } from './start.ts';
export { EXIT_USAGE } from './usage.ts';
