// A SOCKS 5 port that answers as a test tells it, so that each of Tor's failure numbers can be seen
// without a network.

import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SocksAddress } from '../src/onion/dial.ts';

export interface SocksScript {
  /** The answer to the offered methods; user and password by default. */
  readonly method?: readonly number[];
  readonly authentication?: readonly number[];
  /** What follows the CONNECT request; nothing at all for an empty list. */
  readonly reply: readonly number[];
  /** Closes after the reply. */
  readonly hangUp?: boolean;
}

export interface SocksRequest {
  readonly user: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
}

const GRANTED = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/** The reply with which Tor opens a stream, followed by what the peer says at once. */
export function granted(greeting = ''): readonly number[] {
  return [...GRANTED, ...Buffer.from(greeting)];
}

/** The reply with which Tor refuses: a number and an empty address. */
export function refused(number: number): readonly number[] {
  return [5, number, 0, 1, 0, 0, 0, 0, 0, 0];
}

export class SocksStandIn implements AsyncDisposable {
  readonly requests: SocksRequest[] = [];
  readonly #script: SocksScript;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));

  private constructor(script: SocksScript) {
    this.#script = script;
  }

  static async start(script: SocksScript): Promise<SocksStandIn> {
    const stand = new SocksStandIn(script);
    await new Promise<void>((resolve) => stand.#server.listen(0, '127.0.0.1', resolve));
    return stand;
  }

  get address(): SocksAddress {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    let step = 0;
    let credentials = ['', ''];
    socket.on('data', (chunk: Buffer) => {
      step += 1;
      if (step === 1) socket.write(Uint8Array.from(this.#script.method ?? [5, 2]));
      else if (step === 2) {
        credentials = readCredentials(chunk);
        socket.write(Uint8Array.from(this.#script.authentication ?? [1, 0]));
      } else if (step === 3) {
        const [user = '', password = ''] = credentials;
        const hostEnd = 5 + chunk.readUInt8(4);
        this.requests.push({
          user,
          password,
          host: chunk.toString('latin1', 5, hostEnd),
          port: chunk.readUInt16BE(hostEnd),
        });
        socket.write(Uint8Array.from(this.#script.reply));
        if (this.#script.hangUp === true) socket.end();
      } else socket.write(chunk);
    });
  }
}

function readCredentials(chunk: Buffer): string[] {
  const userEnd = 2 + chunk.readUInt8(1);
  return [
    chunk.toString('latin1', 2, userEnd),
    chunk.toString('latin1', userEnd + 1, userEnd + 1 + chunk.readUInt8(userEnd)),
  ];
}
