// Opens a byte stream to an onion through Tor's SOCKS port, on a circuit of its own. Stable codes
// name each cause of failure.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { message } from '@sotto/messages';
import type { MessageId } from '@sotto/messages';
import { SocksClient } from 'socks';
import type { TorErrorCode } from '../errors.ts';
import { TorError } from '../errors.ts';
import { DIAL_TIMEOUT_MS, ONION_VIRTUAL_PORT, SOCKS_CREDENTIAL_BYTES } from '../limits.ts';
import { isOnionAddress } from './onion-key.ts';
import { SocksReplyReader } from './socks-reply.ts';

/** Tor's SOCKS port (`SocksPort … OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors`). */
export interface SocksAddress {
  readonly host: string;
  readonly port: number;
}

export interface DialOptions {
  readonly socks: SocksAddress;
  /** 56 characters, without `.onion`. */
  readonly onion: string;
  readonly port?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly randomBytes?: (length: number) => Uint8Array;
}

/** A failure as a user reads it: its cause and the next step. */
export interface Advice {
  readonly cause: string;
  readonly nextStep: string;
}

const MAX_PORT = 65_535;

type DialAdvice = Extract<MessageId, `dial.${string}`>;

const NEXT_STEPS: Partial<Readonly<Record<TorErrorCode, DialAdvice>>> = {
  'onion-address': 'dial.fresh-string',
  'socks-unreachable': 'dial.check-tor',
  'socks-protocol': 'dial.check-tor',
  'socks-closed': 'dial.check-tor',
  'socks-isolation-refused': 'dial.check-settings',
  'socks-command-refused': 'dial.check-settings',
  'socks-address-refused': 'dial.check-settings',
  'tor-not-allowed': 'dial.check-settings',
  'tor-network-unreachable': 'dial.connect-machine',
  'onion-unreachable': 'dial.wait-then-ask-host',
  'onion-stream-refused': 'dial.ask-host',
  'onion-descriptor-not-found': 'dial.ask-host',
  'onion-descriptor-invalid': 'dial.fresh-string',
  'onion-introduction-failed': 'dial.ask-host',
  'onion-introduction-timed-out': 'dial.ask-host',
  'onion-client-auth-missing': 'dial.check-gate',
  'onion-client-auth-wrong': 'dial.fresh-string',
  'onion-address-refused': 'dial.fresh-string',
};

/** Cause and next step of a failed dial. */
export function adviseDial(code: TorErrorCode): Advice {
  return { cause: message(`error.tor.${code}`), nextStep: message(NEXT_STEPS[code] ?? 'dial.wait') };
}

/**
 * Connects to `<onion>.onion:<port>` through SOCKS 5 (RFC 1928, RFC 1929).
 *
 * Each call sends fresh random credentials, so Tor gives each stream a circuit of its own
 * (`IsolateSOCKSAuth`). `timeoutMs` covers the whole dial. `signal` ends it at once.
 *
 * @returns the stream, **paused**, with all that the other end has sent so far still in it: attach
 * listeners, then `resume()` (or pipe, or iterate). After a failure no socket stays open.
 * @throws TorError `onion-address`, `dial-port`, `aborted`, `dial-timeout`, `socks-…` or one of
 * `SOCKS_REPLY_CODES`
 */
export async function dialOnion(options: DialOptions): Promise<Socket> {
  const { onion, port = ONION_VIRTUAL_PORT, signal } = options;
  if (!isOnionAddress(onion)) throw new TorError('onion-address');
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT) throw new TorError('dial-port');
  if (signal?.aborted === true) throw new TorError('aborted');
  const attempt = new DialAttempt(options.socks);
  const timer = setTimeout(() => attempt.fail('dial-timeout'), options.timeoutMs ?? DIAL_TIMEOUT_MS);
  const giveUp = (): void => attempt.fail('aborted');
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await attempt.connected();
    await attempt.negotiate(`${onion}.onion`, port, options);
    return await attempt.release();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

class DialAttempt {
  readonly #socks: SocksAddress;
  readonly #socket: Socket;
  readonly #reader = new SocksReplyReader();
  readonly #failed = Promise.withResolvers<never>();
  #code: TorErrorCode | undefined;
  #isConnected = false;
  readonly #onData = (chunk: Buffer): void => this.#observe(chunk);
  readonly #onEnd = (): void => this.fail(this.#isConnected ? 'socks-closed' : 'socks-unreachable');

  constructor(socks: SocksAddress) {
    this.#socks = socks;
    // `race` passes the rejection on to each wait; after the last wait nothing listens.
    this.#failed.promise.catch(() => undefined);
    this.#socket = connect({ host: socks.host, port: socks.port, noDelay: true });
    this.#socket.on('error', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
  }

  /** Ends the attempt with the first code that is given. */
  fail(code: TorErrorCode): void {
    if (this.#code !== undefined) return;
    this.#code = code;
    this.#failed.reject(new TorError(code));
    this.#socket.destroy();
  }

  connected(): Promise<unknown> {
    const connected = new Promise((resolve) => this.#socket.once('connect', resolve));
    return this.#race(connected.then(() => (this.#isConnected = true)));
  }

  negotiate(host: string, port: number, options: DialOptions): Promise<unknown> {
    const random = options.randomBytes ?? randomBytes;
    const credential = (): string => Buffer.from(random(SOCKS_CREDENTIAL_BYTES)).toString('hex');
    // Our reader listens before the library, so that our code comes first.
    this.#socket.on('data', this.#onData);
    const established = SocksClient.createConnection({
      command: 'connect',
      existing_socket: this.#socket,
      proxy: { ...this.#socks, type: 5, userId: credential(), password: credential() },
      destination: { host, port },
      timeout: (options.timeoutMs ?? DIAL_TIMEOUT_MS) + 1,
    });
    // The library's error is dropped on purpose: it carries the credentials and the address, and
    // cannot name Tor's reasons.
    established.catch(() => this.fail('socks-protocol'));
    return this.#race(established);
  }

  /**
   * Detaches the stream from the library. The library re-emits early bytes and sets the stream
   * flowing one tick after its promise.
   */
  async release(): Promise<Socket> {
    const early: Buffer[] = [];
    const keep = (chunk: Buffer): void => void early.push(chunk);
    this.#socket.off('data', this.#onData);
    this.#socket.on('data', keep);
    // This immediate runs after the library's.
    await this.#race(new Promise((resolve) => setImmediate(resolve)));
    this.#socket.pause();
    this.#socket.off('data', keep);
    // A stream that ends within one tick carries nothing that a caller could use.
    if (this.#socket.readableEnded) this.fail('socks-closed');
    if (this.#code !== undefined) throw new TorError(this.#code);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onEnd);
    // An error is always followed by 'close', and the caller listens for that.
    this.#socket.on('error', () => undefined);
    if (early.length > 0) this.#socket.unshift(Buffer.concat(early));
    return this.#socket;
  }

  #observe(chunk: Buffer): void {
    const outcome = this.#reader.push(chunk);
    if (outcome.state === 'failed') this.fail(outcome.code);
  }

  #race<Value>(step: Promise<Value>): Promise<Value> {
    return Promise.race([step, this.#failed.promise]);
  }
}
