// How the program ends, for scripts: a contract, like the JSON lines.

import { EXIT_UNPROTECTED } from '@sotto/confinement';

export const EXIT_CODES = {
  /** Left on request, or the input ended and all of it was acknowledged. */
  left: 0,
  /** The room ended, the connection failed for good, or a message was not acknowledged. */
  failed: 1,
  /** The command line, the environment or the connection string is wrong. */
  usage: 2,
  /** Ended by /panic: all was let go of at once, and nobody was told. */
  panic: 3,
  /** What the compose file asks of the engine is not in place: nothing was begun. */
  unprotected: EXIT_UNPROTECTED,
  /** A bug (EX_SOFTWARE of sysexits.h). */
  bug: 70,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
