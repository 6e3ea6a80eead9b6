// The exit codes of the program. They are a contract for scripts, like the JSON lines.

import { EXIT_UNPROTECTED, EXIT_USAGE } from '@sotto/confinement';

export const EXIT_CODES = {
  /** The client left on request, or the input ended and all of it was acknowledged. */
  left: 0,
  /**
   * The room ended, the connection failed for good, a message was not acknowledged, or a line of
   * the input was not read.
   */
  failed: 1,
  /** The command line, the environment, the connection string or the whole input is wrong. */
  usage: EXIT_USAGE,
  /** /panic or SIGQUIT ended it: everything was zeroed at once, and no member was told. */
  panic: 3,
  /** A protection that the compose file asks of the engine is missing: nothing was started. */
  unprotected: EXIT_UNPROTECTED,
  /** A bug (EX_SOFTWARE of sysexits.h). */
  bug: 70,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/**
 * The exit code at the end of the input: whether its lines could be read. A refused line is
 * reported at once; a script reads it here.
 */
export function exitCodeOfInput({ read, refused }: { readonly read: number; readonly refused: number }): ExitCode {
  if (refused === 0) return EXIT_CODES.left;
  return read === 0 ? EXIT_CODES.usage : EXIT_CODES.failed;
}
