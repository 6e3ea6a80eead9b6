// A host for tests: one line to admin.sock, one answer.

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { decodeAdminReply, encodeAdminRequest } from '@sotto/protocol';
import type { AdminReply, AdminRequest, Cover } from '@sotto/protocol';
import type { Listen } from '../src/listen.ts';
import type { TestRoom } from './test-member.ts';

export class TestHost {
  readonly socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(address: Listen) {
    this.socket = 'path' in address ? connect(address.path) : connect(address.port, address.host);
    // A reset is an end like any other here.
    this.socket.on('error', () => undefined);
    this.#lines = createInterface({ input: this.socket })[Symbol.asyncIterator]();
  }

  /** @returns the answer; undefined if the connection ended instead. */
  async say(line: string): Promise<AdminReply | undefined> {
    this.socket.write(line);
    return this.hear();
  }

  async hear(): Promise<AdminReply | undefined> {
    const line = await this.#lines.next();
    if (line.done === true) return undefined;
    const reply = decodeAdminReply(line.value);
    if (!reply.ok) throw new Error(reply.code);
    return reply.value;
  }

  ask(request: AdminRequest): Promise<AdminReply | undefined> {
    return this.say(encodeAdminRequest(request));
  }

  create(room: TestRoom & { readonly cover?: Cover }): Promise<AdminReply | undefined> {
    return this.ask({ operation: 'create', cover: 'off', ...room });
  }

  async leave(): Promise<void> {
    this.socket.destroy();
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}
