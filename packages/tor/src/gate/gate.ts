// The gate: a Unix socket in front of tor-client's control socket. A client can see Tor's progress
// and open one onion there, and can do nothing else.

import { JsonServer, listenAtPath, SocketPathError } from '@sotto/json-socket';
import type { JsonConnection } from '@sotto/json-socket';
import type { Clock } from '@sotto/machine';
import { backgroundClock } from '@sotto/machine/system-clock';
import type { ControlAddress, ControlTimeouts } from '../control/control.ts';
import { TorError } from '../errors.ts';
import { GateConnection } from './connection.ts';
import type { GateContext } from './connection.ts';
import { GateKeys } from './keys.ts';
import { GuardWatch } from '../control/guard-watch.ts';
import type { GateStage } from './protocol.ts';
import { encodeRefusal } from './protocol.ts';
import {
  GATE_CLOSE_TIMEOUT_MS,
  MAX_GATE_CONNECTIONS,
  MAX_GATE_LINE_BYTES,
  MAX_GATE_PENDING_REQUESTS,
  MAX_GATE_UNREAD_BYTES,
} from '../limits.ts';
import { TorConnection } from '../control/tor-connection.ts';

export interface GateOptions {
  /** Where to listen. A stale socket there is removed; anything else there is refused. */
  readonly socketPath: string;
  readonly control: ControlAddress;
  readonly clock?: Clock;
  readonly timeouts?: ControlTimeouts;
}

/**
 * Listens at once, with or without Tor.
 *
 * @throws TorError `gate-socket-occupied`, `gate-environment`
 */
export async function openGate(options: GateOptions): Promise<Gate> {
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
  readonly #tor: TorConnection;
  readonly #server: JsonServer;

  constructor(options: GateOptions) {
    this.#clock = options.clock ?? backgroundClock;
    this.#guards = new GuardWatch(this.#clock);
    this.#tor = new TorConnection({
      address: options.control,
      clock: this.#clock,
      timeouts: options.timeouts,
      onStage: (stage) => this.#announce(stage),
      onEvent: (message) => this.#keys.onEvent(message),
      restore: async (control) => {
        await this.#keys.restore(control);
        await this.#guards.look(control);
      },
      onLost: () => this.#keys.disconnected(),
    });
    this.#server = new JsonServer({
      maxLineBytes: MAX_GATE_LINE_BYTES,
      lineTooLong: { refusal: encodeRefusal('gate-line-too-long'), then: 'stop' },
      maxConnections: MAX_GATE_CONNECTIONS,
      fullRefusal: encodeRefusal('gate-full'),
      maxWaitingRequests: MAX_GATE_PENDING_REQUESTS,
      busyRefusal: encodeRefusal('gate-busy'),
      maxUnreadBytes: MAX_GATE_UNREAD_BYTES,
      open: (connection) => this.#open(connection),
    });
    this.ended = this.#tor.run();
  }

  /** For `openGate`. */
  async listen(path: string): Promise<void> {
    try {
      await listenAtPath(this.#server.server, path, 'replace');
    } catch (error) {
      this.#tor.close();
      if (!(error instanceof SocketPathError)) throw error;
      throw new TorError(error.problem === 'occupied' ? 'gate-socket-occupied' : 'gate-environment');
    }
  }

  /** Removes every client key from Tor, if Tor answers in time, and closes all connections. */
  async close(): Promise<void> {
    const stopped = this.#server.close();
    this.#server.destroyConnections();
    await Promise.race([this.#keys.clear(), this.#deadline()]);
    this.#tor.close();
    await stopped;
  }

  #open(connection: JsonConnection): GateConnection {
    const context: GateContext = { keys: this.#keys, guards: this.#guards, tor: this.#tor, clock: this.#clock };
    const opened: GateConnection = new GateConnection(connection, context, () => this.#connections.delete(opened));
    this.#connections.add(opened);
    return opened;
  }

  #announce(stage: GateStage): void {
    if (stage.state === 'done') void this.#lookAtGuard();
    for (const connection of this.#connections) connection.announce(stage);
  }

  /** A Tor that has just come up has had no guard until now. */
  async #lookAtGuard(): Promise<void> {
    const control = this.#tor.live?.control;
    if (control === undefined) return;
    try {
      await this.#guards.look(control);
    } catch (error) {
      // The Tor connection notices by itself that Tor is gone, and looks again when it is back.
      if (!(error instanceof TorError)) throw error;
    }
  }

  #deadline(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(GATE_CLOSE_TIMEOUT_MS, resolve));
  }
}
