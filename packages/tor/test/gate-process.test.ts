// The gate as a process: its environment, its socket, its signals and its command line.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PROTECTIONS } from '@sotto/confinement';
import { COMPILED_MODULES } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { connectGate } from '../src/gate/client.ts';
import { OnionKey } from '../src/onion/onion-key.ts';
import { ScriptedTor } from '@sotto/fixtures/scripted-tor';

const SOURCE = new URL('../src/', import.meta.url);
const POLL_MS = 10;
/** A test's machine lacks the compose file's protections; the gate reports that first. */
const [UNPROTECTED, SAID_FIRST] = [
  Object.keys(PROTECTIONS).join(),
  `gate: SOTTO_UNPROTECTED: goes on without ${Object.keys(PROTECTIONS).join(', ')}\n`,
];
const ONION = new OnionKey().address;

type Environment = Readonly<Record<string, string>>;

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

class Run implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;

  constructor(file: string, environment: Environment, args: readonly string[] = [], flags: readonly string[] = []) {
    this.child = spawn(process.execPath, [...flags, fileURLToPath(new URL(file, SOURCE)), ...args], {
      env: { ...COMPILED_MODULES, SOTTO_UNPROTECTED: UNPROTECTED, ...environment },
    });
    let output = '';
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    this.finished = once(this.child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, output }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    await this.finished;
  }
}

function environmentOf(tor: ScriptedTor): Environment {
  return {
    SOTTO_GATE_SOCKET: tor.path('gate'),
    SOTTO_TOR_CONTROL: tor.address.socketPath,
    SOTTO_TOR_COOKIE: tor.address.cookiePath,
  };
}

/** Connects again and again until a server listens on this socket. */
async function listening(path: string): Promise<void> {
  for (;;) {
    try {
      const client = await connectGate({ socketPath: path });
      client.close();
      return;
    } catch {
      // Not yet. A file-system watcher would not do: the file appears before the gate listens on it.
      await setTimeout(POLL_MS);
    }
  }
}

describe('the gate as a process', () => {
  test('the gate lets only its group connect, prints nothing, and removes the keys at SIGTERM', async () => {
    await using tor = await ScriptedTor.start();
    await using gate = new Run('gate/main.ts', environmentOf(tor));
    await listening(tor.path('gate'));
    expect((await stat(tor.path('gate'))).mode & 0o777).toBe(0o770);
    await tor.saw('GETINFO status/bootstrap-phase');
    const client = await connectGate({ socketPath: tor.path('gate') });
    await client.allow(ONION, new Uint8Array(32));
    gate.child.kill('SIGTERM');
    expect(await gate.finished).toEqual({ code: 0, output: SAID_FIRST });
    expect(tor.commands.at(-1)).toBe(`ONION_CLIENT_AUTH_REMOVE ${ONION}`);
    await expect(stat(tor.path('gate'))).rejects.toThrow('ENOENT');
    client.close();
  });

  test('the gate starts again over the socket that SIGKILL left', async () => {
    await using tor = await ScriptedTor.start();
    await using first = new Run('gate/main.ts', environmentOf(tor));
    await listening(tor.path('gate'));
    first.child.kill('SIGKILL');
    await first.finished;
    expect((await stat(tor.path('gate'))).isSocket()).toBe(true);
    await using second = new Run('gate/main.ts', environmentOf(tor));
    await listening(tor.path('gate'));
    second.child.kill('SIGINT');
    expect((await second.finished).code).toBe(0);
  });

  test('the gate ends with 0 if SIGTERM arrives with its first moment of listening', async () => {
    await using tor = await ScriptedTor.start();
    const flags = ['--import', import.meta.resolve('@sotto/fixtures/terminate-at-listening')];
    await using gate = new Run('gate/main.ts', environmentOf(tor), [], flags);
    expect(await gate.finished).toEqual({ code: 0, output: SAID_FIRST });
    await expect(stat(tor.path('gate'))).rejects.toThrow('ENOENT');
  });

  test('the gate listens without Tor', async () => {
    await using tor = await ScriptedTor.start();
    await tor.down();
    await using gate = new Run('gate/main.ts', environmentOf(tor));
    await listening(tor.path('gate'));
    gate.child.kill('SIGTERM');
    expect(await gate.finished).toEqual({ code: 0, output: SAID_FIRST });
  });

  test('the gate refuses an unprotected machine before it reads its variables', async () => {
    await using gate = new Run('gate/main.ts', { SOTTO_UNPROTECTED: '' });
    const { code, output } = await gate.finished;
    expect([code, output.split(':')[1]]).toEqual([78, ' unprotected']);
    expect(output).not.toContain('gate-environment');
  });

  const paths = { SOTTO_GATE_SOCKET: '/nowhere/gate', SOTTO_TOR_CONTROL: '/c', SOTTO_TOR_COOKIE: '/k' };

  test.each([
    ['nothing', {}, 'SOTTO_GATE_SOCKET'],
    ['a relative path', { ...paths, SOTTO_GATE_SOCKET: 'gate.sock' }, 'SOTTO_GATE_SOCKET'],
    ['a path that is too long', { ...paths, SOTTO_GATE_SOCKET: `/${'g'.repeat(107)}` }, 'SOTTO_GATE_SOCKET'],
    ['no control socket', { SOTTO_GATE_SOCKET: '/nowhere/gate', SOTTO_TOR_COOKIE: '/k' }, 'SOTTO_TOR_CONTROL'],
    ['no cookie', { SOTTO_GATE_SOCKET: '/nowhere/gate', SOTTO_TOR_CONTROL: '/c' }, 'SOTTO_TOR_COOKIE'],
    ['a directory that does not exist', paths, 'SOTTO_GATE_SOCKET'],
    ['a path that is taken', { ...paths, SOTTO_GATE_SOCKET: '/' }, 'SOTTO_GATE_SOCKET'],
    ['a slip in a name', { ...paths, SOTTO_TOR_COOKEI: '/k' }, 'SOTTO_TOR_COOKEI'],
  ])(
    'the gate refuses an environment with %s in one line that names the variable and no path',
    async (_name, environment, variable) => {
      await using gate = new Run('gate/main.ts', environment);
      const { code, output } = await gate.finished;
      expect(code).toBe(2);
      expect(output.startsWith(`${SAID_FIRST}gate: ${variable}`)).toBe(true);
      expect(output.slice(SAID_FIRST.length)).toMatch(/^gate: [^\n]+\n$/);
      for (const path of Object.values(environment).filter((value) => value.length > 2))
        expect(output).not.toContain(path);
    },
  );

  test.each([
    [['--help'], 0, /^Usage: gate .*\n.*SOTTO_GATE_SOCKET/s],
    [['extra', '-h'], 0, /^Usage: gate /],
    [['--version'], 0, /^[0-9.]+\n$/],
    [['--frob', '-V'], 0, /^[0-9.]+\n$/],
    [['--frob'], 2, /^gate: unknown option --frob\. See: gate --help\n$/],
    [['extra'], 2, /^gate: an argument too many: it takes none\. See: gate --help\n$/],
  ])('the gate answers %j before it checks its isolation, and starts nothing', async (args, code, output) => {
    await using gate = new Run('gate/main.ts', { SOTTO_UNPROTECTED: '' }, args);
    expect(await gate.finished).toEqual({ code, output: expect.stringMatching(output) as string });
  });
});
