import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@sotto/fixtures';
import { encodeInvite } from '@sotto/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readOptions } from '../src/options.ts';
import { INVITE, startProgram } from './program.ts';
import type { Program } from './program.ts';
import { ScriptedHost, SILENCE } from './scripted-host.ts';
import { MemoryRelay } from './memory-relay.ts';

const OTHER_INVITE = encodeInvite({ onionKey: new Uint8Array(32).fill(9), roomSecret: new Uint8Array(32).fill(9) });
const OPEN = JSON.stringify({ ok: true, invite: INVITE });
const NOT_OPEN = JSON.stringify({ ok: false, code: 'not-open' });

let path = '';
let host: ScriptedHost | undefined;

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'sotto-host-')), 'moderator.sock');
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  await rm(join(path, '..'), { recursive: true });
});

function start(clock: FakeClock | undefined, ...args: string[]): Program {
  const environment = { SOTTO_MODERATOR_SOCKET: path };
  return startProgram(args, new MemoryRelay(), { environment, ...(clock === undefined ? {} : { clock }) });
}

/** Lets the client ask again and again, and notices pass, until `enough`. */
async function passUntil(clock: FakeClock, enough: () => boolean): Promise<void> {
  while (!enough()) {
    // Only the pause between two questions: the deadline of one that is under way is longer.
    if (clock.waiting.every((milliseconds) => milliseconds <= 1_000)) clock.tick(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the host's own client", () => {
  test('asks the host for the connection string and joins', async () => {
    host = await ScriptedHost.open(path, () => OPEN);
    const program = start(undefined, '--name', 'anna');
    await program.out.untilHas('-- joined as anna·');
    expect(program.out.text + program.err.text).not.toContain('sotto1');
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test('asks the host with --host, too', async () => {
    host = await ScriptedHost.open(path, () => OPEN);
    const program = startProgram(['--host', path], new MemoryRelay());
    await program.out.untilHas('-- joined as');
    program.interrupt();
    expect(await program.ended).toBe(0);
    expect(readOptions(['--host', 'a'], { SOTTO_MODERATOR_SOCKET: 'b' })).toMatchObject({
      value: { moderatorSocket: 'a' },
    });
    expect(readOptions([], { SOTTO_MODERATOR_SOCKET: '' })).toMatchObject({ value: { moderatorSocket: undefined } });
    expect(readOptions(['--host'], {})).toMatchObject({ ok: false, code: 'usage' });
  });

  test('waits while the host opens the room, and reports it now and then', async () => {
    const clock = new FakeClock();
    host = await ScriptedHost.open(path, () => NOT_OPEN);
    const program = start(clock);
    await passUntil(clock, () => program.err.lines.length === 3);
    expect(program.err.lines).toEqual([
      'sotto: the host is still opening the room',
      'sotto: the host is still opening the room (15 s)',
      'sotto: the host is still opening the room (30 s)',
    ]);
    expect(host.asked.length).toBeGreaterThan(20);
    host.answer(() => OPEN);
    await passUntil(clock, () => program.out.text.includes('-- joined as'));
    program.interrupt();
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test('reports the wait to a program as a state', async () => {
    host = await ScriptedHost.open(path, () => NOT_OPEN);
    const program = start(undefined, '--json');
    await program.out.untilHas('\n');
    expect(JSON.parse(program.out.lines[0] ?? '')).toEqual({
      type: 'state',
      state: 'bootstrapping',
      detail: 'the host is still opening the room',
    });
    program.interrupt();
    expect(await program.ended).toBe(0);
    expect(program.err.text).toBe('');
  });

  test('waits a bounded time for a host that is just starting', async () => {
    const clock = new FakeClock();
    const program = start(clock);
    await passUntil(clock, () => program.err.text.includes('moderator-unreachable'));
    expect(await program.ended).toBe(2);
    expect(clock.now()).toBeGreaterThan(60_000);
    expect(clock.now()).toBeLessThan(65_000);
    expect(program.err.lines[0]).toBe('sotto: the host does not answer yet: waiting for it to start');
  });

  test('joins when a late host has started', async () => {
    const clock = new FakeClock();
    const program = start(clock);
    await passUntil(clock, () => program.err.lines.length === 2);
    host = await ScriptedHost.open(path, () => OPEN);
    await passUntil(clock, () => program.out.text.includes('-- joined as'));
    program.interrupt();
    program.interrupt();
    expect(await program.ended).toBe(0);
  });

  test.each([
    ['no connection string', '{"ok":true}'],
    ['a connection string that is none', '{"ok":true,"invite":"sotto1abc"}'],
    ['no JSON', 'hello'],
  ])('ends when the host answers with %s', async (_what, answer) => {
    host = await ScriptedHost.open(path, () => answer);
    const program = start(undefined);
    expect(await program.ended).toBe(2);
    expect(program.err.text).toContain('(moderator-malformed)');
  });

  test('accepts the connection string of its own host only', async () => {
    host = await ScriptedHost.open(path, () => OPEN);
    const own = start(undefined, '-');
    own.stdin.write(`${INVITE}\n`);
    await own.out.untilHas('-- joined as');
    own.interrupt();
    expect(await own.ended).toBe(0);
    const other = start(undefined, '-');
    other.stdin.write(`${OTHER_INVITE}\n`);
    expect(await other.ended).toBe(2);
    expect(other.err.text).toContain('(invite-not-host)');
    const bad = start(undefined, '-');
    bad.stdin.write('sotto1abc\n');
    expect(await bad.ended).toBe(2);
  });

  test('leaves on a request during its wait', async () => {
    host = await ScriptedHost.open(path, () => SILENCE);
    const program = start(undefined);
    await expect.poll(() => host?.asked).toHaveLength(1);
    program.interrupt();
    expect(await program.ended).toBe(0);
    await expect.poll(() => host?.connections).toBe(0);
  });
});

test('asks no host without the host’s socket', async () => {
  const program = startProgram([], new MemoryRelay());
  expect(await program.ended).toBe(2);
  expect(program.err.text).toContain('(invite-missing)');
});
