// A checkout that has changed is what runs at the next start; a registry is asked for none of our
// images; a room that runs is left alone.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const id = randomBytes(4).toString('hex');
const project = `sotto-test-${id}`;
const version = `0.0.0-${id}`;
const checkout = mkdtempSync(join(tmpdir(), 'sotto checkout-'));
const IMAGES = ['tor', 'gate', 'client'];

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Finished {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: checkout, encoding: 'utf8', env: environment });
  return { code: status, stdout, stderr };
}

/**
 * `docker compose …` in the checkout, without a network; builds as a user's does unless `policy`
 * says otherwise.
 */
function compose(args: readonly string[], policy = ''): Finished {
  return run('docker', ['compose', ...args], {
    ...process.env,
    COMPOSE_PROJECT_NAME: project,
    COMPOSE_FILE: 'docker-compose.yml:test/tornet/no-network.yml',
    COMPOSE_PATH_SEPARATOR: ':',
    SOTTO_VERSION: version,
    SOTTO_PULL_POLICY: policy,
  });
}

const askClient = (options: readonly string[], policy?: string): Finished =>
  compose(['run', '--rm', '-T', ...options, 'client', '--help'], policy);

/** Puts another value into a constant that the program shows or keeps. */
function change(file: string, from: RegExp, to: string): void {
  const path = join(checkout, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(path, text.replace(from, to));
}

/** The help shows it. No other image has this file. */
const RENEWAL = /RENEW_EVERY_S = [0-9]+/;
const changeClient = (seconds: number): void =>
  change('packages/terminal/src/limits.ts', RENEWAL, `RENEW_EVERY_S = ${seconds}`);
const helpWith = (seconds: number): string => `${seconds} if absent`;
const changeGate = (): void =>
  change('packages/tor/src/limits.ts', /GATE_CLOSE_TIMEOUT_MS = 2_000/, 'GATE_CLOSE_TIMEOUT_MS = 2_001');

const containerOf = (service: string): string => compose(['ps', '--quiet', service]).stdout.trim();

beforeAll(() => {
  const tracked = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  for (const file of tracked.stdout.split('\0')) {
    if (file !== '' && existsSync(file)) cpSync(file, join(checkout, file), { recursive: true });
  }
  // The scripts write this file where a proxy leads to npm's registry.
  if (existsSync('ca-bundle.pem')) cpSync('ca-bundle.pem', join(checkout, 'ca-bundle.pem'));
});

afterAll(() => {
  compose(['--profile', 'client', 'down', '--volumes', '--timeout', '5']);
  for (const image of IMAGES) run('docker', ['image', 'rm', '--force', `sotto-${image}:${version}`]);
  rmSync(checkout, { recursive: true });
  expect(dirname(checkout)).toBe(tmpdir());
});

test('the first start builds our images and asks no registry for them', () => {
  const { code, stdout, stderr } = askClient(['--no-deps']);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('Joins a Sotto room');
  expect(stderr).not.toMatch(/pull/i);
});

test('`docker compose pull` asks no registry for our images either', () => {
  const { code, stderr } = compose(['pull', ...IMAGES.filter((image) => image !== 'client')]);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/Skipped/);
});

test('a start runs the changed checkout', () => {
  changeClient(301);
  expect(askClient(['--no-deps']).stdout).toContain(helpWith(301));
});

test('control: a start without a build does not run the same change', () => {
  changeClient(302);
  const { stdout } = askClient(['--no-deps'], 'never');
  expect(stdout).toContain(helpWith(301));
  expect(stdout).not.toContain(helpWith(302));
});

test('a client of a changed checkout leaves running services as they are', () => {
  expect(compose(['up', '--detach', 'tor-client', 'gate']).code).toBe(0);
  const before = ['tor-client', 'gate'].map(containerOf);
  expect(before.every((container) => /^[0-9a-f]{64}$/.test(container))).toBe(true);
  changeClient(303);
  expect(askClient([]).stdout).toContain(helpWith(303));
  expect(['tor-client', 'gate'].map(containerOf)).toEqual(before);
});

test('a client with --no-deps leaves changed services too; without it, the gate is replaced', () => {
  const before = ['tor-client', 'gate'].map(containerOf);
  changeGate();
  expect(askClient(['--no-deps']).code).toBe(0);
  expect(['tor-client', 'gate'].map(containerOf)).toEqual(before);
  const { code, stderr } = askClient([]);
  expect(code, stderr).toBe(0);
  expect(containerOf('tor-client')).toBe(before[0]);
  expect(containerOf('gate')).not.toBe(before[1]);
  expect(stderr).toMatch(/gate-1\s+Recreate/);
});
