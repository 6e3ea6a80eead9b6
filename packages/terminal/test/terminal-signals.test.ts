// Keys and signals that must not stop a member, and a terminal that stands still: on a real
// pseudo-terminal.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../src/exit-codes.ts';
import { QUESTION } from '../src/terminal-watch-machine.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';
import { PtyTerminal, startClientOnPty } from './pty-terminal.ts';
import type { ClientOnPty, PtyOptions } from './pty-terminal.ts';

const isStopped = (pid: number): boolean => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A client in a room. */
async function withClient(
  use: (client: ClientOnPty, relay: MemoryRelay) => Promise<void>,
  options: PtyOptions = { isJob: true },
): Promise<void> {
  const relay = new MemoryRelay();
  const client = await startClientOnPty(relay, [INVITE, '--name', 'anna'], options);
  try {
    await client.terminal.untilHas('-- joined as anna·');
    await use(client, relay);
  } finally {
    await client.close();
  }
}

describe.runIf(process.platform === 'linux')('a client on a pseudo-terminal', () => {
  test.each([
    ['Ctrl-Z', ({ terminal }: ClientOnPty) => terminal.type('\x1a'.repeat(20))],
    ['SIGTSTP', ({ terminal }: ClientOnPty) => process.kill(terminal.jobPid, 'SIGTSTP')],
  ])('is not stopped by %s: it shows once how to leave, and goes on', async (_name, stop) => {
    await withClient(async (client) => {
      const { terminal } = client;
      const pid = terminal.jobPid;
      terminal.type('half');
      stop(client);
      await Promise.race([terminal.untilHas('(stop-refused)'), until(() => isStopped(pid))]);
      expect(isStopped(pid)).toBe(false);
      await terminal.until(({ rows }) => rows.includes('> half'));
      expect(terminal.screen.allRows.filter((row) => row.includes('(stop-refused)'))).toHaveLength(1);
      terminal.type('\x15/quit\r');
      await terminal.untilHas('code 0');
    });
  });

  test('control: another job of such a shell is stopped by Ctrl-Z', async () => {
    const terminal = new PtyTerminal('bash', ['--norc', '-m', '-c', 'sleep 60; read -r line']);
    await until(() => existsSync(`/proc/${terminal.jobPid}/comm`));
    const pid = terminal.jobPid;
    await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
    terminal.type('\x1a');
    await until(() => isStopped(pid));
    await terminal.close();
  });

  test('sends no keys that were typed while SIGSTOP held it, and reads new keys', async () => {
    // Nobody takes the terminal while it is stopped.
    const alone = { isJob: false };
    await withClient(async ({ terminal }, relay) => {
      const bert = startProgram([INVITE, '--name', 'bert'], relay);
      await terminal.untilHas(' is here');
      terminal.type('draft ');
      await terminal.until(({ rows }) => rows.includes('> draft '));
      terminal.signal('SIGSTOP');
      await until(() => isStopped(terminal.pid));
      terminal.type('meant for a shell\rrm -r x\r');
      await terminal.untilUnread();
      terminal.signal('SIGCONT');
      // It reads new keys as soon as it shows one.
      while (!terminal.screen.rows.some((row) => /^> .*n$/.test(row))) {
        terminal.type('n');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      terminal.type(' sent\r');
      await bert.out.until((text) => /^anna·.* sent$/m.test(text));
      const heard = bert.out.lines.filter((line) => line.startsWith('anna·'));
      expect(heard.map((line) => line.slice('anna·0000  '.length))).toEqual([expect.stringMatching(/^draft n+ sent$/)]);
      bert.interrupt();
      await bert.ended;
    }, alone);
  });

  test('reads Ctrl-\\ as a panic: the screen is cleared, and the exit code is its own', async () => {
    await withClient(async ({ terminal }) => {
      terminal.type('half\x1c');
      await terminal.ended;
      const shown = terminal.screen.allRows.filter((row) => row !== '');
      expect(shown).toEqual([`code ${EXIT_CODES.panic}`, "left over: ['']"]);
    });
  });

  test.each([
    ['Ctrl-Z', '\x1a', undefined],
    ['Ctrl-\\', '\x1c', EXIT_CODES.panic],
    ['Ctrl-C', '\x03', EXIT_CODES.left],
  ])('is not stopped by %s at the hidden prompt', async (_name, key, code) => {
    const client = await startClientOnPty(new MemoryRelay(), ['--name', 'anna'], { isJob: true });
    try {
      await client.terminal.untilHas('not shown): ');
      client.terminal.type(code === undefined ? `${key}${INVITE}\r` : key);
      await client.terminal.untilHas(code === undefined ? '-- joined as anna·' : `code ${code}`);
    } finally {
      await client.close();
    }
  });

  test('obeys a signal while its terminal stands still and its output waits', async () => {
    await withClient(async ({ terminal }, relay) => {
      const bert = startProgram([INVITE, '--name', 'bert'], relay);
      await terminal.untilHas(' is here');
      terminal.pause();
      for (let index = 0; index < 60; index += 1) bert.stdin.write(`${'x'.repeat(2_000)}\n`);
      await bert.out.until((text) => (text.match(/^bert/gm) ?? []).length === 60);
      process.kill(terminal.jobPid, 'SIGTERM');
      await bert.out.until((text) => /-- anna·[0-9a-f]{4} has left/.test(text));
      bert.interrupt();
      await bert.ended;
    });
  });

  test('leaves the room at once, in order, when its window is closed', async () => {
    await withClient(async ({ terminal }, relay) => {
      const bert = startProgram([INVITE, '--name', 'bert'], relay);
      await terminal.untilHas(' is here');
      terminal.hangUp();
      await bert.out.until((text) => /-- anna·[0-9a-f]{4} has left/.test(text));
      bert.interrupt();
      await bert.ended;
    });
  });

  test.each([
    ['in JSON mode', ['--json', INVITE], { isJob: false }],
    ['in plain mode', ['--plain', INVITE], { isJob: false }],
    ['if its output is no terminal', [INVITE], { isJob: true, after: '| cat' }],
    ['if its input is no terminal', [INVITE], { isJob: true, after: '< <(sleep 10)' }],
  ])('sends its terminal no question %s', async (_how, args, options) => {
    const client = await startClientOnPty(new MemoryRelay(), args, options);
    try {
      await client.terminal.untilHas('joined');
      expect(client.terminal.written).not.toContain(QUESTION);
    } finally {
      await client.close();
    }
  });

  test('shows none of its terminal’s answers, and leaves none to the shell after it', async () => {
    await withClient(async ({ terminal }) => {
      terminal.type('x');
      await terminal.until(({ rows }) => rows.includes('> x'));
      terminal.answersAfterMs = 200;
      // The answer to the second question comes when it has left.
      await until(() => terminal.written.split(QUESTION).length > 2);
      terminal.type('\x03');
      await terminal.untilHas('left over: ');
      expect(terminal.screen.rows).toContain("left over: ['']");
      expect(terminal.screen.allRows.join('\n')).not.toContain('0n');
    });
  });

  test('control: an answer that no program reads gets to the shell', async () => {
    const script = `printf '\\033[5n'; IFS= read -rs -d '' -t 1 left; printf 'left over: [%q]' "$left"`;
    const terminal = new PtyTerminal('bash', ['--norc', '-c', script]);
    await terminal.ended;
    expect(terminal.screen.rows.join('\n')).toContain('[0n');
    await terminal.close();
  });
});
