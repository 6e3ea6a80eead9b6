// The gate as a process: environment in, one socket out, nothing printed. Exit 0 after SIGTERM or
// SIGINT.

import { refuseVariable, requireKnownVariables, requireNoArguments, requireProtection } from '@sotto/confinement';
import { TorError } from '../errors.ts';
import { openGate } from './gate.ts';
import { readGateEnvironment, VARIABLES } from './environment.ts';

/** The socket's directory is setgid: only its group may connect. */
const SOCKET_UMASK = 0o007;
const HELP = `Usage: gate [--help] [--version]

Passes the few questions that clients may ask on to the guests' Tor, and nothing
else. docker compose starts it. It takes no arguments and reads its environment:

  SOTTO_GATE_SOCKET  where clients find it: an absolute path
  SOTTO_TOR_CONTROL  Tor's control socket: an absolute path
  SOTTO_TOR_COOKIE   the file with Tor's control cookie: an absolute path
  SOTTO_UNPROTECTED  protections that may be missing: see CONTRIBUTING.md

Exit codes: 0 stopped, 2 a wrong argument or variable, 78 the engine does not
protect it as docker-compose.yml asks (unprotected).
`;
const PROGRAM = { name: 'gate', help: HELP };
const NEXT = 'start the gate with docker compose';

requireNoArguments(PROGRAM);
await requireProtection({ name: PROGRAM.name, network: 'none' });
requireKnownVariables(PROGRAM, VARIABLES);
const environment = readGateEnvironment(process.env);
// The variable alone: its path has no place even in the one line of a gate that cannot start.
if (!environment.ok) {
  refuseVariable(
    PROGRAM.name,
    `${environment.variable} is missing or is no absolute path: ${NEXT}`,
    'gate-environment',
  );
}
try {
  process.umask(SOCKET_UMASK);
  const gate = await openGate(environment.value);
  const stop = (): void => void gate.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await gate.ended;
} catch (error) {
  if (!(error instanceof TorError)) throw error;
  // All that can fail before it listens is the path of its own socket.
  const what =
    error.code === 'gate-environment'
      ? 'no socket can be made there, for want of its folder or its rights'
      : error.message;
  refuseVariable(PROGRAM.name, `SOTTO_GATE_SOCKET: ${what}: ${NEXT}`, error.code);
}
