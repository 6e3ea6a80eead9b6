import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { message } from '@sotto/messages';
import { VERSION } from '@sotto/confinement/usage';
import type { InviteCode } from '@sotto/protocol';
import { FakeClock } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { readInvite } from '../src/invite-source.ts';
import type { ReadInvite } from '../src/invite-source.ts';
import { INVITE_LINE_LIMIT_MS, INVITE_LINES_MAX } from '../src/limits.ts';
import { queueLines } from '../src/line-queue.ts';
import { isName, makeName } from '../src/name.ts';
import { readOptions } from '../src/options.ts';
import manifest from '../package.json' with { type: 'json' };
import { BAD_INVITES } from './bad-invites.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

function rowsOf(width: number): string[] {
  return Array.from({ length: Math.ceil(INVITE.length / width) }, (_, row) =>
    INVITE.slice(row * width, (row + 1) * width),
  );
}
const ROWS = rowsOf(80);

describe('a connection string', () => {
  test.each(Object.entries(BAD_INVITES))('with a fault is refused, and the fault is named: %s', async (code, text) => {
    const program = startProgram(['-', '--json'], new MemoryRelay());
    program.stdin.end(`${text}\n`);
    expect(await program.ended).toBe(2);
    expect(program.err.text).toContain(message(`error.invite.${code as InviteCode}`));
    expect(program.err.text).toContain('Next: ');
    expect(program.out.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { type: 'error', code, message: expect.stringContaining('Next: ') as string },
    ]);
    if (code !== 'invite-empty') expect(program.err.text).not.toContain(text.slice(20, 40));
  });

  test('as an argument works, with a warning of one line', async () => {
    const program = startProgram([INVITE.toUpperCase()], new MemoryRelay());
    await program.out.untilHas('joined as');
    await program.err.untilHas('\n');
    expect(program.err.lines).toEqual([expect.stringContaining("shell's history")]);
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test('on standard input is the first line, before the conversation, and gives no warning', async () => {
    const program = startProgram(['-'], new MemoryRelay());
    program.stdin.end(`${INVITE}\nhello\n`);
    expect(await program.ended).toBe(0);
    expect(program.out.text).toMatch(/^[a-z]{6}·[0-9a-f]{4} {2}hello$/m);
    expect(program.out.text).not.toContain(INVITE);
    expect(program.err.text).toBe('');
  });

  test.each([
    ['wrapped after 80 columns', ROWS.join('\n')],
    ['in five pieces', rowsOf(24).join('\r\n')],
    ['with the column of the service on each row', ROWS.map((row) => `host-1  | ${row}`).join('\n')],
    ['with an indent at the joins', rowsOf(40).join('\n    ')],
    ['with empty lines before and within', `\n\n${rowsOf(60).join('\n\n')}`],
    ['with a BOM', `\ufeff${INVITE}`],
    ['with words before it on its line', `Connection string: ${INVITE}`],
    ['without anything', INVITE],
  ])('on standard input may be %s; the first line after it is read as input', async (_how, pasted) => {
    const plain = startProgram(['-', '--plain'], new MemoryRelay());
    plain.stdin.end(`${pasted}\nhello\n${'q'.repeat(8)}2\n`);
    expect(await plain.ended).toBe(0);
    expect(plain.out.text).toMatch(/^[a-z]{6}·[0-9a-f]{4} {2}hello\n[a-z]{6}·[0-9a-f]{4} {2}q{8}2$/m);
    const json = startProgram(['-', '--json'], new MemoryRelay());
    json.stdin.end(`${pasted}\n{"cmd":"members"}\n{"cmd":"send","text":"hello","ref":"1"}\n`);
    expect(await json.ended).toBe(0);
    const told = json.out.lines.map((line) => JSON.parse(line) as { type: string });
    expect(told.filter(({ type }) => type === 'error')).toEqual([]);
    expect(told).toContainEqual(expect.objectContaining({ type: 'sent', ref: '1' }));
  });

  test('on standard input, cut off, swallows no commands and waits for one second at most', async () => {
    const read = async (...lines: string[]): Promise<ReadInvite> => {
      const clock = new FakeClock();
      const stdin = new PassThrough();
      const never = new AbortController().signal;
      const edge = {
        ...{ terminal: undefined, staysRaw: false, showsOnTerminal: false, signal: never, atOnce: never },
      };
      const noShow = { show: () => undefined, note: () => undefined };
      const reading = readInvite({ from: 'stdin' }, { ...edge, ...noShow, clock, lines: () => queueLines(stdin, 100) });
      for (const line of lines) {
        stdin.write(line);
        await clock.advance(INVITE_LINE_LIMIT_MS - 1);
      }
      await clock.advance(1);
      return reading;
    };
    const begun = INVITE.slice(0, 80);
    const refused = { ok: false, code: 'invite-length', message: expect.stringContaining('80 of 118') as string };
    expect(await read(`${begun}\n`)).toEqual(refused);
    expect(await read(`${begun}\n`, 'hello\n')).toEqual(refused);
    expect(await read(`${begun}\n{"cmd":"quit"}\n`)).toEqual(refused);
    expect(await read('\n', '\n')).toMatchObject({ ok: false, code: 'invite-empty' });
    expect(await read('\n'.repeat(INVITE_LINES_MAX))).toMatchObject({ ok: false, code: 'invite-empty' });
    expect(await read(`${begun}\n`, '\n', `${INVITE.slice(80, 100)}\n`, `${INVITE.slice(100)}\n`)).toMatchObject({
      ok: true,
    });
    expect(await read(`${'x'.repeat(200)}\n`)).toMatchObject({ ok: false, code: 'input-too-long' });
  });

  test.each([
    ['a blank', ' '],
    ['a line end', '\n'],
    ['a line end and an indent', '\n   '],
  ])('as an argument may contain %s', async (_what, join) => {
    const program = startProgram([`"${rowsOf(80).join(join)}"`], new MemoryRelay());
    program.stdin.end();
    expect(await program.ended).toBe(0);
  });

  test('comes from a file by option or by variable; an argument overrides the variable', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sotto-invite-'));
    try {
      const good = join(directory, 'good');
      const bad = join(directory, 'bad');
      await writeFile(good, `${INVITE}\nanything\n`);
      await writeFile(bad, BAD_INVITES['invite-checksum']);
      const codeOf = (args: string[], file?: string): Promise<number> => {
        const environment = file === undefined ? {} : { SOTTO_INVITE_FILE: file };
        const program = startProgram(args, new MemoryRelay(), { environment });
        program.stdin.end();
        return program.ended;
      };
      expect(await codeOf(['--invite-file', good])).toBe(0);
      expect(await codeOf(['--invite-file', bad])).toBe(2);
      expect(await codeOf([], good)).toBe(0);
      expect(await codeOf([], bad)).toBe(2);
      expect(await codeOf([INVITE], bad)).toBe(0);
      const card = `\nKeep this to yourself.\n\n${ROWS.join('\n')}\n\n█▀▀▀▀▀█ ▄▀▄\n`;
      const whole: (string | Uint8Array)[] = [
        card,
        `\ufeff${INVITE}`,
        `host-1  | ${INVITE}\n`,
        rowsOf(24).join('\r\n'),
      ];
      for (const content of [...whole, Buffer.from(`\ufeff${INVITE}\r\n`, 'utf16le'), card + 'x'.repeat(1_000_000)]) {
        await writeFile(good, content);
        expect(await codeOf(['--invite-file', good])).toBe(0);
      }
      expect(await codeOf(['--invite-file', join(directory, 'absent')])).toBe(2);
      expect(await codeOf(['--invite-file', directory])).toBe(2);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('is missing without a terminal, and the error names the next step', async () => {
    const program = startProgram([], new MemoryRelay());
    expect(await program.ended).toBe(2);
    expect(program.err.text).toContain('(invite-missing)');
  });

  test('does not keep the program from leaving if it never comes', async () => {
    const program = startProgram(['-'], new MemoryRelay());
    program.interrupt();
    expect(await program.ended).toBe(0);
  });
});

describe('the command line', () => {
  const parse = (...args: string[]): unknown => readOptions(args, {});

  test('keeps a string of digits as text', () => {
    const digits = '00123'.repeat(4);
    expect(parse(digits)).toMatchObject({ ok: true, value: { invite: { from: 'argument', text: digits } } });
    expect(parse('-', '--name', '007')).toMatchObject({ value: { name: '007', invite: { from: 'stdin' } } });
  });

  test('has help in English, and the version of the package', async () => {
    expect(parse('--help')).toMatchObject({
      code: 'shown',
      text: expect.stringContaining('Joins a Sotto room') as string,
    });
    expect(parse('--version')).toEqual({ ok: false, code: 'shown', text: VERSION });
    expect(VERSION).toBe(manifest.version);
    const program = startProgram(['--help'], new MemoryRelay());
    expect(await program.ended).toBe(0);
    expect(program.out.text).toContain('--invite-file');
  });

  test('reports usage errors on standard error alone, with exit code 2', async () => {
    const program = startProgram(['--dance'], new MemoryRelay());
    expect(await program.ended).toBe(2);
    expect(program.err.text).toBe('sotto: unknown option --dance. See: client --help\n');
    expect(program.out.text).toBe('');
  });

  test.each(['', 'two words', 'alice·4f2c', '-dash', 'a'.repeat(25), '\u202eecila', 'é'.repeat(25)])(
    'refuses the name %j',
    async (name) => {
      expect(isName(name)).toBe(false);
      const program = startProgram([INVITE, `--name=${name}`], new MemoryRelay());
      expect(await program.ended).toBe(2);
      expect(program.err.text).toContain('(name-invalid)');
    },
  );

  test('composes a decomposed name, and accepts a name with a joiner that it needs', async () => {
    for (const [typed, shown] of [
      ['Jose\u0301', 'Jos\u00e9'],
      ['می\u200cترا', 'می\u200cترا'],
    ] as const) {
      const program = startProgram([INVITE, `--name=${typed}`], new MemoryRelay());
      await program.out.untilHas(`-- joined as ${shown}·`);
      program.stdin.end();
      expect(await program.ended).toBe(0);
    }
  });

  test('makes up only names that it would accept', () => {
    for (let byte = 0; byte < 256; byte += 1)
      expect(isName(makeName((length) => new Uint8Array(length).fill(byte)))).toBe(true);
    expect(makeName(() => Uint8Array.of(0x00, 0x15, 0x2a))).toBe('bajepi');
  });
});
