// One connection to the relay's admin socket: the room belongs to it, so its end is news.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ADMIN_LINE_BYTES_MAX, decodeAdminReply, encodeAdminRequest } from '@sotto/protocol';
import type { AdminReply, AdminRequest } from '@sotto/protocol';
import { HostError } from './errors.ts';

/** @throws HostError `relay-unreachable` */
export function connectAdmin(socketPath: string): Promise<AdminConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath });
    const fail = (cause: unknown): void => reject(new HostError('relay-unreachable', { cause }));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(new AdminConnection(socket));
    });
  });
}

/** Asks one thing at a time; answers come in order. `closed` never rejects. */
export class AdminConnection {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting: ((reply: AdminReply | undefined) => void)[] = [];
  #held = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const answer of this.#waiting.splice(0)) answer(undefined);
        resolve();
      });
    });
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#take(String(text)));
    // `close` follows at once and is what is waited for.
    socket.on('error', () => socket.destroy());
  }

  /** @throws HostError `relay-unreachable` if the connection ends first */
  async ask(request: AdminRequest): Promise<AdminReply> {
    const reply = await new Promise<AdminReply | undefined>((resolve) => {
      if (this.#socket.destroyed) {
        resolve(undefined);
        return;
      }
      this.#waiting.push(resolve);
      this.#socket.write(encodeAdminRequest(request));
    });
    if (reply === undefined) throw new HostError('relay-unreachable');
    return reply;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#held += text;
    for (let end = this.#held.indexOf('\n'); end !== -1; end = this.#held.indexOf('\n')) {
      const reply = decodeAdminReply(this.#held.slice(0, end));
      this.#held = this.#held.slice(end + 1);
      if (!reply.ok) this.#socket.destroy();
      else this.#waiting.shift()?.(reply.value);
    }
    if (this.#held.length > ADMIN_LINE_BYTES_MAX) this.#socket.destroy();
  }
}
