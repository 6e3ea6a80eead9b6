// What the probe calls an answer, tried on this machine's loopback alone: both ways of answering,
// and silence.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ProbeReport, ProbeTask } from '../src/probe-main.ts';
import { outcomeOf, servedOn } from '../src/probe.ts';
import { shippedStack } from './shipped.ts';

const PROGRAM = fileURLToPath(new URL('../src/probe-main.ts', import.meta.url));
/**
 * Loopback addresses of this very process: nobody else listens there, another run of this test
 * neither.
 */
const ownAddress = (from: number): string =>
  `127.${from + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
const [OPEN, CLOSED] = [ownAddress(64), ownAddress(128)];

function runProbe(task: Partial<ProbeTask>): Promise<ProbeReport> {
  const whole: ProbeTask = { tryMs: 1_000, outside: [], gateways: [], neighbours: [], ...task };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', PROGRAM, JSON.stringify(whole)]);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(output) as ProbeReport) : reject(new Error('failed')),
    );
  });
}

const isLinux = process.platform === 'linux';
/** Its ports for datagrams are those of DNS, NTP and HTTP/3, which only root may open. */
const isRoot = isLinux && process.getuid?.() === 0;

describe.runIf(isLinux)('the probe', () => {
  test('sees an accepting and a refusing neighbour', async () => {
    const server = createServer((socket) => socket.destroy()).listen(8080, OPEN);
    await once(server, 'listening');
    const { gateway, outside, tried } = await runProbe({ gateways: [OPEN], outside: [CLOSED] });
    server.close();
    expect(gateway).toContain(`tcp ${OPEN}:8080 connected`);
    expect(gateway).toContain(`tcp ${OPEN}:22 refused`);
    const all = ['tcp 53', 'tcp 80', 'tcp 443', 'udp 53'];
    expect(outside.slice(0, 4)).toEqual(all.map((what) => `${what.replace(' ', ` ${CLOSED}:`)} refused`));
    expect(tried).toBe(15);
  });

  test.runIf(isRoot)('sees an answer to a datagram, and nothing of a silent listener', async () => {
    const [answering, silent] = [createSocket('udp4'), createSocket('udp4')];
    answering.on('message', (_, from) => answering.send('x', from.port, from.address));
    answering.bind(123, OPEN);
    silent.bind(443, OPEN);
    await Promise.all([once(answering, 'listening'), once(silent, 'listening')]);
    const { outside } = await runProbe({ outside: [OPEN] });
    for (const socket of [answering, silent]) socket.close();
    expect(outside.filter((what) => what.startsWith('udp'))).toEqual([
      `udp ${OPEN}:53 refused`,
      `udp ${OPEN}:123 answered`,
    ]);
  });

  test('reaches itself, and reports whether a neighbour answered', async () => {
    const { loopback, neighbour } = await runProbe({ neighbours: [{ host: CLOSED, port: 9 }] });
    expect([loopback, neighbour]).toEqual([true, true]);
    expect((await runProbe({})).neighbour).toBe(false);
  });

  test('does not try a gateway address that is its own', async () => {
    const own = (await runProbe({})).addresses;
    const { tried } = await runProbe({ gateways: own });
    expect(tried).toBe(0);
  });
});

test('a neighbour is tried at a port that it serves on that network, never at one of its loopback', () => {
  const { containers } = shippedStack();
  const at = (service: string, on: string): string =>
    containers.find((one) => one.service === service)?.networks[on] ?? '';
  expect(servedOn('socks', containers)).toEqual([{ host: at('tor-client', 'socks'), port: 9050 }]);
  expect(servedOn('state', containers)).toEqual([{ host: at('redis', 'state'), port: 6379 }]);
  expect(servedOn('egress', containers)).toEqual([{ host: at('tornet', 'egress'), port: 5000 }]);
  expect(servedOn('nowhere', containers)).toEqual([]);
});

describe('the outcome', () => {
  const NEIGHBOURS = [{ host: '172.20.0.2', port: 9050 }];
  const task: ProbeTask = { tryMs: 1, outside: ['198.51.100.1'], gateways: ['172.20.0.1'], neighbours: NEIGHBOURS };
  const report: ProbeReport = {
    addresses: ['172.20.0.3'],
    loopback: true,
    neighbour: true,
    tried: 15,
    outside: [],
    gateway: [],
  };

  test.each([
    ['a neighbour answered', {}, {}, 'neighbour'],
    ['there is no neighbour', { neighbours: [] }, { neighbour: false }, 'loopback'],
    ['no neighbour answered', {}, { neighbour: false }, 'failed'],
    ['it did not reach itself', {}, { loopback: false }, 'failed'],
    ['it is on no network', {}, { addresses: [] }, 'failed'],
  ])('shows whether the probe could see an answer: %s', (_what, taskChange, reportChange, control) => {
    expect(outcomeOf({ ...task, ...taskChange }, { ...report, ...reportChange })).toMatchObject({ value: { control } });
  });
});
