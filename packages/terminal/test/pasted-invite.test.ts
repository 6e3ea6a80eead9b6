import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BAD_INVITES } from './bad-invites.ts';
import { MemoryRelay } from './memory-relay.ts';
import { startClientOnPty } from './pty-terminal.ts';
import type { PtyTerminal } from './pty-terminal.ts';
import { INVITE, REAL_CLOCK, startProgram } from './program.ts';

const QUESTION = 'not shown): ';
/** Runs the client, says its exit code, and then keeps what is typed, as the user's shell would. */
const SHELL = ['/bin/sh', '-c', '"$@"; echo "ended with $?"; exec cat > "$0"'];
const SENTINEL = 'typed-behind-the-client';
/** Every line of it can be told from all that the client says. */
const NOTES = Array.from({ length: 175 }, (_, line) => `note ${line}: touch /tmp/leaked-${line}`);
const CARD = ['', 'Keep this note to yourself.', '', INVITE, '', ...Array<string>(20).fill('█▀▀▀▀▀█ ▄▀▄ note'), ''];
const ROWS = [INVITE.slice(0, 80), INVITE.slice(80)];
const PIECES = [0, 1, 2, 3, 4].map((piece) => INVITE.slice(piece * 24, (piece + 1) * 24));

interface Typed {
  readonly keys: string;
  /** How long after the keys before. */
  readonly afterMs?: number;
}

/** Enter is what a terminal makes of a line end in a paste. */
function keysOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r`).join('');
}

/**
 * Announced, so that a test that stands still for a while is no link that has ended; without that,
 * the clock is held elsewhere.
 */
function onSlowLink(lines: readonly string[]): Typed[] {
  const keys = `\x1b[200~${keysOf(lines)}\x1b[201~`;
  const [length, afterMs] = [150, 50];
  return Array.from({ length: Math.ceil(keys.length / length) }, (_, chunk) => ({
    keys: keys.slice(chunk * length, (chunk + 1) * length),
    afterMs,
  }));
}

async function type(terminal: PtyTerminal, typed: readonly Typed[]): Promise<void> {
  for (const { keys, afterMs } of typed) {
    if (afterMs !== undefined) await new Promise<void>((resolve) => REAL_CLOCK.after(afterMs, resolve));
    terminal.type(keys);
  }
}

interface Session {
  readonly terminal: PtyTerminal;
  readonly relay: MemoryRelay;
  /** What the shell got, once the client has ended with this code. */
  readonly shellGot: (code: number) => Promise<string>;
}

async function withShell(use: (session: Session) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-shell-'));
  const got = join(directory, 'got');
  const relay = new MemoryRelay();
  const anna = await startClientOnPty(relay, ['--name', 'anna'], { behind: [...SHELL, got] });
  const { terminal } = anna;
  const shellGot = async (code: number): Promise<string> => {
    await terminal.untilHas(`ended with ${code}`);
    terminal.type(`${SENTINEL}\r\x04`);
    await terminal.ended;
    return readFile(got, 'utf8');
  };
  try {
    await terminal.untilHas(QUESTION);
    await use({ terminal, relay, shellGot });
  } finally {
    await anna.close();
    await rm(directory, { recursive: true });
  }
}

function expectUnseen(terminal: PtyTerminal): void {
  expect(terminal.written).not.toContain('note');
  expect(terminal.written.toLowerCase()).not.toContain(INVITE.slice(6, 18));
  expect(terminal.written).not.toContain(INVITE.slice(-12));
}

describe.runIf(process.platform === 'linux')('a paste at the hidden prompt', () => {
  const joining: readonly (readonly [name: string, typed: readonly Typed[]])[] = [
    ['the string and 6 kB of notes', [{ keys: keysOf([INVITE, ...NOTES]) }]],
    [
      'the string, then two lines a millisecond later',
      [{ keys: keysOf([INVITE]) }, { keys: keysOf(['note 1', 'note 2']), afterMs: 1 }],
    ],
    ['the whole card', [{ keys: keysOf(CARD) }]],
    ['the whole card, announced', [{ keys: `\x1b[200~${keysOf(CARD)}\x1b[201~` }]],
    [
      'the string and what would be signals if it were typed, announced',
      [{ keys: `\x1b[200~${keysOf([INVITE])}\x03\x1a\x1c${keysOf(NOTES)}\x1b[201~` }],
    ],
    ['notes, the string and notes, on a slow link', onSlowLink(['note', INVITE, ...NOTES.slice(0, 40)])],
    ['the string without a line end', [{ keys: INVITE }]],
    ['the wrapped string and notes', [{ keys: keysOf([...ROWS, ...NOTES]) }]],
    ['the string in five pieces, some time apart', PIECES.map((piece) => ({ keys: `${piece}\r`, afterMs: 20 }))],
    ['the string behind a service, in colour', [{ keys: `\x1b[36mhost-1  | \x1b[0m${INVITE}\r\nnote\r\n` }]],
  ];

  test.each(joining)('joins, and no part of it is sent, seen or run: %s', async (_name, typed) => {
    await withShell(async ({ terminal, relay, shellGot }) => {
      const bert = startProgram([INVITE, '--name', 'bert'], relay);
      await bert.out.untilHas('joined as bert');
      await type(terminal, typed);
      await terminal.untilHas('-- joined as anna·');
      // Nothing is lost that is typed once the room's prompt shows.
      await terminal.until(({ beforeCursor }) => beforeCursor === '> ');
      terminal.type('hello\r');
      await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}hello$/m.test(text));
      terminal.type('/quit\r');
      expect(await shellGot(0)).toBe(`${SENTINEL}\n`);
      expectUnseen(terminal);
      bert.interrupt();
      await bert.ended;
      expect(bert.out.lines.filter((line) => /^anna·[0-9a-f]{4} {2}/.test(line))).toHaveLength(1);
    });
  });

  const leaving: readonly (readonly [name: string, code: number, typed: readonly Typed[]])[] = [
    ['Ctrl-C before notes', 0, [{ keys: `\x03${keysOf(NOTES)}` }]],
    ['Ctrl-C within the string', 0, [{ keys: `${INVITE.slice(0, 40)}\x03${keysOf([INVITE.slice(40), ...NOTES])}` }]],
    ['Ctrl-C again and again', 0, [{ keys: `\x03${keysOf(NOTES.map((note) => `\x03${note}\x03`))}` }]],
    ['Ctrl-C, then notes on a slow link', 0, [{ keys: '\x03' }, ...onSlowLink(NOTES.slice(0, 40))]],
    [
      'Ctrl-\\ in a string, then notes on a slow link',
      3,
      [{ keys: `${INVITE}\n` }, { keys: '\x1c' }, ...onSlowLink(NOTES.slice(0, 40))],
    ],
    ['Ctrl-D before notes', 0, [{ keys: `\x04${keysOf(NOTES)}` }]],
  ];

  test.each(leaving)('is not run by the shell when the prompt is left: %s', async (_name, code, typed) => {
    await withShell(async ({ terminal, shellGot }) => {
      await type(terminal, typed);
      expect(await shellGot(code)).toBe(`${SENTINEL}\n`);
      expectUnseen(terminal);
    });
  });

  test.each(['/quit', '/panic'])('is not run by the shell after %s in the room', async (command) => {
    await withShell(async ({ terminal, shellGot }) => {
      terminal.type(`${INVITE}\r`);
      await terminal.untilHas('-- joined as anna·');
      await terminal.until(({ beforeCursor }) => beforeCursor === '> ');
      await type(terminal, [{ keys: `${command}\r` }, ...onSlowLink(NOTES.slice(0, 40))]);
      expect(await shellGot(command === '/quit' ? 0 : 3)).toBe(`${SENTINEL}\n`);
    });
  });

  test('is not run by the shell after a third refusal, not even a megabyte of it', async () => {
    await withShell(async ({ terminal, shellGot }) => {
      const bad = keysOf([BAD_INVITES['invite-checksum'], ...NOTES]);
      for (const [index, pasted] of [bad, `\x1b[200~${bad}\x1b[201~`].entries()) {
        terminal.type(pasted);
        await terminal.until(() => terminal.written.split(QUESTION).length === index + 3);
      }
      terminal.type(bad + keysOf(Array<string>(1_000).fill(`note ${'x'.repeat(1_000)}`)));
      expect(await shellGot(2)).toBe(`${SENTINEL}\n`);
      expectUnseen(terminal);
    });
  });

  test('is not run by the shell when a signal ends the client meanwhile', async () => {
    await withShell(async ({ terminal, shellGot }) => {
      const [first, second, ...rest] = onSlowLink([INVITE, ...NOTES.slice(0, 40)]);
      await type(
        terminal,
        [first, second].filter((typed) => typed !== undefined),
      );
      process.kill(await clientOf(terminal.pid), 'SIGTERM');
      await type(terminal, rest);
      expect(await shellGot(0)).toBe(`${SENTINEL}\n`);
      expectUnseen(terminal);
    });
  });
});

/** The one child of the shell. */
async function clientOf(shell: number): Promise<number> {
  return Number(await readFile(`/proc/${shell}/task/${shell}/children`, 'utf8'));
}
