import { EventEmitter } from 'node:events';
import { message } from '@sotto/messages';
import { encodeInvite } from '@sotto/protocol';
import { FakeClock, SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { newHiddenPrompt, stepHiddenPrompt } from '../src/hidden-prompt-machine.ts';
import type { HiddenPromptEffect } from '../src/hidden-prompt-machine.ts';
import { askHidden } from '../src/hidden-prompt.ts';
import type { Answer } from '../src/hidden-prompt.ts';
import { findInvite } from '../src/invite-finder.ts';
import { readInvite } from '../src/invite-source.ts';
import type { ReadInvite } from '../src/invite-source.ts';
import { INVITE_BYTES_MAX, OPEN_PASTE_QUIET_MS, PASTE_QUIET_MS } from '../src/limits.ts';
import { BAD_INVITES } from './bad-invites.ts';
import { INVITE } from './program.ts';

const NOTES = 'meet at seven by the old mill\r'.repeat(200);
const CARD = `\n\nKeep this to yourself.\n\n${INVITE}\n\n${'█▀▀▀▀▀█ ▄▀▄ █▀▀▀▀▀█\n'.repeat(40)}\n`;
const WRAPPED = `${INVITE.slice(0, 60)}\r${INVITE.slice(60)}`;
const isWhole = (text: string): boolean => findInvite(text).ok;

/** A terminal that remembers what was asked of it, and what was typed while nobody took it. */
class Terminal extends EventEmitter {
  paused = true;
  leaked = '';
  readonly modes: boolean[] = [];

  get raw(): boolean | undefined {
    return this.modes.at(-1);
  }
  setRawMode(raw: boolean): void {
    this.modes.push(raw);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.emit('listening');
  }
  press(...chunks: (string | Uint8Array)[]): void {
    for (const chunk of chunks) {
      if (this.paused) this.leaked += Buffer.from(chunk).toString('latin1');
      else this.emit('data', Buffer.from(chunk));
    }
  }
}

interface Asked {
  readonly terminal: Terminal;
  readonly clock: FakeClock;
  readonly leaving: AbortController;
  readonly atOnce: AbortController;
  readonly answer: Promise<Answer>;
  shown: string;
  given: Answer | undefined;
}

function ask(showsOnTerminal = false): Asked {
  const asked = { terminal: new Terminal(), clock: new FakeClock(), shown: '', given: undefined as Answer | undefined };
  const [leaving, atOnce] = [new AbortController(), new AbortController()];
  const show = (text: string): void => void (asked.shown += text);
  const answer = askHidden('String: ', {
    ...{ input: asked.terminal, show, showsOnTerminal, clock: asked.clock, isWhole },
    ...{ signal: leaving.signal, atOnce: atOnce.signal },
  });
  void answer.then((given) => (asked.given = given));
  return Object.assign(asked, { leaving, atOnce, answer });
}

async function answerTo(...chunks: (string | Uint8Array)[]): Promise<string | undefined> {
  const { terminal, clock, answer } = ask();
  terminal.press(...chunks);
  await clock.advance(PASTE_QUIET_MS);
  const given = await answer;
  return given.type === 'answered' ? given.text : undefined;
}

describe('the hidden prompt', () => {
  test('shows the question and no part of the answer, and stops reading', async () => {
    const { terminal, clock, answer, ...asked } = ask();
    terminal.press('se', 'cret', '\r');
    await clock.advance(PASTE_QUIET_MS);
    expect(await answer).toEqual({ type: 'answered', text: 'secret\r' });
    expect(asked.shown).toBe('String: ');
    expect(terminal.modes).toEqual([true]);
    expect(terminal.paused).toBe(true);
    expect(terminal.listenerCount('data') + terminal.listenerCount('end') + terminal.listenerCount('close')).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('turns bracketed paste on, and turns it off at its end', async () => {
    const asked = ask(true);
    asked.terminal.press('secret\r');
    await asked.clock.advance(PASTE_QUIET_MS);
    await asked.answer;
    expect(asked.shown).toBe('\x1b[?2004hString: \x1b[?2004l\n');
  });

  test.each([
    ['backspace', 'secrex\x7ft\r', 'secret\r'],
    ['the other backspace', 'secrex\bt\r', 'secret\r'],
    ['backspace behind a character of several bytes', 'secreé\u{1f600}\x7f\x7ft\r', 'secret\r'],
    ['backspace at the beginning of a line', 'secret\r\x7f\x7f\r', 'secret\r\r'],
    ['kill line', 'wrong\x15secret\r', 'secret\r'],
    ['kill line, of the second line alone', 'secret\rwrong\x15\r', 'secret\r\r'],
    ['Ctrl-D behind something', 'sec\x04ret\r', 'secret\r'],
    ['keys that are none of its own in an announced paste', '\x1b[200~a\x15\x7f\x03b\x1b[201~\x7f\r', undefined],
  ])('obeys the key: %s', async (_name, keys, text) => {
    const expected = text ?? '\x1b[200~a\x15\x7f\x03b\x1b[201\r';
    expect(await answerTo(keys)).toBe(expected);
    // And however it arrives.
    expect(await answerTo(...Array.from(Buffer.from(keys), (byte) => Uint8Array.of(byte)))).toBe(expected);
  });

  test.each([
    ['Ctrl-C', (asked: Asked) => asked.terminal.press('sec\x03')],
    ['Ctrl-C in the middle of a paste', (asked: Asked) => asked.terminal.press(`${INVITE}\rno\x03tes\r`)],
    ['Ctrl-D on nothing', (asked: Asked) => asked.terminal.press('\x04')],
    ['a signal', (asked: Asked) => asked.leaving.abort()],
  ])('is cancelled by %s, and drops further input until the terminal is quiet', async (_name, press) => {
    const asked = ask();
    press(asked);
    for (let chunk = 0; chunk < 20; chunk += 1) {
      await asked.clock.advance(PASTE_QUIET_MS - 1);
      asked.terminal.press(`${NOTES}\x03${INVITE}\r`);
    }
    expect(asked.given).toBeUndefined();
    await asked.clock.advance(PASTE_QUIET_MS - 1);
    expect(asked.given).toBeUndefined();
    await asked.clock.advance(1);
    expect(asked.given).toEqual({ type: 'cancelled' });
    expect(asked.terminal.leaked).toBe('');
  });

  test.each([
    ['the end of the input', (asked: Asked) => asked.terminal.emit('end')],
    ['a terminal that is gone', (asked: Asked) => asked.terminal.emit('close')],
    ['a signal that has no time', (asked: Asked) => asked.atOnce.abort()],
  ])('is cancelled at once by %s, in every state', async (_name, press) => {
    const states: ((asked: Asked) => void)[] = [
      () => undefined,
      ({ terminal }) => terminal.press('sec'),
      ({ terminal }) => terminal.press(`${INVITE}\r`),
      ({ terminal }) => terminal.press('\x1b[200~sec'),
      ({ terminal }) => terminal.press('\x03'),
      ({ leaving }) => leaving.abort(),
    ];
    for (const bring of states) {
      const asked = ask();
      bring(asked);
      press(asked);
      expect(await asked.answer).toEqual({ type: 'cancelled' });
      expect(asked.terminal.paused).toBe(true);
      expect(asked.clock.pending).toBe(0);
    }
  });

  test('asks nothing if the program is leaving already', async () => {
    const terminal = new Terminal();
    const leaving = AbortSignal.abort();
    const edge = {
      input: terminal,
      show: () => expect.fail('it asks'),
      showsOnTerminal: false,
      clock: new FakeClock(),
      isWhole,
    };
    expect(await askHidden('?', { ...edge, signal: leaving, atOnce: leaving })).toEqual({ type: 'cancelled' });
    expect(terminal.modes).toEqual([]);
  });

  test.each([
    ['6 kB of notes', `${INVITE}\r${NOTES}`],
    ['two lines', `${INVITE}\rhello\rroom\r`],
    ['the whole card', CARD],
    ['the whole card with other line ends', CARD.replaceAll('\n', '\r\n')],
    ['an announced paste', `\x1b[200~${CARD}\x1b[201~`],
    ['a wrapped string and notes', `${WRAPPED}\r${NOTES}`],
    ['no line end', INVITE],
    ['no line end and an Enter behind it', `\x1b[200~${INVITE}\x1b[201~\r`],
  ])('reads a whole paste that arrives in chunks on a slow link: %s', async (_name, pasted) => {
    const { terminal, clock, answer, ...asked } = ask();
    const bytes = Buffer.from(pasted);
    for (let at = 0; at < bytes.length; at += 64) {
      terminal.press(bytes.subarray(at, at + 64));
      expect(asked.given).toBeUndefined();
      await clock.advance(50);
    }
    await clock.advance(PASTE_QUIET_MS - 50 - 1);
    expect(terminal.paused).toBe(false);
    await clock.advance(1);
    const given = await answer;
    expect(given.type === 'answered' && isWhole(given.text)).toBe(true);
    expect(terminal.leaked).toBe('');
    expect(asked.shown).toBe('String: \n'.slice(0, asked.shown.length));
  });

  test('waits longer for a link that stalls inside an announced paste, and not for ever', async () => {
    const asked = ask();
    asked.terminal.press(`\x1b[200~${INVITE}\r`);
    await asked.clock.advance(OPEN_PASTE_QUIET_MS - 1);
    asked.terminal.press(NOTES);
    await asked.clock.advance(OPEN_PASTE_QUIET_MS - 1);
    expect(asked.given).toBeUndefined();
    await asked.clock.advance(1);
    expect(asked.given?.type).toBe('answered');
    // Also of a paste that comes when the prompt is being left.
    const leaving = ask();
    leaving.terminal.press('\x03\x1b[20', `0~${NOTES}`);
    await leaving.clock.advance(OPEN_PASTE_QUIET_MS - 1);
    leaving.terminal.press(NOTES, '\x1b[201~');
    await leaving.clock.advance(PASTE_QUIET_MS - 1);
    expect(leaving.given).toBeUndefined();
    await leaving.clock.advance(1);
    expect(leaving.given).toEqual({ type: 'cancelled' });
    // Control: without the announcement the notes would have come too late.
    const plain = ask();
    plain.terminal.press(`${INVITE}\r`);
    await plain.clock.advance(OPEN_PASTE_QUIET_MS - 1);
    plain.terminal.press(NOTES);
    expect(plain.terminal.leaked).toBe(NOTES);
  });

  test('waits for Enter until the string is whole', async () => {
    const asked = ask();
    for (const key of INVITE.slice(0, -1)) {
      asked.terminal.press(key);
      await asked.clock.advance(10_000);
    }
    expect(asked.given).toBeUndefined();
    asked.terminal.press(INVITE.slice(-1));
    await asked.clock.advance(PASTE_QUIET_MS);
    expect(asked.given).toEqual({ type: 'answered', text: INVITE });
  });

  test('does not mistake a suspended process for a quiet terminal', async () => {
    const asked = ask();
    let due: (() => void)[] = [];
    const clock = {
      after: (_ms: number, run: () => void) => (due.push(run), () => (due = due.filter((it) => it !== run))),
    };
    const edge = { input: asked.terminal, show: () => undefined, showsOnTerminal: false, clock, isWhole };
    let given: Answer | undefined;
    void askHidden('?', { ...edge, signal: asked.leaving.signal, atOnce: asked.atOnce.signal }).then(
      (it) => (given = it),
    );
    asked.terminal.press(`${INVITE}\r`);
    // Much later: the timer is late, and what has come meanwhile is read behind it.
    due.shift()?.();
    asked.terminal.press(NOTES);
    due.shift()?.();
    due.shift()?.();
    await Promise.resolve();
    expect(given).toBeUndefined();
    expect(asked.terminal.paused).toBe(false);
  });

  test('keeps a bounded part of a pasted megabyte, and drops the rest', async () => {
    const asked = ask();
    asked.terminal.press(`${INVITE}\r`);
    for (let chunk = 0; chunk < 256; chunk += 1) asked.terminal.press('x'.repeat(4_095) + '\r');
    await asked.clock.advance(PASTE_QUIET_MS);
    const given = await asked.answer;
    expect(given.type === 'answered' && given.text.length).toBe(INVITE_BYTES_MAX);
    expect(given.type === 'answered' && isWhole(given.text)).toBe(true);
    expect(asked.terminal.leaked).toBe('');
  });

  test('leaves keys that are typed after its answer to the next reader', async () => {
    const asked = ask();
    asked.terminal.press(`${INVITE}\r`);
    await asked.clock.advance(PASTE_QUIET_MS);
    await asked.answer;
    asked.terminal.press('hello');
    expect(asked.terminal.leaked).toBe('hello');
  });
});

describe('the machine of the hidden prompt', () => {
  /**
   * Gives the bytes in pieces of random length, with some quiet in between that is not quiet
   * enough.
   */
  function play(bytes: Uint8Array, random: SeededRandom): { outcome: HiddenPromptEffect | undefined; at: number } {
    let state = newHiddenPrompt();
    let outcome: HiddenPromptEffect | undefined;
    const step = (event: Parameters<typeof stepHiddenPrompt>[1]): void => {
      const next = stepHiddenPrompt(state, event, isWhole);
      state = next.state;
      const [last, ...more] = next.effects;
      expect(more).toEqual([]);
      if (last !== undefined && last.type !== 'wait') outcome = last;
    };
    let at = 0;
    while (at < bytes.length && outcome === undefined) {
      const length = random.onceIn(2) ? 1 : random.between(1, bytes.length);
      step({ type: 'keys', bytes: bytes.slice(at, at + length) });
      at = Math.min(bytes.length, at + length);
      for (let steps = random.below(3); steps > 0; steps -= 1) step({ type: 'waited' });
    }
    const endedAt = at;
    for (let steps = 0; steps < 64 && outcome === undefined; steps += 1) step({ type: 'waited' });
    return { outcome, at: endedAt };
  }

  test('answers the same however the bytes are cut, and never before the last byte', () => {
    const random = new SeededRandom(7);
    const parts = [INVITE, INVITE.slice(0, 70), INVITE.slice(70), BAD_INVITES['invite-checksum'], '\r', '\n', '\r\n'];
    const keys = [
      '\x03',
      '\x04',
      '\x15',
      '\x7f',
      '\x1b[200~',
      '\x1b[201~',
      '\x1b',
      '\x1b[20',
      'é',
      '\u{1f600}',
      'notes ',
    ];
    const outcomes = new Set<string>();
    for (let round = 0; round < 2_000; round += 1) {
      const pasted = Array.from({ length: random.between(1, 8) }, () =>
        random.pick([...parts, ...keys] as [string, ...string[]]),
      ).join('');
      const bytes = random.onceIn(5) ? random.bytes(random.between(1, 300)) : new Uint8Array(Buffer.from(pasted));
      const first = play(bytes, random);
      for (let again = 0; again < 3; again += 1) expect(play(bytes, random)).toEqual(first);
      // All of it was read: there is nothing left for anybody else.
      expect(first.at).toBe(bytes.length);
      outcomes.add(first.outcome?.type ?? 'waits');
    }
    expect([...outcomes].sort()).toEqual(['answer', 'cancel', 'waits']);
  });

  test('overwrites its keys when it ends', () => {
    for (const last of ['cut', 'waited'] as const) {
      let { state } = stepHiddenPrompt(newHiddenPrompt(), { type: 'keys', bytes: Buffer.from(`${INVITE}\r`) }, isWhole);
      expect(state.keys.text()).toBe(`${INVITE}\r`);
      for (let step = 0; step < 3; step += 1) ({ state } = stepHiddenPrompt(state, { type: last }, isWhole));
      expect(state.phase).toBe('over');
      expect(state.keys.text()).toBe('');
    }
  });
});

describe('a connection string at the prompt', () => {
  async function readFrom(
    answers: readonly string[],
    staysRaw = false,
  ): Promise<{ read: ReadInvite; notes: string[]; terminal: Terminal }> {
    const terminal = new Terminal();
    const clock = new FakeClock();
    const left = [...answers];
    terminal.on('listening', () => terminal.press(left.shift() ?? '\x03'));
    const notes: string[] = [];
    const reading = readInvite(
      { from: 'ask' },
      {
        terminal,
        staysRaw,
        lines: () => expect.fail('the prompt reads no lines'),
        show: () => undefined,
        showsOnTerminal: false,
        note: (line) => void notes.push(line),
        clock,
        signal: new AbortController().signal,
        atOnce: new AbortController().signal,
      },
    );
    for (let turn = 0; turn < 16; turn += 1) await clock.advance(PASTE_QUIET_MS);
    return { read: await reading, notes, terminal };
  }

  test('is asked for three times, with its fault each time', async () => {
    const { read, notes, terminal } = await readFrom([
      `${BAD_INVITES['invite-case']}\r`,
      `${BAD_INVITES['invite-prefix']}\r${NOTES}`,
      `${INVITE}\r`,
    ]);
    expect(read.ok).toBe(true);
    expect(notes).toEqual([
      expect.stringContaining(message('error.invite.invite-case')),
      expect.stringContaining(message('error.invite.invite-prefix')),
    ]);
    expect(terminal.leaked).toBe('');
    expect(terminal.raw).toBe(false);
  });

  test('is refused after the third time, and the terminal gets its mode back', async () => {
    const { read, notes, terminal } = await readFrom(['no\r', 'no\r', `${INVITE.slice(2)}\r`, `${INVITE}\r`]);
    expect(read).toMatchObject({ ok: false, code: 'invite-prefix' });
    expect(notes).toHaveLength(2);
    expect(terminal.raw).toBe(false);
  });

  test('is refused if the paste has two of them', async () => {
    const other = encodeInvite({ onionKey: new Uint8Array(32), roomSecret: new Uint8Array(32) });
    const { read, notes } = await readFrom([`${INVITE}\r${other}\r`, `${INVITE}\r${INVITE.toUpperCase()}\r`]);
    expect(read.ok).toBe(true);
    expect(notes).toEqual([expect.stringContaining('two different connection strings')]);
  });

  test('may come row by row, with an Enter after each', async () => {
    const rows = Array.from({ length: 5 }, (_, row) => `${INVITE.slice(row * 24, (row + 1) * 24)}\r`);
    const { read, notes } = await readFrom(rows);
    expect(read.ok).toBe(true);
    expect(notes.map((note) => /\((.+)\)\. Next: paste the rest/.exec(note)?.[1])).toEqual([
      '24 of 118 characters',
      '48 of 118 characters',
      '72 of 118 characters',
      '96 of 118 characters',
    ]);
  });

  test('may come whole after a part of it, and Enter alone counts a bounded number of times', async () => {
    expect((await readFrom([`${INVITE.slice(0, 80)}\r`, `${INVITE}\r`])).read.ok).toBe(true);
    const { read } = await readFrom([`${INVITE.slice(0, 80)}\r`, '\r', '\r', '\r']);
    expect(read).toMatchObject({ ok: false, code: 'invite-length' });
  });

  test('stays hidden while the next reader takes over the terminal', async () => {
    expect((await readFrom([`${INVITE}\r`], true)).terminal.modes).toEqual([true]);
    expect((await readFrom(['\x03'], true)).terminal.modes).toEqual([true, false]);
  });
});
