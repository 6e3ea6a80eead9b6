// The client's dial of the relay: it waits for Tor, gives it the onion's key through the gate, and
// connects through SOCKS. It reports each stage and each failure.

import { message } from '@sotto/messages';
import type { MessageId } from '@sotto/messages';
import { DialError, registrationOf } from '@sotto/client';
import type { ByteStream, Dial, StateEvent } from '@sotto/client';
import type { Clock } from '@sotto/machine';
import type { Invite } from '@sotto/protocol';
import { adviseDial, byteStreamOf, connectGate, onionAddressOf, openOnion, TorError } from '@sotto/tor';
import type { FetchState, GateClient, GateStage, NetworkKind, OnionPath, OpenStep, TorErrorCode } from '@sotto/tor';
import type { Endpoints } from './environment.ts';
import {
  DESCRIPTOR_POLL_MS,
  GATE_POLL_MS,
  GATE_START_LIMIT_MS,
  REDIAL_TIMEOUTS_MS,
  TOR_STUCK_LIMIT_MS,
} from './limits.ts';

/**
 * A dial of one relay and its end. `close` removes the onion's key from Tor and wipes the client's
 * copy.
 */
export interface Dialer {
  readonly dial: Dial;
  /** Undefined while the gate cannot be asked. */
  readonly path?: () => Promise<OnionPath | undefined>;
  close(): void;
}

export interface OnionDialOptions {
  readonly invite: Invite;
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  /** Called as soon as the kind of network is known, and again after each reconnection. */
  readonly onNetwork: (network: NetworkKind) => void;
}

type Report = (stage: StateEvent) => void;

/** Failures that no further attempt can mend. */
const FINAL: ReadonlySet<TorErrorCode> = new Set<TorErrorCode>([
  'tor-too-old',
  'tor-unprotected',
  'onion-address',
  'onion-address-refused',
  'onion-client-auth-wrong',
  'socks-isolation-refused',
  'socks-command-refused',
  'socks-address-refused',
  'tor-not-allowed',
  'gate-malformed',
  'gate-operation',
  'gate-field',
]);
/** Next steps for the user of a client. For any other code the advice of @sotto/tor holds. */
type OwnStep = 'dial.check-tor' | Extract<MessageId, `onion.next-${string}`>;
const NEXT_STEPS: Partial<Readonly<Record<TorErrorCode, OwnStep>>> = {
  'tor-too-old': 'onion.next-tor-too-old',
  'tor-unprotected': 'onion.next-tor-unprotected',
  'tor-unreachable': 'dial.check-tor',
  'gate-unreachable': 'onion.next-check-gate',
  'gate-closed': 'onion.next-check-gate',
  'gate-timeout': 'onion.next-check-gate',
  'gate-protocol': 'onion.next-gate-version',
  'gate-key-differs': 'onion.next-other-string',
};

/** A dialler for one room. It opens nothing before the first dial. */
export function createOnionDial(options: OnionDialOptions): Dialer {
  const onion = new OnionDial(options);
  return {
    dial: (report, signal) => onion.dial(report, signal),
    path: () => onion.path(),
    close: () => onion.close(),
  };
}

class OnionDial {
  readonly #options: OnionDialOptions;
  readonly #address: string;
  readonly #seed: ReturnType<typeof registrationOf>['clientAuthorisationSeed'];
  #gate: GateClient | undefined;
  #isClosed = false;
  /** Dials that have failed since the last stream; undefined before the first stream. */
  #failedSince: number | undefined;

  constructor(options: OnionDialOptions) {
    this.#options = options;
    this.#address = onionAddressOf(options.invite.onionKey);
    this.#seed = registrationOf(options.invite).clientAuthorisationSeed;
  }

  async dial(report: Report, signal: AbortSignal): Promise<ByteStream> {
    const tor = new TorWatch(this.#options, report);
    let step: OpenStep | undefined;
    try {
      const gate = await this.#openGate(report, signal);
      const socket = await openOnion({
        gate,
        socks: this.#options.endpoints.socks,
        onion: this.#address,
        clientAuthorisationSeed: this.#seed,
        signal,
        timeoutMs: () => REDIAL_TIMEOUTS_MS[this.#failedSince ?? REDIAL_TIMEOUTS_MS.length],
        beforeFirstStage: (stage) => tor.beforeFirstStage(gate, stage),
        onStage: (stage, fail) => tor.onStage(gate, stage, fail),
        // An earlier request may have been refused while Tor was starting; no client joins before
        // the network is known.
        onConnected: async () => this.#options.onNetwork((await gate.version()).network),
        onStep: (next) => {
          step = next;
          if (next === 'key') report({ type: 'state', state: 'descriptor' });
        },
        descriptor: {
          clock: this.#options.clock,
          pollMs: DESCRIPTOR_POLL_MS,
          onFetch: (state) => report(describeFetch(state)),
        },
      });
      this.#failedSince = 0;
      return byteStreamOf(socket);
    } catch (error) {
      // A dial that was cancelled says nothing about the onion.
      if (step === 'dial' && this.#failedSince !== undefined && !signal.aborted) this.#failedSince += 1;
      if (error instanceof TorError) throw dialError(error.code);
      throw error;
    } finally {
      tor.stop();
    }
  }

  async path(): Promise<OnionPath | undefined> {
    try {
      return await this.#gate?.path();
    } catch (error) {
      // The state is only shown, so its failure does not matter.
      if (error instanceof TorError) return undefined;
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#gate?.close();
    this.#seed.destroy();
  }

  /** One gate connection for all dials: while it lives, Tor keeps the onion's key. */
  async #openGate(report: Report, signal: AbortSignal): Promise<GateClient> {
    if (this.#gate !== undefined) return this.#gate;
    const gate = await this.#awaitGate(report, signal);
    // The client ended while the connection was made. The connection would keep the process running
    // and the onion taken.
    if (this.#isClosed) gate.close();
    this.#gate = gate;
    void gate.closed.then(() => {
      if (this.#gate === gate) this.#gate = undefined;
    });
    return gate;
  }

  /** Compose does not wait for the gate: its socket comes a moment after its container. */
  async #awaitGate(report: Report, signal: AbortSignal): Promise<GateClient> {
    const { endpoints, clock } = this.#options;
    const giveUpMs = clock.now() + GATE_START_LIMIT_MS;
    for (let isTold = false; ; isTold = true) {
      try {
        return await connectGate({ socketPath: endpoints.gateSocket });
      } catch (error) {
        const mayCome = error instanceof TorError && error.code === 'gate-unreachable' && clock.now() < giveUpMs;
        if (!mayCome) throw error;
      }
      if (!isTold) report({ type: 'state', state: 'bootstrapping', percent: 0, detail: message('onion.gate-awaited') });
      await this.#pause(signal, GATE_POLL_MS);
      refuseAborted(signal);
    }
  }

  #pause(signal: AbortSignal, forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(forMs, resolve);
      const wake = (): void => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** Shows how Tor connects to its network, and gives up on a Tor that stays stuck. */
class TorWatch {
  readonly #options: OnionDialOptions;
  readonly #report: Report;
  #cancelTimer: () => void = () => undefined;
  #wasUnreachable = false;

  constructor(options: OnionDialOptions, report: Report) {
    this.#options = options;
    this.#report = report;
  }

  async beforeFirstStage(gate: GateClient, stage: GateStage): Promise<void> {
    if (stage.state !== 'tor-unreachable') await this.#askNetwork(gate);
  }

  onStage(gate: GateClient, stage: GateStage, fail: (error: Error) => void): void {
    this.stop();
    if (stage.state === 'tor-too-old' || stage.state === 'tor-unprotected') fail(new TorError(stage.state));
    const stuck = describeStuck(stage);
    if (stuck !== undefined) this.#cancelTimer = this.#options.clock.after(TOR_STUCK_LIMIT_MS, () => fail(stuck));
    this.#report(describeStage(stage));
    if (this.#wasUnreachable && stage.state !== 'tor-unreachable') void this.#askNetwork(gate);
    this.#wasUnreachable = stage.state === 'tor-unreachable';
  }

  stop(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => undefined;
  }

  /** As early as possible, so that the screen names the network from the beginning. */
  async #askNetwork(gate: GateClient): Promise<void> {
    try {
      this.#options.onNetwork((await gate.version()).network);
    } catch (error) {
      // The gate is asked again before the dial continues, and a refusal is reported there.
      if (!(error instanceof TorError)) throw error;
    }
  }
}

/** @throws TorError `aborted` */
function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new TorError('aborted');
}

/** Exported for the test of the catalogue, like the three below. */
export function describeFetch(state: FetchState['state']): StateEvent {
  return state === 'received'
    ? { type: 'state', state: 'rendezvous' }
    : { type: 'state', state: 'descriptor', detail: message(`onion.fetch-${state}`) };
}

export function describeStage(stage: GateStage): StateEvent {
  const event = { type: 'state', state: 'bootstrapping' } as const;
  switch (stage.state) {
    case 'starting':
      return { ...event, percent: 0, detail: message('onion.tor-starting') };
    case 'progressing':
      return { ...event, percent: stage.percent, detail: stage.summary };
    case 'stalled':
      return { ...event, percent: stage.percent, detail: message('onion.tor-stalled', stage) };
    case 'done':
      return { ...event, percent: 100, detail: message('onion.tor-done') };
    case 'tor-unreachable':
      return { ...event, percent: 0, detail: message('onion.tor-awaited') };
    case 'tor-too-old':
      return { ...event, percent: 0, detail: message('onion.tor-too-old') };
    case 'tor-unprotected':
      return { ...event, percent: 0, detail: message('onion.tor-unprotected') };
  }
}

/** @returns the error of a Tor that stays like this, or undefined while it makes progress */
export function describeStuck(stage: GateStage): DialError | undefined {
  if (stage.state === 'tor-unreachable') return dialError('tor-unreachable');
  if (stage.state !== 'stalled') return undefined;
  return new DialError(`tor-stalled-${stage.cause}`, message('onion.tor-stuck', stage));
}

export function dialError(code: TorErrorCode): DialError {
  const { cause, nextStep: advice } = adviseDial(code);
  const own = NEXT_STEPS[code];
  const nextStep = own === undefined ? advice : message(own);
  return new DialError(code, message('onion.failed', { cause, nextStep }), { final: FINAL.has(code) });
}
