import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { COMPILED_MODULES } from '@sotto/fixtures';
import { message } from '@sotto/messages';
import { PROTECTIONS } from '@sotto/confinement';
import { describe, expect, test } from 'vitest';
import { INVITE } from './program.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** Nothing listens there: the program stays before the room and tries again. */
const DOORS = { SOTTO_SOCKS: '127.0.0.1:1', SOTTO_GATE_SOCKET: '/nonexistent/gate.sock' };

/** No machine that tests run on is as the compose file says. */
const UNPROTECTED = { SOTTO_UNPROTECTED: Object.keys(PROTECTIONS).join() };

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = DOORS,
): ChildProcessWithoutNullStreams {
  const inherited = { PATH: process.env['PATH'], TERM: 'xterm', ...COMPILED_MODULES };
  return spawn(command, args, { env: { ...inherited, ...UNPROTECTED, ...environment } });
}

function startMain(...args: string[]): ChildProcessWithoutNullStreams {
  return start(process.execPath, [MAIN, ...args]);
}

/** What it printed until `enough`, or until its end. */
function untilPrinted(child: ChildProcessWithoutNullStreams, enough: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let printed = '';
    const take = (chunk: Buffer): void => {
      printed += chunk.toString('utf8');
      if (enough.test(printed)) resolve(printed);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('close', () => resolve(printed));
  });
}

function end(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  return new Promise((resolve) => {
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('the client process', () => {
  test('removes the connection string from its command line', async () => {
    const child = startMain('--json', INVITE);
    const ended = end(child);
    await untilPrinted(child, /waiting for the gate/);
    const commandLine = await readFile(`/proc/${String(child.pid)}/cmdline`, 'utf8');
    expect(commandLine).toMatch(/^sotto\0/);
    expect(commandLine).not.toContain('sotto1');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  test('control: another process is seen with the connection string', async () => {
    const child = start(process.execPath, ['-e', 'setInterval(() => 0, 1000); process.stdout.write("up")', INVITE]);
    await untilPrinted(child, /up/);
    expect(await readFile(`/proc/${String(child.pid)}/cmdline`, 'utf8')).toContain(INVITE);
    child.kill('SIGKILL');
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves cleanly on %s', async (signal) => {
    const child = startMain('--json', INVITE);
    const ended = end(child);
    await untilPrinted(child, /waiting for the gate/);
    child.kill(signal);
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toEqual({ type: 'state', state: 'closed' });
  });

  test('ends at once on SIGQUIT, with an exit code of its own and no output', async () => {
    const child = startMain('--json', INVITE);
    const ended = end(child);
    await untilPrinted(child, /waiting for the gate/);
    child.kill('SIGQUIT');
    const { code, out } = await ended;
    expect(code).toBe(3);
    expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ state: 'bootstrapping' });
  });

  test('reports that it waits if there is no gate', async () => {
    const child = startMain('--json', INVITE);
    const ended = end(child);
    await untilPrinted(child, /waiting for the gate/);
    child.stdin.end();
    const { out } = await ended;
    expect(JSON.parse(out.split('\n')[0] ?? '')).toEqual({
      type: 'state',
      state: 'bootstrapping',
      percent: 0,
      detail: 'waiting for the gate to start',
    });
  });

  test('refuses an unprotected machine with 78 after it has read its command line', async () => {
    const child = start(process.execPath, [MAIN, '--json', INVITE], { SOTTO_UNPROTECTED: '' });
    const { code, out, err } = await end(child);
    expect([code, out, err.split(':')[1]]).toEqual([78, '', ' unprotected']);
  });

  test.each([
    [['--help'], 0, /^Usage: client .*--renew.*[^\n]\n$/s, ''],
    [['--frob', INVITE, '-h'], 0, /^Usage: client /, ''],
    [['-V'], 0, /^[0-9.]+\n$/, ''],
    [['help'], 2, /^$/, 'sotto: there are no commands: did you mean --help? See: client --help\n'],
    [['-j'], 2, /^$/, 'sotto: unknown option -j: did you mean --json? See: client --help\n'],
    [['--name'], 2, /^$/, 'sotto: --name needs a value. See: client --help\n'],
    [['--constructor=2'], 2, /^$/, 'sotto: unknown option --constructor. See: client --help\n'],
    [
      ['--json', INVITE, INVITE],
      2,
      /^$/,
      'sotto: the connection string was given twice: give it once, as an argument, with "-" or with --invite-file. See: client --help\n',
    ],
  ])('answers %j outside of a container, too, and starts nothing', async (args, code, out, err) => {
    const child = start(process.execPath, [MAIN, ...args], { SOTTO_UNPROTECTED: '' });
    expect(await end(child)).toEqual({ code, out: expect.stringMatching(out) as string, err });
  });

  test.each([
    [{}, 'SOTTO_SOCKS is missing: start the client with docker compose (environment-invalid)'],
    [
      { ...DOORS, SOTTO_SOCKS: 'tor' },
      'SOTTO_SOCKS is not HOST:PORT: start the client with docker compose (environment-invalid)',
    ],
    [
      { ...DOORS, SOTTO_GATE_SOCKET: 'gate' },
      'SOTTO_GATE_SOCKET is not an absolute path of at most 107 bytes: start the client with docker compose (environment-invalid)',
    ],
    [{ ...DOORS, SOTTO_RENEW: 'x' }, 'SOTTO_RENEW takes 30 to 86400 seconds, or "off". See: client --help'],
    [
      { ...DOORS, SOTTO_RENWE: '60' },
      'SOTTO_RENWE is not a variable of this program: did you mean SOTTO_RENEW? See: client --help',
    ],
  ])('ends with 2 and one line that names the variable: %j', async (environment, problem) => {
    const { code, out, err } = await end(start(process.execPath, [MAIN, '-'], environment));
    expect([code, out]).toEqual([2, '']);
    expect(err.replace(/^sotto: SOTTO_UNPROTECTED: .*\n/, '')).toBe(`sotto: ${problem}\n`);
  });

  test.each([
    ['a connection string', ['-'], Buffer.from(`\ufeff${INVITE}\n`, 'utf16le'), ' (input-encoding)'],
    ['an input', ['--plain', INVITE], Buffer.from('caf\xe9\n', 'latin1'), ''],
  ])('ends with 2 and the reason on %s that is not UTF-8', async (_what, args, bytes, code) => {
    const child = start(process.execPath, [MAIN, ...args]);
    const ended = end(child);
    child.stdin.end(bytes);
    const { code: exit, out, err } = await ended;
    expect(exit).toBe(2);
    expect(out + err).toContain(`${message('error.terminal.input-encoding')}${code}\n`);
    expect(out + err).not.toMatch(/\n\s+at |JSON/);
  });

  test('ends with 70 and one line for a bug, without the text of the error', async () => {
    const script = `
      process.argv = [process.argv[0], 'main', '--json', '${INVITE}'];
      process.stdout.write = () => { throw new Error('secret ${INVITE}'); };
      await import(${JSON.stringify(MAIN)});`;
    const child = start(process.execPath, ['--input-type=module', '-e', script]);
    const { code, out, err } = await end(child);
    expect(code).toBe(70);
    expect(err).toMatch(
      /^sotto: SOTTO_UNPROTECTED: .*\nsotto: the connection string is now in .*\nsotto: this is a bug in Sotto.*\(internal-error\)\n$/,
    );
    expect(out + err).not.toContain('sotto1');
  });
});

/** A real pseudo-terminal, from util-linux. What the terminal shows is on standard output. */
function onTerminal(shell: string): ChildProcessWithoutNullStreams {
  return start('script', ['--quiet', '--return', '--command', shell, '/dev/null'], { ...DOORS, SHELL: '/bin/sh' });
}

describe.runIf(process.platform === 'linux')('the client on a terminal', () => {
  const program = `'${process.execPath}' '${MAIN}'`;

  test('asks without echo, names the fault three times, and restores the terminal', async () => {
    const child = onTerminal(`stty -a; ${program}; echo "code $?"; stty -a`);
    const ended = end(child);
    const secret = 'sotto1thisisnotechoed';
    let asked = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      if (!chunk.toString('utf8').includes('not shown): ')) return;
      asked += 1;
      child.stdin.write(`${secret}${asked}\r`);
    });
    const { out } = await ended;
    expect(asked).toBe(3);
    expect(out).not.toContain(secret);
    expect(out).toContain('code 2');
    const settings =
      out.match(/(?:^|\s)-?(?:icanon|echo|isig|icrnl|opost)(?=[\s;])/g)?.map((word) => word.trim()) ?? [];
    expect(settings).toHaveLength(10);
    expect(settings.slice(5)).toEqual(settings.slice(0, 5));
    expect(settings).toContain('icanon');
  });

  test('control: a program with an ordinary prompt echoes its input', async () => {
    const child = onTerminal('echo ready; read answer');
    const ended = end(child);
    await untilPrinted(child, /ready/);
    child.stdin.write('sotto1thisisechoed\n');
    expect((await ended).out).toContain('sotto1thisisechoed');
  });

  test.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('ends with 0 on %s at the prompt', async (_name, key) => {
    const child = onTerminal(`${program}; echo "code $?"; stty -a`);
    const ended = end(child);
    await untilPrinted(child, /not shown\): /);
    child.stdin.write(key);
    const { out } = await ended;
    expect(out).toContain('code 0');
    expect(out).toMatch(/\sicanon/);
  });

  test.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
    ['quit', 'quit\r'],
  ])('ends with 0 on %s in line mode, and restores the terminal', async (_name, keys) => {
    const child = onTerminal(`${program} --name anna; echo "code $?"; stty -a`);
    const ended = end(child);
    await untilPrinted(child, /not shown\): /);
    child.stdin.write(`${INVITE}\r`);
    await untilPrinted(child, /-- .*waiting for the gate.*> /s);
    child.stdin.write(keys);
    const { out } = await ended;
    expect(out).toContain('-- left the room');
    expect(out).toContain('code 0');
    expect(out).toMatch(/\sicanon/);
    expect(out).not.toContain(INVITE);
    expect(out).not.toContain('internal-error');
  });

  test('clears the screen and its scrollback on /panic, and shows nothing more', async () => {
    const child = onTerminal(`${program} --name anna; echo "code $?"; stty -a`);
    const ended = end(child);
    await untilPrinted(child, /not shown\): /);
    child.stdin.write(`${INVITE}\r`);
    await untilPrinted(child, /-- .*waiting for the gate.*> /s);
    child.stdin.write('/panic\r');
    const { out } = await ended;
    const shownAfter = out.slice(out.indexOf('\x1b[H\x1b[2J\x1b[3J'));
    expect(shownAfter).toMatch(/^\x1b\[H\x1b\[2J\x1b\[3J\s*code 3\r\n/);
    expect(out).toMatch(/\sicanon/);
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('restores the terminal on %s at the prompt', async (signal) => {
    const child = onTerminal(`sh -c 'echo "pid $$."; exec ${program.replaceAll("'", '"')}'; echo "code $?"; stty -a`);
    const ended = end(child);
    const pid = Number(/pid (?<pid>\d+)\./.exec(await untilPrinted(child, /not shown\): /))?.groups?.['pid']);
    process.kill(pid, signal);
    const { out } = await ended;
    expect(out).toContain('code 0');
    expect(out).toMatch(/\sicanon/);
  });
});
