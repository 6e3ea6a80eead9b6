// Where Tor is, from the environment that docker compose sets; checked before anything is begun.

import type { SocksAddress } from '@sotto/tor';

/** The two doors of a client: Tor's SOCKS port and the gate's socket. */
export interface Doors {
  readonly socks: SocksAddress;
  readonly gateSocket: string;
}

const PORT_MAX = 65_535;

/** Reads SOTTO_SOCKS (host:port) and SOTTO_GATE_SOCKET (an absolute path). Both are needed. */
export function readDoors(
  environment: NodeJS.ProcessEnv,
): { readonly ok: true; readonly value: Doors } | { readonly ok: false; readonly code: 'environment-invalid' } {
  const { host, port } =
    /^(?<host>[A-Za-z0-9._-]{1,253}):(?<port>[0-9]{1,5})$/.exec(environment['SOTTO_SOCKS'] ?? '')?.groups ?? {};
  const gateSocket = environment['SOTTO_GATE_SOCKET'] ?? '';
  const isPort = Number(port) >= 1 && Number(port) <= PORT_MAX;
  if (host === undefined || !isPort || !gateSocket.startsWith('/')) return { ok: false, code: 'environment-invalid' };
  return { ok: true, value: { socks: { host, port: Number(port) }, gateSocket } };
}
