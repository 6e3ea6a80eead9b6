// Every script says at once how it is used, refuses what it does not know, and has changed nothing
// by then.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, test } from 'vitest';
import { ENGLISH } from '../../packages/doctor/src/messages.ts';
import { validateCommandLine } from '../../scripts/command-line.ts';
import { Bench, startedScripts } from './script-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-usage-'));
const bench = new Bench(folder);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Scripts whose exit code 2 says that something is missing. */
const REFUSES_WITH_64 = ['setup', 'demo', 'doctor', 'sbom', 'verify', 'on-engine'].map((name) => `scripts/${name}`);
const refusalOf = (script: string): number => (REFUSES_WITH_64.includes(script) ? 64 : 2);
const SCRIPTS = startedScripts();
const started = (script: string): string => `./${script}`;

test('the test finds every script that users start', () => {
  expect(SCRIPTS).toEqual(expect.arrayContaining(['scripts/demo', 'scripts/stop', '.ci/run']));
});

describe.each(SCRIPTS)('the script %s', (script) => {
  // Of on-engine only the first argument is its own.
  const asking = [
    ['--help'],
    ['-h'],
    ['-h', 'a', 'b'],
    ...(script === 'scripts/on-engine' ? [] : [['--frob', '--help']]),
  ];

  test.each(asking.map((args) => [args]))('answers %j with its usage, and does nothing else', (args) => {
    const ran = bench.run([started(script), ...args]);
    expect(ran).toMatchObject({ code: 0, stderr: '', calls: [] });
    expect(ran.stdout).toMatch(/^Usage: /);
  });

  test('prints its version, and does nothing else', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(bench.run([started(script), '--version'])).toEqual({
      code: 0,
      stdout: `Sotto ${version}\n`,
      stderr: '',
      calls: [],
    });
  });

  test.each([
    ['an option that is none', ['--frob'], "unknown option '--frob'"],
    ['a short option that is none', ['-x'], "unknown option '-x'"],
    ['an option with control characters', ['--\u001b[2J'], "unknown option '--?[2J'"],
    ['an option of endless length', [`--${'a'.repeat(5000)}`], `unknown option '--${'a'.repeat(62)}'`],
  ])('refuses %s in one line with its usage, and does nothing else', (_what, args, cause) => {
    const { code, stdout, stderr, calls } = bench.run([started(script), ...args], { LC_ALL: 'C.UTF-8' });
    expect([code, stdout, calls]).toEqual([refusalOf(script), '', []]);
    expect(stderr.split('\n')[0]).toBe(`sotto: ${cause}`);
    expect(stderr.split('\n')[1]).toMatch(/^Usage: /);
  });
});

test.each<[string, readonly string[], number, string]>([
  ['scripts/demo', ['--chek'], 64, "unknown option '--chek'; did you mean '--check'?"],
  ['scripts/demo', ['--check=yes'], 64, '--check takes no value'],
  ['scripts/demo', ['--check', 'now'], 64, "unexpected argument 'now'"],
  ['scripts/setup', ['x'], 64, "unexpected argument 'x'"],
  ['scripts/setup', [''], 64, "unexpected argument ''"],
  ['scripts/setup', ['--', '--help'], 64, "unexpected argument '--help'"],
  ['scripts/test', ['a', 'b'], 2, "unexpected argument 'a'"],
  ['scripts/test', ['--engine'], 2, "unknown option '--engine'; did you mean '--engines'?"],
  ['.ci/run', ['x'], 2, "unexpected argument 'x'"],
  ['scripts/stop', ['--project'], 2, '--project needs a value'],
  ['scripts/stop', ['--project='], 2, '--project needs a value'],
  ['scripts/stop', ['--project', '--engine'], 2, '--project needs a value'],
  ['scripts/stop', ['--project', 'a b'], 2, "--project: 'a b' is not the name of a project"],
  ['scripts/stop', ['--project', '*'], 2, "--project: '*' is not the name of a project"],
  ['scripts/stop', ['--projct', 'x'], 2, "unknown option '--projct'; did you mean '--project'?"],
  ['scripts/verify', ['--digest'], 64, "unknown option '--digest'; did you mean '--digests'?"],
  ['scripts/sbom', ['a', 'b'], 64, "unexpected argument 'b'"],
  ['scripts/on-engine', [], 64, 'a GENERATION and a COMMAND are missing'],
  ['scripts/on-engine', ['20.10'], 64, 'a GENERATION and a COMMAND are missing'],
  ['scripts/on-engine', ['19', 'ls'], 64, "there is no engine '19' here"],
  ['scripts/doctor', ['--release'], 64, '--release needs a value'],
  ['scripts/adversary', ['--sed', '3'], 2, "unknown option '--sed'; did you mean '--seed'?"],
])('the script %s with %j ends with %i and prints: %s', (script, args, code, cause) => {
  const ran = bench.run([started(script), ...args]);
  expect(ran).toMatchObject({ code, stdout: '', calls: [] });
  expect(ran.stderr.split('\n')[0]).toBe(`sotto: ${cause}`);
});

test('a script passes options behind COMMAND on, --help included', () => {
  const ran = bench.run(['./scripts/on-engine', '20.10', 'ls', '--help'], { HOME: folder });
  expect(ran.stdout).toBe('');
  expect(ran.stderr).toContain('engine 20.10 needs Debian and root.');
});

test('control: the test finds a script that installs before it reads its arguments', () => {
  const copy = bench.copyScripts('spoilt');
  const demo = readFileSync(join(copy, 'scripts/demo'), 'utf8');
  writeFileSync(
    join(copy, 'scripts/demo'),
    demo.replace('options_read 64', 'apt_install npm || true\noptions_read 64'),
  );
  expect(bench.run(['./scripts/demo', '--help'], {}, copy).calls).toContainEqual(
    expect.stringMatching(/^apt-get .*install npm$/),
  );
});

test('the doctor’s script knows the options that its program knows', () => {
  const options = (text: string): readonly string[] =>
    [...new Set([...text.matchAll(/--[a-z-]+/g)].map(([option]) => option))]
      .filter((option) => !['--digests', '--help', '--version'].includes(option))
      .sort();
  expect(options(bench.run(['./scripts/doctor', '--help']).stdout)).toEqual(options(ENGLISH['usage.help']));
});

/** The command behind `npm run NAME`, for our own Node. */
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const PROGRAMS = Object.entries(manifest.scripts).flatMap(([name, command]): [string, string][] => {
  const file = /^node (\S+\.ts)$/.exec(command)?.[1];
  return file === undefined ? [] : [[name, file]];
});

describe.each(PROGRAMS)('npm run %s', (_name, file) => {
  const run = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', timeout: 60_000 });

  test('answers --help with its usage, at every position', () => {
    const { status, stdout, stderr } = run('--frob', '--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: /);
  });

  test('refuses unknown arguments with exit code 2 and its usage', () => {
    const { status, stdout, stderr } = run('--frob');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^sotto: unknown option '--frob'\nUsage: /);
  });
});

test.each([
  [['--against', 'no-such-commit'], '--against takes a commit that this checkout has'],
  [['--members', '8,64'], "--members takes a whole number from 2 to 63, not '64'"],
  [['--members', '32,8'], '--members takes numbers that grow'],
  [['--rounds', '1'], "--rounds takes a whole number from 2 to 1000, not '1'"],
])('npm run bench -- commit refuses %j before it measures: %s', (args, cause) => {
  const options = { encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/bench.ts', 'commit', ...args], options);
  expect([status, stdout, stderr.split('\n')[0]]).toEqual([2, '', `sotto: ${cause}`]);
});

test('the test finds every program behind npm run', () => {
  expect(PROGRAMS.map(([name]) => name)).toEqual(expect.arrayContaining(['bench', 'check', 'adversary', 'shell']));
});

describe('a command line', () => {
  const options = { check: { type: 'boolean' }, seed: { type: 'string', default: '1' } } as const;
  const validate = (...args: readonly string[]): unknown => validateCommandLine({ options, operandsMax: 1 }, args);

  test('is read with values in both forms and one operand', () => {
    expect(validate('--seed', '5', 'x', '--check')).toMatchObject({ kind: 'run', operands: ['x'] });
    expect(validate('--seed=5')).toMatchObject({ kind: 'run', values: { seed: '5' }, operands: [] });
    expect(validate('--', '--help')).toMatchObject({ kind: 'run', operands: ['--help'] });
  });

  test.each([
    [['--chek'], "unknown option '--chek'; did you mean '--check'?"],
    [['--toString'], "unknown option '--toString'"],
    [['-c'], "unknown option '-c'"],
    [['--check=1'], '--check takes no value'],
    [['--seed'], '--seed needs a value'],
    [['--seed='], '--seed needs a value'],
    [['--seed', '--check'], '--seed needs a value'],
    [['a', 'b'], "unexpected argument 'b'"],
  ])('is refused as %j: %s', (args, cause) => {
    expect(validate(...args)).toEqual({ kind: 'refused', cause });
  });
});
