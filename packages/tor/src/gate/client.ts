// The typed client of the gate's socket, for terminal and host. One connection stands for one onion: closing it gives the onion's key back.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { FetchState } from '../onion/descriptor.ts';
import type { TorErrorCode } from '../errors.ts';
import { TorError } from '../errors.ts';
import type { GateRequest, GateStage, JsonObject, OnionPath } from './protocol.ts';
import {
  decodeFetch,
  decodeGateMessage,
  decodeIdentity,
  decodePath,
  decodeStage,
  encodeGateRequest,
} from './protocol.ts';
import { GATE_REQUEST_TIMEOUT_MS, MAX_GATE_PENDING_REQUESTS, MAX_GATE_REPLY_BYTES } from '../limits.ts';
import { LineSplitter } from '../line-splitter.ts';
import type { TorIdentity } from '../control/tor-version.ts';

export interface GateClientOptions {
  readonly socketPath: string;
  readonly timeoutMs?: number;
  /** Called with each stage after `bootstrap` was asked once. */
  readonly onStage?: (stage: GateStage) => void;
}

interface PendingAnswer {
  readonly settle: (fields: JsonObject) => void;
  readonly fail: (error: TorError) => void;
}

/** @throws TorError `gate-unreachable` */
export function connectGate(options: GateClientOptions): Promise<GateClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: options.socketPath });
    const fail = (): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new TorError('gate-unreachable'));
    };
    const timer = setTimeout(fail, options.timeoutMs ?? GATE_REQUEST_TIMEOUT_MS);
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(new GateClient(socket, options));
    });
  });
}

/**
 * Every operation throws a TorError with the gate's code for a refusal (`tor-unreachable`, `gate-key-differs`, …), or with
 * `gate-closed`, `gate-timeout`, `gate-protocol` when the connection is over.
 */
export class GateClient {
  /** Why the connection ended. Never rejects. */
  readonly closed: Promise<TorErrorCode>;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #onStage: (stage: GateStage) => void;
  readonly #splitter = new LineSplitter(MAX_GATE_REPLY_BYTES);
  readonly #pending: PendingAnswer[] = [];
  #endCode: TorErrorCode | undefined;
  #resolveClosed: (code: TorErrorCode) => void = () => undefined;

  /** For `connectGate`; the socket must be connected. */
  constructor(socket: Socket, options: GateClientOptions) {
    this.#socket = socket;
    this.#timeoutMs = options.timeoutMs ?? GATE_REQUEST_TIMEOUT_MS;
    this.#onStage = options.onStage ?? (() => undefined);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => this.#end('gate-closed'));
    socket.on('close', () => this.#end('gate-closed'));
  }

  async ping(): Promise<void> {
    await this.#ask({ op: 'ping' });
  }

  async version(): Promise<TorIdentity> {
    return this.#read(decodeIdentity(await this.#ask({ op: 'version' })));
  }

  /** The stage now; later ones go to `onStage`. */
  async bootstrap(): Promise<GateStage> {
    const fields = await this.#ask({ op: 'bootstrap' });
    return this.#read(decodeStage(fields['stage']));
  }

  /** Gives Tor the 32-byte client key of one onion for as long as this connection lives. The caller wipes its copy. */
  async allow(onion: string, key: Uint8Array): Promise<void> {
    await this.#ask({ op: 'allow', onion, key });
  }

  async forget(): Promise<void> {
    await this.#ask({ op: 'forget' });
  }

  /** How Tor's fetch of this connection's onion descriptor stands. */
  async descriptor(): Promise<FetchState> {
    const fields = await this.#ask({ op: 'descriptor' });
    return this.#read(decodeFetch(fields['descriptor']));
  }

  async path(): Promise<OnionPath> {
    return this.#read(decodePath(await this.#ask({ op: 'path' })));
  }

  close(): void {
    this.#end('gate-closed');
  }

  #ask(request: GateRequest): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      if (this.#endCode !== undefined) {
        reject(new TorError(this.#endCode));
        return;
      }
      if (this.#pending.length >= MAX_GATE_PENDING_REQUESTS) {
        reject(new TorError('gate-busy'));
        return;
      }
      const timer = setTimeout(() => this.#end('gate-timeout'), this.#timeoutMs);
      const settle = (fields: JsonObject): void => {
        clearTimeout(timer);
        resolve(fields);
      };
      const fail = (error: TorError): void => {
        clearTimeout(timer);
        reject(error);
      };
      this.#pending.push({ settle, fail });
      this.#socket.write(encodeGateRequest(request));
    });
  }

  #receive(chunk: Buffer): void {
    const { lines, overflow } = this.#splitter.push(chunk);
    for (const line of lines) {
      if (this.#endCode !== undefined) return;
      this.#take(line);
    }
    if (overflow) this.#end('gate-protocol');
  }

  #take(line: Buffer): void {
    const message = decodeGateMessage(line);
    if (message?.kind === 'stage-event') {
      this.#onStage(message.stage);
      return;
    }
    const asked = this.#pending.shift();
    // The gate speaks unasked only to end the connection, and then says why.
    if (asked === undefined || message === undefined) {
      const code = message?.kind === 'refused' ? message.code : 'gate-protocol';
      asked?.fail(new TorError(code));
      this.#end(code);
    } else if (message.kind === 'ok') asked.settle(message.fields);
    else asked.fail(new TorError(message.code));
  }

  #read<Value>(value: Value | undefined): Value {
    if (value !== undefined) return value;
    this.#end('gate-protocol');
    throw new TorError('gate-protocol');
  }

  #end(code: TorErrorCode): void {
    if (this.#endCode !== undefined) return;
    this.#endCode = code;
    this.#socket.destroy();
    for (const asked of this.#pending.splice(0)) asked.fail(new TorError(code));
    this.#resolveClosed(code);
  }
}
