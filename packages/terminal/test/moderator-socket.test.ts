import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { message } from '@sotto/messages';
import { ModeratorError } from '@sotto/client';
import type { Clock } from '@sotto/client';
import { FakeClock } from '@sotto/fixtures';
import { encodeMove, encodeSignedOrder, toHex } from '@sotto/protocol';
import type { Move, PlainAccess, SignedOrder } from '@sotto/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOST_REFUSALS } from '../src/errors.ts';
import { ModeratorSocket } from '../src/moderator-socket.ts';
import { HOSTILE_SAMPLES } from './hostile-samples.ts';
import { INVITE, REAL_CLOCK } from './program.ts';
import { END, ScriptedHost, SILENCE } from './scripted-host.ts';
import type { HostAnswer } from './scripted-host.ts';

const MEMBER = new Uint8Array(16).fill(5);
const OTHER = new Uint8Array(16).fill(4);
const SIGNATURE = new Uint8Array(64).fill(6);
const LOCKED: PlainAccess = { type: 'access', number: 3, mode: 'locked', signature: SIGNATURE };
const EVICT: SignedOrder = { type: 'evict', number: 4, memberId: MEMBER, listed: [OTHER], signature: SIGNATURE };
const MOVE: Move = {
  type: 'move',
  onionKey: new Uint8Array(32).fill(7),
  roomSecret: new Uint8Array(32).fill(8),
  cover: 'stealth-8',
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

describe("the moderator's socket asks the host", () => {
  test('for the connection string', async () => {
    const moderator = await ask(ok({ invite: INVITE }));
    expect(await moderator.invite()).toBe(INVITE);
    expect(host?.asked).toEqual([{ operation: 'invite' }]);
  });

  test('for an access order', async () => {
    const moderator = await ask(ok({ order: hexOrder(LOCKED) }));
    expect(await moderator.setAccess('locked')).toEqual(LOCKED);
    expect(host?.asked).toEqual([{ operation: 'access', mode: 'locked' }]);
  });

  test('for an eviction', async () => {
    const moderator = await ask(ok({ order: hexOrder(EVICT), move: toHex(encodeMove(MOVE)) }));
    expect(await moderator.evict(MEMBER, [OTHER])).toEqual({ order: EVICT, move: MOVE });
    expect(host?.asked).toEqual([{ operation: 'evict', member: '05'.repeat(16), listed: ['04'.repeat(16)] }]);
  });

  test('for a move, and tells that it did not happen', async () => {
    const moderator = await ask(ok({ move: toHex(encodeMove(MOVE)) }));
    expect(await moderator.move([MEMBER, OTHER], 'stealth-8')).toEqual({ order: undefined, move: MOVE });
    expect(await failureOf(moderator.move([MEMBER], 'off'))).toMatchObject({ code: 'moderator-malformed' });
    moderator.notMoved();
    await moderator.close();
    expect(host?.asked).toEqual([
      { operation: 'move', listed: ['05'.repeat(16), '04'.repeat(16)], cover: 'stealth-8' },
      { operation: 'move', listed: ['05'.repeat(16)], cover: 'off' },
      { operation: 'not-moved' },
    ]);
  });

  test('for two things at once, and neither waits for the other', async () => {
    host = await ScriptedHost.open(path, ({ operation }) => (operation === 'evict' ? SILENCE : ok({ invite: INVITE })));
    const moderator = socket();
    const evicting = failureOf(moderator.evict(MEMBER, []));
    expect(await moderator.invite()).toBe(INVITE);
    await moderator.close();
    expect(await evicting).toMatchObject({ code: 'moderator-closed' });
  });

  test('on a connection that closes after the answer', async () => {
    const moderator = await ask(ok({ invite: INVITE }));
    await moderator.invite();
    await expect.poll(() => host?.connections).toBe(0);
  });
});

describe('an answer of the host', () => {
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
  ])('is malformed if it is %s', async (_what, answer) => {
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
    ['another list', { order: hexOrder({ ...EVICT, listed: [OTHER, MEMBER] }), move: toHex(encodeMove(MOVE)) }],
    ['no order', { move: toHex(encodeMove(MOVE)) }],
  ])('is malformed if it answers an eviction with %s', async (_what, fields) => {
    const moderator = await ask(ok(fields));
    expect(await failureOf(moderator.evict(MEMBER, [OTHER]))).toMatchObject({ code: 'moderator-malformed' });
  });

  test.each([
    ['with an end', `${'x'.repeat(100_000)}\n`],
    ['without an end', 'x'.repeat(100_000)],
  ])('is malformed if it is too long, %s', async (_how, raw) => {
    const moderator = await ask({ raw });
    expect(await failureOf(moderator.invite())).toMatchObject({ code: 'moderator-malformed' });
  });

  test.each<[string, HostAnswer]>([
    ['before', END],
    ['within', { raw: '{"ok":tr' }],
  ])('is missing if the connection ends %s it', async (_when, answer) => {
    const moderator = await ask(answer);
    expect(await failureOf(moderator.invite())).toMatchObject({ code: 'moderator-closed' });
  });

  test('fails after its time, which is longer for an eviction', async () => {
    const clock = new FakeClock();
    const moderator = await ask(SILENCE, clock);
    const late = failureOf(moderator.setAccess('open'));
    const evicting = failureOf(moderator.evict(MEMBER, []));
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

  test.each(HOST_REFUSALS)('with the refusal %s has a text with cause and next step', async (code) => {
    const text = message(`error.moderator.${code}`);
    const moderator = await ask(JSON.stringify({ ok: false, code }));
    expect(await failureOf(moderator.setAccess('open'))).toMatchObject({ code, message: text });
    expect(text).toMatch(/: ./);
  });

  test('with a refusal of a later version keeps its code', async () => {
    const moderator = await ask('{"ok":false,"code":"too-late"}');
    expect(await failureOf(moderator.invite())).toMatchObject({
      code: 'too-late',
      message: message('error.terminal.moderator-refused'),
    });
  });

  test.each(Object.entries(HOSTILE_SAMPLES))('with a refusal of %s shows no part of it', async (_name, sample) => {
    const moderator = await ask(JSON.stringify({ ok: false, code: sample }));
    expect(await failureOf(moderator.invite())).toMatchObject({
      code: 'moderator-malformed',
      message: message('error.terminal.moderator-malformed'),
    });
  });

  test('is unreachable if no host listens', async () => {
    expect(await failureOf(socket().invite())).toMatchObject({ code: 'moderator-unreachable' });
  });
});

describe('the report of a room move', () => {
  test('reaches the host before the program ends', async () => {
    const moderator = await ask(ok({}));
    moderator.moved();
    await moderator.close();
    expect(host?.asked).toEqual([{ operation: 'moved' }]);
    expect(problems).toEqual([]);
  });

  test('is repeated if the host did not answer', async () => {
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

  test('stops after three times, and the user is warned', async () => {
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

  test('is sent once if the host refuses it', async () => {
    const moderator = await ask('{"ok":false,"code":"nothing-offered"}');
    moderator.moved();
    await moderator.close();
    expect(problems).toMatchObject([{ code: 'nothing-offered' }]);
    expect(host?.asked).toHaveLength(1);
  });

  test('does not hold the program if the host is silent', async () => {
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
