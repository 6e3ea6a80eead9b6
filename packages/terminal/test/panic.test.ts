// /panic: whatever the program is doing, it ends now, with its own exit code, and neither room nor
// screen is told.

import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../src/exit-codes.ts';
import { LineQueue } from '../src/line-queue.ts';
import { PENDING_TEXTS_MAX, TYPED_LINES_MAX } from '../src/limits.ts';
import { safely } from '../src/safe-text.ts';
import { appendingScreen } from '../src/screen.ts';
import { INVITE, startProgram } from './program.ts';
import type { Program, ProgramOptions } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

const WIPED = '\u001b[H\u001b[2J\u001b[3J';
const COMMANDS = [
  ['plain', '/panic\n'],
  ['JSON', '{"cmd":"panic"}\n'],
] as const;

function start(screen: 'plain' | 'JSON', relay: MemoryRelay, options: ProgramOptions = {}): Program {
  return startProgram([INVITE, '--name', 'anna', screen === 'JSON' ? '--json' : '--plain'], relay, options);
}

const isJoined = (text: string): boolean => text.includes('"joined"') || text.includes('-- joined as');

describe.each(COMMANDS)('a panic in %s', (screen, command) => {
  test('ends a program in the room and closes its dialer, and nothing more is shown', async () => {
    const closed: unknown[] = [];
    const program = start(screen, new MemoryRelay(), { onDialerClosed: (room) => closed.push(room) });
    await program.out.until(isJoined);
    const shown = program.out.text;
    program.stdin.write(command);
    expect(await program.ended).toBe(EXIT_CODES.panic);
    expect(program.out.text).toBe(shown);
    expect(closed).toHaveLength(1);
  });

  test('sends no goodbye: the others see a silent member', async () => {
    const relay = new MemoryRelay();
    const bert = startProgram([INVITE, '--name', 'bert', '--json'], relay);
    await bert.out.until(isJoined);
    const program = start(screen, relay);
    await bert.out.untilHas('"arrived"');
    program.stdin.write(command);
    expect(await program.ended).toBe(EXIT_CODES.panic);
    // What goes through the room afterwards comes behind any goodbye.
    bert.stdin.write('{"cmd":"send","text":"still here","ref":"1"}\n');
    await bert.out.untilHas('"sent"');
    expect(bert.out.text).not.toContain('"left"');
    bert.interrupt();
    await bert.ended;
  });

  test('ends a program that waits for Tor, or is not connected', async () => {
    const relay = new MemoryRelay();
    relay.down = true;
    const program = start(screen, relay);
    await program.out.until((text) => text.includes('reconnecting') || text.includes('not connected'));
    program.stdin.write(command);
    expect(await program.ended).toBe(EXIT_CODES.panic);
  });

  test('overtakes everything that waits: unacknowledged texts and a goodbye', async () => {
    const relay = new MemoryRelay();
    const program = start(screen, relay);
    await program.out.until(isJoined);
    relay.mute = true;
    const text = screen === 'JSON' ? '{"cmd":"send","text":"x"}\n' : 'x\n';
    program.stdin.write(text.repeat(PENDING_TEXTS_MAX + 10) + command);
    expect(await program.ended).toBe(EXIT_CODES.panic);
  });

  test('from a signal ends a program that has not read its connection string yet', async () => {
    const program = startProgram(['-', '--json'], new MemoryRelay());
    program.panic();
    expect(await program.ended).toBe(EXIT_CODES.panic);
    expect(program.out.text).toBe('');
  });
});

test('control: a program that leaves tells the room and the screen, and ends with 0', async () => {
  const relay = new MemoryRelay();
  const bert = startProgram([INVITE, '--name', 'bert', '--json'], relay);
  await bert.out.until(isJoined);
  const program = start('plain', relay);
  await bert.out.untilHas('"arrived"');
  program.stdin.write('/quit\n');
  expect(await program.ended).toBe(0);
  expect(program.out.text).toContain('left the room');
  await bert.out.untilHas('"left"');
  bert.interrupt();
  await bert.ended;
});

test('needs a command without other fields', async () => {
  const program = start('JSON', new MemoryRelay());
  await program.out.until(isJoined);
  program.stdin.write('{"cmd":"panic","now":true}\n');
  await program.out.untilHas('input-malformed');
  program.interrupt();
  expect(await program.ended).toBe(0);
});

describe('the screen after a panic', () => {
  function output(isTTY: boolean): { writes: string[]; isTTY: boolean; writableLength: number } & {
    write(text: string): boolean;
    on(): void;
  } {
    const writes: string[] = [];
    return { writes, isTTY, writableLength: 0, write: (text) => writes.push(text) > 0, on: () => undefined };
  }

  test.each([
    [true, [WIPED]],
    [false, []],
  ])('is cleared with its scrollback if it is a terminal (%s), and prints nothing more', (isTTY, written) => {
    const terminal = output(isTTY);
    const screen = appendingScreen(terminal, () => expect.fail('nothing failed'));
    screen.wipe();
    screen.print(safely`late`);
    expect(terminal.writes).toEqual(written);
  });
});

test('a panic line is read while lines are held back, and from a full queue', () => {
  const taken: string[] = [];
  const queue = new LineQueue({ pause: () => undefined, resume: () => undefined });
  queue.begin({
    line: () => queue.hold(),
    end: () => undefined,
    supersede: (line) => line.ok && line.text === 'now' && taken.push(line.text) > 0,
  });
  queue.enqueue(Array.from({ length: TYPED_LINES_MAX }, () => ({ ok: true, text: 'later' }) as const));
  queue.enqueue([{ ok: true, text: 'now' }]);
  expect(taken).toEqual(['now']);
  expect(queue.waiting).toBe(TYPED_LINES_MAX - 1);
});
