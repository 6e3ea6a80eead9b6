// Both Tors of a host without a network: onions that are added on the control port are reached
// through the SOCKS port, and lead to the relay's socket.

import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ScriptedTor } from '@sotto/fixtures/scripted-tor';
import { onionAddressOf } from '@sotto/tor';
import type { SocksAddress } from '@sotto/tor';
import { openGate } from '../../packages/tor/src/gate/gate.ts';
import type { Gate } from '../../packages/tor/src/gate/gate.ts';

const BOOTSTRAPPED = '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"\r\n250 OK\r\n';
const GRANTED = Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);
const NO_DESCRIPTOR = Uint8Array.of(5, 0xf0, 0, 1, 0, 0, 0, 0, 0, 0);
const SCALAR_BYTES = 32;

interface Curve {
  readonly Point: {
    readonly BASE: { multiply(scalar: bigint): { toBytes(): Uint8Array } };
    readonly Fn: { readonly ORDER: bigint };
  };
}
/**
 * Ed25519 as the crypto package has it: Node takes no expanded key, and that is what Tor is given.
 */
const { ed25519 } = createRequire(createRequire(import.meta.url).resolve('@sotto/crypto'))(
  '@noble/curves/ed25519.js',
) as { readonly ed25519: Curve };

/** The address of the key in an ADD_ONION command. */
function addressOf(command: string): string {
  const expanded = Buffer.from(/ED25519-V3:(\S+)/.exec(command)?.[1] ?? '', 'base64');
  const scalar = BigInt(`0x${expanded.subarray(0, SCALAR_BYTES).reverse().toString('hex')}`);
  return onionAddressOf(ed25519.Point.BASE.multiply(scalar % ed25519.Point.Fn.ORDER).toBytes());
}

export class TorStandIn implements AsyncDisposable {
  /** Addresses that are published now, in the order in which they were. */
  readonly onions: string[] = [];
  /** Onions of which nobody finds a descriptor. */
  isLost: (onion: string) => boolean = () => false;
  /**
   * So many streams are asked for and never answered, as by a Tor that waits for a rendezvous with
   * nobody.
   */
  unanswered = 0;
  readonly tor: ScriptedTor;
  readonly #guests: ScriptedTor;
  readonly #gate: Gate;
  readonly #socks: Server;
  readonly #sockets: Set<Socket>;

  private constructor(parts: {
    tor: ScriptedTor;
    guests: ScriptedTor;
    gate: Gate;
    socks: Server;
    sockets: Set<Socket>;
  }) {
    this.tor = parts.tor;
    this.#guests = parts.guests;
    this.#gate = parts.gate;
    this.#socks = parts.socks;
    this.#sockets = parts.sockets;
  }

  static async start(relayPath: string): Promise<TorStandIn> {
    const answer = (command: string): string | undefined => {
      if (command === 'GETINFO status/bootstrap-phase') return BOOTSTRAPPED;
      if (command.startsWith('ADD_ONION')) return stand.#add(addressOf(command));
      if (command.startsWith('DEL_ONION')) stand.#remove(command.split(' ')[1] ?? '');
      return undefined;
    };
    const tor = await ScriptedTor.start({ answer });
    const guests = await ScriptedTor.start({ answer });
    const gate = await openGate({ socketPath: guests.path('gate'), control: guests.address });
    const sockets = new Set<Socket>();
    const socks = createServer((socket) => {
      sockets.add(socket);
      serveSocks(socket, relayPath, (onion) => stand.#find(onion));
    });
    const stand: TorStandIn = new TorStandIn({ tor, guests, gate, socks, sockets });
    await new Promise<void>((resolve) => socks.listen(0, '127.0.0.1', resolve));
    return stand;
  }

  get gatePath(): string {
    return this.#guests.path('gate');
  }

  get socks(): SocksAddress {
    return { host: '127.0.0.1', port: (this.#socks.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socks.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#gate.close();
    await this.#gate.ended;
    await this.#guests[Symbol.asyncDispose]();
    await this.tor[Symbol.asyncDispose]();
  }

  #find(onion: string): 'found' | 'not-found' | 'unanswered' {
    if (!this.onions.includes(onion) || this.isLost(onion)) return 'not-found';
    if (this.unanswered === 0) return 'found';
    this.unanswered -= 1;
    return 'unanswered';
  }

  #add(onion: string): string {
    this.onions.push(onion);
    setImmediate(() => this.tor.emit(`HS_DESC UPLOADED ${onion} UNKNOWN $AAAA~relay`));
    return `250-ServiceID=${onion}\r\n250 OK\r\n`;
  }

  #remove(onion: string): void {
    const index = this.onions.indexOf(onion);
    if (index !== -1) this.onions.splice(index, 1);
  }
}

/**
 * SOCKS 5 with user and password, as Tor speaks it; each step of the client comes in one piece on
 * loopback.
 */
function serveSocks(
  socket: Socket,
  relayPath: string,
  find: (onion: string) => 'found' | 'not-found' | 'unanswered',
): void {
  const steps = [
    (): void => void socket.write(Uint8Array.of(5, 2)),
    (): void => void socket.write(Uint8Array.of(1, 0)),
    (request: Buffer): void => {
      const host = request.toString('latin1', 5, 5 + request.readUInt8(4));
      const answer = find(host.replace(/\.onion$/, ''));
      if (answer === 'not-found') socket.end(NO_DESCRIPTOR);
      if (answer !== 'found') return;
      socket.off('data', take);
      const relay = connect(relayPath);
      relay.on('error', () => socket.destroy());
      socket.on('close', () => relay.destroy());
      socket.write(GRANTED);
      socket.pipe(relay).pipe(socket);
    },
  ];
  const take = (chunk: Buffer): void => steps.shift()?.(chunk);
  socket.on('error', () => socket.destroy());
  socket.on('data', take);
}
