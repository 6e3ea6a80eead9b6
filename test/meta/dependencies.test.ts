// The dependency audit finds each fault that it is there for, and npm runs no install script under
// our settings.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  auditCommands,
  auditInstallScripts,
  auditNpmSettings,
  auditPackage,
  auditPins,
  auditReasons,
  isLicenceOf,
  RUNTIME_LICENCES,
} from '../../tools/reproducible-build/dependency-rules.ts';
import type { DependencyFinding } from '../../tools/reproducible-build/dependency-rules.ts';
import { installScriptsOf, licenceOf, readLock } from '../../tools/reproducible-build/lockfile.ts';
import type { LockedPackage } from '../../tools/reproducible-build/lockfile.ts';

const good: LockedPackage = {
  path: 'node_modules/a',
  name: 'a',
  version: '1.0.0',
  integrity: `sha512-${'A'.repeat(86)}==`,
  licence: 'MIT',
  source: undefined,
  development: false,
  hasInstallScript: false,
};

const codes = (findings: readonly DependencyFinding[]): string[] =>
  findings.map(({ subject, code, evidence }) => `${subject}: ${code}: ${evidence}`);

describe('the audit of a package', () => {
  test('accepts a good package', () => {
    expect(auditPackage(good, undefined)).toEqual([]);
  });

  test.each<[string, Partial<LockedPackage>, string]>([
    ['no integrity', { integrity: undefined }, 'a@1.0.0: integrity-missing: node_modules/a'],
    ['a weak one', { integrity: 'sha1-AAAA' }, 'a@1.0.0: integrity-weak: sha1-AAAA'],
    ['another source', { source: 'git+ssh://x/a.git' }, 'a@1.0.0: source-foreign: git+ssh://x/a.git'],
    ['no licence', { licence: undefined }, 'a@1.0.0: licence-missing: node_modules/a'],
    ['a licence that asks for more', { licence: 'GPL-3.0-only' }, 'a@1.0.0: licence-refused: GPL-3.0-only'],
    [
      'one of two that asks for more',
      { licence: 'MIT AND GPL-3.0-only' },
      'a@1.0.0: licence-refused: MIT AND GPL-3.0-only',
    ],
    ['a file-wise one in what is shipped', { licence: 'MPL-2.0' }, 'a@1.0.0: licence-refused: MPL-2.0'],
    ['a licence of its own', { licence: 'SEE LICENSE IN x' }, 'a@1.0.0: licence-refused: SEE LICENSE IN x'],
  ])('finds a fault: %s', (_what, change, expected) => {
    expect(codes(auditPackage({ ...good, ...change }, undefined))).toEqual([expected]);
  });

  test('accepts a choice of licences, the manifest’s licence if the lock file has none, and MPL in tools', () => {
    expect(isLicenceOf('(GPL-2.0-only OR MIT)', RUNTIME_LICENCES)).toBe(true);
    expect(auditPackage({ ...good, licence: undefined }, 'MIT')).toEqual([]);
    expect(auditPackage({ ...good, licence: 'MPL-2.0', development: true }, undefined)).toEqual([]);
    expect(licenceOf({ licenses: [{ type: 'MIT' }] })).toBe('MIT');
    expect(licenceOf({})).toBeUndefined();
  });
});

describe('the audit of manifests, settings and commands', () => {
  test('finds a version that is not exact, in every field', () => {
    const manifest = {
      dependencies: { a: '^1.0.0', '@sotto/b': '0.1.0' },
      devDependencies: { c: '1.x' },
      optionalDependencies: { d: 'latest' },
      overrides: { e: '~1.0.0', f: '1.0.0-rc.1' },
    };
    expect(codes(auditPins('package.json', manifest))).toEqual([
      'package.json: pin-loose: a: ^1.0.0',
      'package.json: pin-loose: c: 1.x',
      'package.json: pin-loose: d: latest',
      'package.json: pin-loose: e: ~1.0.0',
    ]);
  });

  test('finds a runtime dependency without a line in the ADR', () => {
    const record = '| socks 2.8.10 | tor |\n| @hpke/core 1.9.0, @hpke/common 1.10.1 | ts-mls |';
    const manifest = {
      dependencies: { socks: '2.8.10', '@hpke/common': '1.10.1', other: '1.0.0', '@sotto/tor': '0.1.0' },
    };
    expect(codes(auditReasons('m', manifest, record))).toEqual(['m: dependency-unexplained: other']);
  });

  test('finds an install script that the lock file does not mention', () => {
    const withScripts = new Map([['node_modules/a', ['postinstall']]]);
    expect(codes(auditInstallScripts([good], withScripts))).toEqual(['a@1.0.0: install-script-unlisted: postinstall']);
    expect(auditInstallScripts([{ ...good, hasInstallScript: true }], withScripts)).toEqual([]);
    expect(installScriptsOf({ scripts: { test: 'x' } }, false)).toEqual([]);
    expect(installScriptsOf({ scripts: { test: 'x' } }, true)).toEqual(['install (binding.gyp)']);
    expect(installScriptsOf({ scripts: { preinstall: 'x', postinstall: 'x' } }, true)).toEqual([
      'preinstall',
      'postinstall',
    ]);
  });

  test('finds settings and commands that would run an install script', () => {
    expect(codes(auditNpmSettings('save-exact=true\n#ignore-scripts=true\n'))).toEqual([
      '.npmrc: install-scripts-allowed: no ignore-scripts=true',
    ]);
    const dockerfile =
      'RUN npm ci --omit=dev \\\n    --ignore-scripts && npm --version\nRUN npm ci --omit=dev; npm rebuild\n';
    expect(codes(auditCommands('Dockerfile', dockerfile))).toEqual([
      'Dockerfile: install-script-could-run: npm ci --omit=dev',
      'Dockerfile: install-script-could-run: npm rebuild',
    ]);
  });

  test('sees every package of the real lock file', () => {
    const locked = readLock(readFileSync('package-lock.json', 'utf8'));
    expect(locked.length).toBeGreaterThan(400);
    expect(locked.some(({ name }) => name.startsWith('@sotto/'))).toBe(false);
    expect(locked.filter(({ hasInstallScript }) => hasInstallScript).length).toBeGreaterThan(0);
  });
});

describe('npm ci under our .npmrc', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-install-script-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function npm(cwd: string, ...args: readonly string[]): void {
    const run = spawnSync('npm', [...args, '--offline', '--cache', join(folder, 'cache')], {
      cwd,
      env: { ...process.env, npm_config_ignore_scripts: undefined, npm_config_userconfig: join(folder, 'no-npmrc') },
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(run.stderr);
  }

  /**
   * Installs a package whose scripts leave files behind.
   *
   * @returns whether it is installed, and whether a script of it ran.
   */
  function install(name: string, npmrc: string, args: readonly string[] = []): { installed: boolean; ran: boolean } {
    const home = join(folder, name);
    mkdirSync(join(home, 'scripted'), { recursive: true });
    const leave = `node -e "require('fs').writeFileSync('${join(home, 'it-ran').replaceAll('\\', '/')}', '')"`;
    const scripted = {
      name: 'scripted',
      version: '1.0.0',
      scripts: { preinstall: leave, install: leave, postinstall: leave },
    };
    writeFileSync(join(home, 'scripted', 'package.json'), JSON.stringify(scripted));
    npm(join(home, 'scripted'), 'pack', '--ignore-scripts', '--pack-destination', home);
    const project = { name: 'project', version: '1.0.0', dependencies: { scripted: 'file:./scripted-1.0.0.tgz' } };
    writeFileSync(join(home, 'package.json'), JSON.stringify(project));
    npm(home, 'install', '--package-lock-only', '--ignore-scripts');
    writeFileSync(join(home, '.npmrc'), npmrc);
    npm(home, 'ci', ...args);
    return {
      installed: existsSync(join(home, 'node_modules/scripted/package.json')),
      ran: existsSync(join(home, 'it-ran')),
    };
  }

  const npmrc = readFileSync('.npmrc', 'utf8');

  test('installs a package that has install scripts, and runs none', () => {
    expect(install('ours', npmrc)).toEqual({ installed: true, ran: false });
  });

  test('runs none with --ignore-scripts either, as in Dockerfiles and scripts', () => {
    expect(install('flag', '', ['--ignore-scripts'])).toEqual({ installed: true, ran: false });
  });

  test('control: runs them if that line of .npmrc is missing', () => {
    const without = npmrc.replace('ignore-scripts=true\n', '');
    expect(without).not.toBe(npmrc);
    expect(install('control', without)).toEqual({ installed: true, ran: true });
  });
});
