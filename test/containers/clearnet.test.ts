// Through the guests' Tor there is no way to anything but onions: no exit, no name look-up,
// whatever is asked and however.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { NODE_IMAGE, runScript, VERSION } from './side-container.ts';
import { eventually, Stack } from './stack.ts';

const OPEN_LIMIT_MS = 30_000;

const stack = new Stack(inject('project'));
const left: string[] = [];
afterAll(() => {
  for (const name of left) spawnSync('docker', ['rm', '--force', name]);
});

/**
 * Asks a SOCKS port for the clearnet in every way; says the number of each answer, or `waits` where
 * Tor has begun to try.
 */
const ASK = `
import { connect } from 'node:net';
const [host, port] = process.argv.slice(-2);
const address = Buffer.from([198, 51, 100, 9]);
const six = Buffer.concat([Buffer.from('20010db8', 'hex'), Buffer.alloc(11), Buffer.from([1])]);
const name = Buffer.from('clearnet.test');
const named = Buffer.concat([Buffer.from([name.length]), name]);
const http = Buffer.from([0, 80]);
const five = (command, kind, target) => Buffer.concat([Buffer.from([5, command, 0, kind]), target, http]);
const asked = {
  'IPv4 address': five(1, 1, address),
  'IPv6 address': five(1, 4, six),
  name: five(1, 3, named),
  'look-up of a name': five(0xf0, 3, named),
  'look-up of an address': five(0xf1, 1, address),
  'SOCKS 4 address': Buffer.concat([Buffer.from([4, 1]), http, address, Buffer.from([0])]),
  'SOCKS 4a name': Buffer.concat([Buffer.from([4, 1]), http, Buffer.from([0, 0, 0, 1, 0]), name, Buffer.from([0])]),
};
const answer = (request) => new Promise((resolve) => {
  const socket = connect({ host, port: Number(port) });
  const done = (what) => { socket.destroy(); resolve(what); };
  const timer = setTimeout(() => done('waits'), 3000);
  timer.unref();
  const isFive = request[0] === 5;
  let greeted = !isFive;
  let got = Buffer.alloc(0);
  socket.on('connect', () => socket.write(isFive ? Buffer.from([5, 1, 0]) : request));
  socket.on('data', (data) => {
    got = Buffer.concat([got, data]);
    if (!greeted && got.length >= 2) { greeted = true; got = got.subarray(2); socket.write(request); }
    if (greeted && got.length >= 2) done(got[1]);
  });
  socket.on('error', () => done('unreachable'));
  socket.on('close', () => done('closed'));
});
const entries = await Promise.all(Object.entries(asked).map(async ([what, request]) => [what, await answer(request)]));
console.log(JSON.stringify(Object.fromEntries(entries)));
process.exit(0);`;

/**
 * 2: not allowed by rule (RFC 1928 §6); 4: no such host, which is how Tor refuses a look-up; 91:
 * the one refusal that SOCKS 4 has.
 */
const REFUSED = {
  'IPv4 address': 2,
  'IPv6 address': 2,
  name: 2,
  'look-up of a name': 4,
  'look-up of an address': 4,
  'SOCKS 4 address': 91,
  'SOCKS 4a name': 91,
};
const WAITS = Object.fromEntries(Object.keys(REFUSED).map((what) => [what, 'waits']));

const ask = (network: string, host: string, port: string): unknown =>
  runScript(['--network', network], NODE_IMAGE, ASK, [host, port]);

/** The flags of the first SOCKS listener that ships. */
const FLAGS = /^SocksPort socks-side:9050 (.+)$/m.exec(readFileSync('torrc.client', 'utf8'))?.[1]?.split(' ') ?? [];

/** A Tor with one SOCKS port and no network at all, so that nothing that it tries can leave. */
async function torWith(flags: readonly string[]): Promise<string> {
  const name = `sotto-test-tor-${randomBytes(4).toString('hex')}`;
  const place = ['--network', 'none', '--log-driver', 'none', '--tmpfs', '/data:uid=10002,gid=10102,mode=0700'];
  const options = ['--ignore-missing-torrc', '-f', '/none', '--DataDirectory', '/data', '--SocksPort'];
  const image = `sotto-tor:${VERSION}`;
  left.push(name);
  const run = ['run', '--detach', '--name', name, '--user', '10002:10102', ...place, image, ...options];
  const started = spawnSync('docker', [...run, ['127.0.0.1:9050', ...flags].join(' ')], { encoding: 'utf8' });
  if (started.status !== 0) throw new Error(started.stderr);
  const listens = (): boolean =>
    !Object.values(ask(`container:${name}`, '127.0.0.1', '9050') as object).includes('unreachable');
  await eventually('a Tor of the test listens', listens, OPEN_LIMIT_MS);
  return name;
}

describe('the clearnet through Tor', () => {
  test('is refused by rule on both networks, for every form of request', () => {
    expect(ask(`${stack.project}_socks`, 'tor-client', '9050')).toEqual(REFUSED);
    expect(ask(`${stack.project}_probe`, 'tor-client', '9050')).toEqual(REFUSED);
  });

  test('is refused because of OnionTrafficOnly: without it the same Tor tries to connect', async () => {
    expect(FLAGS).toContain('OnionTrafficOnly');
    const closed = await torWith(FLAGS);
    expect(ask(`container:${closed}`, '127.0.0.1', '9050')).toEqual(REFUSED);
    const open = await torWith(FLAGS.filter((flag) => flag !== 'OnionTrafficOnly'));
    expect(ask(`container:${open}`, '127.0.0.1', '9050')).toEqual(WAITS);
  });
});
