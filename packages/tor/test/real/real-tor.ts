// Debian's tor as a child of the test, with its network switched off: only its control socket in a
// private directory works.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ControlAddress } from '../../src/control/control.ts';
import { RawLineClient } from '../raw-line-client.ts';

const BINARY = process.env['SOTTO_TOR_BINARY'] ?? 'tor';
const LISTENING = 'Opened Control listener';

export class RealTor implements AsyncDisposable {
  readonly address: ControlAddress;
  readonly #directory: string;
  readonly #changed: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  private constructor(directory: string, changed: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#changed = changed;
    this.address = { socketPath: join(directory, 'control'), cookiePath: join(directory, 'cookie') };
  }

  /** `changed`: settings beside the usual ones, or in their place. */
  static async start(changed: Readonly<Record<string, string>> = {}): Promise<RealTor> {
    // mkdtemp makes the directory 0700, which is what tor insists on.
    const tor = new RealTor(await mkdtemp(join(tmpdir(), 'sotto-real-tor-')), changed);
    try {
      await tor.up();
      return tor;
    } catch (error) {
      await tor[Symbol.asyncDispose]();
      throw error;
    }
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  async up(): Promise<void> {
    const child = spawn(BINARY, this.#arguments(), { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    const failed = new Promise<never>((_resolve, reject) => {
      child.once('error', () =>
        reject(new Error(`tor cannot be run as "${BINARY}": install it or set SOTTO_TOR_BINARY`)),
      );
      child.once('exit', (code) =>
        reject(new Error(`tor ended with ${String(code)} before its control socket was there`)),
      );
    });
    await Promise.race([failed, opened(child, this.address.socketPath)]);
    failed.catch(() => undefined);
  }

  /** Ends this tor by its own pid, with the given signal. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /**
   * An authenticated connection straight to the control socket: the control of each "the gate
   * refuses".
   */
  async raw(): Promise<RawLineClient> {
    const client = await RawLineClient.connect(this.address.socketPath);
    const cookie = await readFile(this.address.cookiePath);
    const answer = await client.ask(`AUTHENTICATE ${cookie.toString('hex')}\r`);
    if (answer !== '250 OK') throw new Error('the raw control connection was refused');
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #arguments(): string[] {
    const options: Readonly<Record<string, string>> = {
      DisableNetwork: '1',
      SocksPort: '0',
      ControlSocket: this.address.socketPath,
      CookieAuthentication: '1',
      CookieAuthFile: this.address.cookiePath,
      DataDirectory: this.path('data'),
      Log: 'notice stdout',
      // Dies with the test, however the test dies.
      __OwningControllerProcess: String(process.pid),
      ...this.#changed,
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    return [
      '-f',
      this.path('no-torrc'),
      '--ignore-missing-torrc',
      '--defaults-torrc',
      this.path('no-defaults'),
      ...flags,
    ];
  }
}

/**
 * A tor with a control port, too, opens that one first: only the line that names the socket counts.
 */
async function opened(child: ChildProcess, socketPath: string): Promise<void> {
  if (child.stdout === null) return;
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) if (line.includes(LISTENING) && line.endsWith(` on ${socketPath}`)) break;
  // Tor must be able to go on talking.
  child.stdout.resume();
}
