// A checkout works whatever Git and the shell were told: line ends, modes, and personal settings beside it.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sotto-checkout-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
/** Nothing of this user's own settings. */
const NOBODYS = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', env: { ...process.env, ...NOBODYS } });

/** What would be committed here now. */
const files = git('ls-files', '-co', '--exclude-standard')
  .split('\n')
  .filter((file) => file !== '' && existsSync(file));

/** A commit of what is here, in a repository of its own; `change` may spoil it first. */
function commitTree(name: string, change: (repository: string) => void = () => undefined): string {
  const repository = join(folder, name);
  for (const file of files) {
    mkdirSync(dirname(join(repository, file)), { recursive: true });
    writeFileSync(join(repository, file), readFileSync(file));
  }
  change(repository);
  git('-C', repository, 'init', '--quiet');
  git('-C', repository, 'add', '--all');
  git('-C', repository, '-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '--quiet', '--message', 'x');
  return repository;
}

function cloneAsOnWindows(repository: string): string {
  const clone = `${repository}-clone`;
  git('clone', '--quiet', '-c', 'core.autocrlf=true', '-c', 'core.eol=crlf', repository, clone);
  return clone;
}

const withReturns = (clone: string): readonly string[] =>
  files.filter((file) => existsSync(join(clone, file)) && readFileSync(join(clone, file)).includes(0x0d));

describe('a clone with core.autocrlf and core.eol=crlf', () => {
  test('has the very bytes of the repository in every file', () => {
    const clone = cloneAsOnWindows(commitTree('ours'));
    expect(files.length).toBeGreaterThan(500);
    expect(files.filter((file) => !readFileSync(join(clone, file)).equals(readFileSync(file)))).toEqual([]);
    expect(withReturns(clone)).toEqual([]);
  });

  test('control: without .gitattributes its scripts end their lines otherwise', () => {
    const clone = cloneAsOnWindows(
      commitTree('without', (repository) => {
        rmSync(join(repository, '.gitattributes'));
      }),
    );
    expect(withReturns(clone)).toEqual(expect.arrayContaining(['scripts/demo', 'torrc', '.env']));
  });
});

describe('Dockerfiles set the modes of what they copy from the checkout', () => {
  const dockerfiles = files.filter((file) => /(^|\/)Dockerfile/.test(file));

  /** Stages that copy from the checkout without a chmod after it. */
  function unset(text: string): readonly string[] {
    const stages = text.replaceAll(/\\\n/g, ' ').split(/^(?=FROM )/m);
    return stages.filter((stage) => {
      const copied = [...stage.matchAll(/\nCOPY (?!--from)/g)].at(-1)?.index;
      return copied !== undefined && !/\nRUN [^\n]*chmod (-R u=rwX,go=rX|0[0-7]{3}) /.test(stage.slice(copied));
    });
  }

  test('all of them are looked at', () => {
    expect(dockerfiles).toEqual(
      expect.arrayContaining(['Dockerfile.tor', 'test/tornet/Dockerfile', 'test/leaks/image/Dockerfile']),
    );
  });

  test.each(dockerfiles)('%s', (file) => {
    expect(unset(readFileSync(file, 'utf8'))).toEqual([]);
  });

  test('control: a stage without is found', () => {
    const text = 'FROM a AS b\nCOPY x /x\nRUN true\nFROM a\nCOPY y /y\nRUN chmod 0644 /y\n';
    expect(unset(text)).toEqual(['FROM a AS b\nCOPY x /x\nRUN true\n']);
  });
});

describe('an override file of the user’s own', () => {
  /** All names that Compose reads by itself beside docker-compose.yml. */
  const NAMES = [
    'docker-compose.override.yml',
    'docker-compose.override.yaml',
    'compose.override.yml',
    'compose.override.yaml',
  ];

  test('is no part of the repository', () => {
    expect(
      git('check-ignore', '--no-index', ...NAMES)
        .split('\n')
        .filter(Boolean),
    ).toEqual(NAMES);
    expect(readdirSync('.').filter((name) => NAMES.includes(name) && files.includes(name))).toEqual([]);
  });

  test('gets into no image: nothing does but what .dockerignore names', () => {
    const lines = readFileSync('.dockerignore', 'utf8').split('\n');
    expect(lines).toContain('*');
    expect(lines.filter((line) => line.startsWith('!') && /override|\.ya?ml/.test(line))).toEqual([]);
  });

  /** `npm run hardening` in a folder that has all of ours and this file. */
  function harden(name: string, file: string, text: string): { readonly code: number | null; readonly output: string } {
    const home = join(folder, name);
    mkdirSync(home);
    for (const each of readdirSync('.')) {
      if (!NAMES.includes(each)) symlinkSync(join(process.cwd(), each), join(home, each));
    }
    writeFileSync(join(home, file), text);
    const run = spawnSync(process.execPath, ['scripts/check-compose.ts'], { cwd: home, encoding: 'utf8' });
    return { code: run.status, output: run.stdout + run.stderr };
  }

  test.each(NAMES)('named %s is linted: its findings are shown, and are no failure of the repository', (name) => {
    const { code, output } = harden(
      `linted-${name}`,
      name,
      'services: { relay: { ports: ["8080:80"], privileged: true } }',
    );
    expect(code).toBe(0);
    expect(output).toContain(`service relay (with ${name}): `);
    expect(output).toMatch(new RegExp(`^${name} \\(yours\\): [2-9] requirements that your stack does not meet$`, 'm'));
  });

  test('that meets every requirement is told apart from one that cannot be read', () => {
    const [file = ''] = NAMES;
    expect(harden('kept', file, 'services: { relay: { cpus: 0.5 } }').output).toContain(`${file} (yours): 0 requirements`);
    expect(harden('unread', file, 'services: { relay: { cap_drop: !reset [] } }').output).toContain(
      'compose-file-refused',
    );
  });
});
