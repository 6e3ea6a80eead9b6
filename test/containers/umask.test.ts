// A checkout under umask 077 gives an image of the private Tor network that its own user can run;
// the shipped ones: rebuild.test.ts.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseSettings } from '../../tools/compose-lint/compose-variables.ts';

const settings = parseSettings(readFileSync('.env', 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'sotto-umask-'));
const tags: string[] = [];
afterAll(() => {
  rmSync(folder, { recursive: true });
  for (const tag of tags) spawnSync('docker', ['image', 'rm', '--force', tag]);
});

/** The test network's build context with the modes that Git gives it under umask 077. */
function contextUnder077(name: string, dockerfile = (text: string): string => text): string {
  const context = join(folder, name);
  cpSync('test/tornet', context, { recursive: true });
  const file = join(context, 'Dockerfile');
  writeFileSync(file, dockerfile(readFileSync(file, 'utf8')));
  for (const each of readdirSync(context)) chmodSync(join(context, each), /\.|Dockerfile/.test(each) ? 0o600 : 0o700);
  chmodSync(context, 0o700);
  return context;
}

/** @returns which of the network's programs its user may run. */
function runnable(name: string, context: string): readonly string[] {
  const tag = `sotto-umask-${process.pid}:${name}`;
  tags.push(tag);
  const args = ['SOTTO_DEBIAN_IMAGE', 'SOTTO_TOR_MINIMUM'].flatMap((key) => [
    '--build-arg',
    `${key}=${settings.get(key) ?? ''}`,
  ]);
  execFileSync('docker', ['build', '--quiet', ...args, '--tag', tag, context], { stdio: 'pipe' });
  return ['/usr/local/bin/run', '/usr/local/bin/make-keys'].filter(
    (program) =>
      spawnSync('docker', [
        'run',
        '--rm',
        '--network',
        'none',
        '--entrypoint',
        '/usr/bin/test',
        tag,
        '-r',
        program,
        '-a',
        '-x',
        program,
      ]).status === 0,
  );
}

test('the test network’s user may run its programs', () => {
  expect(runnable('ours', contextUnder077('ours'))).toEqual(['/usr/local/bin/run', '/usr/local/bin/make-keys']);
});

test('control: without the Dockerfile’s modes that user may not run them', () => {
  const withoutModes = contextUnder077('without', (text) => text.replace(/^RUN chmod .*$/m, ''));
  expect(runnable('without', withoutModes)).toEqual([]);
});
