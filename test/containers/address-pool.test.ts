// The guests' Tor answers its clients whatever addresses the engine has given the inner networks.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeProject, runCompose } from '../../scripts/compose.ts';
import { NODE_IMAGE, runScript } from './side-container.ts';
import { eventually } from './stack.ts';

const project = `sotto-test-${randomBytes(4).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'sotto-pool-'));
const overlay = join(directory, 'pool.yml');
/** Shared address space (RFC 6598), as large sites give Docker. */
const POOL = { socks: '100.64.7.0/24', probe: '100.64.8.0/24' };
const START_LIMIT_MS = 60_000;

/**
 * Greets as our clients do (RFC 1928, RFC 1929) and prints what comes back, in hexadecimal; nothing
 * for a closed door.
 */
const GREET = `
import { connect } from 'node:net';
const socket = connect(9050, 'tor-client');
let answer = '';
socket.on('connect', () => socket.write(Buffer.from('050102', 'hex')));
socket.on('data', (bytes) => { answer += bytes.toString('hex'); socket.end(); });
socket.on('error', () => undefined);
socket.on('close', () => console.log(JSON.stringify(answer)));`;

const greet = (): unknown => runScript(['--network', `${project}_socks`], NODE_IMAGE, GREET);

async function start(command?: readonly string[]): Promise<void> {
  const networks = Object.entries(POOL).map(([name, subnet]) => [name, { ipam: { config: [{ subnet }] } }]);
  const service = command === undefined ? {} : { services: { 'tor-client': { command } } };
  writeFileSync(overlay, JSON.stringify({ ...service, networks: Object.fromEntries(networks) as unknown }));
  const files = ['docker-compose.yml', 'test/tornet/no-network.yml', overlay];
  const { code, stderr } = runCompose(project, ['up', '--detach', '--no-build', 'tor-client'], files);
  expect(code, stderr).toBe(0);
  const listens = (): boolean =>
    runCompose(project, ['exec', '-T', 'tor-client', '/usr/bin/test', '-S', '/run/tor/control'], files).code === 0;
  await eventually('tor-client listens', listens, START_LIMIT_MS);
}

beforeAll(() => start());
afterAll(() => {
  removeProject(project);
  rmSync(directory, { recursive: true });
});

test('the relay answers a client of an engine with its own address pool', () => {
  expect(greet()).toBe('0502');
});

test('control: Tor refuses the client if its policy lacks the pool', async () => {
  const policy = ['accept 10.0.0.0/8', 'accept 172.16.0.0/12', 'accept 192.168.0.0/16', 'reject *'];
  const nobody =
    'nobody orport=5000 v3ident=0000000000000000000000000000000000000001 198.51.100.1:7000 0000000000000000000000000000000000000002';
  await start([
    ...['--TestingTorNetwork', '1', '--DirAuthority', nobody, '-f', '/etc/tor/torrc.client'],
    ...policy.flatMap((rule) => ['--SocksPolicy', rule]),
  ]);
  expect(greet()).toBe('');
});
