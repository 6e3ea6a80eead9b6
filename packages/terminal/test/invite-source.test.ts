import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INVITE_CODES } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { askHidden } from '../src/hidden-prompt.ts';
import type { Answer } from '../src/hidden-prompt.ts';
import { readInvite } from '../src/invite-source.ts';
import { isName, makeName } from '../src/name.ts';
import { readOptions } from '../src/options.ts';
import { VERSION } from '../src/version.ts';
import manifest from '../package.json' with { type: 'json' };
import { INVITE, startProgram } from './program.ts';
import { NearRelay } from './near-relay.ts';

/** One string for each way in which a connection string can be wrong. The last two have a right checksum. */
const BAD_INVITES: Readonly<Record<keyof typeof INVITE_CODES, string>> = {
  'invite-empty': '   ',
  'invite-prefix': INVITE.slice(3),
  'invite-case': INVITE.replace('sotto', 'Sotto'),
  'invite-character': `${INVITE.slice(0, 40)}b${INVITE.slice(41)}`,
  'invite-checksum': `${INVITE.slice(0, 40)}${INVITE[40] === 'q' ? 'p' : 'q'}${INVITE.slice(41)}`,
  'invite-length': withChecksum(INVITE.slice(6, -7)),
  'invite-version': withChecksum(`p${INVITE.slice(7, -6)}`),
  'invite-flags': withChecksum(`${INVITE.slice(6, 8)}p${INVITE.slice(9, -6)}`),
};

/** Bech32m again, so that a wrong payload can have a right checksum (BIP 350). */
function withChecksum(words: string): string {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
  const expanded = Array.from('sotto', (character) => character.charCodeAt(0));
  const values = [
    ...expanded.map((code) => code >> 5),
    0,
    ...expanded.map((code) => code & 31),
    ...Array.from(words, (character) => alphabet.indexOf(character)),
  ];
  let remainder = 1;
  for (const value of [...values, 0, 0, 0, 0, 0, 0]) {
    const top = remainder >> 25;
    remainder = ((remainder & 0x1ffffff) << 5) ^ value;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((term, bit) => {
      if (((top >> bit) & 1) === 1) remainder ^= term;
    });
  }
  remainder ^= 0x2bc830a3;
  const check = [5, 4, 3, 2, 1, 0].map((index) => alphabet[(remainder >> (5 * index)) & 31]).join('');
  return `sotto1${words}${check}`;
}

/** A terminal that remembers what was asked of it. */
class Terminal extends EventEmitter {
  raw = false;
  paused = true;
  readonly modes: boolean[] = [];

  setRawMode(raw: boolean): void {
    this.raw = raw;
    this.modes.push(raw);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.emit('listening');
  }
  press(...chunks: string[]): void {
    for (const chunk of chunks) this.emit('data', Buffer.from(chunk));
  }
}

async function prompt(
  press: (terminal: Terminal, abort: AbortController) => void,
): Promise<{ answer: Answer; shown: string; terminal: Terminal }> {
  const terminal = new Terminal();
  const abort = new AbortController();
  let shown = '';
  terminal.once('listening', () => press(terminal, abort));
  const answer = await askHidden('String: ', terminal, (text) => (shown += text), abort.signal);
  return { answer, shown, terminal };
}

describe('the hidden prompt', () => {
  test('shows the question and nothing of the answer, and gives the terminal back', async () => {
    const { answer, shown, terminal } = await prompt((keys) => keys.press('se', 'cret', '\r'));
    expect(answer).toEqual({ type: 'answered', text: 'secret' });
    expect(shown).toBe('String: \n');
    expect(terminal.modes).toEqual([true, false]);
    expect(terminal.paused).toBe(true);
    expect(terminal.listenerCount('data') + terminal.listenerCount('end') + terminal.listenerCount('close')).toBe(0);
  });

  test.each([
    ['backspace', 'secrex\x7ft\r'],
    ['the other backspace', 'secrex\bt\r'],
    ['kill line', 'wrong\x15secret\r'],
    ['controls and escapes that are no text', '\0sec\x01\x13ret\n'],
    ['a second line in the same paste', 'secret\nhello room\n'],
    ['Ctrl-D behind something', 'sec\x04ret\r'],
  ])('understands %s', async (_name, keys) => {
    expect((await prompt((terminal) => terminal.press(keys))).answer).toEqual({ type: 'answered', text: 'secret' });
  });

  test.each([
    ['Ctrl-C', (terminal: Terminal) => terminal.press('sec\x03')],
    ['Ctrl-D on nothing', (terminal: Terminal) => terminal.press('\x04')],
    ['the end of the input', (terminal: Terminal) => void terminal.emit('end')],
    ['a terminal that is gone', (terminal: Terminal) => void terminal.emit('close')],
    ['a signal', (_terminal: Terminal, abort: AbortController) => abort.abort()],
  ])('is cancelled by %s, and gives the terminal back', async (_name, press) => {
    const { answer, terminal } = await prompt(press);
    expect(answer).toEqual({ type: 'cancelled' });
    expect(terminal.modes.at(-1)).toBe(false);
    expect(terminal.paused).toBe(true);
  });

  test('does not keep more than a connection string may be long', async () => {
    const { answer } = await prompt((terminal) => terminal.press('x'.repeat(5_000), '\r'));
    expect(answer).toMatchObject({ type: 'answered', text: 'x'.repeat(1_024) });
  });

  test('asks three times, says each time what is wrong, and takes the right one', async () => {
    const terminal = new Terminal();
    const answers = [BAD_INVITES['invite-case'], BAD_INVITES['invite-prefix'], INVITE];
    terminal.on('listening', () => terminal.press(answers.shift() ?? '', '\r'));
    const notes: string[] = [];
    const read = await readInvite(
      { from: 'ask' },
      {
        terminal: terminal,
        lines: () => expect.fail('the prompt reads no lines'),
        show: () => undefined,
        note: (line) => void notes.push(line),
        signal: new AbortController().signal,
      },
    );
    expect(read.ok).toBe(true);
    expect(notes).toEqual([
      expect.stringContaining(INVITE_CODES['invite-case']),
      expect.stringContaining(INVITE_CODES['invite-prefix']),
    ]);
  });
});

describe('a connection string', () => {
  test.each(Object.entries(BAD_INVITES))(
    'that is bad is refused with what is wrong with it: %s',
    async (code, text) => {
      const program = startProgram(['-', '--json'], new NearRelay());
      program.stdin.end(`${text}\n`);
      expect(await program.ended).toBe(2);
      expect(program.err.text).toContain(INVITE_CODES[code as keyof typeof INVITE_CODES]);
      expect(program.err.text).toContain('Next: ');
      expect(program.out.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        { type: 'error', code, message: expect.stringContaining('Next: ') as string },
      ]);
      if (code !== 'invite-empty') expect(program.err.text).not.toContain(text.slice(20, 40));
    },
  );

  test('as an argument works and is warned of in one line', async () => {
    const program = startProgram([INVITE.toUpperCase()], new NearRelay());
    await program.out.untilHas('joined as');
    await program.err.untilHas('\n');
    expect(program.err.lines).toEqual([expect.stringContaining("shell's history")]);
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test('on standard input is the first line, and the rest is the conversation; nobody is warned', async () => {
    const program = startProgram(['-'], new NearRelay());
    program.stdin.end(`${INVITE}\nhello\n`);
    expect(await program.ended).toBe(0);
    expect(program.out.text).toMatch(/^[a-z]{6}·[0-9a-f]{4} {2}hello$/m);
    expect(program.out.text).not.toContain(INVITE);
    expect(program.err.text).toBe('');
  });

  test('comes from a file by option or by variable; an argument goes before the variable', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sotto-invite-'));
    try {
      const good = join(directory, 'good');
      const bad = join(directory, 'bad');
      await writeFile(good, `${INVITE}\nanything\n`);
      await writeFile(bad, BAD_INVITES['invite-checksum']);
      const codeOf = (args: string[], file?: string): Promise<number> => {
        const environment = file === undefined ? {} : { SOTTO_INVITE_FILE: file };
        const program = startProgram(args, new NearRelay(), { environment });
        program.stdin.end();
        return program.ended;
      };
      expect(await codeOf(['--invite-file', good])).toBe(0);
      expect(await codeOf(['--invite-file', bad])).toBe(2);
      expect(await codeOf([], good)).toBe(0);
      expect(await codeOf([], bad)).toBe(2);
      expect(await codeOf([INVITE], bad)).toBe(0);
      expect(await codeOf(['--invite-file', join(directory, 'absent')])).toBe(2);
      expect(await codeOf(['--invite-file', directory])).toBe(2);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('that is nowhere is asked for with the next step', async () => {
    const program = startProgram([], new NearRelay());
    expect(await program.ended).toBe(2);
    expect(program.err.text).toContain('(invite-missing)');
  });

  test('that never comes does not keep the program from leaving', async () => {
    const program = startProgram(['-'], new NearRelay());
    program.interrupt();
    expect(await program.ended).toBe(0);
  });
});

describe('the command line', () => {
  const parse = (...args: string[]): unknown => readOptions(args, {});

  test('leaves a string of digits alone', () => {
    expect(parse('00123')).toMatchObject({ ok: true, value: { invite: { from: 'argument', text: '00123' } } });
    expect(parse('-', '--name', '007')).toMatchObject({ value: { name: '007', invite: { from: 'stdin' } } });
  });

  test.each([
    [['--nmae', 'x'], 'unknown option --nmae'],
    [['sotto1abc', 'def'], 'an argument too many: is there a blank in the string?'],
    [['--', 'x'], 'an argument too many: is there a blank in the string?'],
    [['--name'], 'Not enough arguments following: name'],
    [['--json', '--plain'], '--json and --plain exclude each other'],
  ])('refuses %j', (args, problem) => {
    expect(parse(...args)).toMatchObject({ ok: false, code: 'usage', problem });
  });

  test('refuses two connection strings', () => {
    expect(parse('a', '--invite-file', 'b')).toMatchObject({ ok: false, code: 'invite-ambiguous' });
  });

  test('is described in English, and has the version of the package', async () => {
    expect(parse('--help')).toMatchObject({
      code: 'shown',
      text: expect.stringContaining('Joins a Sotto room') as string,
    });
    expect(parse('--version')).toEqual({ ok: false, code: 'shown', text: VERSION });
    expect(VERSION).toBe(manifest.version);
    const program = startProgram(['--help'], new NearRelay());
    expect(await program.ended).toBe(0);
    expect(program.out.text).toContain('--invite-file');
  });

  test('says usage errors on standard error alone, with exit code 2', async () => {
    const program = startProgram(['--dance'], new NearRelay());
    expect(await program.ended).toBe(2);
    expect(program.err.text).toBe('sotto: unknown option --dance. See: client --help\n');
    expect(program.out.text).toBe('');
  });

  test.each(['', 'two words', 'alice·4f2c', '-dash', 'a'.repeat(25), '\u202eecila', 'é'.repeat(25)])(
    'refuses the name %j',
    async (name) => {
      expect(isName(name)).toBe(false);
      const program = startProgram([INVITE, `--name=${name}`], new NearRelay());
      expect(await program.ended).toBe(2);
      expect(program.err.text).toContain('(name-invalid)');
    },
  );

  test('composes a name that is typed in pieces, and takes one with the joiner that it needs', async () => {
    for (const [typed, shown] of [
      ['Jose\u0301', 'Jos\u00e9'],
      ['می\u200cترا', 'می\u200cترا'],
    ] as const) {
      const program = startProgram([INVITE, `--name=${typed}`], new NearRelay());
      await program.out.untilHas(`-- joined as ${shown}·`);
      program.stdin.end();
      expect(await program.ended).toBe(0);
    }
  });

  test('makes up names that are names', () => {
    for (let byte = 0; byte < 256; byte += 1)
      expect(isName(makeName((length) => new Uint8Array(length).fill(byte)))).toBe(true);
    expect(makeName(() => Uint8Array.of(0x00, 0x15, 0x2a))).toBe('bajepi');
  });
});
