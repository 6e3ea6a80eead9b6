// Keeps the gate connected to Tor: connects, checks version and settings, restores the keys, and
// reconnects with a bounded delay.

import { BOOTSTRAP_EVENTS, BootstrapWatch } from './bootstrap.ts';
import type { Clock } from '@sotto/machine';
import type { ControlAddress, ControlTimeouts, TorControl } from './control.ts';
import { connectControl } from './control.ts';
import { torErrorCode } from '../errors.ts';
import type { GateStage } from '../gate/protocol.ts';
import { NO_TOR } from '../gate/protocol.ts';
import { GATE_RECONNECT_FIRST_MS, GATE_RECONNECT_LONGEST_MS } from '../limits.ts';
import type { ControlMessage } from './reply-parser.ts';
import type { TorIdentity } from './tor-version.ts';
import { identifyTor } from './tor-version.ts';

export interface TorConnectionOptions {
  readonly address: ControlAddress;
  readonly clock: Clock;
  readonly timeouts: ControlTimeouts | undefined;
  readonly onStage: (stage: GateStage) => void;
  readonly onEvent: (message: ControlMessage) => void;
  /**
   * Runs on each new connection before it is used. A TorError from it counts as a lost connection.
   */
  readonly restore: (control: TorControl) => Promise<void>;
  readonly onLost: () => void;
}

/** A usable connection. */
export interface LiveTor {
  readonly control: TorControl;
  readonly identity: TorIdentity;
}

export class TorConnection {
  readonly #options: TorConnectionOptions;
  #stage: GateStage = { state: 'tor-unreachable' };
  #live: LiveTor | undefined;
  #attempt: TorControl | undefined;
  #endPause: () => void = () => undefined;
  #closed = false;

  constructor(options: TorConnectionOptions) {
    this.#options = options;
  }

  get stage(): GateStage {
    return this.#stage;
  }

  /** Undefined while there is no usable Tor. */
  get live(): LiveTor | undefined {
    return this.#live;
  }

  /** Connects and reconnects until `close`. A rejection is a bug, never a lost connection. */
  async run(): Promise<void> {
    let delayMs = GATE_RECONNECT_FIRST_MS;
    while (!this.#closed) {
      const wasLive = await this.#session();
      delayMs = wasLive ? GATE_RECONNECT_FIRST_MS : Math.min(delayMs * 2, GATE_RECONNECT_LONGEST_MS);
      await this.#pause(delayMs);
    }
  }

  close(): void {
    this.#closed = true;
    this.#attempt?.close();
    this.#endPause();
  }

  async #session(): Promise<boolean> {
    let watch: BootstrapWatch | undefined;
    let wasLive = false;
    let end: GateStage = { state: 'tor-unreachable' };
    try {
      const control = await this.#connect();
      const identity = await identifyTor(control);
      watch = new BootstrapWatch(this.#options.clock, (stage) => this.#announce(stage));
      control.onEvent(this.#options.onEvent);
      await control.setEvents([...BOOTSTRAP_EVENTS, 'HS_DESC']);
      await this.#options.restore(control);
      await watch.follow(control);
      this.#live = { control, identity };
      wasLive = true;
      await control.closed;
    } catch (error) {
      const code = torErrorCode(error);
      if (code === 'tor-too-old' || code === 'tor-unprotected') end = { state: code };
    } finally {
      watch?.stop();
      this.#live = undefined;
      this.#attempt?.close();
      this.#attempt = undefined;
      this.#options.onLost();
    }
    this.#announce(end);
    return wasLive;
  }

  async #connect(): Promise<TorControl> {
    const control = await connectControl(this.#options.address, this.#options.timeouts);
    this.#attempt = control;
    if (this.#closed) control.close();
    return control;
  }

  #announce(stage: GateStage): void {
    const repeated = stage.state === this.#stage.state && NO_TOR.includes(stage.state);
    this.#stage = stage;
    if (!repeated) this.#options.onStage(stage);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
