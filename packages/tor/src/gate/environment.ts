// Reads the three paths of the gate from its environment, and checks them before anything is
// opened.

import type { GateOptions } from './gate.ts';
import { MAX_SOCKET_PATH_BYTES } from '../limits.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The gate reads these and SOTTO_UNPROTECTED, and no other variable. */
export const VARIABLES = ['SOTTO_GATE_SOCKET', 'SOTTO_TOR_CONTROL', 'SOTTO_TOR_COOKIE'] as const;
type Variable = (typeof VARIABLES)[number];

/** @returns the paths, or the first variable that is missing or malformed. */
export function readGateEnvironment(
  environment: Environment,
): { readonly ok: true; readonly value: GateOptions } | { readonly ok: false; readonly variable: Variable } {
  for (const variable of VARIABLES) if (!isPath(environment[variable])) return { ok: false, variable };
  return {
    ok: true,
    value: {
      socketPath: environment['SOTTO_GATE_SOCKET'] ?? '',
      control: {
        socketPath: environment['SOTTO_TOR_CONTROL'] ?? '',
        cookiePath: environment['SOTTO_TOR_COOKIE'] ?? '',
      },
    },
  };
}

function isPath(path: string | undefined): path is string {
  return path?.startsWith('/') === true && !path.includes('\0') && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}
