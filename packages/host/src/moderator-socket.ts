// The moderator's socket: the host's own client asks here for the connection string and for orders.
// Anyone who can open it is the moderator. PROTOCOL.md §6.6.

import { JsonServer } from '@sotto/json-socket';
import type { Cover, PlainMode } from '@sotto/protocol';
import { listenAt } from './socket-path.ts';
import { MODERATOR_CONNECTIONS_MAX, MODERATOR_LINE_BYTES_MAX, MODERATOR_UNREAD_BYTES_MAX } from './limits.ts';
import { decodeModeratorRequest, encodeModeratorReply } from './moderator-request.ts';
import type { ModeratorReply } from './moderator-request.ts';

const MALFORMED: ModeratorReply = { ok: false, code: 'moderator-malformed' };

/** The requests that a host answers for its moderator. */
export interface Moderation {
  /** The connection string, once the room was reached. */
  readonly invite: string | undefined;
  setAccess(mode: PlainMode): ModeratorReply;
  /** Opens another room first, and takes as long as that. */
  evict(memberId: Uint8Array, listed: readonly Uint8Array[]): Promise<ModeratorReply>;
  move(listed: readonly Uint8Array[], cover: Cover): Promise<ModeratorReply>;
  moved(): ModeratorReply;
  notMoved(): ModeratorReply;
}

/**
 * Answers each connection line by line, in order. It replaces a stale socket at its path.
 *
 * @throws HostError `host-environment` if no socket can be made there
 */
export async function serveModerator(socketPath: string, moderation: Moderation): Promise<JsonServer> {
  const server = new JsonServer({
    maxLineBytes: MODERATOR_LINE_BYTES_MAX,
    lineTooLong: { refusal: encodeModeratorReply(MALFORMED), then: 'skip' },
    maxConnections: MODERATOR_CONNECTIONS_MAX,
    maxWaitingRequests: 1,
    maxUnreadBytes: MODERATOR_UNREAD_BYTES_MAX,
    // A bug ends this connection only; the room and its members stay.
    open: () => ({ answer: async (line) => encodeModeratorReply(await answer(line, moderation)) }),
  });
  await listenAt(server.server, socketPath, 'SOTTO_MODERATOR_SOCKET');
  return server;
}

async function answer(line: Buffer, moderation: Moderation): Promise<ModeratorReply> {
  const request = decodeModeratorRequest(line);
  if (!request.ok) return request;
  switch (request.value.operation) {
    case 'invite': {
      const { invite } = moderation;
      return invite === undefined ? { ok: false, code: 'not-open' } : { ok: true, invite };
    }
    case 'access':
      return moderation.setAccess(request.value.mode);
    case 'evict':
      return moderation.evict(request.value.memberId, request.value.listed);
    case 'move':
      return moderation.move(request.value.listed, request.value.cover);
    case 'moved':
      return moderation.moved();
    case 'not-moved':
      return moderation.notMoved();
  }
}
