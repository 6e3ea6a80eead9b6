// Sockets to listen on: a Unix path, or loopback TCP for tests.

import type { Server } from 'node:net';
import { listen as listenAt, listenAtPath, SocketPathError } from '@sotto/json-socket';
import type { SocketPathProblem } from '@sotto/json-socket';
import { RelayError } from './errors.ts';
import type { RelayErrorCode } from './errors.ts';

/** Port 0 is any free one. */
export type Listen = { readonly path: string } | { readonly host: string; readonly port: number };

const CODES: Readonly<Record<Exclude<SocketPathProblem, 'unusable'>, RelayErrorCode>> = {
  occupied: 'socket-path-taken',
  served: 'socket-in-use',
};

/**
 * Replaces the socket that a killed predecessor left at a path.
 *
 * @returns where the server listens in the end.
 * @throws RelayError `socket-in-use`, `socket-path-taken`; Node's error if the path cannot be used
 */
export async function listenOn(server: Server, listen: Listen): Promise<Listen> {
  if ('path' in listen) {
    await listenAtPath(server, listen.path, 'refuse').catch((error: unknown) => {
      if (!(error instanceof SocketPathError)) throw error;
      throw error.problem === 'unusable' ? error.cause : new RelayError(CODES[error.problem]);
    });
    return listen;
  }
  await listenAt(server, listen);
  const address = server.address();
  return typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : listen;
}
