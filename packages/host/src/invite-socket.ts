// Answers `docker compose exec host invite` and the health check, on a socket in the host's own tmpfs that no other container sees.

import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { HostError } from './errors.ts';
import { INVITE_CONNECTIONS_MAX } from './limits.ts';

/** Serves what `current` says at that moment: the invite, or undefined before the room is reachable. */
export function serveInvite(socketPath: string, current: () => string | undefined): Promise<Server> {
  rmSync(socketPath, { force: true });
  const server = createServer((socket) => {
    // An asker that goes away early loses nothing.
    socket.on('error', () => socket.destroy());
    socket.end(`${JSON.stringify({ invite: current() ?? null })}\n`);
  });
  server.maxConnections = INVITE_CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve(server));
  });
}

/** @returns the invite, or undefined while the room is not reachable. @throws HostError `relay-unreachable` if no host answers */
export function askInvite(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', (cause) => reject(new HostError('host-environment', { cause })));
    socket.on('end', () => {
      const answer = JSON.parse(text) as { invite: string | null };
      resolve(answer.invite ?? undefined);
    });
  });
}
