// Opens the two sockets of the host at paths from its environment. A bad path is reported as the
// variable's fault.

import { message } from '@sotto/messages';
import type { Server } from 'node:net';
import { listenAtPath, SocketPathError } from '@sotto/json-socket';
import { HostError } from './errors.ts';

/**
 * Listens at a path, and replaces a stale socket there.
 *
 * @throws HostError `host-environment`, which names `variable`
 */
export async function listenAt(server: Server, path: string, variable: string): Promise<void> {
  try {
    await listenAtPath(server, path, 'replace');
  } catch (cause) {
    if (!(cause instanceof SocketPathError)) throw cause;
    const problem =
      cause.problem === 'occupied'
        ? message('host.socket-occupied', { variable })
        : message('host.socket-place', { variable });
    throw new HostError('host-environment', { cause, problem });
  }
}
