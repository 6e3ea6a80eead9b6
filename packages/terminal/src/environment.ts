// Reads where Tor is from the environment that docker compose sets, before anything starts.

import { message } from '@sotto/messages';
import type { SocksAddress } from '@sotto/tor';
import { SOCKET_PATH_BYTES_MAX } from './limits.ts';

/** The two endpoints of a client: Tor's SOCKS port and the gate's socket. */
export interface Endpoints {
  readonly socks: SocksAddress;
  readonly gateSocket: string;
}

/** `problem` names the variable and never repeats its value. */
export type ReadEndpoints =
  | { readonly ok: true; readonly value: Endpoints }
  | { readonly ok: false; readonly code: 'environment-invalid'; readonly problem: string };

const PORT_MAX = 65_535;
const SOCKS = /^(?<host>[A-Za-z0-9._-]{1,253}):(?<port>[0-9]{1,5})$/;

/** Reads SOTTO_SOCKS (host:port) and SOTTO_GATE_SOCKET (an absolute path). Both are needed. */
export function readEndpoints(environment: NodeJS.ProcessEnv): ReadEndpoints {
  const socks = environment['SOTTO_SOCKS'] ?? '';
  const { host, port } = SOCKS.exec(socks)?.groups ?? {};
  const isPort = Number(port) >= 1 && Number(port) <= PORT_MAX;
  if (host === undefined || !isPort)
    return refuse('SOTTO_SOCKS', socks, message('environment.not-address', { variable: 'SOTTO_SOCKS' }));
  const gateSocket = environment['SOTTO_GATE_SOCKET'] ?? '';
  if (!gateSocket.startsWith('/') || Buffer.byteLength(gateSocket) > SOCKET_PATH_BYTES_MAX) {
    const variable = 'SOTTO_GATE_SOCKET';
    const malformed = message('environment.not-path', { variable, limit: SOCKET_PATH_BYTES_MAX });
    return refuse(variable, gateSocket, malformed);
  }
  return { ok: true, value: { socks: { host, port: Number(port) }, gateSocket } };
}

function refuse(variable: string, value: string, malformed: string): ReadEndpoints {
  const problem = value === '' ? message('environment.missing', { variable }) : malformed;
  return { ok: false, code: 'environment-invalid', problem };
}
