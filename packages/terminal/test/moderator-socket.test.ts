import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { message } from '@sotto/messages';
import { ModeratorError } from '@sotto/client';
import type { Clock } from '@sotto/client';
import { FakeClock } from '@sotto/fixtures';
import { encodeMove, encodeSignedOrder, toHex } from '@sotto/protocol';
import type { Move, SignedOrder } from '@sotto/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOST_REFUSALS } from '../src/errors.ts';
import { ModeratorSocket } from '../src/moderator-socket.ts';
import { HOSTILE_SAMPLES } from './hostile-samples.ts';
import { INVITE, REAL_CLOCK } from './program.ts';
import { END, ScriptedHost, SILENCE } from './scripted-host.ts';
import type { HostAnswer } from './scripted-host.ts';

const MEMBER = new Uint8Array(16).fill(5);
const SIGNATURE = new Uint8Array(64).fill(6);
const LOCKED: SignedOrder = { type: 'access', number: 3, mode: 'locked', signature: SIGNATURE };
const EVICT: SignedOrder = { type: 'evict', number: 4, memberId: MEMBER, signature: SIGNATURE };
const MOVE: Move = {
  type: 'move',
  onionKey: new Uint8Array(32).fill(7),
  roomSecret: new Uint8Array(32).fill(8),
  signature: SIGNATURE,
};

let path = '';
let host: ScriptedHost | undefined;
let problems: ModeratorError[] = [];

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'sotto-moderator-')), 'moderator.sock');
  problems = [];
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  await rm(join(path, '..'), { recursive: true });
});

async function ask(answer: HostAnswer, clock: Clock = REAL_CLOCK): Promise<ModeratorSocket> {
  host = await ScriptedHost.open(path, () => answer);
  return socket(clock);
}

function socket(clock: Clock = REAL_CLOCK): ModeratorSocket {
  return new ModeratorSocket({ path, clock, onProblem: (problem) => problems.push(problem) });
}

function ok(fields: Record<string, unknown>): string {
  return JSON.stringify({ ok: true, ...fields });
}

function hexOrder(order: SignedOrder): string {
  return toHex(encodeSignedOrder(order));
}

async function failureOf(asked: Promise<unknown>): Promise<ModeratorError> {
  const error: unknown = await asked.catch((thrown: unknown) => thrown);
  if (!(error instanceof ModeratorError)) throw new Error('it was to fail with a ModeratorError', { cause: error });
  return error;
}

describe('the host is asked', () => {
  test('for the connection string', async () => {
    const moderator = await ask(ok({ invite: INVITE }));
    expect(await moderator.invite()).toBe(INVITE);
    expect(host?.asked).toEqual([{ operation: 'invite' }]);
  });

  test('who may come in', async () => {
    const moderator = await ask(ok({ order: hexOrder(LOCKED) }));
    expect(await moderator.setAccess('locked')).toEqual(LOCKED);
    expect(host?.asked).toEqual([{ operation: 'access', mode: 'locked' }]);
  });

  test('to throw out', async () => {
    const moderator = await ask(ok({ order: hexOrder(EVICT), move: toHex(encodeMove(MOVE)) }));
    expect(await moderator.evict(MEMBER)).toEqual({ order: EVICT, move: MOVE });
    expect(host?.asked).toEqual([{ operation: 'evict', member: '05'.repeat(16) }]);
  });

  test('two things at once, and neither waits for the other', async () => {
    host = await ScriptedHost.open(path, ({ operation }) => (operation === 'evict' ? SILENCE : ok({ invite: INVITE })));
    const moderator = socket();
    const evicting = failureOf(moderator.evict(MEMBER));
    expect(await moderator.invite()).toBe(INVITE);
    await moderator.close();
    expect(await evicting).toMatchObject({ code: 'moderator-closed' });
  });

  test('and nothing is left open behind the answer', async () => {
    const moderator = await ask(ok({ invite: INVITE }));
    await moderator.invite();
    await expect.poll(() => host?.connections).toBe(0);
  });
});

describe('an answer', () => {
  test.each<[string, HostAnswer]>([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half of JSON', '{"ok":true,'],
    ['a list', '[true]'],
    ['null', 'null'],
    ['no verdict', '{}'],
    ['a verdict that is a word', '{"ok":"yes"}'],
    ['an order that is missing', ok({})],
    ['an order that is a number', ok({ order: 5 })],
    ['an order that is not hexadecimal', ok({ order: 'xyz' })],
    ['half a byte', ok({ order: hexOrder(LOCKED).slice(1) })],
    ['an order that is too short', ok({ order: hexOrder(LOCKED).slice(2) })],
    ['an order that is too long', ok({ order: `${hexOrder(LOCKED)}00` })],
    ['an order of no known type', ok({ order: `${hexOrder(LOCKED).slice(0, 16)}09${hexOrder(LOCKED).slice(18)}` })],
    ['another order than was asked for', ok({ order: hexOrder({ ...LOCKED, mode: 'open' }) })],
    ['an order of another type', ok({ order: hexOrder(EVICT) })],
    ['a refusal without a code', '{"ok":false}'],
    ['a refusal whose code is a number', '{"ok":false,"code":7}'],
    ['bytes that are not UTF-8', { raw: Uint8Array.of(0x7b, 0xff, 0x7d, 0x0a) }],
  ])('that is %s is malformed', async (_what, answer) => {
    const moderator = await ask(answer);
    expect(await failureOf(moderator.setAccess('locked'))).toMatchObject({ code: 'moderator-malformed' });
  });

  test.each<[string, Record<string, unknown>]>([
    ['no move', { order: hexOrder(EVICT) }],
    ['a move that is too short', { order: hexOrder(EVICT), move: toHex(encodeMove(MOVE)).slice(2) }],
    [
      'the eviction of another',
      { order: hexOrder({ ...EVICT, memberId: new Uint8Array(16) }), move: toHex(encodeMove(MOVE)) },
    ],
    ['no order', { move: toHex(encodeMove(MOVE)) }],
  ])('to an eviction with %s is malformed', async (_what, fields) => {
    const moderator = await ask(ok(fields));
    expect(await failureOf(moderator.evict(MEMBER))).toMatchObject({ code: 'moderator-malformed' });
  });

  test.each([
    ['with an end', `${'x'.repeat(100_000)}\n`],
    ['without an end', 'x'.repeat(100_000)],
  ])('that is too long is given up, %s', async (_how, raw) => {
    const moderator = await ask({ raw });
    expect(await failureOf(moderator.invite())).toMatchObject({ code: 'moderator-malformed' });
  });

  test.each<[string, HostAnswer]>([
    ['before', END],
    ['within', { raw: '{"ok":tr' }],
  ])('that the connection ends %s was not one', async (_when, answer) => {
    const moderator = await ask(answer);
    expect(await failureOf(moderator.invite())).toMatchObject({ code: 'moderator-closed' });
  });

  test('comes in time, or not at all: an eviction has more of it', async () => {
    const clock = new FakeClock();
    const moderator = await ask(SILENCE, clock);
    const late = failureOf(moderator.setAccess('open'));
    const evicting = failureOf(moderator.evict(MEMBER));
    await expect.poll(() => host?.asked).toHaveLength(2);
    expect(clock.waiting).toEqual([10_000, 240_000]);
    clock.tick(10_000);
    expect(await late).toMatchObject({
      code: 'moderator-timeout',
      message: message('error.terminal.moderator-timeout'),
    });
    clock.tick(230_000);
    expect(await evicting).toMatchObject({ code: 'moderator-timeout' });
    await expect.poll(() => host?.connections).toBe(0);
    expect(clock.waiting).toEqual([]);
  });

  test.each(HOST_REFUSALS)('that refuses with %s says why and what to do', async (code) => {
    const text = message(`error.moderator.${code}`);
    const moderator = await ask(JSON.stringify({ ok: false, code }));
    expect(await failureOf(moderator.setAccess('open'))).toMatchObject({ code, message: text });
    expect(text).toMatch(/: ./);
  });

  test('that refuses with a code of a later version is passed on', async () => {
    const moderator = await ask('{"ok":false,"code":"too-late"}');
    expect(await failureOf(moderator.invite())).toMatchObject({
      code: 'too-late',
      message: message('error.terminal.moderator-refused'),
    });
  });

  test.each(Object.entries(HOSTILE_SAMPLES))('that refuses with %s says nothing of it', async (_name, sample) => {
    const moderator = await ask(JSON.stringify({ ok: false, code: sample }));
    expect(await failureOf(moderator.invite())).toMatchObject({
      code: 'moderator-malformed',
      message: message('error.terminal.moderator-malformed'),
    });
  });

  test('of a host that is not there is that it is not', async () => {
    expect(await failureOf(socket().invite())).toMatchObject({ code: 'moderator-unreachable' });
  });
});

describe('that the room has moved', () => {
  test('is told before the program ends', async () => {
    const moderator = await ask(ok({}));
    moderator.moved();
    await moderator.close();
    expect(host?.asked).toEqual([{ operation: 'moved' }]);
    expect(problems).toEqual([]);
  });

  test('is told again to a host that did not hear', async () => {
    const clock = new FakeClock();
    const moderator = await ask(END, clock);
    moderator.moved();
    await expect.poll(() => clock.waiting).toEqual([1_000]);
    host?.answer(() => ok({}));
    clock.tick(1_000);
    await moderator.close();
    expect(host?.asked).toHaveLength(2);
    expect(problems).toEqual([]);
  });

  test('is not told for ever: after three times the user is', async () => {
    const clock = new FakeClock();
    const moderator = await ask(END, clock);
    moderator.moved();
    for (let failures = 1; failures < 3; failures += 1) {
      await expect.poll(() => clock.waiting).toEqual([1_000]);
      clock.tick(1_000);
    }
    await expect.poll(() => problems).toMatchObject([{ code: 'moderator-closed' }]);
    expect(host?.asked).toHaveLength(3);
  });

  test('is told once to a host that refuses', async () => {
    const moderator = await ask('{"ok":false,"code":"nothing-offered"}');
    moderator.moved();
    await moderator.close();
    expect(problems).toMatchObject([{ code: 'nothing-offered' }]);
    expect(host?.asked).toHaveLength(1);
  });

  test('does not hold the program when the host is silent', async () => {
    const clock = new FakeClock();
    const moderator = await ask(SILENCE, clock);
    moderator.moved();
    await expect.poll(() => host?.asked).toHaveLength(1);
    const closed = moderator.close();
    clock.tick(3_000);
    await closed;
    await expect.poll(() => host?.connections).toBe(0);
  });
});
