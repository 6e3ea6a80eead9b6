// What lies between the relay and a real Redis in tests: it counts commands, and is slow, silent,
// elsewhere or a liar when it is told to.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A command as it came from the relay. */
export interface SeenCommand {
  readonly name: string;
  readonly bytes: number;
  /** Bytes of commands before it that are not answered yet. */
  readonly ahead: number;
}

/** Whole replies as they come from Redis, and what goes on to the relay instead. */
type Rewrite = (reply: Buffer) => Buffer;

const SLICE_MS = 10;
const same: Rewrite = (reply) => reply;

export class StoreProxy implements Address {
  readonly host = '127.0.0.1';
  readonly commands: SeenCommand[] = [];
  /** How many connections the relay has made. */
  connections = 0;
  rewrite: Rewrite = same;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #target: Address;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #wakers: (() => void)[] = [];

  static async open(target: Address): Promise<StoreProxy> {
    const proxy = new StoreProxy(target);
    proxy.#server.listen(0, proxy.host);
    await once(proxy.#server, 'listening');
    onTestFinished(() => proxy.close());
    return proxy;
  }

  private constructor(target: Address) {
    this.#target = target;
    this.#server = createServer((client) => this.#serve(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where new connections lead; those that stand stay. */
  leadTo(target: Address): void {
    this.#target = target;
  }

  /** Redis takes no more than so much. */
  slowTo(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Nothing more gets through in either direction, until `goOn`: then all of it does. */
  stall(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  goOn(): void {
    this.#open();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when so many more commands of at least so many bytes have come. */
  async seen(count: number, leastBytes = 0): Promise<void> {
    const from = this.commands.length;
    while (this.commands.slice(from).filter(({ bytes }) => bytes >= leastBytes).length < count) {
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.#open();
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket): void {
    this.connections += 1;
    const upstream = connect(this.#target.port, this.#target.host);
    const unanswered: number[] = [];
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    const questions = splitter();
    const answers = splitter();
    const forward = (chunk: Buffer): Buffer => {
      for (const whole of questions(chunk)) this.#note(whole, unanswered);
      return chunk;
    };
    const back = (chunk: Buffer): Buffer =>
      Buffer.concat(
        answers(chunk).map((reply) => {
          unanswered.shift();
          return this.rewrite(reply);
        }),
      );
    void this.#pump(client, upstream, forward, true);
    void this.#pump(upstream, client, back, false);
  }

  #note(whole: Buffer, unanswered: number[]): void {
    const ahead = unanswered.reduce((sum, bytes) => sum + bytes, 0);
    const name = /^\*\d+\r\n\$\d+\r\n(\S+)/.exec(whole.subarray(0, 64).toString('latin1'))?.[1] ?? '';
    this.commands.push({ name: name.toLowerCase(), bytes: whole.length, ahead });
    unanswered.push(whole.length);
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }

  async #pump(from: Socket, to: Socket, pass: (chunk: Buffer) => Buffer, isSlow: boolean): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const bytes = pass(chunk);
        for (let offset = 0; offset < bytes.length;) {
          await this.#gate;
          const rate = isSlow ? this.#bytesPerSecond : Number.POSITIVE_INFINITY;
          const size = Math.min(bytes.length - offset, Math.ceil((rate * SLICE_MS) / 1_000));
          to.write(bytes.subarray(offset, offset + size));
          offset += size;
          if (rate !== Number.POSITIVE_INFINITY) await pause(SLICE_MS);
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}

/** @returns what cuts a stream into whole values of the protocol. */
function splitter(): (chunk: Buffer) => Buffer[] {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    const values: Buffer[] = [];
    for (let end = endOf(held, 0); end !== undefined; end = endOf(held, 0)) {
      values.push(held.subarray(0, end));
      held = held.subarray(end);
    }
    return values;
  };
}

/** RESP2: where the value that begins here ends, if all of it is there. */
function endOf(bytes: Buffer, start: number): number | undefined {
  const line = bytes.indexOf('\r\n', start);
  if (line === -1) return undefined;
  const kind = String.fromCharCode(bytes[start] ?? 0);
  const count = Number(bytes.toString('latin1', start + 1, line));
  let end = line + 2;
  if (kind === '$' && count >= 0) end += count + 2;
  for (let index = 0; kind === '*' && index < count; index += 1) {
    const next = endOf(bytes, end);
    if (next === undefined) return undefined;
    end = next;
  }
  return end <= bytes.length ? end : undefined;
}
