// The first checks of every program: its command line, and the isolation that the compose file
// requires.

export { refuseVariable, requireKnownVariables, requireNoArguments } from './command-line.ts';
export { EXIT_UNPROTECTED, PROTECTIONS } from './errors.ts';
export { requireProtection } from './start.ts';
export { EXIT_USAGE } from './usage.ts';
