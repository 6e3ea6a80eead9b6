import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JsonServer } from '@sotto/json-socket';
import { decodeMove, decodeSignedOrder, fromHex, toHex } from '@sotto/protocol';
import { OnionKey } from '@sotto/tor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MODERATOR_CONNECTIONS_MAX, MODERATOR_LINE_BYTES_MAX } from '../src/limits.ts';
import { decodeModeratorRequest } from '../src/moderator-request.ts';
import { serveModerator } from '../src/moderator-socket.ts';
import type { Moderation } from '../src/moderator-socket.ts';
import type { Cover } from '@sotto/protocol';
import { OrderSigner } from '../src/order-signer.ts';

const INVITE = `sotto1${'q'.repeat(112)}`;
const MEMBER = 'ab'.repeat(16);
const OTHER = 'cd'.repeat(16);
const MALFORMED = { ok: false, code: 'moderator-malformed' };

/** A host as its moderator sees it: gives orders at once, an eviction when the test lets it. */
class Desk implements Moderation {
  invite: string | undefined = INVITE;
  readonly asked: string[] = [];
  readonly evicted = Promise.withResolvers<undefined>();
  readonly #orders = new OrderSigner(new OnionKey(), new Uint8Array(16), { mode: 'open' });

  setAccess(mode: 'open' | 'knock' | 'locked'): ReturnType<Moderation['setAccess']> {
    this.asked.push(`access ${mode}`);
    return { ok: true, order: this.#orders.access(mode) };
  }

  async evict(memberId: Uint8Array, listed: readonly Uint8Array[]): ReturnType<Moderation['evict']> {
    this.asked.push(`evict ${toHex(memberId)} of ${listed.length + 1}`);
    await this.evicted.promise;
    const move = this.#orders.moveTo({ onionKey: new Uint8Array(32).fill(1), roomSecret: new Uint8Array(32).fill(2) });
    return { ok: true, order: this.#orders.evict({ memberId, listed }), move };
  }

  move(listed: readonly Uint8Array[], cover: Cover): ReturnType<Moderation['move']> {
    this.asked.push(`move ${listed.length} ${cover}`);
    const there = { onionKey: new Uint8Array(32).fill(1), roomSecret: new Uint8Array(32).fill(2), cover };
    return Promise.resolve({ ok: true, move: this.#orders.moveTo(there) });
  }

  notMoved(): ReturnType<Moderation['notMoved']> {
    this.asked.push('not-moved');
    return { ok: true };
  }

  moved(): ReturnType<Moderation['moved']> {
    this.asked.push('moved');
    return { ok: false, code: 'nothing-offered' };
  }
}

class Asker {
  readonly socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => this.socket.destroy());
    this.#lines = createInterface({ input: this.socket })[Symbol.asyncIterator]();
  }

  write(text: string): void {
    this.socket.write(text);
  }

  /** The next answer, or undefined when the host has closed. */
  async next(): Promise<Record<string, unknown> | undefined> {
    const line = await this.#lines.next();
    return line.done === true ? undefined : (JSON.parse(line.value) as Record<string, unknown>);
  }

  ask(request: object): Promise<Record<string, unknown> | undefined> {
    this.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }
}

describe("the moderator's socket", () => {
  let folder: string;
  let path: string;
  let desk: Desk;
  let server: JsonServer;
  const askers: Asker[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-'));
    path = join(folder, 'moderator.sock');
    desk = new Desk();
    server = await serveModerator(path, desk);
  });
  afterEach(() => {
    for (const asker of askers.splice(0)) asker.socket.destroy();
    void server.close();
    rmSync(folder, { recursive: true });
  });

  function sit(): Asker {
    const asker = new Asker(path);
    askers.push(asker);
    return asker;
  }

  function bytesOf(field: unknown, length: number): Uint8Array {
    const bytes = typeof field === 'string' ? fromHex(field, length) : undefined;
    if (bytes === undefined) throw new Error('no such field');
    return bytes;
  }

  test('gives the connection string once there is one', async () => {
    const asker = sit();
    expect(await asker.ask({ operation: 'invite' })).toEqual({ ok: true, invite: INVITE });
    desk.invite = undefined;
    expect(await asker.ask({ operation: 'invite' })).toEqual({ ok: false, code: 'not-open' });
  });

  test('gives orders and a move in hexadecimal, as the wire has them', async () => {
    const asker = sit();
    const access = await asker.ask({ operation: 'access', mode: 'locked' });
    expect(Object.keys(access ?? {})).toEqual(['ok', 'order']);
    expect(decodeSignedOrder(bytesOf(access?.['order'], 74))).toMatchObject({
      ok: true,
      value: { type: 'access', mode: 'locked', number: 2 },
    });
    desk.evicted.resolve(undefined);
    const evicted = await asker.ask({ operation: 'evict', member: MEMBER, listed: [OTHER] });
    expect(Object.keys(evicted ?? {})).toEqual(['ok', 'order', 'move']);
    expect(decodeSignedOrder(bytesOf(evicted?.['order'], 106))).toMatchObject({
      ok: true,
      value: { type: 'evict', memberId: new Uint8Array(16).fill(0xab), listed: [new Uint8Array(16).fill(0xcd)] },
    });
    expect(decodeMove(bytesOf(evicted?.['move'], 129))).toMatchObject({
      ok: true,
      value: { onionKey: new Uint8Array(32).fill(1), roomSecret: new Uint8Array(32).fill(2) },
    });
    const listed = Array.from({ length: 64 }, (_, index) => index.toString(16).padStart(32, '0'));
    const moving = await asker.ask({ operation: 'move', listed, cover: 'stealth-32' });
    expect(Object.keys(moving ?? {})).toEqual(['ok', 'move']);
    expect(decodeMove(bytesOf(moving?.['move'], 129))).toMatchObject({ ok: true, value: { cover: 'stealth-32' } });
    expect(desk.asked.at(-1)).toBe('move 64 stealth-32');
    expect(await asker.ask({ operation: 'moved' })).toEqual({ ok: false, code: 'nothing-offered' });
    expect(await asker.ask({ operation: 'not-moved' })).toEqual({ ok: true });
  });

  test('answers each connection in order, and a waiting one delays no other', async () => {
    const [patient, other] = [sit(), sit()];
    patient.write(`{"operation":"evict","member":"${MEMBER}","listed":["${OTHER}"]}\n{"operation":"invite"}\n`);
    expect(await other.ask({ operation: 'invite' })).toMatchObject({ ok: true });
    expect(desk.asked).toEqual([`evict ${MEMBER} of 2`]);
    desk.evicted.resolve(undefined);
    expect(await patient.next()).toHaveProperty('move');
    expect(await patient.next()).toEqual({ ok: true, invite: INVITE });
  });

  test('survives a client that leaves before its answer', async () => {
    const asker = sit();
    asker.write(`{"operation":"evict","member":"${MEMBER}","listed":["${OTHER}"]}\n`);
    const other = sit();
    while (desk.asked.length === 0) await other.ask({ operation: 'invite' });
    asker.socket.destroy();
    desk.evicted.resolve(undefined);
    expect(await other.ask({ operation: 'invite' })).toEqual({ ok: true, invite: INVITE });
  });

  test('reads lines that arrive in pieces', async () => {
    const asker = sit();
    for (const character of '{"operation":"invite"}\n') asker.write(character);
    expect(await asker.next()).toEqual({ ok: true, invite: INVITE });
  });

  test('refuses a malformed line and goes on; a line that is too long ends the connection', async () => {
    const asker = sit();
    asker.write('hello\n');
    expect(await asker.next()).toEqual(MALFORMED);
    asker.write(`{"operation":"invite"${' '.repeat(MODERATOR_LINE_BYTES_MAX)}}\n`);
    expect(await asker.next()).toEqual(MALFORMED);
    expect(await asker.ask({ operation: 'invite' })).toMatchObject({ ok: true });
    asker.write('x'.repeat(MODERATOR_LINE_BYTES_MAX + 1));
    expect(await asker.next()).toEqual(MALFORMED);
    expect(await asker.next()).toBeUndefined();
  });

  test('accepts a bounded number of connections at a time', async () => {
    const seats = Array.from({ length: MODERATOR_CONNECTIONS_MAX }, () => sit());
    for (const seat of seats) expect(await seat.ask({ operation: 'invite' })).toMatchObject({ ok: true });
    expect(await sit().next()).toBeUndefined();
    for (const seat of seats) expect(await seat.ask({ operation: 'invite' })).toMatchObject({ ok: true });
  });

  test('replaces a stale socket, and nothing else', async () => {
    const again = await serveModerator(path, desk);
    expect(await sit().ask({ operation: 'invite' })).toMatchObject({ ok: true });
    void again.close();
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(serveModerator(file, desk)).rejects.toMatchObject({ code: 'host-environment' });
    expect(existsSync(file)).toBe(true);
  });
});

describe('a request of the moderator', () => {
  test.each([
    '',
    'null',
    '7',
    '[]',
    '{}',
    '{"operation":"create"}',
    '{"operation":"invite","more":1}',
    '{"operation":"moved","more":1}',
    '{"operation":"access"}',
    '{"operation":"access","mode":"closed"}',
    '{"operation":"access","mode":["open"]}',
    '{"operation":"access","mode":"open","member":"00"}',
    '{"operation":"evict"}',
    `{"operation":"evict","member":"${MEMBER}00","listed":[]}`,
    `{"operation":"evict","member":"${'zz'.repeat(16)}","listed":[]}`,
    `{"operation":"evict","member":7,"listed":[]}`,
    `{"operation":"evict","member":"${MEMBER}"}`,
    `{"operation":"evict","member":"${MEMBER}","listed":"${OTHER}"}`,
    `{"operation":"evict","member":"${MEMBER}","listed":["${OTHER}",7]}`,
    `{"operation":"evict","member":"${MEMBER}","listed":["${OTHER}","${MEMBER}"]}`,
    `{"operation":"evict","member":"${MEMBER}","listed":[${Array(65).fill(`"${OTHER}"`).join()}]}`,
    `{"operation":"evict","member":"${MEMBER}","listed":[],"mode":"open"}`,
    '{"operation":"move","listed":[]}',
    '{"operation":"move","listed":[],"cover":"stealth"}',
    `{"operation":"move","listed":["${MEMBER}0"],"cover":"off"}`,
    '{"operation":"not-moved","more":1}',
    '{"operation":"__proto__"}',
  ])('is refused: %s', (line) => {
    expect(decodeModeratorRequest(Buffer.from(line))).toEqual({ ok: false, code: 'moderator-malformed' });
  });

  test.each([
    ['{"operation":"invite"}', { operation: 'invite' }],
    ['{"operation":"moved"}', { operation: 'moved' }],
    ['{"mode":"knock","operation":"access"}', { operation: 'access', mode: 'knock' }],
    [
      `{"operation":"evict","member":"${MEMBER}","listed":["${OTHER}"]}`,
      { operation: 'evict', memberId: new Uint8Array(16).fill(0xab), listed: [new Uint8Array(16).fill(0xcd)] },
    ],
    ['{"operation":"move","listed":[],"cover":"stealth-4"}', { operation: 'move', listed: [], cover: 'stealth-4' }],
    ['{"operation":"not-moved"}', { operation: 'not-moved' }],
  ])('is accepted: %s', (line, value) => {
    expect(decodeModeratorRequest(Buffer.from(line))).toEqual({ ok: true, value });
  });
});
