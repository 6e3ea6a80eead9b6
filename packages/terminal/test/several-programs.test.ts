// Whole programs with real clients in one room: what one does with another, and what the host's own
// client does with the room.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationOf } from '@sotto/client';
import { coverOf, encodeInvite, encodeMove, encodeSignedOrder, fromHex, orderStatement, toHex } from '@sotto/protocol';
import type { Invite, Order } from '@sotto/protocol';
import { OnionKey } from '@sotto/tor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProgram } from './program.ts';
import type { Program, ProgramOptions } from './program.ts';
import { ScriptedHost } from './scripted-host.ts';
import { MemoryRelay } from './memory-relay.ts';

interface HostedRoom {
  readonly invite: Invite;
  readonly relay: MemoryRelay;
  sign(order: Order): Uint8Array;
}

function hostRoom(byte: number): HostedRoom {
  const key = new OnionKey();
  const invite = { onionKey: key.publicKey, roomSecret: new Uint8Array(32).fill(byte) };
  const { roomId } = registrationOf(invite);
  return { invite, relay: new MemoryRelay(invite), sign: (order) => key.sign(orderStatement(roomId, order)) };
}

let room = hostRoom(1);
let programs: Program[] = [];

beforeEach(() => {
  room = hostRoom(1);
  programs = [];
});
afterEach(async () => {
  for (const program of programs) program.interrupt();
  for (const program of programs) program.interrupt();
  await Promise.all(programs.map((program) => program.ended));
});

function start(name: string, options: ProgramOptions & { args?: readonly string[] } = {}): Program {
  const { args = [encodeInvite(room.invite)], ...rest } = options;
  const program = startProgram([...args, '--name', name], room.relay, rest);
  programs.push(program);
  return program;
}

async function seat(name: string, options: Parameters<typeof start>[1] = {}): Promise<Program> {
  const program = start(name, options);
  await program.out.untilHas(`-- joined as ${name}·`);
  return program;
}

/** The rows of the safety number, once it was shown. */
async function numberOn(program: Program): Promise<string> {
  const number = /(?:^¶-- {3}(?:[0-9]{5} ){3}[0-9]{5}\n){3}/m;
  await program.out.until((text) => number.test(text));
  return number.exec(program.out.text)?.[0] ?? '';
}

async function codeOn(program: Program): Promise<string> {
  const before = program.out.text.length;
  program.stdin.write('/code\n');
  const code = /^¶-- room code \(epoch [0-9]+\):\n(?<words>(?:¶-- (?:[a-z]+ ){3}[a-z]+\n){2})/m;
  await program.out.until((text) => code.test(text.slice(before)));
  return code.exec(program.out.text.slice(before))?.groups?.['words'] ?? '';
}

describe('a circuit renewal', () => {
  test('happens in the middle of a conversation, and only the member that asked sees it', async () => {
    const anna = await seat('anna');
    const bert = await seat('bert');
    await anna.out.until((text) => /^¶-- bert·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('before\n/circuit\nbehind\n');
    await anna.out.untilHas('-- another circuit: everything goes over it from now on');
    await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}before\nanna·[0-9a-f]{4} {2}behind$/m.test(text));
    bert.stdin.write('I heard both\n');
    await anna.out.until((text) => /^bert·[0-9a-f]{4} {2}I heard both$/m.test(text));
    expect(bert.out.text).not.toMatch(/circuit|has left/);
    expect(anna.out.text).not.toContain('connected again');
  });

  test('is reported if it fails, in both modes, and the conversation goes on', async () => {
    const anna = await seat('anna');
    const bot = start('bot', { args: [encodeInvite(room.invite), '--json'] });
    await bot.out.untilHas('"state":"joined"');
    room.relay.down = true;
    anna.stdin.write('/circuit\n');
    await anna.out.untilHas('-- the circuit is the same as before: ');
    bot.stdin.write('{"cmd":"circuit"}\n');
    await bot.out.untilHas('{"type":"circuit","state":"kept","code":"circuit-kept","message":"');
    room.relay.down = false;
    bot.stdin.write('{"cmd":"circuit"}\n{"cmd":"send","text":"there","ref":"1"}\n');
    await bot.out.untilHas('{"type":"circuit","state":"renewed"}');
    await anna.out.until((text) => /^bot·[0-9a-f]{4} {2}there$/m.test(text));
    bot.stdin.end();
    expect(await bot.ended).toBe(0);
  });
});

describe('two members', () => {
  test('see one safety number and one room code, and mark each other', async () => {
    const anna = await seat('anna');
    const bert = await seat('bert');
    await anna.out.until((text) => /^¶-- bert·[0-9a-f]{4} is here$/m.test(text));
    await bert.out.until((text) => /^¶-- anna·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('/verify bert\n');
    bert.stdin.write('/verify anna\n');
    const number = await numberOn(anna);
    expect(await numberOn(bert)).toBe(number);
    await expect.poll(async () => (await codeOn(anna)) === (await codeOn(bert))).toBe(true);
    anna.stdin.write('/verified bert\n/members\n');
    await anna.out.until((text) => /^¶-- {3}bert·[0-9a-f]{4} {2}[0-9a-f]{16} {2}here, verified$/m.test(text));
  });

  test('are told apart if they have one name, and the name alone means neither', async () => {
    const anna = await seat('anna');
    await seat('bert');
    await anna.out.until((text) => /^¶-- bert·[0-9a-f]{4} is here$/m.test(text));
    await seat('bert');
    await anna.out.untilHas('!! WARNING: bert·');
    expect(anna.out.text).toMatch(
      /^¶!! WARNING: bert·[0-9a-f]{16} has a name that looks like the one of bert·[0-9a-f]{16}: /m,
    );
    anna.stdin.write('/verify bert\n');
    await anna.out.untilHas('-- bert: several members fit');
    expect(anna.out.text).toMatch(/\(member-ambiguous\)\n¶-- {3}bert·[0-9a-f]{4,16} {2}[0-9a-f]{16}\n¶-- {3}bert·/);
  });

  test('get numbers, marks and codes as lines if one is a program', async () => {
    const anna = await seat('anna');
    const bot = start('bot', { args: [encodeInvite(room.invite), '--json'] });
    const find = (type: string): Record<string, unknown> | undefined =>
      bot.out.lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .findLast((line) => line['type'] === type);
    await bot.out.until(() => JSON.stringify(find('members') ?? {}).includes('"anna"'));
    const members = find('members')?.['members'] as { name: string; fingerprint: string }[];
    const member = members.find(({ name }) => name === 'anna')?.fingerprint;
    bot.stdin.write(`${JSON.stringify({ cmd: 'verify', member })}\n{"cmd":"code"}\n`);
    await bot.out.until(() => find('code') !== undefined);
    expect(find('safety-number')).toEqual({
      type: 'safety-number',
      member: { name: 'anna', fingerprint: member },
      number: expect.stringMatching(/^[0-9]{60}$/) as string,
    });
    expect(find('code')?.['code']).toHaveLength(8);
    expect(bot.out.text).toContain(`{"type":"epoch","epoch":${String(find('code')?.['epoch'])}}`);
    bot.stdin.write(`${JSON.stringify({ cmd: 'verified', member })}\n{"cmd":"members"}\n`);
    await bot.out.until(() => JSON.stringify(find('members') ?? {}).includes('"verified":true'));
    anna.stdin.write('/verify bot\n');
    const number = (await numberOn(anna)).replaceAll(/[^0-9]/g, '');
    expect(number).toBe(find('safety-number')?.['number']);
  });

  test('can give no orders if neither is the host', async () => {
    const anna = await seat('anna');
    anna.stdin.write('/lock\n/evict anna\n');
    await anna.out.until((text) => text.split('docker compose run --rm host-client (moderator-needed)').length === 3);
  });
});

describe("the host's own client", () => {
  let path = '';
  let host: ScriptedHost | undefined;
  let other = hostRoom(3);
  let order = 0;

  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'sotto-together-')), 'moderator.sock');
    other = hostRoom(3);
    order = 0;
    host = await ScriptedHost.open(path, answer);
  });
  afterEach(async () => {
    await host?.close();
    await rm(join(path, '..'), { recursive: true });
  });

  /** As the host does it: an order each, and for an eviction another room that is open. */
  function answer({ operation, mode, member, listed }: Record<string, unknown>): string {
    order += 1;
    const say = (fields: object): string => JSON.stringify({ ok: true, ...fields });
    switch (operation) {
      case 'invite':
        return say({ invite: encodeInvite(room.invite) });
      case 'access': {
        const access = { type: 'access', number: order, mode: mode as 'open' } as const;
        return say({ order: toHex(encodeSignedOrder({ ...access, signature: room.sign(access) })) });
      }
      case 'evict': {
        const evict = {
          type: 'evict',
          number: order,
          memberId: fromHex(String(member), 16) ?? new Uint8Array(0),
          listed: (listed as readonly string[]).map((other) => fromHex(other, 16) ?? new Uint8Array(0)),
        } as const;
        const move = { type: 'move', ...other.invite, cover: coverOf(other.invite) } as const;
        return say({
          order: toHex(encodeSignedOrder({ ...evict, signature: room.sign(evict) })),
          move: toHex(encodeMove({ ...move, signature: room.sign(move) })),
        });
      }
      default:
        return say({});
    }
  }

  function joinAsHost(name: string, options: ProgramOptions = {}): Promise<Program> {
    return seat(name, { args: [], environment: { SOTTO_MODERATOR_SOCKET: path }, ...options });
  }

  test('locks the room, and opens it again', async () => {
    const anna = await joinAsHost('anna');
    const bert = await seat('bert');
    anna.stdin.write('/lock\n');
    await anna.out.untilHas('-- done: ');
    await bert.out.untilHas('-- the room is locked');
    const carl = start('carl');
    expect(await carl.ended).toBe(1);
    expect(carl.out.text).toContain('(room-locked)');
    anna.stdin.write('/unlock\n');
    await bert.out.untilHas('-- the room is open');
    await seat('dora');
  });

  test('makes newcomers knock, and any member can admit them', async () => {
    const anna = await joinAsHost('anna');
    const bert = await seat('bert');
    anna.stdin.write('/knock\n');
    await bert.out.untilHas('-- newcomers have to be admitted');
    const carl = start('carl');
    await carl.out.untilHas('-- knocked: a member has to type /admit');
    await bert.out.untilHas(' is knocking: /admit ');
    expect(carl.out.text).not.toContain('-- joined');
    const digits = /^¶-- carl·[0-9a-f]{4} is knocking: \/admit (?<digits>[0-9a-f]{4})$/m.exec(bert.out.text)?.groups?.[
      'digits'
    ];
    bert.stdin.write(`/admit ${digits ?? ''}\n`);
    await carl.out.untilHas('-- joined as carl·');
    await anna.out.until((text) => /^¶-- carl·[0-9a-f]{4} is here$/m.test(text));
  });

  test('evicts a member: the others go on at another onion, the evicted one does not', async () => {
    const closed: Invite[] = [];
    const elsewhere = [other.relay];
    const anna = await joinAsHost('anna', { elsewhere, onDialerClosed: (invite) => closed.push(invite) });
    const bert = await seat('bert', { elsewhere });
    const carl = await seat('carl', { elsewhere });
    await anna.out.until((text) => /^¶-- carl·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('/verify bert\n/verified bert\n/evict carl\n');
    await anna.out.untilHas('-- done: the room goes on without that member');
    expect(await carl.ended).toBe(1);
    expect(carl.out.text).toContain('(evicted)');
    for (const program of [anna, bert]) {
      await program.out.untilHas('-- the room moves to another onion');
      await program.out.untilHas('-- in the room again');
    }
    expect(closed).toEqual([room.invite]);
    // On a connection of its own: it may come behind what the screen says.
    await expect.poll(() => host?.asked.at(-1)).toEqual({ operation: 'moved' });
    anna.stdin.write('among ourselves\n');
    await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}among ourselves$/m.test(text));
    anna.stdin.write('/members\n/verify carl\n');
    await anna.out.untilHas('(member-absent)');
    expect(anna.out.text).toMatch(
      /^¶-- 2 members, 2 here\n¶-- {3}anna.*\n¶-- {3}bert.* {2}here, verified\n¶-- carl: /m,
    );
    expect(anna.out.text + bert.out.text + carl.out.text).not.toContain('sotto1');
  });

  test('reports that the host heard of the move too late', async () => {
    host?.answer((question) =>
      question['operation'] === 'moved' ? '{"ok":false,"code":"nothing-offered"}' : answer(question),
    );
    const anna = await joinAsHost('anna', { elsewhere: [other.relay] });
    await seat('carl', { elsewhere: [other.relay] });
    await anna.out.until((text) => /^¶-- carl·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('/evict carl\n');
    await anna.out.untilHas('(nothing-offered)');
  });

  test('goes on in the room after a host that is moving already has refused an eviction', async () => {
    host?.answer((question) => (question['operation'] === 'evict' ? '{"ok":false,"code":"busy"}' : answer(question)));
    const anna = await joinAsHost('anna');
    await seat('carl');
    await anna.out.until((text) => /^¶-- carl·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('/evict carl\nstill here\n');
    await anna.out.untilHas('(busy)');
    await anna.out.until((text) => /^anna·[0-9a-f]{4} {2}still here$/m.test(text));
  });

  test('carries out the commands of a program before it ends with its input', async () => {
    const bert = await seat('bert');
    const bot = start('bot', { args: ['--json'], environment: { SOTTO_MODERATOR_SOCKET: path } });
    await bot.out.untilHas('"joined"');
    bot.stdin.end('{"cmd":"access","mode":"locked"}\n');
    expect(await bot.ended).toBe(0);
    expect(bot.out.text).toContain('{"type":"moderated","what":"access"}');
    await bert.out.untilHas('-- the room is locked');
  });
});
