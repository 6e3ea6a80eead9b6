// Makes room for a Unix socket: the file of one outlives a process that was killed, and binding fails on it.

import { lstat, unlink } from 'node:fs/promises';
import { HostError } from './errors.ts';

/** Removes a socket at `path`. @throws HostError `host-environment` if there is anything else */
export async function freeSocketPath(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return;
  if (!status.isSocket()) throw new HostError('host-environment');
  await unlink(path);
}
