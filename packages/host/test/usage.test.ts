// The host's programs as processes: what they answer before they begin, and which variable they
// blame.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROTECTIONS } from '@sotto/confinement';
import { COMPILED_MODULES } from '@sotto/fixtures';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sotto-host-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Environment = Readonly<Record<string, string>>;
const UNPROTECTED = { SOTTO_UNPROTECTED: Object.keys(PROTECTIONS).join() };
const SAID_FIRST = `host: SOTTO_UNPROTECTED: goes on without ${Object.keys(PROTECTIONS).join(', ')}\n`;
const WHOLE = {
  SOTTO_TOR_CONTROL: '/nowhere/control',
  SOTTO_TOR_COOKIE: '/nowhere/cookie',
  SOTTO_ADMIN_SOCKET: '/nowhere/admin.sock',
  SOTTO_GATE_SOCKET: '/nowhere/gate.sock',
  SOTTO_INVITE_SOCKET: join(folder, 'invite.sock'),
  SOTTO_SOCKS: '127.0.0.1:1',
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(
  program: string,
  environment: Environment,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): Ended {
  const file = fileURLToPath(new URL(`../src/${program}.ts`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, file, ...args], {
    encoding: 'utf8',
    env: { ...COMPILED_MODULES, ...environment },
    timeout: 30_000,
  });
  return { code: status, out: stdout, err: stderr };
}

describe('the host', () => {
  test.each<[Environment, string]>([
    [{ SOTTO_TOR_CONTROL: '' }, 'SOTTO_TOR_CONTROL is missing: start the host with docker compose (host-environment)'],
    [{ SOTTO_TOR_COOKIE: 'cookie' }, 'SOTTO_TOR_COOKIE is not an absolute path'],
    [{ SOTTO_ADMIN_SOCKET: `/${'a'.repeat(107)}` }, 'SOTTO_ADMIN_SOCKET is not an absolute path'],
    [{ SOTTO_GATE_SOCKET: '/a b' }, 'SOTTO_GATE_SOCKET is not an absolute path'],
    [{ SOTTO_RELAY_SOCKET: 'relay' }, 'SOTTO_RELAY_SOCKET is not an absolute path'],
    [{ SOTTO_MODERATOR_SOCKET: '' }, 'SOTTO_MODERATOR_SOCKET is missing'],
    [{ SOTTO_SOCKS: '' }, 'SOTTO_SOCKS is missing'],
    [{ SOTTO_SOCKS: 'tor-client' }, 'SOTTO_SOCKS is not HOST:PORT'],
    [{ SOTTO_SOCKS: 'tor-client:65536' }, 'SOTTO_SOCKS is not HOST:PORT'],
    [{ SOTTO_ROOM_ACCESS: 'closed' }, 'SOTTO_ROOM_ACCESS is none of open, knock and locked'],
    [{ SOTTO_ROOM_COVER: 'stealth-5' }, 'SOTTO_ROOM_COVER is none of off, jitter'],
    [{ SOTTO_ROOM_PATIENCE: '2 days' }, 'SOTTO_ROOM_PATIENCE is no time such as 90m or 24h'],
    [
      { SOTTO_ROOM_COVERS: 'stealth' },
      'SOTTO_ROOM_COVERS is not a variable of this program: did you mean SOTTO_ROOM_COVER?',
    ],
    [{ SOTTO_INVITE_SOCKET: folder }, 'SOTTO_INVITE_SOCKET: its path is taken by something that is not a socket'],
    [{ SOTTO_INVITE_SOCKET: '/nowhere/invite.sock' }, 'SOTTO_INVITE_SOCKET: no socket can be made there'],
    [{ SOTTO_MODERATOR_SOCKET: folder }, 'SOTTO_MODERATOR_SOCKET: its path is taken by something that is not a socket'],
    [{ SOTTO_MODERATOR_SOCKET: '/nowhere/m.sock' }, 'SOTTO_MODERATOR_SOCKET: no socket can be made there'],
  ])('names the wrong variable in one line with %j, and ends with 2', (change, problem) => {
    const { code, out, err } = run('main', { ...UNPROTECTED, ...WHOLE, ...change });
    expect([code, out]).toEqual([2, '']);
    expect(err.startsWith(`${SAID_FIRST}host: ${problem}`)).toBe(true);
    expect(err.slice(SAID_FIRST.length)).toMatch(/^host: [^\n]+\n$/);
    for (const value of Object.values(change)) if (value.length > 8) expect(err).not.toContain(value);
  });
});

describe('the end of the host', () => {
  test('is orderly if SIGTERM arrives with the first moment of listening', () => {
    const flags = ['--import', import.meta.resolve('@sotto/fixtures/terminate-at-listening')];
    const { code, err } = run('main', { ...UNPROTECTED, ...WHOLE }, [], flags);
    expect([code, err]).toEqual([0, SAID_FIRST]);
  });
});

describe.each(['host', 'invite'])('the program %s', (name) => {
  const file = name === 'host' ? 'main' : 'invite-main';

  test.each([
    [['--help'], 0, /^Usage: .*Exit codes: /s, ''],
    [['sotto1abc', '--frob', '-h'], 0, /^Usage: /, ''],
    [['--version'], 0, /^[0-9.]+\n$/, ''],
    [['-V', 'extra'], 0, /^[0-9.]+\n$/, ''],
    [['--frob'], 2, /^$/, `${name}: unknown option --frob. See: ${name} --help\n`],
    [['extra'], 2, /^$/, `${name}: an argument too many: it takes none. See: ${name} --help\n`],
    [['--', '--help'], 2, /^$/, `${name}: an argument too many: it takes none. See: ${name} --help\n`],
  ])('answers %j before it reads its environment, and starts nothing', (args, code, out, err) => {
    const ended = run(file, {}, args);
    expect(ended).toEqual({ code, out: expect.stringMatching(out) as string, err });
    for (const line of ended.out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('the invite command', () => {
  test('names its wrong variable, and ends with 2', () => {
    expect(run('invite-main', { SOTTO_INVITE_SOCKET: 'invite.sock' })).toEqual({
      code: 2,
      out: '',
      err: expect.stringMatching(/^invite: SOTTO_INVITE_SOCKET is not [^\n]*\(host-environment\)\n$/) as string,
    });
  });

  test('prints one line if no host answers, and ends with 1', () => {
    expect(run('invite-main', { SOTTO_INVITE_SOCKET: '/nowhere/invite.sock' })).toEqual({
      code: 1,
      out: '',
      err: 'invite: the host does not answer: check that it runs, with docker compose ps (host-silent)\n',
    });
  });
});
