import { describe, expect, test } from 'vitest';
import type { Command } from '../src/front-end.ts';
import { readTyped } from '../src/plain-command.ts';
import { PlainFrontEnd } from '../src/plain.ts';

describe('what a typed line means', () => {
  test.each(['quit', 'exit', '/quit', '/exit', ' quit ', '/exit  '])('%j leaves', (line) => {
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'leave' } });
  });

  test.each([
    ['hello', 'hello'],
    ['  indented ', '  indented '],
    ['//quit', '/quit'],
    ['quit now', 'quit now'],
    ['I exit', 'I exit'],
    ['Quit', 'Quit'],
  ])('%j is a text', (line, text) => {
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'say', text, ref: undefined } });
  });

  test.each(['', '   ', '\t'])('%j is nothing', (line) => expect(readTyped(line)).toEqual({ type: 'nothing' }));
  test.each(['/qiut', '/etc/passwd', '/'])('%j is no command', (line) =>
    expect(readTyped(line)).toEqual({ type: 'unknown' }),
  );
  test.each(['/who', '/members'])('%j lists', (line) =>
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'members' } }),
  );
});

describe('a typed command', () => {
  test.each<[string, Command]>([
    ['/code', { type: 'code' }],
    ['/status', { type: 'status' }],
    ['/circuit', { type: 'circuit' }],
    ['/lock', { type: 'access', mode: 'locked' }],
    ['/unlock', { type: 'access', mode: 'open' }],
    [' /knock ', { type: 'access', mode: 'knock' }],
    ['/verify alice', { type: 'verify', member: 'alice' }],
    ['/verify   alice·4f2c  ', { type: 'verify', member: 'alice·4f2c' }],
    ['/verified 4f2c', { type: 'verified', member: '4f2c' }],
    ['/admit dora', { type: 'admit', member: 'dora' }],
    ['/evict bob', { type: 'evict', member: 'bob' }],
  ])('%j is understood', (line, command) => expect(readTyped(line)).toEqual({ type: 'command', command }));

  test.each(['/verify', '/verified ', '/admit alice bob', '/evict a b c'])('%j asks about whom', (line) => {
    expect(readTyped(line)).toMatchObject({ type: 'nobody-named' });
  });

  test.each(['/verifyalice', '/Verify alice', '/lock now', '/codes', '/evicted bob'])('%j is none', (line) => {
    expect(readTyped(line)).toEqual({ type: 'unknown' });
  });

  test.each([
    ['//verify alice', '/verify alice'],
    ['verify alice', 'verify alice'],
    ['lock', 'lock'],
  ])('%j is a text', (line, text) => {
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'say', text, ref: undefined } });
  });

  test('is in the help, and the help fits a narrow terminal', () => {
    const printed: string[] = [];
    const plain = new PlainFrontEnd(
      { print: (lines) => void printed.push(lines), close: () => Promise.resolve(), wipe: () => undefined },
      () => 96,
    );
    expect(plain.read({ ok: true, text: '/help' })).toBeUndefined();
    const help = printed.join('\n');
    const commands = [
      'members',
      'who',
      'verify',
      'verified',
      'code',
      'admit',
      'evict',
      'lock',
      'unlock',
      'knock',
      'quit',
      'exit',
    ];
    for (const command of commands) expect(help).toContain(`/${command}`);
    expect(printed.every((line) => !line.includes('\n'))).toBe(true);
    expect(plain.read({ ok: true, text: '/evict' })).toBeUndefined();
    expect(printed.at(-1)).toContain('/evict and a name');
  });
});
