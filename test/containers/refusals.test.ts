// A service that is set up wrongly does not start; what needs it says so, with the next step, and
// Compose tells the cause.

import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createRoomSecret } from '@sotto/client';
import { encodeInvite } from '@sotto/protocol';
import { OnionKey } from '@sotto/tor';
import { removeProject, runCompose, startCompose } from '../../scripts/compose.ts';
import { NODE_IMAGE, runScript } from './side-container.ts';
import { eventually } from './stack.ts';
import { Watch } from './watch.ts';

/** The network has no nodes behind it: the test looks at starts only. */
const FILES = ['docker-compose.yml', 'test/tornet/no-network.yml'];
const TOR_CLIENT = '10002, 10102';
/** Of no room. */
const INVITE = encodeInvite({ onionKey: new OnionKey().publicKey, roomSecret: createRoomSecret(randomBytes) });
/** A Tor that stays away fails the first attempt after 30 s. */
const CLIENT_LIMIT_MS = 90_000;
/** Five restarts, each after twice the wait of the one before, from 100 ms on. */
const ENDED_MS = 60_000;

let project = '';
afterEach(() => removeProject(project));

/**
 * The guards' volume of the guests' Tor, there before the stack is, with something in it, so that
 * the engine leaves it as it is.
 */
function makeVolume(owner: string): void {
  project = `sotto-test-${randomBytes(4).toString('hex')}`;
  const name = `${project}_tor-client-guards`;
  const label = ['project', project, 'volume', 'tor-client-guards'];
  const labels = [0, 2].flatMap((at) => ['--label', `com.docker.compose.${label[at] ?? ''}=${label[at + 1] ?? ''}`]);
  expect(spawnSync('docker', ['volume', 'create', ...labels, name]).status).toBe(0);
  const script = `
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
writeFileSync('/volume/state', '');
for (const path of ['/volume/state', '/volume']) chownSync(path, ${owner});
chmodSync('/volume', 0o700);
console.log('null');`;
  runScript(['--user', '0', '--network', 'none', '-v', `${name}:/volume`], NODE_IMAGE, script);
}

/** Starts the gate and what it needs, which is the guests' Tor. */
async function startGate(): Promise<string[]> {
  expect(runCompose(project, ['create', '--no-build', 'gate'], FILES).code).toBe(0);
  const watch = await Watch.over(project, 'a start of tor-client and gate');
  const { code, stderr } = runCompose(project, ['up', '--detach', '--no-build', 'gate'], FILES);
  expect(code, stderr).toBe(0);
  await watch.end();
  return running();
}

function running(): string[] {
  return servicesThatAre('running');
}

function servicesThatAre(status: 'running' | 'exited'): string[] {
  const listed = runCompose(project, ['ps', '--all', '--services', '--status', status], FILES).stdout;
  return listed.split('\n').filter(Boolean).sort();
}

/** Collects the output of a client until it contains `word`, and ends the client. */
async function clientUntil(word: RegExp): Promise<string> {
  const client = startCompose(project, ['run', '--rm', '-T', 'client', '--json', '-'], 'pipe', FILES);
  let said = '';
  try {
    client.stdin?.write(`${INVITE}\n`);
    client.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually(`the client says ${String(word)}`, () => word.test(said), CLIENT_LIMIT_MS);
    return said;
  } finally {
    const ended = once(client, 'close');
    client.stdin?.end();
    await ended;
  }
}

describe('a stack with a volume of guards', () => {
  test.each([
    ['of root', '0, 0'],
    ['of another service', '10004, 10004'],
  ])('has a volume %s: Tor does not start, and says the cause when asked', async (_whose, owner) => {
    makeVolume(owner);
    await startGate();
    // The engine starts it five times more, so that it runs for a moment each time.
    await eventually('tor-client has ended for good', () => servicesThatAre('exited').includes('tor-client'), ENDED_MS);
    expect(running()).toEqual(['gate']);
    // The command that README.md names for a service that does not start.
    const asked = runCompose(project, ['run', '--rm', '--use-aliases', '-T', 'tor-client'], FILES);
    expect(asked.code).not.toBe(0);
    expect(asked.stdout).toMatch(/\[warn\] Directory \/var\/lib\/tor-client cannot be read: Permission denied/);
  });

  test('makes a client name the stopped service if Tor cannot read it', async () => {
    makeVolume('0, 0');
    await startGate();
    const said = await clientUntil(/"code":"tor-unreachable"/);
    expect(said).toContain('waiting for Tor to start');
    expect(said).toContain('check that the tor-client service is running');
  });

  test('starts both Tors if each has its own', async () => {
    makeVolume(TOR_CLIENT);
    expect(await startGate()).toEqual(['gate', 'tor-client']);
  });
});
