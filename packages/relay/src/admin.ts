// admin.sock: the host's requests, one line each, answered in order. Anyone who can open it is the
// host.

import type { Server } from 'node:net';
import { JsonServer } from '@sotto/json-socket';
import { ADMIN_LINE_BYTES_MAX, decodeAdminRequest, encodeAdminReply } from '@sotto/protocol';
import type { AdminReply, AdminRequest } from '@sotto/protocol';
import { RelayError } from './errors.ts';
import { ADMIN_CONNECTIONS_MAX, ADMIN_UNREAD_BYTES_MAX } from './limits.ts';
import type { Log } from './log.ts';
import type { Rooms } from './rooms.ts';

const MALFORMED: AdminReply = { ok: false, code: 'admin-malformed' };

export interface Admin {
  readonly server: Server;
  /** Ends the host's connections; their rooms stay. */
  end(): void;
  destroy(): void;
}

export function createAdmin(rooms: Rooms, log: Log): Admin {
  let connections = 0;
  const json = new JsonServer({
    maxLineBytes: ADMIN_LINE_BYTES_MAX,
    lineTooLong: { refusal: encodeAdminReply(MALFORMED), then: 'skip' },
    maxConnections: ADMIN_CONNECTIONS_MAX,
    maxWaitingRequests: 1,
    maxUnreadBytes: ADMIN_UNREAD_BYTES_MAX,
    onFailure: () => log('admin-failed'),
    open: () => {
      const owner = (connections += 1);
      return {
        answer: async (line) => encodeAdminReply(await answer(line, rooms, owner)),
        // Also after an answer: the host may have gone while the relay worked for it, and its room
        // has no owner then.
        release: () => rooms.disown(owner),
      };
    },
  });
  return {
    server: json.server,
    end: () => json.endConnections(),
    destroy: () => json.destroyConnections(),
  };
}

async function answer(line: Buffer, rooms: Rooms, owner: number): Promise<AdminReply> {
  const request = decodeAdminRequest(line.toString('utf8'));
  if (!request.ok) return MALFORMED;
  try {
    return await perform(request.value, rooms, owner);
  } catch (error) {
    if (error instanceof RelayError) return { ok: false, code: 'store-unavailable' };
    throw error;
  }
}

async function perform(request: AdminRequest, rooms: Rooms, owner: number): Promise<AdminReply> {
  switch (request.operation) {
    case 'ping':
      return { ok: true };
    case 'create':
      return rooms.create(request.roomId, request, owner);
    case 'resume':
      return rooms.resume(request.roomId, owner);
    case 'close':
      return rooms.close(request.roomId);
  }
}
