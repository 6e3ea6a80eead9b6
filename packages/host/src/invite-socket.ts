// Answers `docker compose exec host invite` and the health check, on a socket in the host's own tmpfs that no other container sees.

import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { HostError } from './errors.ts';
import { INVITE_ANSWER_CHARACTERS_MAX, INVITE_CONNECTIONS_MAX } from './limits.ts';
import { listenAt } from './socket-path.ts';

/** Serves what `current` says at that moment: the invite, or undefined before the room is reachable. @throws HostError `host-environment` */
export async function serveInvite(socketPath: string, current: () => string | undefined): Promise<Server> {
  const server = createServer((socket) => {
    // An asker that goes away early loses nothing.
    socket.on('error', () => socket.destroy());
    socket.end(`${JSON.stringify({ invite: current() ?? null })}\n`);
  });
  server.maxConnections = INVITE_CONNECTIONS_MAX;
  await listenAt(server, socketPath, 'SOTTO_INVITE_SOCKET');
  return server;
}

/** @returns the invite, or undefined while the room is not reachable. @throws HostError `host-silent` if no host answers there */
export function askInvite(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: Error): void => {
      socket.destroy();
      reject(new HostError('host-silent', { cause }));
    };
    const socket = connect({ path: socketPath });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.length > INVITE_ANSWER_CHARACTERS_MAX) fail();
    });
    socket.on('error', fail);
    socket.on('end', () => {
      const invite = readAnswer(text);
      if (invite === undefined) fail();
      else resolve(invite ?? undefined);
    });
  });
}

/** @returns the invite, null if there is none yet, or undefined for what a host does not answer. */
function readAnswer(text: string): string | null | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    const invite = typeof answer === 'object' && answer !== null && 'invite' in answer ? answer.invite : undefined;
    return typeof invite === 'string' || invite === null ? invite : undefined;
  } catch {
    // No JSON: something else listens there, or the host ended while it spoke.
    return undefined;
  }
}
