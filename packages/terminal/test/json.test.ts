import { FakeClock } from '@sotto/fixtures';
import { message } from '@sotto/messages';
import { describe, expect, test } from 'vitest';
import type { Command, ShownEvent } from '../src/front-end.ts';
import { JsonFrontEnd } from '../src/json.ts';
import { everyEvent } from './every-event.ts';
import { HOSTILE_SAMPLES } from './hostile-samples.ts';
import { INVITE, startProgram } from './program.ts';
import type { Program } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

interface Line {
  readonly type: string;
  readonly [field: string]: unknown;
}

function linesOf(program: Program): Line[] {
  return program.out.lines.map((line) => JSON.parse(line) as Line);
}

async function untilLine(program: Program, wanted: Record<string, unknown>): Promise<Line> {
  const find = (): Line | undefined =>
    linesOf(program).find((line) => Object.entries(wanted).every(([key, value]) => line[key] === value));
  await program.out.until(() => find() !== undefined);
  const line = find();
  if (line === undefined) throw new Error('until has found it');
  return line;
}

async function join(name: string, relay: MemoryRelay, network: 'public' | 'private-test' = 'public'): Promise<Program> {
  const program = startProgram([INVITE, '--json', '--name', name], relay, { network });
  await untilLine(program, { type: 'state', state: 'joined' });
  return program;
}

function send(program: Program, command: unknown): void {
  program.stdin.write(`${JSON.stringify(command)}\n`);
}

/** What moves, hides or reorders when a file is shown as it is. */
const NOT_FOR_CAT = /[\0-\x1f\x7f-\x9f\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ALICE = { name: 'alice', fingerprint: '4f2c000000000000' };

/** A screen of programs by itself, and what it printed. */
function screenOf(): {
  tell: (event: ShownEvent) => void;
  read: (line: string) => Command | undefined;
  lines: string[];
} {
  const lines: string[] = [];
  const json = new JsonFrontEnd({
    print: (line) => void lines.push(line),
    close: () => Promise.resolve(),
    wipe: () => undefined,
  });
  const here = { self: { name: 'anna', fingerprint: 'aaaa000000000000' }, network: 'public' } as const;
  return { tell: (event) => json.notify(event, here), read: (text) => json.read({ ok: true, text }), lines };
}

describe('the JSON events about other members', () => {
  test.each<[string, ShownEvent, unknown]>([
    [
      'a warning',
      { type: 'warning', code: 'key-changed', message: 'm', from: ALICE, namesakes: [{ ...ALICE, verified: true }] },
      { type: 'warning', code: 'key-changed', message: 'm', from: ALICE },
    ],
    [
      'a warning about nobody',
      { type: 'warning', code: 'room-forked', message: 'm', namesakes: [] },
      { type: 'warning', code: 'room-forked', message: 'm' },
    ],
    ['a knock', { type: 'knock', member: ALICE, waiting: 3, again: true }, { type: 'knock', member: ALICE }],
    ['access', { type: 'access', mode: 'locked' }, { type: 'access', mode: 'locked' }],
    ['an epoch', { type: 'epoch', epoch: 7 }, { type: 'epoch', epoch: 7 }],
    [
      'a removal',
      { type: 'removed', member: ALICE, reason: 'silent' },
      { type: 'member', change: 'removed', reason: 'silent', member: ALICE },
    ],
    ['a move', { type: 'moved', invite: INVITE }, { type: 'moved', invite: INVITE }],
    [
      'what was ordered and waits',
      { type: 'deferred', what: 'access', seconds: 118 },
      { type: 'deferred', what: 'access', seconds: 118 },
    ],
    ['what was ordered', { type: 'moderated', what: 'evicted' }, { type: 'moderated', what: 'evicted' }],
    [
      'a safety number',
      { type: 'safety-number', member: ALICE, number: '1'.repeat(60) },
      { type: 'safety-number', member: ALICE, number: '1'.repeat(60) },
    ],
    ['a mark', { type: 'verified', member: ALICE }, { type: 'verified', member: ALICE }],
    ['a room code', { type: 'code', epoch: 7, code: ['a', 'b'] }, { type: 'code', epoch: 7, code: ['a', 'b'] }],
    [
      'a refusal',
      { type: 'member-refused', code: 'member-absent', member: ALICE.fingerprint, candidates: [ALICE] },
      {
        type: 'error',
        code: 'member-absent',
        message: expect.stringContaining('not in the room') as string,
        member: ALICE.fingerprint,
      },
    ],
    [
      'members',
      {
        type: 'listing',
        members: [{ ...ALICE, self: false, present: false, verified: true }],
        waiting: [ALICE],
      },
      { type: 'members', members: [{ ...ALICE, self: false, present: false, verified: true }] },
    ],
  ])('have their documented fields: %s', (_what, event, line) => {
    const { tell, lines } = screenOf();
    tell(event);
    expect(lines.map((printed) => JSON.parse(printed) as unknown)).toEqual([line]);
  });

  test('report no request that the client has not yet carried out', () => {
    const { tell, lines } = screenOf();
    tell({ type: 'asked', action: 'admit', member: ALICE });
    expect(lines).toEqual([]);
  });

  test.each(Object.entries(HOSTILE_SAMPLES))('are harmless to cat in every event: %s', (_name, sample) => {
    const { tell, lines } = screenOf();
    const events = everyEvent({ name: sample, fingerprint: sample }, sample);
    for (const event of events) tell(event);
    expect(lines.join('')).not.toMatch(NOT_FOR_CAT);
    const names = lines.flatMap((line) => {
      const { from, member } = JSON.parse(line) as { from?: { name: string }; member?: { name: string } | string };
      return [from?.name, typeof member === 'string' ? member : member?.name].filter((name) => name !== undefined);
    });
    expect(names.length).toBeGreaterThan(15);
    expect(new Set(names)).toEqual(new Set([sample]));
  });
});

describe('the JSON commands about other members', () => {
  const member = ALICE.fingerprint;

  test.each<[string, Command]>([
    ['{"cmd":"code"}', { type: 'code' }],
    ['{"cmd":"status"}', { type: 'status' }],
    ['{"cmd":"circuit"}', { type: 'circuit' }],
    [`{"cmd":"verify","member":"${member}"}`, { type: 'verify', member }],
    [`{"cmd":"verified","member":"${member}"}`, { type: 'verified', member }],
    [`{"cmd":"admit","member":"${member}"}`, { type: 'admit', member }],
    [`{"member":"${member}","cmd":"evict"}`, { type: 'evict', member }],
    ['{"cmd":"access","mode":"open"}', { type: 'access', mode: 'open' }],
    ['{"cmd":"access","mode":"knock"}', { type: 'access', mode: 'knock' }],
    ['{"cmd":"access","mode":"locked"}', { type: 'access', mode: 'locked' }],
    ['{"cmd":"move"}', { type: 'move', cover: undefined }],
    ['{"cmd":"move","cover":"stealth-16"}', { type: 'move', cover: 'stealth-16' }],
  ])('are read as documented: %s', (line, command) => {
    const { read, lines } = screenOf();
    expect(read(line)).toEqual(command);
    expect(lines).toEqual([]);
  });

  test.each([
    ['{"cmd":"code","epoch":1}', '"code" has no field "epoch"'],
    ['{"cmd":"circuit","every":300}', '"circuit" has no field "every"'],
    ['{"cmd":"verify"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":"alice"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":"4f2c"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":"4F2C000000000000"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":"4f2c0000000000000"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":"4f2c000000000000\\n"}', '"member" is no fingerprint of 16 digits'],
    ['{"cmd":"verify","member":["4f2c000000000000"]}', '"member" is no fingerprint of 16 digits'],
    [`{"cmd":"evict","member":"${member}","now":true}`, '"evict" has no field "now"'],
    ['{"cmd":"admit","fingerprint":"4f2c000000000000"}', '"admit" has no field "fingerprint"'],
    ['{"cmd":"access"}', '"mode" is none of open, knock and locked'],
    ['{"cmd":"access","mode":"closed"}', '"mode" is none of open, knock and locked'],
    ['{"cmd":"access","mode":["open"]}', '"mode" is none of open, knock and locked'],
    ['{"cmd":"access","mode":"open","for":1}', '"access" has no field "for"'],
    ['{"cmd":"lock"}', '"cmd" is no command'],
    ['{"cmd":"toString"}', '"cmd" is no command'],
    ['{"cmd":"Quit"}', '"cmd" is no command: did you mean "quit"?'],
    ['{"cmd":"mebmers"}', '"cmd" is no command: did you mean "members"?'],
    ['{"cmd":7}', '"cmd" is missing, or is no string'],
    ['{}', '"cmd" is missing, or is no string'],
    ['["send","a"]', 'it is not one JSON object'],
    ['{"cmd":"send","text":"a"', 'it is not one JSON object'],
    ['{"cmd":"send","text":null}', '"text" is missing, or is no string'],
    ['{"cmd":"send","text":"a","ref":1}', '"ref" is no string of at most 256 characters'],
    ['{"cmd":"send","text":"a","a secret\\u001b":1}', '"send" has no such field'],
    [`{"cmd":"send","text":"a","${'x'.repeat(33)}":1}`, '"send" has no such field'],
  ])('are refused with their fault: %s gives %s', (line, problem) => {
    const { read, lines } = screenOf();
    expect(read(line)).toBeUndefined();
    expect(lines.map((printed) => JSON.parse(printed) as unknown)).toEqual([
      { type: 'error', code: 'input-malformed', message: `${message('error.terminal.input-malformed')}; ${problem}` },
    ]);
  });

  test.each([
    ['{"cmd":"send","ref":"1"}', '1'],
    ['{"cmd":"send","text":1,"ref":"r-2"}', 'r-2'],
    ['{"cmd":"send","text":"a","ref":"","to":"b"}', ''],
    ['{"ref":"3"}', '3'],
    ['{"cmd":"dance","ref":"4"}', '4'],
    [`{"cmd":"verify","member":"${member}","ref":"5"}`, '5'],
    [JSON.stringify({ cmd: 'send', ref: 'r'.repeat(256) }), 'r'.repeat(256)],
    [JSON.stringify({ cmd: 'send', text: 'a', ref: 'r'.repeat(257) }), undefined],
    ['{"cmd":"send","ref":6}', undefined],
    ['{"cmd":"send","ref":null}', undefined],
    ['{"cmd":"send","ref":"7"', undefined],
  ])('are refused with their reference: %s has %j', (line, ref) => {
    const { read, lines } = screenOf();
    expect(read(line)).toBeUndefined();
    const error = JSON.parse(lines.join('')) as Record<string, unknown>;
    expect(error['code']).toBe('input-malformed');
    expect(error['ref']).toBe(ref);
    expect('ref' in error).toBe(ref !== undefined);
  });
});

describe('the JSON contract', () => {
  test('lets two programs talk: message, sent, delivered, members, arrived and left', async () => {
    const relay = new MemoryRelay();
    const anna = await join('anna', relay);
    const bert = await join('bert', relay);
    const arrived = await untilLine(anna, { type: 'member', change: 'arrived' });
    expect(arrived).toEqual({
      type: 'member',
      change: 'arrived',
      member: { name: 'bert', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
    });
    send(anna, { cmd: 'send', text: 'hello\n"bert" \u001b[31m\u202e', ref: 'r-1' });
    const sent = await untilLine(anna, { type: 'sent' });
    expect(sent).toEqual({ type: 'sent', ref: 'r-1', id: sent['id'] });
    const message = await untilLine(bert, { type: 'message' });
    expect(message).toEqual({
      type: 'message',
      id: sent['id'],
      from: { name: 'anna', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
      text: 'hello\n"bert" \u001b[31m\u202e',
    });
    expect(bert.out.text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(await untilLine(anna, { type: 'delivered' })).toEqual({ type: 'delivered', id: sent['id'], by: 1 });
    send(bert, { cmd: 'quit' });
    expect(await bert.ended).toBe(0);
    expect(linesOf(bert).at(-1)).toEqual({ type: 'state', state: 'closed', network: 'public' });
    expect(await untilLine(anna, { type: 'member', change: 'left' })).toMatchObject({ member: { name: 'bert' } });
    send(anna, { cmd: 'members' });
    send(anna, { cmd: 'quit' });
    expect(await anna.ended).toBe(0);
    expect(linesOf(anna).findLast((line) => line.type === 'members')).toEqual({
      type: 'members',
      members: [
        {
          name: 'anna',
          fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
          self: true,
          present: true,
          verified: false,
        },
      ],
    });
  });

  test('marks every state on the private test network', async () => {
    const program = await join('anna', new MemoryRelay(), 'private-test');
    program.interrupt();
    await program.ended;
    const states = linesOf(program).filter((line) => line.type === 'state');
    expect(states.map((line) => line['state'])).toEqual(['joining', 'joined', 'closed']);
    expect(new Set(states.map((line) => line['network']))).toEqual(new Set(['private-test']));
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half of JSON', '{"cmd":"send","text":"a'],
    ['a list', '["send","a"]'],
    ['null', 'null'],
    ['no command', '{}'],
    ['an unknown command', '{"cmd":"dance"}'],
    ['a text that is a number', '{"cmd":"send","text":1}'],
    ['no text', '{"cmd":"send","ref":"1"}'],
    ['a reference that is a number', '{"cmd":"send","text":"a","ref":1}'],
    ['a reference that is too long', JSON.stringify({ cmd: 'send', text: 'a', ref: 'r'.repeat(257) })],
    ['a field too many', '{"cmd":"send","text":"a","ref":"1","to":"b"}'],
    ['a field too many on quit', '{"cmd":"quit","now":true}'],
    ['a prototype', '{"__proto__":{"cmd":"quit"}}'],
  ])('refuses a line with %s, and nothing else happens', async (_name, line) => {
    const relay = new MemoryRelay();
    const program = await join('anna', relay);
    program.stdin.write(line);
    program.stdin.write('\n');
    send(program, { cmd: 'send', text: 'after', ref: 'after' });
    await untilLine(program, { type: 'sent', ref: 'after' });
    const errors = linesOf(program).filter((printed) => printed.type === 'error');
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'input-malformed',
        message: expect.stringContaining('not one JSON object') as string,
      }),
    ]);
    expect(linesOf(program).filter((printed) => printed.type === 'sent')).toHaveLength(1);
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test('refuses a line without end once, and does not keep it', async () => {
    const program = await join('anna', new MemoryRelay());
    for (let part = 0; part < 8; part += 1) program.stdin.write('x'.repeat(65_536));
    program.stdin.write('\n');
    send(program, { cmd: 'quit' });
    expect(await program.ended).toBe(0);
    const errors = linesOf(program).filter((printed) => printed.type === 'error');
    expect(errors.map((error) => error['code'])).toEqual(['input-too-long']);
  });

  test('refuses a text above the limit with its reference, and sends one at the limit whole', async () => {
    const relay = new MemoryRelay();
    const anna = await join('anna', relay);
    const bert = await join('bert', relay);
    send(anna, { cmd: 'send', text: 'x'.repeat(65_537), ref: 'long' });
    expect(await untilLine(anna, { type: 'error' })).toMatchObject({ code: 'text-too-long', ref: 'long' });
    const whole = '\u0001'.repeat(65_536);
    send(anna, { cmd: 'send', text: whole, ref: 'whole' });
    expect((await untilLine(bert, { type: 'message' }))['text']).toBe(whole);
    for (const program of [anna, bert]) {
      program.interrupt();
      expect(await program.ended).toBe(0);
    }
  });
});

describe("the end of a program's input", () => {
  test('waits until three hundred lines from before the join have arrived in order', async () => {
    const relay = new MemoryRelay();
    const reader = await join('reader', relay);
    const writer = startProgram(['-', '--json', '--name', 'writer'], relay);
    const lines = Array.from({ length: 300 }, (_, index) =>
      JSON.stringify({ cmd: 'send', text: `t${index}`, ref: `${index}` }),
    );
    writer.stdin.end(`${INVITE}\n${lines.join('\n')}`);
    expect(await writer.ended).toBe(0);
    const sent = linesOf(writer).filter((line) => line.type === 'sent');
    expect(sent.map((line) => line['ref'])).toEqual(lines.map((_, index) => `${index}`));
    expect(linesOf(writer).filter((line) => line.type === 'error')).toEqual([]);
    await untilLine(reader, { type: 'message', text: 't299' });
    const texts = linesOf(reader).filter((line) => line.type === 'message');
    expect(texts.map((line) => line['text'])).toEqual(lines.map((_, index) => `t${index}`));
    reader.interrupt();
    await reader.ended;
  });

  test('starts the wait anew with each acknowledgement, and leaves no earlier timer', async () => {
    const clock = new FakeClock();
    const relay = new MemoryRelay();
    const program = startProgram([INVITE, '--json', '--name', 'writer'], relay, { clock });
    await untilLine(program, { type: 'state', state: 'joined' });
    relay.mute = true;
    for (const text of ['a', 'b', 'c']) send(program, { cmd: 'send', text });
    program.stdin.end();
    await relay.untilSwallowed(3);
    await expect.poll(() => clock.waiting).toContain(60_000);
    relay.mute = false;
    relay.cutAll();
    clock.tick(1_000);
    expect(await program.ended).toBe(0);
    expect(linesOf(program).filter((line) => line.type === 'sent')).toHaveLength(3);
    // One that is left would end a later wait too early.
    expect(clock.waiting).toEqual([]);
  });

  test('leaves at once if the input was empty', async () => {
    const program = startProgram([INVITE, '--json'], new MemoryRelay());
    program.stdin.end();
    expect(await program.ended).toBe(0);
    expect(linesOf(program).at(-1)).toMatchObject({ type: 'state', state: 'closed' });
  });

  test('waits for a room code that was asked for', async () => {
    const program = await join('anna', new MemoryRelay());
    send(program, { cmd: 'code' });
    program.stdin.end();
    expect(await program.ended).toBe(0);
    const [code, ...others] = linesOf(program).filter((line) => line.type === 'code');
    expect(others).toEqual([]);
    expect(code?.['code']).toHaveLength(8);
  });

  test('reports each unacknowledged text by its reference, with an exit code that is not 0', async () => {
    const relay = new MemoryRelay();
    const program = await join('anna', relay);
    relay.mute = true;
    send(program, { cmd: 'send', text: 'a', ref: 'r-1' });
    send(program, { cmd: 'send', text: 'b' });
    program.stdin.end();
    await relay.untilSwallowed(2);
    program.interrupt();
    program.interrupt();
    expect(await program.ended).toBe(1);
    const errors = linesOf(program).filter((line) => line.type === 'error');
    expect(errors.map((line) => [line['code'], line['ref']])).toEqual([
      ['not-sent', 'r-1'],
      ['not-sent', undefined],
    ]);
  });

  test('loses no text if the connection is cut meanwhile', async () => {
    const relay = new MemoryRelay();
    const program = await join('anna', relay);
    relay.mute = true;
    send(program, { cmd: 'send', text: 'a', ref: 'r-1' });
    program.stdin.end();
    await relay.untilSwallowed(1);
    relay.mute = false;
    relay.cutAll();
    expect(await program.ended).toBe(0);
    expect(linesOf(program).filter((line) => line.type === 'sent')).toHaveLength(1);
    expect(linesOf(program).map((line) => line['state'])).toContain('reconnecting');
  });
});

describe('the end of the room', () => {
  test('gives exit code 1, with the reason in the last lines', async () => {
    const relay = new MemoryRelay();
    const program = await join('anna', relay);
    relay.closeAll('room-closed');
    expect(await program.ended).toBe(1);
    expect(linesOf(program).at(-1)).toMatchObject({ type: 'state', state: 'closed', code: 'room-closed' });
    expect(linesOf(program).at(-2)).toMatchObject({ type: 'error', code: 'room-closed' });
  });
});
