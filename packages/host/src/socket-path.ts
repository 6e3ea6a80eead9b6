// A Unix socket at a path from the environment: the file of one outlives a process that was killed, and binding fails on it.

import { lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { HostError } from './errors.ts';

/** Listens in the place of a socket that nobody serves any more. @throws HostError `host-environment`, which names `variable` */
export async function listenAt(server: Server, path: string, variable: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status?.isSocket() === false) {
    throw new HostError('host-environment', { problem: `${variable}: something that is no socket has its path` });
  }
  try {
    if (status !== undefined) await unlink(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    const problem = `${variable}: no socket can be made there, for want of its folder or its rights`;
    throw new HostError('host-environment', { cause, problem });
  }
}
