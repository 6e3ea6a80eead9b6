// The typed client of the gate's socket, for terminal and host. One connection holds one onion:
// closing it removes the onion's key from Tor.

import { JsonClient, JsonSocketError } from '@sotto/json-socket';
import type { ConnectionEnd, JsonObject } from '@sotto/json-socket';
import { systemClock } from '@sotto/machine/system-clock';
import type { FetchState } from '../onion/descriptor.ts';
import type { TorErrorCode } from '../errors.ts';
import { TorError } from '../errors.ts';
import type { GateMessage, GateRequest, GateStage, OnionPath } from './protocol.ts';
import {
  decodeFetch,
  decodeGateMessage,
  decodeIdentity,
  decodePath,
  decodeStage,
  encodeGateRequest,
} from './protocol.ts';
import { GATE_REQUEST_TIMEOUT_MS, MAX_GATE_PENDING_REQUESTS, MAX_GATE_REPLY_BYTES } from '../limits.ts';
import type { TorIdentity } from '../control/tor-version.ts';

export interface GateClientOptions {
  readonly socketPath: string;
  readonly timeoutMs?: number;
  /** Called with each stage after `bootstrap` was asked once. */
  readonly onStage?: (stage: GateStage) => void;
}

const CODES: Readonly<Record<ConnectionEnd | 'busy', TorErrorCode>> = {
  unreachable: 'gate-unreachable',
  closed: 'gate-closed',
  timeout: 'gate-timeout',
  malformed: 'gate-protocol',
  busy: 'gate-busy',
};

/** @throws TorError `gate-unreachable` */
export async function connectGate(options: GateClientOptions): Promise<GateClient> {
  const gate = new GateClient(options);
  await gate.connected();
  return gate;
}

/**
 * Every operation throws a TorError: the gate's code for a refusal (`tor-unreachable`,
 * `gate-key-differs`, …), or `gate-closed`, `gate-timeout`, `gate-protocol` when the connection is
 * over.
 */
export class GateClient {
  /** Why the connection ended. Never rejects. */
  readonly closed: Promise<TorErrorCode>;
  readonly #socket: JsonClient<GateMessage>;
  readonly #timeoutMs: number;
  readonly #followers = new Set<(stage: GateStage) => void>();
  /** The gate sends an unrequested message only before it ends the connection: the reason. */
  #unasked: TorErrorCode | undefined;

  /** For `connectGate`, which waits until it is connected. */
  constructor(options: GateClientOptions) {
    this.#timeoutMs = options.timeoutMs ?? GATE_REQUEST_TIMEOUT_MS;
    if (options.onStage !== undefined) this.#followers.add(options.onStage);
    this.#socket = new JsonClient<GateMessage>({
      path: options.socketPath,
      clock: systemClock,
      maxLineBytes: MAX_GATE_REPLY_BYTES,
      maxWaitingRequests: MAX_GATE_PENDING_REQUESTS,
      decode: decodeGateMessage,
      onEvent: (message) => {
        if (message.kind !== 'stage-event') return false;
        for (const follower of this.#followers) follower(message.stage);
        return true;
      },
      onUnasked: (message) => {
        if (message.kind === 'refused') this.#unasked = message.code;
      },
    });
    this.closed = this.#socket.closed.then((end) => this.#codeOf(end));
  }

  /** @throws TorError `gate-unreachable` */
  async connected(): Promise<void> {
    await this.#socket.connected(this.#timeoutMs).catch((error: unknown) => this.#fail(error));
  }

  async ping(): Promise<void> {
    await this.#ask({ op: 'ping' });
  }

  async version(): Promise<TorIdentity> {
    return this.#read(decodeIdentity(await this.#ask({ op: 'version' })));
  }

  /**
   * `listener` gets each new stage after a first `bootstrap`. @returns the function that ends this.
   */
  follow(listener: (stage: GateStage) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  /** The stage now; later ones go to `onStage` and to `follow`. */
  async bootstrap(): Promise<GateStage> {
    const fields = await this.#ask({ op: 'bootstrap' });
    return this.#read(decodeStage(fields['stage']));
  }

  /**
   * Gives Tor the 32-byte client key of one onion for as long as this connection lives. The caller
   * wipes its copy.
   */
  async allow(onion: string, key: Uint8Array): Promise<void> {
    await this.#ask({ op: 'allow', onion, key });
  }

  async forget(): Promise<void> {
    await this.#ask({ op: 'forget' });
  }

  /** The state of Tor's fetch of this connection's onion descriptor. */
  async descriptor(): Promise<FetchState> {
    const fields = await this.#ask({ op: 'descriptor' });
    return this.#read(decodeFetch(fields['descriptor']));
  }

  async path(): Promise<OnionPath> {
    return this.#read(decodePath(await this.#ask({ op: 'path' })));
  }

  close(): void {
    this.#socket.close('closed');
  }

  async #ask(request: GateRequest): Promise<JsonObject> {
    const asked = this.#socket.ask(encodeGateRequest(request), this.#timeoutMs);
    const message = await asked.catch((error: unknown) => this.#fail(error));
    if (message.kind === 'ok') return message.fields;
    throw new TorError(message.kind === 'refused' ? message.code : 'gate-protocol');
  }

  #read<Value>(value: Value | undefined): Value {
    if (value !== undefined) return value;
    this.#socket.close('malformed');
    throw new TorError('gate-protocol');
  }

  #fail(error: unknown): never {
    throw error instanceof JsonSocketError ? new TorError(this.#codeOf(error.code)) : error;
  }

  #codeOf(end: ConnectionEnd | 'busy'): TorErrorCode {
    return end === 'malformed' ? (this.#unasked ?? CODES[end]) : CODES[end];
  }
}
