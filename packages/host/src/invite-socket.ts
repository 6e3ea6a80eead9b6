// Answers `docker compose exec host invite`, on a socket in the host's own tmpfs that no other container sees.

import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import type { NetworkKind } from '@sotto/tor';
import { HostError } from './errors.ts';
import { INVITE_ANSWER_CHARACTERS_MAX, INVITE_CONNECTIONS_MAX } from './limits.ts';
import { listenAt } from './socket-path.ts';

/** The connection string, and the network that it leads over; unknown as long as Tor has not said it. */
export interface ShownInvite {
  readonly invite: string;
  readonly network: NetworkKind | undefined;
}

/** Serves what `current` says at that moment: undefined before the room is reachable. @throws HostError `host-environment` */
export async function serveInvite(socketPath: string, current: () => ShownInvite | undefined): Promise<Server> {
  const server = createServer((socket) => {
    // An asker that goes away early loses nothing.
    socket.on('error', () => socket.destroy());
    socket.end(`${JSON.stringify(current() ?? { invite: null })}\n`);
  });
  server.maxConnections = INVITE_CONNECTIONS_MAX;
  await listenAt(server, socketPath, 'SOTTO_INVITE_SOCKET');
  return server;
}

/** @returns the invite, or undefined while the room is not reachable. @throws HostError `host-silent` if no host answers there */
export function askInvite(socketPath: string): Promise<ShownInvite | undefined> {
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
      const answer = readAnswer(text);
      if (answer === undefined) fail();
      else resolve(answer === 'none' ? undefined : answer);
    });
  });
}

/** @returns what is shown, `none` if there is nothing yet, or undefined for what a host does not answer. */
function readAnswer(text: string): ShownInvite | 'none' | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null || !('invite' in answer)) return undefined;
    const { invite } = answer;
    if (invite === null) return 'none';
    if (typeof invite !== 'string') return undefined;
    const network = 'network' in answer ? answer.network : undefined;
    if (network !== undefined && network !== 'private-test' && network !== 'public') return undefined;
    return { invite, network };
  } catch {
    // No JSON: something else listens there, or the host ended while it spoke.
    return undefined;
  }
}
