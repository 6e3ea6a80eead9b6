// Listens at the path of a Unix socket. The file of a socket outlives a killed process, and binding
// fails on it.

import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Server } from 'node:net';

/** A process that still answers at the path: `refuse` fails, `replace` takes the path from it. */
export type WhileServed = 'refuse' | 'replace';

/**
 * `occupied`: the path holds something that is not a socket. `served`: a process answers there.
 * `unusable`: the folder is missing or lacks rights; `cause` is Node's error.
 */
export type SocketPathProblem = 'occupied' | 'served' | 'unusable';

export class SocketPathError extends Error {
  override readonly name = 'SocketPathError';
  readonly problem: SocketPathProblem;

  constructor(problem: SocketPathProblem, options?: ErrorOptions) {
    super(`no socket can be made at this path: ${problem}`, options);
    this.problem = problem;
  }
}

/** Removes a stale socket and listens in its place. @throws SocketPathError */
export async function listenAtPath(server: Server, path: string, whileServed: WhileServed): Promise<void> {
  await removeStaleSocket(path, whileServed);
  try {
    await listen(server, { path });
  } catch (cause) {
    throw new SocketPathError('unusable', { cause });
  }
}

/** Listens, and from then on loses a connection that cannot be accepted to its peer alone. */
export function listen(server: Server, address: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      // Without a listener, an accept that finds no free descriptor would end the process.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

async function removeStaleSocket(path: string, whileServed: WhileServed): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return;
  if (!status.isSocket()) throw new SocketPathError('occupied');
  if (whileServed === 'refuse' && (await answers(path))) throw new SocketPathError('served');
  try {
    await unlink(path);
  } catch (cause) {
    throw new SocketPathError('unusable', { cause });
  }
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
