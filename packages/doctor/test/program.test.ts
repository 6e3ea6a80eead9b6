// The command line, the file of a release, and the page.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { examine } from '../src/checks.ts';
import { message } from '../src/messages.ts';
import { DOCTOR_VERSION, readOptions } from '../src/options.ts';
import manifest from '../package.json' with { type: 'json' };
import { parseRelease, readRelease } from '../src/release.ts';
import { exitCode, page, reportOf } from '../src/report.ts';
import { of, shippedStack, wholeStack } from './shipped.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the command line', () => {
  test('checks and probes the stack if it has no options', () => {
    expect(readOptions([])).toEqual({
      wants: 'look',
      project: 'sotto',
      isJson: false,
      isProbing: true,
      release: undefined,
    });
  });

  test('accepts a project, a release, --json and --no-probe', () => {
    const args = ['--project', 'sotto-tornet', '--json', '--no-probe', '--release', 'r.json'];
    expect(readOptions(args)).toMatchObject({
      project: 'sotto-tornet',
      isJson: true,
      isProbing: false,
      release: 'r.json',
    });
    expect(readOptions(['--probe'])).toMatchObject({ isProbing: true });
  });

  test.each([
    [['--projct', 'x'], 'unknown option --projct'],
    [['--frob=secret'], 'unknown option --frob'],
    [['-j'], 'unknown option -j'],
    [['--constructor'], 'unknown option --constructor'],
    [['--\u001b[2J'], 'unknown option'],
    [['sotto'], 'an argument too many: the doctor takes none'],
    [['--', '--help'], 'an argument too many: the doctor takes none'],
    [['--project'], '--project needs a value'],
    [['--project', '--json'], '--project needs a value'],
    [['--release='], '--release needs a value'],
    [['--json=yes'], '--json takes no value'],
    [['--help=no'], '--help takes no value'],
    [['--project', ''], '--project is not the name of a Compose project'],
    [['--project', '../x'], '--project is not the name of a Compose project'],
    [['--project=a b'], '--project is not the name of a Compose project'],
  ])('refuses %j with one line: %s', (args, problem) =>
    expect(() => readOptions(args)).toThrow(
      expect.objectContaining({ code: 'usage', message: `${problem}: see --help` }),
    ),
  );

  test.each([
    [['--help'], 'help'],
    [['-h', '--frob'], 'help'],
    [['sotto', '--json=x', '--help'], 'help'],
    [['--version', '--help'], 'version'],
    [['extra', '-V'], 'version'],
    [['--project', '--help'], 'help'],
  ])('answers %j with the %s', (args, wants) => expect(readOptions(args)).toEqual({ wants }));

  test('has a help text of 80 columns at most, and the version of the package', () => {
    for (const line of message('usage.help').split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(DOCTOR_VERSION).toBe(manifest.version);
  });
});

describe('the program', () => {
  interface Started {
    readonly child: ChildProcess;
    readonly ended: Promise<{ code: number | null; said: string }>;
  }

  const start = (...args: string[]): Started => startWith({}, ...args);

  function startWith(environment: NodeJS.ProcessEnv, ...args: string[]): Started {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const env = { ...process.env, DOCKER_HOST: `unix://${join(folder, 'engine.sock')}`, ...environment };
    const child = spawn(process.execPath, ['--no-warnings', main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, said })) };
  }

  test('ends with 2 and names the code if there is no engine', async () => {
    expect(await start().ended).toEqual({ code: 2, said: expect.stringContaining('(engine-unreachable)') as string });
  });

  test('ends with 64 and one line on wrong usage, because 2 has another meaning', async () => {
    expect(await start('--all').ended).toEqual({ code: 64, said: 'sotto: unknown option --all: see --help (usage)\n' });
    expect(await start('all').ended).toMatchObject({
      code: 64,
      said: expect.stringMatching(/^[^\n]*\(usage\)\n$/) as string,
    });
  });

  test('answers with its help or its version and ends with 0, despite other mistakes', async () => {
    expect(await start('--all', '--help').ended).toEqual({ code: 0, said: message('usage.help') });
    expect(await start('-V').ended).toEqual({ code: 0, said: `${DOCTOR_VERSION}\n` });
  });

  test.each([
    { DOCKER_HOST: 'tcp://host:port' },
    { DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' },
  ])('ends with 64 and one line on variables of docker that it cannot use: %j', async (environment) => {
    expect(await startWith(environment).ended).toEqual({
      code: 64,
      said: `sotto: ${message('error.docker-host')} (docker-host)\n`,
    });
  });

  test('does not wait for a silent engine after a signal', async () => {
    const engine = createServer().listen(join(folder, 'engine.sock'));
    await once(engine, 'listening');
    const { child, ended } = start();
    await once(engine, 'connection');
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 2, said: expect.stringContaining('(interrupted)') as string });
    engine.close();
  });
});

describe('a release', () => {
  const [one, other] = ['ab', 'cd'].map((byte) => `sha256:${byte.repeat(32)}`);
  const good = [
    '# of a release',
    'version 0.1.0',
    'commit c0ffee',
    `base node:24 ${one ?? ''}`,
    `image relay linux/amd64 rootfs=${one ?? ''} code=${other ?? ''}`,
    `image relay linux/arm64 rootfs=${other ?? ''} WORKDIR_/app=${one ?? ''}`,
    '',
  ].join('\n');

  test('names the layers of each image, for every platform', () => {
    expect(parseRelease(good)).toEqual({
      version: '0.1.0',
      images: {
        'sotto-relay': [
          [one, other],
          [other, one],
        ],
      },
    });
  });

  test.each([
    ['nothing', ''],
    ['no image', good.replaceAll(/^image.*$/gm, '')],
    ['no version', good.replace(/^version.*$/m, '')],
    ['no commit', good.replace(/^commit.*$/m, '')],
    ['an unknown word', `${good}images a b`],
    ['an image without layers', `${good}image gate linux/amd64`],
    ['a digest that is none', good.replaceAll(one ?? '', 'sha256:ab')],
    ['the form of before', '{"version":"0.1.0","images":{"sotto-relay":["sha256:ab"]}}'],
  ])('is refused if it has another form: %s', (_what, text) => expect(parseRelease(text)).toBeUndefined());

  test('may be absent unless it was named, and must be well-formed', async () => {
    const missing = join(folder, 'missing.txt');
    expect(await readRelease(undefined, missing)).toEqual({ seen: false, why: 'no-release' });
    await expect(readRelease(missing, missing)).rejects.toThrow(
      expect.objectContaining({ code: 'release-unreadable' }),
    );
    const file = join(folder, 'release.txt');
    writeFileSync(file, good);
    expect(await readRelease(undefined, file)).toEqual({ seen: true, value: parseRelease(good) });
    writeFileSync(file, '{}');
    await expect(readRelease(undefined, file)).rejects.toThrow(expect.objectContaining({ code: 'release-unreadable' }));
  });
});

describe('the report', () => {
  test('gives exit code 0 for a sound stack, 2 for an undetermined one, 1 for a broken one', () => {
    const of0 = wholeStack();
    expect(exitCode(reportOf(of0, examine(of0)))).toBe(0);
    const of2 = shippedStack();
    expect(exitCode(reportOf(of2, examine(of2)))).toBe(2);
    of(of2, 'relay').privileged = true;
    const broken = reportOf(of2, examine(of2));
    expect(exitCode(broken)).toBe(1);
    expect(broken.counts).toEqual({ green: 51, red: 1, 'cannot-tell': 2 });
  });

  test('is one JSON object with the fields that programs need', () => {
    const snapshot = shippedStack();
    const report = JSON.parse(JSON.stringify(reportOf(snapshot, examine(snapshot)))) as Record<string, unknown>;
    expect(report).toMatchObject({
      type: 'doctor',
      form: 2,
      project: 'sotto',
      testNetwork: true,
      state: 'cannot-tell',
    });
    expect((report['findings'] as unknown[]).length).toBe(54);
  });

  test('shows each requirement with its state as a page, and the next step of a red one', () => {
    const snapshot = shippedStack();
    of(snapshot, 'relay').logDriver = 'json-file';
    const text = page(reportOf(snapshot, examine(snapshot)));
    expect(text).toContain('!! This stack is on the private test network');
    expect(text).toMatch(
      /^RED {10}the engine keeps no output of a container {2}\[logging\]\n {13}relay-1 is logged \(json-file\)\n {13}next: start the stack/m,
    );
    expect(text).toMatch(/^cannot tell {2}.*\[image-released\]\n {13}images: nothing has been released yet\n/m);
    expect(text.trimEnd().split('\n').at(-1)).toBe('51 green, 1 red, 2 cannot tell');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(260);
  });

  test('does not warn of a test network if the stack runs on the real network', () => {
    const snapshot = wholeStack();
    snapshot.containers = snapshot.containers.filter(({ service }) => service !== 'tornet');
    expect(page(reportOf(snapshot, examine(snapshot)))).not.toContain('!!');
    expect(page(reportOf(snapshot, examine(snapshot)))).not.toContain('personal settings');
  });

  test('names the personal settings of the stack, and checks the running containers', () => {
    const snapshot = wholeStack();
    snapshot.filesAdded = ['docker-compose.override.yml', 'm\u001by.yml'];
    const report = reportOf(snapshot, examine(snapshot));
    expect(page(report)).toContain(
      '\nThis stack has personal settings (docker-compose.override.yml, m?y.yml): the requirements are checked on the containers as they run.\n',
    );
    expect(report.state).toBe('green');
    of(snapshot, 'relay').privileged = true;
    expect(reportOf(snapshot, examine(snapshot)).state).toBe('red');
  });
});
