import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { PROTECTIONS } from '@sotto/confinement';
import { describe, expect, test } from 'vitest';
import { editLines } from '../src/line-editor.ts';
import { TYPED_LINES_MAX } from '../src/limits.ts';
import { INVITE, Printed, startProgram } from './program.ts';
import { NearRelay } from './near-relay.ts';
import { openGate, openSocks } from './stand-ins.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

describe.runIf(process.platform === 'linux')(
  'line editing on a pseudo-terminal, through gate and SOCKS into a room',
  () => {
    test('keeps what is being typed when a message comes, and shows an own message once the relay holds it', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'sotto-editor-'));
      const relay = new NearRelay();
      await relay.founded();
      const gateSocket = join(directory, 'gate.sock');
      const gate = await openGate(gateSocket, {
        network: 'private-test',
        stages: [{ state: 'done' }],
        descriptor: { state: 'received' },
      });
      const socks = await openSocks(() => relay.open());
      const environment = {
        SOTTO_UNPROTECTED: Object.keys(PROTECTIONS).join(),
        SOTTO_SOCKS: `127.0.0.1:${socks.port}`,
        SOTTO_GATE_SOCKET: gateSocket,
      };
      const shell = `stty cols 80 rows 24; '${process.execPath}' '${MAIN}' --name anna; echo "code $?"`;
      const child = spawn('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
        env: { PATH: process.env['PATH'], TERM: 'xterm', SHELL: '/bin/sh', ...environment },
      });
      const shown = new PassThrough();
      child.stdout.pipe(shown);
      const screen = new Printed(shown);
      const ended = new Promise((resolve) => child.on('close', resolve));
      try {
        await screen.untilHas('not shown): ');
        child.stdin.write(`${INVITE}\r`);
        await screen.untilHas('-- joined as anna·');
        expect(screen.text).toMatch(/-- joined as anna·[0-9a-f]{4} on a PRIVATE TEST NETWORK/);
        const bert = startProgram([INVITE, '--name', 'bert'], relay);
        await screen.until((text) => /-- bert·[0-9a-f]{4} is here/.test(text));
        child.stdin.write('half a li');
        await screen.until((text) => text.endsWith('half a li'));
        bert.stdin.write('hello anna\n');
        await screen.until((text) => /bert·[0-9a-f]{4} {2}hello anna\r\n[^\n]*> half a li[^\n]*$/.test(text));
        child.stdin.write('ne\r');
        await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}half a line$/m.test(text));
        await screen.until((text) => /anna·[0-9a-f]{4} {2}half a line\r\n/.test(text));
        bert.interrupt();
        await bert.ended;
        child.stdin.write('quit\r');
        await ended;
        expect(screen.text).toContain('-- left the room');
        expect(screen.text).toContain('code 0');
        expect(screen.text).not.toContain(INVITE);
      } finally {
        child.kill();
        await Promise.all([gate.server, socks.server].map((server) => new Promise((resolve) => server.close(resolve))));
        await rm(directory, { recursive: true });
      }
    });
  },
);

test('a paste that nobody takes is bounded, and says so in its place', () => {
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { columns: 80, isTTY: true });
  const below = { print: () => undefined, close: () => Promise.resolve(), wipe: () => undefined };
  const { feed, screen } = editLines(input, output as unknown as NodeJS.WriteStream, below, () => undefined);
  const taken: string[] = [];
  input.emit('data', Buffer.from('x\r'.repeat(TYPED_LINES_MAX + 500)));
  feed.begin({ line: (line) => void taken.push(line.ok ? line.text : line.code), end: () => undefined });
  expect(taken).toHaveLength(TYPED_LINES_MAX + 1);
  expect(new Set(taken.slice(0, -1))).toEqual(new Set(['x']));
  expect(taken.at(-1)).toBe('input-full');
  void screen.close();
});
