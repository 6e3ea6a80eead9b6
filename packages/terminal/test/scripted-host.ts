// A host's moderator socket that answers each line as the test says, and remembers what it was
// asked.

import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/**
 * What the host does with a question: a line, bytes as they are before it ends the connection,
 * nothing at all.
 */
export type HostAnswer = string | { readonly raw: string | Uint8Array } | undefined;
export const SILENCE = undefined;
export const END: HostAnswer = { raw: '' };

export class ScriptedHost {
  readonly asked: unknown[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #answer: (question: Record<string, unknown>) => HostAnswer;

  private constructor(answer: (question: Record<string, unknown>) => HostAnswer) {
    this.#answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async open(path: string, answer: (question: Record<string, unknown>) => HostAnswer): Promise<ScriptedHost> {
    const host = new ScriptedHost(answer);
    await new Promise<void>((resolve) => host.#server.listen(path, resolve));
    return host;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** From now on. */
  answer(answer: (question: Record<string, unknown>) => HostAnswer): void {
    this.#answer = answer;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let held = '';
    socket.on('data', (chunk: Buffer) => {
      const lines = (held + chunk.toString('utf8')).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) this.#onQuestion(socket, JSON.parse(line) as Record<string, unknown>);
    });
  }

  #onQuestion(socket: Socket, question: Record<string, unknown>): void {
    this.asked.push(question);
    const answer = this.#answer(question);
    if (typeof answer === 'string') socket.write(`${answer}\n`);
    else if (answer !== SILENCE) socket.end(answer.raw);
  }
}
