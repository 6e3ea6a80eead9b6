// The entry point: gives the program the machine's streams, clock and randomness, and gives the
// terminal back whatever happens.

import { randomFillSync } from 'node:crypto';
import process from 'node:process';
import { message } from '@sotto/messages';
import type { Clock } from '@sotto/client';
import { requireProtection } from '@sotto/confinement';
import { nativeCrypto } from '@sotto/crypto/native';
import { lockSecrets } from '@sotto/crypto/locked-memory';
import { EXIT_CODES } from './exit-codes.ts';
import { run } from './run.ts';

const clock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** The text of the error is not shown: nobody can know what is in it. */
function endWithBug(): void {
  const note = message('terminal.refused', {
    problem: message('error.terminal.internal-error'),
    code: 'internal-error',
  });
  process.stderr.write(`${message('terminal.note', { note })}\n`);
  process.exit(EXIT_CODES.bug);
}

/**
 * Node waits when it writes to a terminal: one that nobody reads would stop the whole program, with
 * its timers and signals.
 */
function neverWait(terminal: NodeJS.WriteStream): void {
  const { _handle } = terminal as unknown as { _handle?: { setBlocking?(isBlocking: boolean): unknown } };
  _handle?.setBlocking?.(false);
}

process.on('exit', () => {
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
});
process.on('uncaughtException', endWithBug);
process.on('unhandledRejection', endWithBug);

// Before anything is asked: a signal at the first prompt finds its handler. By the time one is
// heard, there is a program.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => program.interrupt());
process.on('SIGHUP', () => program.hangUp());
// For scripts and whoever starts the client: heard even while no more input is read.
process.on('SIGQUIT', () => program.panic());
// Stopped, it would be a member that hears everything and that no key reaches. A stop that cannot
// be refused is seen when it ends.
process.on('SIGTSTP', () => program.suspend());
process.on('SIGCONT', () => program.resume());
for (const stream of [process.stdout, process.stderr]) if (stream.isTTY) neverWait(stream);
// A terminal that is gone takes no more notes; that its output fails is noticed where it is shown.
process.stderr.on('error', () => undefined);
const program = run({
  args: process.argv.slice(2),
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock,
  // Filled where they stay: there is no second copy of what becomes a secret.
  random: (length) => randomFillSync(new Uint8Array(length)),
  crypto: nativeCrypto,
  // The command line has been read, and nothing of what it asks for has been done.
  prepare: async () => {
    await requireProtection({ name: 'sotto', network: 'inner' });
    // Before the first secret, so that all of them lie there.
    return (await lockSecrets()).status;
  },
  hideArguments: () => {
    // Overwrites the arguments where `ps` and /proc read them, too.
    process.title = 'sotto';
    process.argv.length = 2;
  },
});
process.exit(await program.ended);
