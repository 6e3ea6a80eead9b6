// Input that is not UTF-8, or has a byte order mark: what is said of it, what goes on, and what the
// program ends with.

import { message } from '@sotto/messages';
import { describe, expect, test } from 'vitest';
import { exitCodeOfInput } from '../src/exit-codes.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le');
const MESSAGE = message('error.terminal.input-encoding');

describe('a connection string', () => {
  test.each([
    ['in UTF-16', utf16(`${INVITE}\nhello\n`)],
    ['in UTF-16 BE', utf16(`${INVITE}\nhello\n`).swap16()],
    ['with a byte that is not UTF-8', latin1(`${INVITE}\xa0\n`)],
  ])('%s is refused with exit code 2, in plain mode and in JSON mode', async (_what, bytes) => {
    for (const screen of ['--plain', '--json']) {
      const program = startProgram(['-', screen], new MemoryRelay());
      program.stdin.end(bytes);
      expect(await program.ended).toBe(2);
      expect(program.err.text).toBe(`sotto: ${MESSAGE} (input-encoding)\n`);
      const error = { type: 'error', code: 'input-encoding', message: MESSAGE };
      expect(program.out.lines.map((line) => JSON.parse(line) as unknown)).toEqual(screen === '--json' ? [error] : []);
    }
  });

  test('after a byte order mark is read, and so are the lines after it', async () => {
    const program = startProgram(['-', '--json'], new MemoryRelay());
    const send = (ref: string): string => `{"cmd":"send","text":"a","ref":"${ref}"}\r\n`;
    program.stdin.end(`\ufeff${INVITE}\r\n\ufeff${send('1')}${send('2')}`);
    expect(await program.ended).toBe(0);
    expect(program.out.text).not.toContain('"error"');
    expect(program.out.text.match(/"type":"sent"/g)).toHaveLength(2);
  });
});

describe('a line in a room', () => {
  test('is refused in plain words if it is not UTF-8; the others are sent, and the exit code is 1', async () => {
    const program = startProgram([INVITE, '--plain'], new MemoryRelay());
    program.stdin.end(latin1('caf\xe9\nhello\n'));
    expect(await program.ended).toBe(1);
    expect(program.out.text).toContain(`-- ${MESSAGE}\n`);
    expect(program.out.text).not.toContain('JSON');
    expect(program.out.text).toMatch(/ {2}hello\n/);
    expect(program.out.text).not.toContain('caf');
  });

  test.each([
    ['--plain', utf16('hello\nthere\n')],
    ['--json', utf16('{"cmd":"send","text":"a"}\n{"cmd":"quit"}\n')],
    ['--plain', latin1('caf\xe9\n\n')],
  ])('ends the program with 2 if no line of its input is UTF-8 (%s)', async (screen, bytes) => {
    const program = startProgram([INVITE, screen], new MemoryRelay());
    program.stdin.end(bytes);
    expect(await program.ended).toBe(2);
    expect(program.out.text).toContain(MESSAGE);
  });

  test('leaves the exit code 0 after /quit, even if it is not UTF-8', async () => {
    const program = startProgram([INVITE, '--plain'], new MemoryRelay());
    program.stdin.write(latin1('caf\xe9\n/quit\n'));
    expect(await program.ended).toBe(0);
  });

  test.each([
    [{ read: 0, refused: 0 }, 0],
    [{ read: 9, refused: 0 }, 0],
    [{ read: 9, refused: 1 }, 1],
    [{ read: 0, refused: 1 }, 2],
  ])('counts for the exit code: %j gives %d', (lines, code) => expect(exitCodeOfInput(lines)).toBe(code));
});
