// The gate: a Unix socket in front of tor-client's control socket that lets a client see Tor's progress and open one onion, and nothing else.

import { lstat, unlink } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Clock } from '../clock.ts';
import { SYSTEM_CLOCK } from '../clock.ts';
import type { ControlAddress, ControlTimeouts } from '../control/control.ts';
import { TorError } from '../errors.ts';
import { GateConnection } from './connection.ts';
import type { GateContext } from './connection.ts';
import { GateKeys } from './keys.ts';
import { GuardWatch } from '../control/guard-watch.ts';
import type { GateStage } from './protocol.ts';
import { encodeRefusal } from './protocol.ts';
import { GATE_CLOSE_TIMEOUT_MS, MAX_GATE_CONNECTIONS } from '../limits.ts';
import { TorLink } from '../control/tor-connection.ts';

export interface GateOptions {
  /** Where to listen. A stale socket there is removed; anything else there is refused. */
  readonly socketPath: string;
  readonly control: ControlAddress;
  readonly clock?: Clock;
  readonly timeouts?: ControlTimeouts;
}

/** Listens at once, with or without Tor. @throws TorError `gate-socket-occupied`, `gate-environment` */
export async function openGate(options: GateOptions): Promise<Gate> {
  await removeStaleSocket(options.socketPath);
  const gate = new Gate(options);
  await gate.listen(options.socketPath);
  return gate;
}

export class Gate {
  /** Settles when the gate is closed; rejects only for a bug. */
  readonly ended: Promise<void>;
  readonly #connections = new Set<GateConnection>();
  readonly #keys = new GateKeys();
  readonly #guards: GuardWatch;
  readonly #clock: Clock;
  readonly #link: TorLink;
  readonly #server: Server;

  constructor(options: GateOptions) {
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#guards = new GuardWatch(this.#clock);
    this.#link = new TorLink({
      address: options.control,
      clock: this.#clock,
      timeouts: options.timeouts,
      onStage: (stage) => this.#announce(stage),
      onEvent: (message) => this.#keys.note(message),
      restore: async (control) => {
        await this.#keys.restore(control);
        await this.#guards.look(control);
      },
      onLost: () => this.#keys.disconnected(),
    });
    this.#server = createServer((socket) => this.#admit(socket));
    this.ended = this.#link.run();
  }

  /** For `openGate`. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', () => {
        this.#link.close();
        reject(new TorError('gate-environment'));
      });
      this.#server.listen({ path }, resolve);
    });
  }

  /** Takes every client key back from Tor, as far as it answers in time, and closes everything. */
  async close(): Promise<void> {
    const stopped = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.destroy();
    await Promise.race([this.#keys.clear(), this.#deadline()]);
    this.#link.close();
    await stopped;
  }

  #admit(socket: Socket): void {
    if (this.#connections.size >= MAX_GATE_CONNECTIONS) {
      socket.on('error', () => socket.destroy());
      socket.end(encodeRefusal('gate-full'), () => socket.destroy());
      return;
    }
    const context: GateContext = { keys: this.#keys, guards: this.#guards, link: this.#link, clock: this.#clock };
    const connection: GateConnection = new GateConnection(socket, context, () => this.#connections.delete(connection));
    this.#connections.add(connection);
  }

  #announce(stage: GateStage): void {
    if (stage.state === 'done') void this.#lookAtGuard();
    for (const connection of this.#connections) connection.announce(stage);
  }

  /** A Tor that has just come up has had no guard until now. */
  async #lookAtGuard(): Promise<void> {
    const control = this.#link.live?.control;
    if (control === undefined) return;
    try {
      await this.#guards.look(control);
    } catch (error) {
      // The link notices by itself that Tor is gone, and looks again when it is back.
      if (!(error instanceof TorError)) throw error;
    }
  }

  #deadline(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(GATE_CLOSE_TIMEOUT_MS, resolve));
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new TorError('gate-socket-occupied');
  await unlink(path).catch(() => {
    throw new TorError('gate-environment');
  });
}
