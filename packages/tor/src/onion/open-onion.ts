// The one dial sequence to an onion: wait for Tor, give it the client key through the gate, connect
// through SOCKS.

import type { Socket } from 'node:net';
import type { Clock } from '@sotto/machine';
import { TorError } from '../errors.ts';
import type { GateClient } from '../gate/client.ts';
import type { GateStage } from '../gate/protocol.ts';
import type { FetchState } from './descriptor.ts';
import type { SocksAddress } from './dial.ts';
import { dialOnion } from './dial.ts';

/** `key`: Tor is connected, and the client key goes to it. `dial`: the stream is requested. */
export type OpenStep = 'key' | 'dial';

export interface OpenOnionOptions {
  /** Tor keeps the onion's client key for as long as this connection lives. */
  readonly gate: GateClient;
  readonly socks: SocksAddress;
  /** 56 characters, without `.onion`. */
  readonly onion: string;
  /** Lends the 32-byte client authorisation seed. */
  readonly clientAuthorisationSeed: { use<Value>(read: (seed: Uint8Array) => Value): Value };
  readonly signal: AbortSignal;
  /** Called when the dial begins. Milliseconds; undefined is `DIAL_TIMEOUT_MS`. */
  readonly timeoutMs?: () => number | undefined;
  /** Awaited with the present stage of Tor, before `onStage` gets it. */
  readonly beforeFirstStage?: (stage: GateStage) => Promise<void>;
  /** Gets Tor's stage at the beginning and each later one; `fail` ends the wait for Tor. */
  readonly onStage?: (stage: GateStage, fail: (error: Error) => void) => void;
  /** Awaited when Tor is connected, before the key is given. */
  readonly onConnected?: () => Promise<void>;
  readonly onStep?: (step: OpenStep) => void;
  /** Reports the fetch of the onion's descriptor during the dial; SOCKS does not report it. */
  readonly descriptor?: DescriptorWatch;
}

export interface DescriptorWatch {
  readonly clock: Clock;
  readonly pollMs: number;
  /** Gets each new state, until it is `received` or the dial is over. */
  readonly onFetch: (state: FetchState['state']) => void;
}

/**
 * Opens a stream to port 80 of an onion that is behind client authorisation
 * (tor rend-spec-v3, client authorisation; SOCKS is RFC 1928).
 *
 * It waits for Tor, gives Tor the client key through the gate, and dials. The caller keeps `gate`
 * open for as long as it may need the onion again: closing the gate takes the key back from Tor.
 *
 * @returns the stream, **paused**: see `dialOnion`. `byteStreamOf` makes a `ByteStream` of it.
 * @throws TorError `aborted`, a code of the gate (`gate-closed`, `gate-key-differs`,
 *   `tor-unreachable`, …), or a code of `dialOnion`; also the error that `onStage` passed to `fail`
 */
export async function openOnion(options: OpenOnionOptions): Promise<Socket> {
  const { gate, onion, clientAuthorisationSeed, signal, onStep } = options;
  await awaitTor(options);
  refuseAborted(signal);
  onStep?.('key');
  await clientAuthorisationSeed.use((seed) => gate.allow(onion, seed));
  onStep?.('dial');
  return dial(options);
}

/** Resolves when Tor is connected to its network. */
async function awaitTor({ gate, signal, beforeFirstStage, onStage, onConnected }: OpenOnionOptions): Promise<void> {
  refuseAborted(signal);
  const ready = Promise.withResolvers<undefined>();
  // After the last wait nothing listens to the rejection.
  ready.promise.catch(() => undefined);
  const giveUp = (): void => ready.reject(new TorError('aborted'));
  signal.addEventListener('abort', giveUp, { once: true });
  void gate.closed.then((code) => ready.reject(new TorError(code)));
  let unfollow = (): void => undefined;
  try {
    const first = await askStage(gate, beforeFirstStage);
    const processStage = (stage: GateStage): void => {
      if (stage.state === 'done') ready.resolve(undefined);
      onStage?.(stage, (error) => ready.reject(error));
    };
    unfollow = gate.follow(processStage);
    processStage(first);
    await ready.promise;
    await onConnected?.();
  } finally {
    unfollow();
    signal.removeEventListener('abort', giveUp);
  }
}

/**
 * Asks for Tor's stage. A stage that arrives before the answer may be older or newer than it; then
 * this asks again.
 */
async function askStage(gate: GateClient, before: OpenOnionOptions['beforeFirstStage']): Promise<GateStage> {
  const told: GateStage[] = [];
  const unfollow = gate.follow((stage) => void told.push(stage));
  try {
    const stage = await gate.bootstrap();
    await before?.(stage);
    return told.length > 0 ? await askStage(gate, before) : stage;
  } finally {
    unfollow();
  }
}

async function dial(options: OpenOnionOptions): Promise<Socket> {
  const { gate, socks, onion, signal, descriptor } = options;
  const timeoutMs = options.timeoutMs?.();
  const watch = new AbortController();
  const watching = descriptor === undefined ? undefined : watchDescriptor(gate, descriptor, watch.signal);
  try {
    return await dialOnion({ socks, onion, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  } finally {
    watch.abort();
    await watching;
  }
}

async function watchDescriptor(gate: GateClient, watch: DescriptorWatch, signal: AbortSignal): Promise<void> {
  let last: FetchState['state'] | undefined;
  try {
    while (last !== 'received') {
      await pause(watch.clock, watch.pollMs, signal);
      refuseAborted(signal);
      const { state } = await gate.descriptor();
      refuseAborted(signal);
      if (state !== last) watch.onFetch(state);
      last = state;
    }
  } catch (error) {
    // The watch ends alone. SOCKS decides whether the dial succeeds.
    if (!(error instanceof TorError)) throw error;
  }
}

function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, resolve);
    const wake = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener('abort', wake, { once: true });
  });
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new TorError('aborted');
}
