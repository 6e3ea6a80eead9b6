// The same commit gives the same image, and what differs between two builds is named. The whole is
// ./scripts/verify; here one image of ours.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseSettings } from '../../tools/compose-lint/compose-variables.ts';
import { verifyImage } from '../../tools/reproducible-build/rebuild.ts';
import type { BuildPlan } from '../../tools/reproducible-build/docker-image.ts';

const settings = parseSettings(readFileSync('.env', 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'sotto-rebuild-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function clone(name: string, umask: string): string {
  const into = join(folder, name);
  const commands = `umask ${umask}; git clone --quiet --no-hardlinks . "$0"; if [ -f ca-bundle.pem ]; then cp ca-bundle.pem "$0"; fi`;
  execFileSync('sh', ['-euc', commands, into]);
  return into;
}

test('two builds of the relay’s image, in clones of different umasks, have the same layers', () => {
  const args = { SOTTO_VERSION: '0.0.0-rebuilt', SOTTO_NODE_IMAGE: settings.get('SOTTO_NODE_IMAGE') ?? '' };
  const plan: BuildPlan = { name: 'relay', image: '', dockerfile: 'Dockerfile.relay', target: 'relay', args };
  const [image, { differences }] = verifyImage(plan, [clone('one', '022'), clone('another/place', '077')], 1);
  expect(differences).toEqual([]);
  expect(image.layers.map((layer) => layer.name)).toEqual(['rootfs', 'dependencies', 'code', 'WORKDIR /app']);
});

test('control: the comparison names a file’s time, a file’s content and a setting that differ', () => {
  const made = ['early', 'late'].map((name, index): string => {
    const context = join(folder, name);
    mkdirSync(join(context, 'out/code'), { recursive: true });
    writeFileSync(join(context, 'out/code/same'), 'same', { mode: 0o644 });
    writeFileSync(join(context, 'out/code/other'), name, { mode: 0o644 });
    utimesSync(join(context, 'out/code/same'), index, index);
    utimesSync(join(context, 'out/code/other'), 5, 5);
    utimesSync(join(context, 'out/code'), 5, 5);
    writeFileSync(join(context, 'Dockerfile'), `FROM scratch AS made\nCOPY out/code/ /\nENV NAME=${name}\n`);
    return context;
  });
  const plan: BuildPlan = { name: 'made', image: '', dockerfile: 'Dockerfile', target: 'made', args: {} };
  const [early = '', late = ''] = made;
  const [, { differences }] = verifyImage(plan, [early, late], 1);
  const [layer, content, time, setting, ...more] = differences;
  expect(layer).toContain('image made: layer ');
  expect(content).toContain('other: content ');
  expect(time).toContain('same: time 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.000Z');
  expect(setting).toBe('image made: the settings of its containers');
  expect(more).toEqual([]);
});
