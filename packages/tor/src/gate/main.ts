// The gate as a process: environment in, one socket out, nothing printed. Exit 0 after SIGTERM or
// SIGINT.

import { once } from 'node:events';
import { refuseVariable, requireKnownVariables, requireNoArguments, requireProtection } from '@sotto/confinement';
import { message } from '@sotto/messages';
import { TorError } from '../errors.ts';
import { openGate } from './gate.ts';
import { readGateEnvironment, VARIABLES } from './environment.ts';

/** The socket's directory is setgid: only its group may connect. */
const SOCKET_UMASK = 0o007;
const PROGRAM = { name: 'gate', help: message('gate.help') };

requireNoArguments(PROGRAM);
await requireProtection({ name: PROGRAM.name, network: 'none' });
requireKnownVariables(PROGRAM, VARIABLES);
const environment = readGateEnvironment(process.env);
// The error names the variable and never the path.
if (!environment.ok) {
  const problem = message('gate.variable-refused', { variable: environment.variable });
  refuseVariable(PROGRAM.name, problem, 'gate-environment');
}
// Before the gate listens: a signal at its first moment ends it orderly.
const stopSignal = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
try {
  process.umask(SOCKET_UMASK);
  const gate = await openGate(environment.value);
  void stopSignal.then(() => gate.close());
  await gate.ended;
} catch (error) {
  if (!(error instanceof TorError)) throw error;
  // Before the gate listens, only the path of its own socket can fail.
  const reason = error.code === 'gate-environment' ? message('gate.socket-place') : error.message;
  refuseVariable(PROGRAM.name, message('gate.socket-refused', { reason }), error.code);
}
