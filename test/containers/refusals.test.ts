// What is set up wrongly does not start, says why, and nothing that needs it starts either.

import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { removeProject, runCompose } from '../../scripts/compose.ts';
import { NODE_IMAGE, runScript } from './side-container.ts';
import { Watch } from './watch.ts';

/** Nobody is behind this network: only who starts is asked here. */
const FILES = ['docker-compose.yml', 'test/tornet/no-network.yml'];
const TOR_CLIENT = '10002, 10102';

let project = '';
afterEach(() => removeProject(project));

/** The guards' volume of the guests' Tor, there before the stack is, with something in it, so that the engine leaves it as it is. */
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
async function startGate(): Promise<{ readonly code: number; readonly said: string; readonly running: string[] }> {
  expect(runCompose(project, ['create', '--no-build', 'gate'], FILES).code).toBe(0);
  const watch = await Watch.over(project, 'a start of tor-client and gate');
  const { code, stderr } = runCompose(project, ['up', '--detach', '--no-build', 'gate'], FILES);
  const running = runCompose(project, ['ps', '--services', '--status', 'running'], FILES).stdout;
  await watch.end();
  return { code, said: stderr, running: running.split('\n').filter(Boolean).sort() };
}

describe('with a volume of guards', () => {
  test.each([
    ['of root', '0, 0'],
    ['of another service', '10004, 10004'],
  ])(
    '%s Tor does not start, nor does the gate; Compose names Tor, and Tor, asked, the cause',
    async (_whose, owner) => {
      makeVolume(owner);
      const { code, said, running } = await startGate();
      expect(code).not.toBe(0);
      expect(running).not.toContain('gate');
      expect(said).toMatch(/dependency failed to start: container \S+-tor-client-1/);
      // What README.md says to do when a service does not start.
      const asked = runCompose(project, ['run', '--rm', '--use-aliases', '-T', 'tor-client'], FILES);
      expect(asked.code).not.toBe(0);
      expect(asked.stdout).toMatch(/\[warn\] Directory \/var\/lib\/tor-client cannot be read: Permission denied/);
    },
  );

  test('of its own both start', async () => {
    makeVolume(TOR_CLIENT);
    expect(await startGate()).toMatchObject({ code: 0, running: ['gate', 'tor-client'] });
  });
});
