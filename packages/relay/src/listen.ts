// Sockets to listen on: a Unix path, freed of the file that a killed predecessor leaves behind, or loopback TCP for tests.

import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Server } from 'node:net';
import { RelayError } from './errors.ts';

/** Port 0 is any free one. */
export type Listen = { readonly path: string } | { readonly host: string; readonly port: number };

/** @returns where it listens in the end. Rejects with a RelayError if somebody else does, or if the path is no socket's. */
export async function listenOn(server: Server, listen: Listen): Promise<Listen> {
  if ('path' in listen) await removeStaleSocket(listen.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // A connection that could not be accepted (no descriptor left) is lost to its peer alone; without a listener the process would end.
  server.on('error', () => undefined);
  const address = server.address();
  return typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : listen;
}

/** The file of a Unix socket outlives a server that was killed; only if nobody answers on it may it go. */
async function removeStaleSocket(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return;
  if (!status.isSocket()) throw new RelayError('socket-path-taken');
  if (await answers(path)) throw new RelayError('socket-in-use');
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
