// `npm run shell` finds shell files and Dockerfiles by what they are, sees their faults, and skips
// nothing.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { filesUnder, isDockerfile, isShell } from '../../scripts/repository-files.ts';
import { startedScripts } from './script-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-shell-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A folder with these files. @returns it */
function folderWith(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), text);
  }
  return join(folder, name);
}

function check(at: string, environment: NodeJS.ProcessEnv = process.env): { code: number | null; output: string } {
  const run = spawnSync(process.execPath, ['scripts/check-shell.ts', at], { encoding: 'utf8', env: environment });
  return { code: run.status, output: run.stdout + run.stderr };
}

const GOOD = '#!/bin/sh\nset -eu\nfor word in "$@"; do\n  echo "$word"\ndone\n';

test('the check finds every script, every sourced file, and the test network’s scripts', () => {
  const found = filesUnder('.').filter(isShell);
  expect(found).toEqual(expect.arrayContaining([...startedScripts()]));
  expect(found).toEqual(expect.arrayContaining(['scripts/lib/say.sh', 'test/tornet/run', 'test/tornet/make-keys']));
  expect(filesUnder('.').filter(isDockerfile)).toEqual(
    expect.arrayContaining(['Dockerfile.tor', 'test/tornet/Dockerfile']),
  );
});

describe('the check of a new shell file', () => {
  test.each<[string, string, string, string]>([
    ['a word that is split, by its first line', 'deep/new-script', '#!/usr/bin/env bash\nrm $1\n', 'SC2086'],
    ['a word that is split, by its ending', 'piece.sh', '# shellcheck shell=bash\nrm $1\n', 'SC2086'],
    ['indentation', 'bin/other', GOOD.replace('  echo', '      echo'), 'shfmt -w'],
    ['what is no shell at all', 'bin/broken', '#!/bin/sh\nif true; then\n', 'SC1073'],
    [
      'a word that Dockerfiles do not have',
      'here/Dockerfile.new',
      'FROM a\nRUNN x\n',
      'Dockerfile.new:2: Unknown instruction',
    ],
  ])('reports a fault: %s', (name, path, text, finding) => {
    const { code, output } = check(folderWith(name.replaceAll(/\W/g, '-'), { path, [path]: text, good: GOOD }));
    expect([code, output.includes(finding)]).toEqual([1, true]);
  });

  test('reports nothing if there is no fault', () => {
    const { code, output } = check(
      folderWith('good', { script: GOOD, Dockerfile: 'FROM a\nRUN true\n', 'notes.md': 'rm $1' }),
    );
    expect([code, output]).toEqual([
      0,
      'ShellCheck: 1 files, nothing found\nshfmt: 1 files, nothing found\nDockerfiles: 1, 0 findings\n',
    ]);
  });
});

test('the check fails without its tools, and names their packages on Debian and macOS', () => {
  const { code, output } = check(folderWith('tools', { script: GOOD }), { PATH: join(folder, 'empty') });
  expect(code).toBe(1);
  expect(output).toContain('ShellCheck is missing: it has checked nothing.');
  expect(output).toContain('shfmt is missing: it has checked nothing.');
  expect(output).toContain('apt-get install shellcheck shfmt (Debian, Ubuntu), brew install shellcheck shfmt (macOS)');
});
