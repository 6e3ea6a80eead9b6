// The three paths that the gate's processes are told through their environment, checked before anything is opened.

import { TorError } from './errors.ts';
import type { GateOptions } from './gate.ts';
import { MAX_SOCKET_PATH_BYTES } from './limits.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws TorError `gate-environment` */
export function readGateEnvironment(environment: Environment): GateOptions {
  return {
    socketPath: readPath(environment, 'SOTTO_GATE_SOCKET'),
    control: {
      socketPath: readPath(environment, 'SOTTO_TOR_CONTROL'),
      cookiePath: readPath(environment, 'SOTTO_TOR_COOKIE'),
    },
  };
}

function readPath(environment: Environment, name: string): string {
  const path = environment[name] ?? '';
  if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new TorError('gate-environment');
  }
  return path;
}
