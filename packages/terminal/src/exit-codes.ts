// How the program ends, for scripts: a contract, like the JSON lines.

import { EXIT_UNPROTECTED, EXIT_USAGE } from '@sotto/confinement';

export const EXIT_CODES = {
  /** Left on request, or the input ended and all of it was acknowledged. */
  left: 0,
  /**
   * The room ended, the connection failed for good, or a message was not acknowledged, or a line of
   * the input not read.
   */
  failed: 1,
  /** The command line, the environment, the connection string or the whole input is wrong. */
  usage: EXIT_USAGE,
  /** Ended by /panic: all was let go of at once, and nobody was told. */
  panic: 3,
  /** What the compose file asks of the engine is not in place: nothing was begun. */
  unprotected: EXIT_UNPROTECTED,
  /** A bug (EX_SOFTWARE of sysexits.h). */
  bug: 70,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/**
 * At the end of the input: whether its lines could be read. One that cannot be is told when it
 * comes; a script reads it here.
 */
export function exitCodeOfInput({ read, refused }: { readonly read: number; readonly refused: number }): ExitCode {
  if (refused === 0) return EXIT_CODES.left;
  return read === 0 ? EXIT_CODES.usage : EXIT_CODES.failed;
}
