// One connection to the relay's admin socket. The room ends with it, so its end is an event.

import { JsonClient, JsonSocketError } from '@sotto/json-socket';
import { systemClock } from '@sotto/machine/system-clock';
import { ADMIN_LINE_BYTES_MAX, decodeAdminReply, encodeAdminRequest } from '@sotto/protocol';
import type { AdminReply, AdminRequest } from '@sotto/protocol';
import { HostError } from './errors.ts';
import { ADMIN_WAITING_REQUESTS_MAX } from './limits.ts';

/** @throws HostError `relay-unreachable` */
export async function connectAdmin(socketPath: string): Promise<AdminConnection> {
  const admin = new AdminConnection(socketPath);
  await admin.connected();
  return admin;
}

/** Sends one request at a time; answers come in order. */
export class AdminConnection {
  /** Resolves when the connection has ended. Never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: JsonClient<AdminReply>;

  /** For `connectAdmin`, which waits until it is connected. */
  constructor(socketPath: string) {
    this.#socket = new JsonClient<AdminReply>({
      path: socketPath,
      clock: systemClock,
      maxLineBytes: ADMIN_LINE_BYTES_MAX,
      maxWaitingRequests: ADMIN_WAITING_REQUESTS_MAX,
      decode: (line) => {
        const reply = decodeAdminReply(line.toString('utf8'));
        return reply.ok ? reply.value : undefined;
      },
    });
    this.closed = this.#socket.closed.then(() => undefined);
  }

  /** @throws HostError `relay-unreachable` */
  async connected(): Promise<void> {
    await this.#socket.connected().catch(fail);
  }

  /** @throws HostError `relay-unreachable` if the connection ends first */
  ask(request: AdminRequest): Promise<AdminReply> {
    return this.#socket.ask(encodeAdminRequest(request)).catch(fail);
  }

  close(): void {
    this.#socket.close();
  }
}

function fail(error: unknown): never {
  throw error instanceof JsonSocketError ? new HostError('relay-unreachable', { cause: error }) : error;
}
