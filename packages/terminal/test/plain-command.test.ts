import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Command } from '../src/front-end.ts';
import { readTyped } from '../src/plain-command.ts';
import { PlainFrontEnd } from '../src/plain.ts';

describe('a typed line', () => {
  test.each(['quit', 'exit', '/quit', '/exit', ' quit ', '/exit  '])('%j is the command to leave', (line) => {
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
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'send', text, ref: undefined } });
  });

  test.each(['', '   ', '\t'])('%j is ignored as empty', (line) =>
    expect(readTyped(line)).toEqual({ type: 'nothing' }),
  );
  test.each([
    ['/qiut', 'quit'],
    [' /quitt', 'quit'],
    ['/verifyalice', 'verify'],
    ['/evicted bob', 'evict'],
    ['/codes', 'code'],
    ['/etc/passwd', undefined],
    ['/', undefined],
    ['/ 2 of them are here', undefined],
    ['\t/.', undefined],
    ['/constructor', undefined],
  ])('%j is no command; /%s is the nearest', (line, meant) =>
    expect(readTyped(line)).toEqual({ type: 'unknown', meant }),
  );
  test.each(['/who', '/members'])('%j is the command to list members', (line) =>
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'members' } }),
  );
});

describe('a typed command', () => {
  test.each<[string, Command]>([
    ['/code', { type: 'code' }],
    ['/status', { type: 'status' }],
    ['/circuit', { type: 'circuit' }],
    ['/lock', { type: 'access', mode: 'locked' }],
    ['/move', { type: 'move', cover: undefined }],
    ['/move Stealth-16.', { type: 'move', cover: 'stealth-16' }],
    ['/unlock', { type: 'access', mode: 'open' }],
    [' /knock ', { type: 'access', mode: 'knock' }],
    ['/verify alice', { type: 'verify', member: 'alice' }],
    [' /evict bob', { type: 'evict', member: 'bob' }],
    ['\t/verify bob', { type: 'verify', member: 'bob' }],
    ['\u00a0/admit bob', { type: 'admit', member: 'bob' }],
    ['\u3000/admit\u3000bob', { type: 'admit', member: 'bob' }],
    ['\u200b\ufeff/evict \u2060bob\u200b', { type: 'evict', member: 'bob' }],
    ['/ evict bob', { type: 'evict', member: 'bob' }],
    ['\uff0fevict Bob', { type: 'evict', member: 'Bob' }],
    ['\uff0f\uff45\uff56\uff49\uff43\uff54 bob', { type: 'evict', member: 'bob' }],
    ['/Verify Alice', { type: 'verify', member: 'Alice' }],
    ['/QUIT', { type: 'leave' }],
    ['/quit.', { type: 'leave' }],
    ['/qu\u200bit!', { type: 'leave' }],
    ['\u2215exit', { type: 'leave' }],
    [
      '/verify \u0646\u0627\u0645\u200c\u0647\u0627',
      { type: 'verify', member: '\u0646\u0627\u0645\u200c\u0647\u0627' },
    ],
    ['/verify   alice·4f2c  ', { type: 'verify', member: 'alice·4f2c' }],
    ['/verified 4f2c', { type: 'verified', member: '4f2c' }],
    ['/admit dora', { type: 'admit', member: 'dora' }],
    ['/evict bob', { type: 'evict', member: 'bob' }],
  ])('%j is understood', (line, command) => expect(readTyped(line)).toEqual({ type: 'command', command }));

  test.each(['/verify', '/verified ', '/evict.', '/admit alice bob', '/evict a b c'])(
    '%j is refused for lack of a member',
    (line) => {
      expect(readTyped(line)).toMatchObject({ type: 'member-missing' });
    },
  );

  test.each([
    ['/lock now', 'lock'],
    ['/quit please', 'quit'],
    [' /who is here?', 'who'],
    ['/panic now', 'panic'],
    ['  /panic           at once, without a word', 'panic'],
  ])('%j is refused, because a word follows the command', (line, word) => {
    expect(readTyped(line)).toEqual({ type: 'too-much', word });
  });

  test.each(['/help', ' /help', '/help verify', '/HELP.', '/?', '\uff0f?'])('%j is a request for help', (line) => {
    expect(readTyped(line)).toEqual({ type: 'help' });
  });

  test.each([
    ['//verify alice', '/verify alice'],
    ['  //verify alice', '  /verify alice'],
    ['\u3000\uff0f\uff0fverify', '\u3000\uff0fverify'],
    ['///etc', '//etc'],
    ['//', '/'],
    ['a /quit', 'a /quit'],
    ['\\quit', '\\quit'],
    ['verify alice', 'verify alice'],
    ['lock', 'lock'],
  ])('%j is a text', (line, text) => {
    expect(readTyped(line)).toEqual({ type: 'command', command: { type: 'send', text, ref: undefined } });
  });

  test('is never sent as a text if it seems to begin with one slash', () => {
    const unseen = fc.string({
      unit: fc.constantFrom(' ', '\t', '\u00a0', '\u3000', '\u200b', '\ufeff', '\u202e', '\u2800', '\u0007'),
    });
    const slash = fc.constantFrom('/', '\uff0f', '\u2044', '\u2215');
    const rest = fc.string({ unit: 'binary' }).filter((text) => !/^[/\uff0f\u2044\u2215\u29f8\u27cb]/u.test(text));
    fc.assert(
      fc.property(unseen, slash, rest, (before, mark, behind) => {
        const typed = readTyped(before + mark + behind);
        expect(typed.type === 'command' && typed.command.type === 'send').toBe(false);
        // The control: with another slash it is a text.
        expect(readTyped(`${before}/${mark}${behind}`)).toMatchObject({ command: { type: 'send' } });
      }),
    );
  });

  test.each([
    '/panic',
    ' /panic',
    '\t/PANIC',
    '/ panic',
    '/panic.',
    '/panic!!',
    '\uff0fpanic',
    '\u200b/panic',
    '/pa\u00adnic',
  ])('%j is a panic, both where lines wait and where they are read', (text) => {
    const plain = new PlainFrontEnd(
      { print: () => expect.fail('nothing is shown'), close: () => Promise.resolve(), wipe: () => undefined },
      () => 80,
    );
    expect(plain.isPanic({ ok: true, text })).toBe(true);
    expect(plain.read({ ok: true, text })).toEqual({ type: 'panic' });
  });

  test.each(['panic', '//panic', '/panic now', '/panics', 'a /panic', '/panic\u0000x'])('%j is no panic', (text) => {
    const plain = new PlainFrontEnd(
      { print: () => undefined, close: () => Promise.resolve(), wipe: () => undefined },
      () => 80,
    );
    expect(plain.isPanic({ ok: true, text })).toBe(false);
    expect(plain.read({ ok: true, text })).not.toEqual({ type: 'panic' });
  });

  test('with no match is answered with the nearest one and the typed text, made harmless', () => {
    const printed: string[] = [];
    const plain = new PlainFrontEnd(
      { print: (lines) => void printed.push(lines), close: () => Promise.resolve(), wipe: () => undefined },
      () => undefined,
    );
    expect(plain.read({ ok: true, text: ' /quitt \u001b[2J\u202enow' })).toBeUndefined();
    expect(plain.read({ ok: true, text: '/etc/passwd' })).toBeUndefined();
    expect(plain.read({ ok: true, text: '/lock now' })).toBeUndefined();
    expect(printed).toEqual([
      '¶-- no such command: did you mean /quit? To send it as a text, begin with two slashes.',
      '¶-- not sent: /quitt \u241b[2Jnow',
      '¶-- no such command: /help lists them. To send it as a text, begin with two slashes.',
      '¶-- not sent: /etc/passwd',
      '¶-- /lock takes nothing behind it: type it alone. To send it as a text, begin with two slashes.',
      '¶-- not sent: /lock now',
    ]);
  });

  test('has a line in the help, which fits a narrow terminal', () => {
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
