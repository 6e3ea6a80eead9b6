// After ./scripts/stop there is nothing but the guards.

import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { removeProject, runCompose } from '../../scripts/compose.ts';
import { NODE_IMAGE } from './side-container.ts';
import { Watch } from './watch.ts';

const project = `sotto-test-${randomBytes(4).toString('hex')}`;
afterAll(() => removeProject(project));

function remaining(): string[] {
  const label = `label=com.docker.compose.project=${project}`;
  const list = (...args: string[]): string[] =>
    spawnSync('docker', [...args, '--filter', label], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean);
  return [
    ...list('ps', '--all', '--format', '{{.Names}}'),
    ...list('network', 'ls', '--format', '{{.Name}}'),
    ...list('volume', 'ls', '--format', '{{.Name}}'),
  ].sort();
}

test('./scripts/stop leaves the guards of both Tors, and what Compose did not start', async () => {
  expect(runCompose(project, ['create', '--no-build', 'gate', 'tor', 'relay']).code).toBe(0);
  const watch = await Watch.over(project, 'a stack’s end');
  expect(runCompose(project, ['up', '--detach', '--no-build', 'gate', 'tor', 'relay']).code).toBe(0);
  expect(remaining().length).toBeGreaterThan(8);
  // As it would be of an image that Compose built, which carries the label of its project.
  const strangers = `${project}-stranger`;
  const label = `com.docker.compose.project=${project}`;
  expect(spawnSync('docker', ['create', '--name', strangers, '--label', label, NODE_IMAGE]).status).toBe(0);
  const stopped = spawnSync('bash', ['scripts/stop', '--project', project], { encoding: 'utf8' });
  expect(stopped.status).toBe(0);
  expect(remaining()).toEqual([strangers, `${project}_tor-client-guards`, `${project}_tor-guards`]);
  expect(spawnSync('docker', ['rm', strangers]).status).toBe(0);
  expect(stopped.stderr).toMatch(/^kept: \S+_tor-client-guards \S+_tor-guards/m);
  await watch.end();
});
