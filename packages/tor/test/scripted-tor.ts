// A stand-in for the tor daemon's control port, honest about authentication, so that events and
// faults can be had without a network.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlAddress } from '../src/control/control.ts';
import { SETTING_NAMES } from '../src/control/tor-settings.ts';
import type { SettingName } from '../src/control/tor-settings.ts';

/** Tor's report of the shipped torrc's settings; a test may change some. */
export function settingsReply(changed: Partial<Readonly<Record<SettingName, readonly string[]>>> = {}): string {
  const shipped: typeof changed = {
    SocksPort: [
      'socks-side:9050 OnionTrafficOnly IsolateSOCKSAuth',
      'probe-side:9050 OnionTrafficOnly IsolateSOCKSAuth',
    ],
    HiddenServiceSingleHopMode: ['0'],
    HiddenServiceNonAnonymousMode: ['0'],
    UseEntryGuards: ['1'],
    VanguardsLiteEnabled: ['1'],
    SafeLogging: ['1'],
  };
  const lines = SETTING_NAMES.flatMap((name) => {
    const values = changed[name] ?? shipped[name] ?? [];
    return values.length === 0 ? [name] : values.map((value) => `${name}=${value}`);
  });
  return lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}\r\n`).join('');
}

export type Answer = (command: string) => string | undefined;

const DEFAULT_ANSWERS: Readonly<Record<string, string>> = {
  'GETINFO version': '250-version=0.4.9.11\r\n250 OK\r\n',
  [`GETCONF ${SETTING_NAMES.join(' ')}`]: settingsReply(),
  'GETCONF TestingTorNetwork': '250 TestingTorNetwork=0\r\n',
  'GETINFO status/bootstrap-phase':
    '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=0 TAG=starting SUMMARY="Starting"\r\n250 OK\r\n',
  'GETINFO entry-guards': '250-entry-guards=\r\n250 OK\r\n',
  'GETCONF VanguardsLiteEnabled': '250 VanguardsLiteEnabled=1\r\n',
  ONION_CLIENT_AUTH_VIEW: '250-ONION_CLIENT_AUTH_VIEW\r\n250 OK\r\n',
};

export interface ScriptedTorOptions {
  /**
   * Overrides the answer to a command; undefined falls back to the usual one, an empty string is
   * silence.
   */
  readonly answer?: Answer;
  readonly authMethods?: string;
  /** Answers AUTHCHALLENGE as a server that does not know the cookie. */
  readonly impostor?: boolean;
}

export class ScriptedTor implements AsyncDisposable {
  readonly address: ControlAddress;
  readonly commands: string[] = [];
  readonly #directory: string;
  readonly #cookie: Buffer;
  readonly #options: ScriptedTorOptions;
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<() => void>();
  #server: Server | undefined;

  private constructor(directory: string, cookie: Buffer, options: ScriptedTorOptions) {
    this.#directory = directory;
    this.#cookie = cookie;
    this.#options = options;
    this.address = { socketPath: join(directory, 'control'), cookiePath: join(directory, 'cookie') };
  }

  static async start(options: ScriptedTorOptions = {}): Promise<ScriptedTor> {
    const directory = await mkdtemp(join(tmpdir(), 'sotto-tor-'));
    const tor = new ScriptedTor(directory, randomBytes(32), options);
    await tor.up();
    return tor;
  }

  /** A path in this daemon's own directory. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  async up(): Promise<void> {
    await writeFile(this.address.cookiePath, this.#cookie, { mode: 0o600 });
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.address.socketPath, resolve));
  }

  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  emit(line: string): void {
    for (const socket of this.#sockets) socket.write(`650 ${line}\r\n`);
  }

  /** Sends bytes as they are. */
  emitRaw(bytes: string): void {
    for (const socket of this.#sockets) socket.write(bytes, 'latin1');
  }

  /** Waits until a command with this start has arrived `count` times. */
  async saw(start: string, count = 1): Promise<void> {
    while (this.commands.filter((command) => command.startsWith(start)).length < count) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let held = '';
    let proof: Buffer | undefined;
    let isAuthenticated = false;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      held += chunk.toString('latin1');
      const lines = held.split('\r\n');
      held = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('AUTHCHALLENGE')) {
          const [answer, expected] = this.#challenge(line);
          proof = expected;
          socket.write(answer);
        } else if (line.startsWith('AUTHENTICATE')) {
          const given = Buffer.from(line.slice('AUTHENTICATE '.length), 'hex');
          isAuthenticated = proof !== undefined && given.length === 32 && timingSafeEqual(given, proof);
          socket.write(isAuthenticated ? '250 OK\r\n' : '515 Authentication failed\r\n');
        } else if (line.startsWith('PROTOCOLINFO')) {
          const methods = this.#options.authMethods ?? 'COOKIE,SAFECOOKIE';
          socket.write(
            `250-PROTOCOLINFO 1\r\n250-AUTH METHODS=${methods} COOKIEFILE="/nowhere"\r\n250-VERSION Tor="0.4.9.11"\r\n250 OK\r\n`,
          );
        } else {
          socket.write(isAuthenticated ? this.#answer(line) : '514 Authentication required\r\n', 'latin1');
        }
      }
    });
  }

  #challenge(line: string): [string, Buffer] {
    const clientNonce = Buffer.from(line.split(' ')[2] ?? '', 'hex');
    const nonce = randomBytes(32);
    const transcript = Buffer.concat([this.#cookie, clientNonce, nonce]);
    const hash = (key: string): Buffer => createHmac('sha256', key).update(transcript).digest();
    const server = hash('Tor safe cookie authentication server-to-controller hash');
    const shown = this.#options.impostor === true ? randomBytes(32) : server;
    const answer = `250 AUTHCHALLENGE SERVERHASH=${shown.toString('hex')} SERVERNONCE=${nonce.toString('hex')}\r\n`;
    return [answer, hash('Tor safe cookie authentication controller-to-server hash')];
  }

  #answer(line: string): string {
    const scripted = this.#options.answer?.(line) ?? DEFAULT_ANSWERS[line] ?? '250 OK\r\n';
    this.commands.push(line);
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
    return scripted;
  }
}

/** A clock that stands still until it is told; timers run in order when their time comes. */
export class HandClock {
  #now = 0;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#now + delayMs, call };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** When each timer that waits is due, soonest first. */
  get due(): readonly number[] {
    return this.#timers.map((timer) => timer.atMs).sort((left, right) => left - right);
  }

  advance(ms: number): void {
    this.#now += ms;
    const ready = this.#timers.filter((timer) => timer.atMs <= this.#now);
    this.#timers = this.#timers.filter((timer) => timer.atMs > this.#now);
    for (const timer of ready.sort((left, right) => left.atMs - right.atMs)) timer.call();
  }
}
