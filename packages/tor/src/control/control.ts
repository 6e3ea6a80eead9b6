// A connection to Tor's control socket: proves both ends, sends one command at a time and hands out
// events. Knows only the operations that Sotto needs.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { ConfKey, EventName, InfoKey, OnionRequest } from './command.ts';
import {
  addOnionCommand,
  authChallengeCommand,
  authenticateCommand,
  clientAuthAddCommand,
  clientAuthRemoveCommand,
  clientAuthViewCommand,
  delOnionCommand,
  getConfCommand,
  getInfoCommand,
  protocolInfoCommand,
  setEventsCommand,
} from './command.ts';
import type { TorErrorCode } from '../errors.ts';
import { TorError } from '../errors.ts';
import { parseKeywordLine } from './keywords.ts';
import {
  CONTROL_COMMAND_TIMEOUT_MS,
  CONTROL_CONNECT_TIMEOUT_MS,
  CONTROL_COOKIE_BYTES,
  CONTROL_NONCE_BYTES,
  MAX_QUEUED_COMMANDS,
} from '../limits.ts';
import type { ClientAuthKey } from '../onion/onion-key.ts';
import { isOnionAddress } from '../onion/onion-key.ts';
import type { ControlMessage } from './reply-parser.ts';
import { ReplyParser } from './reply-parser.ts';

const SERVER_HASH_KEY = 'Tor safe cookie authentication server-to-controller hash';
const CLIENT_HASH_KEY = 'Tor safe cookie authentication controller-to-server hash';
const HASH_HEX = /^[0-9A-Fa-f]{64}$/;

export interface ControlAddress {
  /** Unix socket of Tor (`ControlSocket`). */
  readonly socketPath: string;
  /**
   * Tor's 32-byte cookie (`CookieAuthFile`). Read from here only: a path that the other end names
   * is not trusted.
   */
  readonly cookiePath: string;
}

export interface ControlTimeouts {
  readonly connectMs: number;
  readonly commandMs: number;
}

export type EventListener = (event: ControlMessage) => void;

interface PendingCommand {
  readonly bytes: Buffer;
  readonly settle: (reply: ControlMessage) => void;
  readonly fail: (error: TorError) => void;
}

const TIMEOUTS: ControlTimeouts = { connectMs: CONTROL_CONNECT_TIMEOUT_MS, commandMs: CONTROL_COMMAND_TIMEOUT_MS };

/**
 * Connects and authenticates with SAFECOOKIE in both directions (control-spec §3.24).
 * @throws TorError `control-unreachable`, `control-cookie-unreadable`,
 * `control-safecookie-missing`, `control-impostor`,
 * `control-auth-refused`, `control-timeout`, or the code with which the connection closed
 */
export async function connectControl(
  address: ControlAddress,
  timeouts: ControlTimeouts = TIMEOUTS,
): Promise<TorControl> {
  const socket = await connectSocket(address.socketPath, timeouts.connectMs);
  const control = new TorControl(socket, timeouts.commandMs);
  try {
    await control.authenticate(() => readCookie(address.cookiePath));
    return control;
  } catch (error) {
    control.close();
    throw error;
  }
}

/** An authenticated control connection. Onions added on it end with it. */
export class TorControl {
  /** Why the connection ended; `control-closed` for an end without a fault. Never rejects. */
  readonly closed: Promise<TorErrorCode>;
  readonly #socket: Socket;
  readonly #commandMs: number;
  readonly #parser = new ReplyParser();
  readonly #listeners = new Set<EventListener>();
  readonly #queue: PendingCommand[] = [];
  #current: PendingCommand | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endCode: TorErrorCode | undefined;
  #resolveClosed: (code: TorErrorCode) => void = () => undefined;

  /** For `connectControl`; the socket must be connected. */
  constructor(socket: Socket, commandMs: number) {
    this.#socket = socket;
    this.#commandMs = commandMs;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => this.#end('control-closed'));
    socket.on('close', () => this.#end('control-closed'));
  }

  /** Hands every 650 event to `listener` until the function that comes back is called. */
  onEvent(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The values of these keys.
   *
   * @throws TorError `control-refused` with Tor's status, e.g. for an unknown key
   */
  async getInfo(keys: readonly InfoKey[]): Promise<ReadonlyMap<InfoKey, string>> {
    const reply = await this.#ask(getInfoCommand(keys));
    return readValues(reply, keys);
  }

  async getConf(keys: readonly ConfKey[]): Promise<ReadonlyMap<ConfKey, string>> {
    const reply = await this.#ask(getConfCommand(keys));
    return readValues(reply, keys);
  }

  /** As `getConf`, with every value of each key; none for a list that is empty. */
  async getConfLists<Key extends ConfKey>(keys: readonly Key[]): Promise<ReadonlyMap<Key, readonly string[]>> {
    const reply = await this.#ask(getConfCommand(keys));
    return readLists(reply, keys);
  }

  /** Replaces the set of events that Tor sends on this connection. */
  async setEvents(names: readonly EventName[]): Promise<void> {
    await this.#ask(setEventsCommand(names));
  }

  /**
   * Publishes an ephemeral onion of this connection; gives its address.
   *
   * @throws TorError `onion-address-mismatch`
   */
  async addOnion(request: OnionRequest): Promise<string> {
    const reply = await this.#ask(addOnionCommand(request));
    const served = parseKeywordLine(reply.lines[0]?.text ?? '').keywords.get('ServiceID');
    if (served !== request.key.address) throw new TorError('onion-address-mismatch');
    return served;
  }

  /**
   * Stops an onion of this connection. Its rendezvous circuits stay: closing them is the service's
   * work.
   */
  async delOnion(address: string): Promise<void> {
    await this.#ask(delOnionCommand(address));
  }

  /** Gives Tor the client key of an onion, in memory only. A key that was there is replaced. */
  async onionClientAuthAdd(address: string, key: ClientAuthKey): Promise<void> {
    await this.#ask(clientAuthAddCommand(address, key));
  }

  /** Removes the client key of an onion; no error if there was none. */
  async onionClientAuthRemove(address: string): Promise<void> {
    await this.#ask(clientAuthRemoveCommand(address));
  }

  /**
   * The addresses of the onions whose client key Tor holds. The keys in the reply go no further.
   */
  async onionClientAuthView(): Promise<readonly string[]> {
    const reply = await this.#ask(clientAuthViewCommand());
    const addresses = reply.lines.map((line) => parseKeywordLine(line.text).words);
    return addresses
      .flatMap(([word, address]) => (word === 'CLIENT' && address !== undefined ? [address] : []))
      .filter(isOnionAddress);
  }

  /** Ends the connection, and with it every onion that was added on it. */
  close(): void {
    this.#end('control-closed');
  }

  /** For `connectControl`: proves to Tor that we know the cookie, after it has proved the same. */
  async authenticate(loadCookie: () => Promise<Uint8Array>): Promise<void> {
    const offer = await this.#ask(protocolInfoCommand());
    if (!offersSafeCookie(offer)) throw new TorError('control-safecookie-missing');
    // Not before: a Tor that has just started opens its socket first and writes its new cookie
    // before it answers anything.
    const cookie = await loadCookie();
    const nonce = randomBytes(CONTROL_NONCE_BYTES);
    const challenge = await this.#ask(authChallengeCommand(nonce));
    const { keywords } = parseKeywordLine(challenge.lines[0]?.text ?? '');
    const serverNonce = hexBytes(keywords.get('SERVERNONCE'));
    const serverHash = hexBytes(keywords.get('SERVERHASH'));
    const transcript = Buffer.concat([cookie, nonce, serverNonce]);
    const expected = createHmac('sha256', SERVER_HASH_KEY).update(transcript).digest();
    const proof = createHmac('sha256', CLIENT_HASH_KEY).update(transcript).digest();
    transcript.fill(0);
    cookie.fill(0);
    if (!timingSafeEqual(expected, serverHash)) throw new TorError('control-impostor');
    const answer = await this.#send(authenticateCommand(proof));
    if (answer.status !== 250) throw new TorError('control-auth-refused', answer.status);
  }

  async #ask(command: Buffer): Promise<ControlMessage> {
    const reply = await this.#send(command);
    if (reply.status < 200 || reply.status > 299) throw new TorError('control-refused', reply.status);
    return reply;
  }

  #send(bytes: Buffer): Promise<ControlMessage> {
    return new Promise((settle, fail) => {
      if (this.#endCode !== undefined) {
        bytes.fill(0);
        fail(new TorError(this.#endCode));
      } else if (this.#queue.length >= MAX_QUEUED_COMMANDS) {
        bytes.fill(0);
        fail(new TorError('control-queue-full'));
      } else {
        this.#queue.push({ bytes, settle, fail });
        this.#sendNext();
      }
    });
  }

  #sendNext(): void {
    if (this.#current !== undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#current = next;
    // After a silence no reply can be matched to its command: the connection must end.
    this.#timer = setTimeout(() => this.#end('control-timeout'), this.#commandMs);
    this.#socket.write(next.bytes, () => next.bytes.fill(0));
  }

  #receive(chunk: Buffer): void {
    const parsed = this.#parser.push(chunk);
    if (!parsed.ok) {
      this.#end(parsed.code);
      return;
    }
    for (const message of parsed.value) {
      if (this.#endCode !== undefined) return;
      if (message.kind === 'event') this.#dispatch(message);
      else this.#answer(message);
    }
  }

  #answer(reply: ControlMessage): void {
    const answered = this.#current;
    if (answered === undefined) {
      this.#end('control-unexpected');
      return;
    }
    clearTimeout(this.#timer);
    this.#current = undefined;
    answered.settle(reply);
    this.#sendNext();
  }

  #dispatch(event: ControlMessage): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #end(code: TorErrorCode): void {
    if (this.#endCode !== undefined) return;
    this.#endCode = code;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#listeners.clear();
    const unanswered = this.#current === undefined ? this.#queue : [this.#current, ...this.#queue];
    for (const command of unanswered) {
      command.bytes.fill(0);
      command.fail(new TorError(code));
    }
    this.#current = undefined;
    this.#queue.length = 0;
    this.#resolveClosed(code);
  }
}

async function readCookie(path: string): Promise<Buffer> {
  const cookie = Buffer.alloc(CONTROL_COOKIE_BYTES + 1);
  let length = 0;
  try {
    await using file = await open(path, 'r');
    length = (await file.read(cookie, 0, cookie.length, 0)).bytesRead;
  } catch {
    // The system's message holds the path. The code is enough for the caller.
    throw new TorError('control-cookie-unreadable');
  }
  // Any other length is some other file: its MAC must not be offered to the listener (control-spec
  // §3.24).
  if (length !== CONTROL_COOKIE_BYTES) throw new TorError('control-cookie-unreadable');
  return cookie.subarray(0, CONTROL_COOKIE_BYTES);
}

function connectSocket(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const fail = (): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new TorError('control-unreachable'));
    };
    const timer = setTimeout(fail, timeoutMs);
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function offersSafeCookie(reply: ControlMessage): boolean {
  return reply.lines.some((line) => {
    const { words, keywords } = parseKeywordLine(line.text);
    return words[0] === 'AUTH' && (keywords.get('METHODS') ?? '').split(',').includes('SAFECOOKIE');
  });
}

function hexBytes(text: string | undefined): Buffer {
  if (text === undefined || !HASH_HEX.test(text)) throw new TorError('control-unexpected');
  return Buffer.from(text, 'hex');
}

function readValues<Key extends string>(reply: ControlMessage, keys: readonly Key[]): ReadonlyMap<Key, string> {
  const values = new Map<Key, string>();
  for (const { text, data } of reply.lines) {
    const key = keys.find((candidate) => text.startsWith(`${candidate}=`));
    if (key !== undefined && !values.has(key)) values.set(key, data ?? text.slice(key.length + 1));
  }
  if (keys.some((key) => !values.has(key))) throw new TorError('control-unexpected');
  return values;
}

/** A key without a value is an empty list; every key that was asked for has to be there. */
function readLists<Key extends string>(
  reply: ControlMessage,
  keys: readonly Key[],
): ReadonlyMap<Key, readonly string[]> {
  const lists = new Map<Key, string[]>();
  for (const { text } of reply.lines) {
    const [name = ''] = text.split('=', 1);
    const key = keys.find((candidate) => candidate === name);
    if (key === undefined) throw new TorError('control-unexpected');
    const list = lists.get(key) ?? [];
    if (text.length > name.length) list.push(text.slice(name.length + 1));
    lists.set(key, list);
  }
  if (lists.size !== keys.length) throw new TorError('control-unexpected');
  return lists;
}
