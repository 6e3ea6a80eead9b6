// The programs of the testbed: the shipped ones, each with the environment that the compose file gives it, at places of this container.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const STATE = '/run/testbed';
const LOOK_EVERY_MS = 200;
const NODE = '/usr/local/bin/node';
/** As the relay's Dockerfile starts it. */
const RELAY_FLAGS = ['--disable-sigusr1', '--max-old-space-size=64', '--max-semi-space-size=4'];
/** Said aloud, as the programs want it: they are root here, among each other, on a loopback, with what the observer needs. */
const UNPROTECTED = 'user,capabilities,no-new-privileges,seccomp,read-only,network';
/** Later than a demo's: this machine has much else to start at the same time. */
const FIRST_CONSENSUS_SECONDS = '15';
/** The port of the Tor that everybody but the observed members uses; an observed one has this, plus one, plus the number of its room. */
const FIRST_SOCKS_PORT = 20_000;

/** Of this container alone, on its loopback. Tor uses no source address of choice for goals in 127.0.0.0/8. */
const ADDRESSES = '10.99.0.1/16';
const OBSERVED_ADDRESSES = '10.99.1.';

const running = new Set<ChildProcess>();

/** Starts a program. When one that is needed ends, so does the testbed. */
export function start(
  what: string,
  command: readonly string[],
  environment: Record<string, string> = {},
): ChildProcess {
  const [file = '', ...args] = command;
  const started = spawn(file, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      OMP_NUM_THREADS: '2',
      SOTTO_UNPROTECTED: UNPROTECTED,
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(started);
  started.stdin.on('error', () => undefined); // its end is told by `close`
  started.stdout.resume();
  started.stderr.setEncoding('utf8').on('data', (text: string) => log(`${what}: ${text.trim()}`));
  started.on('close', (code) => {
    if (running.delete(started)) log(`${what} ended with ${String(code)}`);
  });
  return started;
}

export async function stop(program: ChildProcess): Promise<void> {
  running.delete(program);
  if (program.exitCode !== null) return;
  const ended = new Promise((resolve) => program.once('close', resolve));
  program.kill('SIGTERM');
  await ended;
}

/** Ends everything at once: nothing of it is looked at any more. */
export function stopAll(): void {
  for (const program of running) program.kill('SIGKILL');
  running.clear();
}

export function onLine(program: ChildProcess, onText: (line: string) => void): void {
  if (program.stdout === null) throw new Error('a program without output');
  createInterface({ input: program.stdout }).on('line', onText);
}

/** The testbed's own words, for whoever waits for it. */
export function log(text: string): void {
  process.stderr.write(`${(performance.now() / 1_000).toFixed(1)} s  ${text}\n`);
}

export async function until(what: string, holds: () => boolean, limitMs: number): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}

export async function startTorNetwork(limitMs: number): Promise<void> {
  const addresses = start('addresses', ['/usr/sbin/ip', 'address', 'add', ADDRESSES, 'dev', 'lo']);
  await until('addresses', () => addresses.exitCode !== null, limitMs);
  start('tor network', ['/usr/local/bin/tornet'], { TORNET_FIRST_CONSENSUS_SECONDS: FIRST_CONSENSUS_SECONDS });
  await until('the Tor network', () => existsSync('/run/nodes/ready'), limitMs);
}

export function startRedis(): void {
  start('redis', ['/usr/bin/redis-server', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
}

export const relaySocket = (relay: number): string => `${STATE}/relay-${relay}.sock`;
const adminSocket = (relay: number): string => `${STATE}/admin-${relay}.sock`;
export const tapSocket = (room: number): string => `${STATE}/tap-${room}.sock`;

export async function startRelay(relay: number, limitMs: number): Promise<void> {
  start(`relay ${relay}`, [NODE, ...RELAY_FLAGS, '/programs/relay/node_modules/@sotto/relay/src/main.js'], {
    SOTTO_REDIS_HOST: '127.0.0.1',
    SOTTO_REDIS_PORT: '6379',
    SOTTO_RELAY_SOCKET: relaySocket(relay),
    SOTTO_ADMIN_SOCKET: adminSocket(relay),
  });
  await until('a relay', () => existsSync(relaySocket(relay)), limitMs);
}

const torFolder = (tor: string): string => `${STATE}/${tor}`;

function startTor(tor: string, torrc: string, args: readonly string[]): void {
  const folder = torFolder(tor);
  mkdirSync(folder, { mode: 0o700 });
  start(tor, [
    ...['/usr/bin/tor', '--defaults-torrc', '/run/tornet/torrc', '-f', torrc],
    ...['--ControlSocket', `${folder}/control`, '--CookieAuthFile', `${folder}/cookie`],
    // Of its own, too: the test network's lines name one directory for documents, as if there were one tor.
    ...[
      '--DataDirectory',
      `${folder}/data`,
      '--CacheDirectory',
      `${folder}/data`,
      '--Log',
      `warn file ${folder}/log`,
      ...args,
    ],
  ]);
}

export function startOnionTor(): void {
  startTor('onion', '/etc/tor/torrc', []);
}

/** A guests' Tor with its gate. `observed`: the number of the room whose member alone uses it; its packets have a source address of their own. */
export function startGuestTor(tor: string, observed: number | undefined): Endpoints {
  const port = FIRST_SOCKS_PORT + (observed === undefined ? 0 : observed + 1);
  const socks = `127.0.0.1:${port} OnionTrafficOnly IsolateSOCKSAuth KeepAliveIsolateSOCKSAuth ExtendedErrors`;
  const bind = observed === undefined ? [] : ['--OutboundBindAddress', `${OBSERVED_ADDRESSES}${observed + 1}`];
  startTor(tor, '/etc/tor/torrc.client', ['--SocksPort', socks, ...bind]);
  const gate = `${STATE}/gate-${tor}.sock`;
  start(`gate of ${tor}`, [NODE, '--disable-sigusr1', '/programs/gate/node_modules/@sotto/tor/src/gate/main.js'], {
    SOTTO_TOR_CONTROL: `${torFolder(tor)}/control`,
    SOTTO_TOR_COOKIE: `${torFolder(tor)}/cookie`,
    SOTTO_GATE_SOCKET: gate,
  });
  return { SOTTO_SOCKS: `127.0.0.1:${port}`, SOTTO_GATE_SOCKET: gate };
}

/** Where a client finds Tor, as its environment says it. */
export type Endpoints = Record<'SOTTO_SOCKS' | 'SOTTO_GATE_SOCKET', string>;

export function startHost(room: number, relay: number, cover: string, endpoints: Endpoints): ChildProcess {
  return start(`host ${room}`, [NODE, '--disable-sigusr1', '/programs/host/node_modules/@sotto/host/src/main.js'], {
    ...endpoints,
    SOTTO_TOR_CONTROL: `${torFolder('onion')}/control`,
    SOTTO_TOR_COOKIE: `${torFolder('onion')}/cookie`,
    SOTTO_ADMIN_SOCKET: adminSocket(relay),
    SOTTO_RELAY_SOCKET: tapSocket(room),
    SOTTO_INVITE_SOCKET: `${STATE}/invite-${room}.sock`,
    SOTTO_ROOM_COVER: cover,
  });
}

export function startClient(name: string, endpoints: Endpoints): ChildProcess {
  const program = '/programs/client/node_modules/@sotto/terminal/src/main.js';
  return start(name, [NODE, '--disable-sigusr1', program, '--json', '--name', name, '--renew', 'off', '-'], endpoints);
}

/** @returns what stops them. */
export function burn(processes: number): () => Promise<void> {
  const burners = Array.from({ length: processes }, () => start('burner', [NODE, '--eval', 'for (;;);']));
  return async () => {
    await Promise.all(burners.map(stop));
  };
}
