import { describe, expect, test } from 'vitest';
import type { ShownEvent } from '../src/front-end.ts';
import { Labels } from '../src/labels.ts';
import { readTyped } from '../src/plain-command.ts';
import { PlainFrontEnd } from '../src/plain.ts';
import { columnsOf } from '../src/columns.ts';
import { harmOf, HOSTILE_SAMPLES } from './hostile-samples.ts';
import { INVITE, startProgram } from './program.ts';
import { ScriptedRelay } from './scripted-relay.ts';

const ALICE = { name: 'alice', fingerprint: '4f2c000000000000' };
const BOB = { name: 'bob', fingerprint: '1234000000000000' };
const SELF = { name: 'anna', fingerprint: 'aaaa000000000000' };

function screenOf(columns?: number): {
  tell: (event: ShownEvent, network?: 'public' | 'private-test') => void;
  rows: () => string[];
} {
  const printed: string[] = [];
  const screen = { print: (lines: string) => void printed.push(lines), close: () => Promise.resolve() };
  const plain = new PlainFrontEnd(screen, () => columns);
  return {
    tell: (event, network = 'public') => plain.tell(event, { self: SELF, network }),
    rows: () => printed.flatMap((lines) => lines.split('\n')),
  };
}

function message(text: string, from: { name: string; fingerprint: string } = ALICE): ShownEvent {
  return { type: 'message', id: 'x', from, text };
}

describe('what is shown', () => {
  test('one line for each event, in words', () => {
    const { tell, rows } = screenOf();
    tell({ type: 'state', state: 'bootstrapping', percent: 45, detail: 'loading the list of the network' });
    tell({ type: 'state', state: 'bootstrapping', percent: 45, detail: 'loading the list of the network' });
    tell({ type: 'state', state: 'descriptor' });
    tell({ type: 'state', state: 'rendezvous' });
    tell({ type: 'state', state: 'joining' });
    tell({ type: 'queued' });
    tell({ type: 'queued' });
    tell({ type: 'state', state: 'joined' });
    tell({ type: 'arrived', member: BOB });
    tell(message('hello', BOB));
    tell({ type: 'sent', ref: undefined, id: 'y', text: 'hi bob' });
    tell({ type: 'gap', count: 3 });
    tell({ type: 'gap', count: 1, from: BOB });
    tell({
      type: 'listing',
      members: [
        { ...SELF, self: true },
        { ...BOB, self: false },
      ],
    });
    tell({
      type: 'state',
      state: 'reconnecting',
      code: 'relay-unreachable',
      detail: 'the relay cannot be reached now: trying again',
    });
    tell({
      type: 'state',
      state: 'reconnecting',
      code: 'relay-unreachable',
      detail: 'the relay cannot be reached now: trying again',
    });
    tell({ type: 'state', state: 'joined' });
    tell({ type: 'left', member: BOB });
    tell({ type: 'unsent', refs: [undefined, undefined] });
    tell({ type: 'error', code: 'room-closed', message: 'the host has closed the room' });
    tell({ type: 'state', state: 'closed', code: 'room-closed' });
    expect(rows()).toMatchInlineSnapshot(`
      [
        "-- Tor 45 %: loading the list of the network",
        "-- looking up the room's onion",
        "-- found it; meeting it at a rendezvous point",
        "-- reached it; joining the room",
        "-- not connected yet: what you say is kept, and sent then",
        "-- joined as anna·aaaa",
        "-- type a message and press Enter; /help lists the commands",
        "-- bob·1234 is here",
        "bob·1234  hello",
        "anna·aaaa  hi bob",
        "-- 3 messages were lost",
        "-- 1 message of bob·1234 was lost",
        "-- 2 here: anna·aaaa (aaaa000000000000, you), bob·1234 (1234000000000000)",
        "-- not connected: the relay cannot be reached now: trying again",
        "-- connected again",
        "-- bob·1234 has left",
        "-- 2 messages were not acknowledged by the relay: the others may miss it",
        "-- the host has closed the room (room-closed)",
        "-- the end (room-closed)",
      ]
    `);
  });

  test('the private test network is named at the start and on joining, the public one is not', () => {
    const onTest = screenOf();
    onTest.tell({ type: 'state', state: 'bootstrapping', percent: 0 }, 'private-test');
    onTest.tell({ type: 'state', state: 'joined' }, 'private-test');
    const named = onTest.rows().filter((row) => row.includes('PRIVATE TEST NETWORK'));
    expect(named).toHaveLength(2);
    expect(onTest.rows()[0]).toBe(named[0]);
    expect(named[1]).toMatch(/^-- joined as anna·aaaa/);
    const onTor = screenOf();
    onTor.tell({ type: 'state', state: 'joined' });
    expect(onTor.rows().join('\n')).not.toContain('TEST NETWORK');
  });
});

describe('what a member cannot do', () => {
  /** Rows that claim to be somebody's or ours. */
  function claims(rows: string[]): string[] {
    return rows.filter((row) => !row.startsWith('    '));
  }

  test.each([
    'hi\nbob·1234  I agree',
    'hi\r\nbob·1234  I agree',
    'hi\rbob·1234  I agree',
    'hi\u2028bob·1234  I agree',
    'hi\u0085-- bob·1234 has left',
    'hi\n-- bob·1234 has closed the room',
    '\nbob·1234  I agree',
    '\x1b[1A\x1b[2Kbob·1234  I agree',
    `hi${' '.repeat(67)}bob·1234  I agree`,
    `${'x'.repeat(80)}bob·1234  I agree`,
    `${'日'.repeat(34)} bob·1234  I agree`,
    `${'👩‍👩‍👧'.repeat(20)}bob·1234  I agree`,
  ])('write a line of another: %j', (text) => {
    const { tell, rows } = screenOf(80);
    tell(message(text));
    expect(claims(rows())).toEqual([expect.stringMatching(/^alice·4f2c {2}/)]);
    expect(Math.max(...rows().map(columnsOf))).toBeLessThan(80);
    expect(rows().join('')).toContain('bob·1234');
  });

  test('the same check finds the forged line when the text is printed as it came', () => {
    expect(claims('alice·4f2c  hi\nbob·1234  I agree'.split('\n'))).toHaveLength(2);
  });

  test.each(Object.entries(HOSTILE_SAMPLES))('harm the screen by text or by name: %s', (_name, sample) => {
    const { tell, rows } = screenOf(80);
    const from = { name: sample, fingerprint: sample };
    tell(message(sample, from));
    tell({ type: 'arrived', member: from });
    tell({ type: 'listing', members: [{ ...from, self: false }] });
    tell({ type: 'error', code: sample, message: sample });
    tell({ type: 'state', state: 'reconnecting', detail: sample });
    expect(harmOf(rows().join('\n'))).toBeUndefined();
  });

  test('look like another by its name: the fingerprint tells them apart', () => {
    const { tell, rows } = screenOf();
    tell(message('it is me'));
    tell(message('no, me', { name: 'alice', fingerprint: '9abc000000000000' }));
    expect(rows()).toEqual(['alice·4f2c  it is me', 'alice·9abc  no, me']);
  });

  test('look like another by a key that was searched for: the second with the same digits is shown with all of them', () => {
    const labels = new Labels();
    expect(labels.of(ALICE)).toBe('alice·4f2c');
    expect(labels.of({ name: 'аlice', fingerprint: '4f2c999999999999' })).toBe('аlice·4f2c999999999999');
    expect(labels.of(ALICE)).toBe('alice·4f2c');
  });
});

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

describe('line mode as a program', () => {
  test.each(['quit', 'exit', '/quit', '/exit'])('%s leaves cleanly', async (word) => {
    const program = startProgram([INVITE, '--name', 'anna'], new ScriptedRelay());
    await program.out.untilHas('-- joined as anna·');
    program.stdin.write(`${word}\n`);
    expect(await program.ended).toBe(0);
    expect(program.out.lines.at(-1)).toBe('-- left the room');
  });

  test('two people talk', async () => {
    const relay = new ScriptedRelay();
    const anna = startProgram([INVITE, '--name', 'anna'], relay, { network: 'private-test' });
    await anna.out.untilHas('joined as');
    const bert = startProgram([INVITE, '--name', 'bert'], relay);
    await anna.out.until((text) => /^-- bert·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('hello\nsecond line\n/whoo\n/who\n//slash\n');
    await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}\/slash$/m.test(text));
    await anna.out.until((text) => /^anna·[0-9a-f]{4} {2}\/slash$/m.test(text));
    expect(anna.out.text).toContain('-- there is no such command');
    expect(anna.out.text).toMatch(
      /^-- 2 here: anna·[0-9a-f]{4} \([0-9a-f]{16}, you\), bert·[0-9a-f]{4} \([0-9a-f]{16}\)$/m,
    );
    expect(anna.out.text).toContain('PRIVATE TEST NETWORK');
    expect(bert.out.lines.filter((line) => line.startsWith('anna·')).map((line) => line.slice(9).trim())).toEqual([
      'hello',
      'second line',
      '/slash',
    ]);
    bert.stdin.end();
    expect(await bert.ended).toBe(0);
    await anna.out.until((text) => /^-- bert·[0-9a-f]{4} has left$/m.test(text));
    anna.interrupt();
    expect(await anna.ended).toBe(0);
  });

  test('says that what is typed waits while there is no connection, and sends it later', async () => {
    const relay = new ScriptedRelay();
    relay.down = true;
    const program = startProgram([INVITE], relay);
    await program.out.untilHas('-- not connected: ');
    program.stdin.write('early\n');
    await program.out.untilHas('what you say is kept');
    relay.down = false;
    await program.out.until((text) => /^[a-z]{6}·[0-9a-f]{4} {2}early$/m.test(text));
    program.stdin.end();
    expect(await program.ended).toBe(0);
  });
});
