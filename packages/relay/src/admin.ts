// admin.sock: the host's requests, one line each, answered one by one in order. Whoever can open this socket is the host.

import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ADMIN_LINE_BYTES_MAX, decodeAdminRequest, encodeAdminReply } from '@sotto/protocol';
import type { AdminReply, AdminRequest } from '@sotto/protocol';
import { RelayError } from './errors.ts';
import { ADMIN_CONNECTIONS_MAX } from './limits.ts';
import type { Log } from './log.ts';
import type { Rooms } from './rooms.ts';

const MALFORMED: AdminReply = { ok: false, code: 'admin-malformed' };
const LINE_FEED = 0x0a;

export interface Admin {
  readonly server: Server;
  /** Ends the host's connections; their rooms stay. */
  end(): void;
  destroy(): void;
}

export function createAdmin(rooms: Rooms, log: Log): Admin {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const owner = (connections += 1);
    sockets.add(socket);
    // Its 'close' follows, and that is what counts.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      rooms.disown(owner);
    });
    serve(socket, rooms, owner).catch(() => {
      log('admin-failed');
      socket.destroy();
    });
  });
  server.maxConnections = ADMIN_CONNECTIONS_MAX;
  return {
    server,
    end: () => {
      for (const socket of sockets) socket.end();
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function serve(socket: Socket, rooms: Rooms, owner: number): Promise<void> {
  let held = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk]);
      let end = held.indexOf(LINE_FEED);
      while (end !== -1) {
        const line = held.subarray(0, end).toString('utf8');
        held = held.subarray(end + 1);
        const reply = await answer(line, rooms, owner);
        // The host may have gone while we worked for it: then its room has no owner, whatever came first.
        if (socket.destroyed) rooms.disown(owner);
        else socket.write(encodeAdminReply(reply));
        end = held.indexOf(LINE_FEED);
      }
      if (held.length > ADMIN_LINE_BYTES_MAX) {
        socket.end(encodeAdminReply(MALFORMED));
        return;
      }
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
    // The connection broke: 'close' takes care of its rooms.
  }
}

async function answer(line: string, rooms: Rooms, owner: number): Promise<AdminReply> {
  const request = decodeAdminRequest(line);
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
