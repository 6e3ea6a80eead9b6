// The moderator's socket: the host's own client asks here for the connection string and for orders. Whoever can open it is the moderator. PROTOCOL.md §6.6.

import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { AccessMode } from '@sotto/protocol';
import { listenAt } from './socket-path.ts';
import { MODERATOR_CONNECTIONS_MAX, MODERATOR_LINE_BYTES_MAX } from './limits.ts';
import { decodeModeratorRequest, encodeModeratorReply } from './moderator-request.ts';
import type { ModeratorReply } from './moderator-request.ts';

const LINE_FEED = 0x0a;

/** What a host does for its moderator. */
export interface Moderation {
  /** The connection string, once it is known to work. */
  readonly invite: string | undefined;
  setAccess(mode: AccessMode): ModeratorReply;
  /** Opens another room first: it takes as long as that. */
  evict(memberId: Uint8Array): Promise<ModeratorReply>;
  moved(): ModeratorReply;
}

/** Takes the place of a socket that nobody serves any more. @throws HostError `host-environment` if no socket can be made there */
export async function serveModerator(socketPath: string, moderation: Moderation): Promise<Server> {
  const server = createServer((socket) => {
    // Its 'close' follows, and ends the loop.
    socket.on('error', () => undefined);
    // A bug ends this connection; the room and its members are not to suffer for it.
    serve(socket, moderation).catch(() => socket.destroy());
  });
  server.maxConnections = MODERATOR_CONNECTIONS_MAX;
  await listenAt(server, socketPath, 'SOTTO_MODERATOR_SOCKET');
  return server;
}

/** One answer a line, in order: the next line is not read before. */
async function serve(socket: Socket, moderation: Moderation): Promise<void> {
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk]);
      for (let end = held.indexOf(LINE_FEED); end !== -1; end = held.indexOf(LINE_FEED)) {
        const line = held.subarray(0, end);
        held = held.subarray(end + 1);
        socket.write(encodeModeratorReply(await answer(line, moderation)));
      }
      if (held.length <= MODERATOR_LINE_BYTES_MAX) continue;
      socket.end(encodeModeratorReply({ ok: false, code: 'moderator-malformed' }));
      return;
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
    // The moderator's client has gone; what it asked for last goes its way without it.
  }
}

async function answer(line: Buffer, moderation: Moderation): Promise<ModeratorReply> {
  if (line.length > MODERATOR_LINE_BYTES_MAX) return { ok: false, code: 'moderator-malformed' };
  const request = decodeModeratorRequest(line.toString('utf8'));
  if (!request.ok) return request;
  switch (request.value.operation) {
    case 'invite': {
      const { invite } = moderation;
      return invite === undefined ? { ok: false, code: 'not-open' } : { ok: true, invite };
    }
    case 'access':
      return moderation.setAccess(request.value.mode);
    case 'evict':
      return moderation.evict(request.value.memberId);
    case 'moved':
      return moderation.moved();
  }
}
