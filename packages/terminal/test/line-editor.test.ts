import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { editLines } from '../src/line-editor.ts';
import { TYPED_LINES_MAX } from '../src/limits.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';
import { startClientOnPty } from './pty-terminal.ts';

describe.runIf(process.platform === 'linux')(
  'the line editor on a pseudo-terminal, through gate and SOCKS into a room',
  () => {
    test('keeps the draft when a message comes, and shows an own message once the relay holds it', async () => {
      const relay = new MemoryRelay();
      const anna = await startClientOnPty(relay, ['--name', 'anna']);
      const { terminal } = anna;
      try {
        await terminal.untilHas('not shown): ');
        terminal.type(`${INVITE}\r`);
        await terminal.untilHas('-- joined as anna·');
        expect(terminal.screen.rows.join('\n')).toMatch(/-- joined as anna·[0-9a-f]{4} on a PRIVATE TEST NETWORK/);
        const bert = startProgram([INVITE, '--name', 'bert'], relay);
        await terminal.until(({ rows }) => rows.some((row) => /^¶-- bert·[0-9a-f]{4} is here/.test(row)));
        terminal.type('half a li');
        await terminal.until(({ rows }) => rows.includes('> half a li'));
        bert.stdin.write('hello anna\n');
        await terminal.until(({ rows, cursor }) => {
          const message = rows.findIndex((row) => /^bert·[0-9a-f]{4} {2}hello anna$/.test(row));
          return message >= 0 && rows[message + 1] === '> half a li' && cursor.column === '> half a li'.length;
        });
        terminal.type('ne\r');
        await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}half a line$/m.test(text));
        await terminal.until(({ rows }) => rows.some((row) => /^anna·[0-9a-f]{4} {2}half a line$/.test(row)));
        bert.interrupt();
        await bert.ended;
        terminal.type('quit\r');
        expect((await terminal.ended).code).toBe(0);
        expect(terminal.screen.rows.join('\n')).toContain('-- left the room');
        expect(terminal.written).not.toContain(INVITE);
      } finally {
        await anna.close();
      }
    });
  },
);

test('bounds a paste that is not read, and reports the cut in its place', () => {
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { columns: 80, isTTY: true });
  const below = { print: () => undefined, close: () => Promise.resolve(), wipe: () => undefined };
  const { queue, screen } = editLines(input, output as unknown as NodeJS.WriteStream, below);
  const taken: string[] = [];
  input.emit('data', Buffer.from('x\r'.repeat(TYPED_LINES_MAX + 500)));
  queue.begin({ line: (line) => void taken.push(line.ok ? line.text : line.code), end: () => undefined });
  expect(taken).toHaveLength(TYPED_LINES_MAX + 1);
  expect(new Set(taken.slice(0, -1))).toEqual(new Set(['x']));
  expect(taken.at(-1)).toBe('input-full');
  void screen.close();
});
