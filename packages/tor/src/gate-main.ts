// The gate as a process: environment in, one socket out, nothing printed. Exit 0 after SIGTERM or SIGINT, 78 if it cannot start.

import { requireProtection } from '@sotto/confinement';
import { TorError } from './errors.ts';
import { openGate } from './gate.ts';
import { readGateEnvironment } from './gate-environment.ts';

const EXIT_CONFIGURATION = 78;
/** The socket's directory is setgid: its group may connect, nobody else. */
const SOCKET_UMASK = 0o007;

await requireProtection({ name: 'gate', network: 'none' });
try {
  process.umask(SOCKET_UMASK);
  const gate = await openGate(readGateEnvironment(process.env));
  const stop = (): void => void gate.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await gate.ended;
} catch (error) {
  if (!(error instanceof TorError)) throw error;
  // The code alone: a path or an address has no place even in the one line of a gate that cannot start.
  process.stderr.write(`gate: ${error.code}\n`);
  process.exitCode = EXIT_CONFIGURATION;
}
