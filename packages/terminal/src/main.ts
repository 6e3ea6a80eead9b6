// The entry point: gives the program the streams, the clock and randomness, and restores the
// terminal at any end.

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

/** The text of the error is not shown, because it may contain anything. */
function endWithBug(): void {
  const note = message('terminal.refused', {
    problem: message('error.terminal.internal-error'),
    code: 'internal-error',
  });
  process.stderr.write(`${message('terminal.note', { note })}\n`);
  process.exit(EXIT_CODES.bug);
}

/**
 * Node's writes to a terminal block. A terminal that is not read would stop the whole program, with
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

// Set before the first prompt, so that a signal finds its handler. The program exists before the
// first signal is handled.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => program.interrupt());
process.on('SIGHUP', () => program.hangUp());
// For scripts, and for the user that started the client: handled even while no input is read.
process.on('SIGQUIT', () => program.panic());
// A stopped client would be a member that receives everything and obeys no key. A stop that cannot
// be refused is noticed when it ends.
process.on('SIGTSTP', () => program.suspend());
process.on('SIGCONT', () => program.resume());
for (const stream of [process.stdout, process.stderr]) if (stream.isTTY) neverWait(stream);
// A terminal that is gone takes no more notes; the screen notices that its output fails.
process.stderr.on('error', () => undefined);
const program = run({
  args: process.argv.slice(2),
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock,
  // Filled in place: a later secret has no second copy.
  random: (length) => randomFillSync(new Uint8Array(length)),
  crypto: nativeCrypto,
  // The command line was read, and has had no effect yet.
  prepare: async () => {
    await requireProtection({ name: 'sotto', network: 'inner' });
    // Before the first secret, so that all secrets lie in locked memory.
    return (await lockSecrets()).status;
  },
  hideArguments: () => {
    // Overwrites the arguments where `ps` and /proc read them, too.
    process.title = 'sotto';
    process.argv.length = 2;
  },
});
process.exit(await program.ended);
