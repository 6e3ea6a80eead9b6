// The guard watch finds Tor's first guard and measures for how long it has stayed.

import { describe, expect, test } from 'vitest';
import { openGate } from '../src/gate/gate.ts';
import { connectGate } from '../src/gate/client.ts';
import { noteGuard, readFirstGuard } from '../src/control/guard-watch.ts';
import { FakeClock } from '@sotto/fixtures';
import { ScriptedTor } from '@sotto/fixtures/scripted-tor';

const A = 'A'.repeat(40);
const B = 'B'.repeat(40);

describe('the first guard', () => {
  test('the first guard is the first line that is up, whatever comes before and after', () => {
    const answer = [`$${B}~old unlisted 2026-11-01 10:00:00`, `$${A}~one up`, `$${B}=two up`].join('\n');
    expect(readFirstGuard(answer)).toBe(A);
    expect(readFirstGuard(`$${B} up\r\n$${A}~one up`)).toBe(B);
  });

  test.each([
    '',
    `$${A}~one never-connected`,
    `$${A}~one down 2026-11-01 10:00:00`,
    `$AAAA~one up`,
    `${A}~one up`,
    'up',
  ])('no guard is found in %j', (answer) => {
    expect(readFirstGuard(answer)).toBeUndefined();
  });

  test('the age counts from the first sight, through times without one, until another is first', () => {
    const first = noteGuard(undefined, A, 1_000);
    expect(first).toEqual({ guard: A, sinceMs: 1_000 });
    expect(noteGuard(first, undefined, 2_000)).toEqual(first);
    expect(noteGuard(first, A, 9_000)).toEqual(first);
    expect(noteGuard(first, B, 9_000)).toEqual({ guard: B, sinceMs: 9_000 });
    expect(noteGuard(undefined, undefined, 1_000)).toBeUndefined();
  });
});

describe('the gate', () => {
  async function scene(): Promise<{
    readonly [Symbol.asyncDispose]: () => Promise<void>;
    readonly tor: ScriptedTor;
    readonly clock: FakeClock;
    readonly set: (guards: string, vanguards?: string) => void;
  }> {
    let guards = '';
    let vanguards = '1';
    const answer = (command: string): string | undefined => {
      if (command === 'GETINFO entry-guards') return `250+entry-guards=\r\n${guards}.\r\n250 OK\r\n`;
      return command === 'GETCONF VanguardsLiteEnabled' ? `250 VanguardsLiteEnabled=${vanguards}\r\n` : undefined;
    };
    const tor = await ScriptedTor.start({ answer });
    const set = (first: string, value = '1'): void => {
      guards = first === '' ? '' : `$${first}~name up\r\n`;
      vanguards = value;
    };
    return { tor, clock: new FakeClock(), set, [Symbol.asyncDispose]: () => tor[Symbol.asyncDispose]() };
  }

  test('the gate looks when Tor has come up, on request, and after a restart; a change starts anew', async () => {
    await using bench = await scene();
    const { tor, clock, set } = bench;
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock });
    await tor.saw('GETINFO entry-guards');
    const client = await connectGate({ socketPath: tor.path('gate') });
    const live = async (): Promise<void> => {
      while (
        !(await client.version().then(
          () => true,
          () => false,
        ))
      )
        clock.tick(5_000);
    };
    await live();
    expect(await client.path()).toMatchObject({ guardSameSeconds: null });

    set(A);
    const asked = tor.commands.filter((command) => command === 'GETINFO entry-guards').length;
    tor.emit('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"');
    await tor.saw('GETINFO entry-guards', asked + 1);
    clock.tick(90_500);
    expect(await client.path()).toMatchObject({ guardSameSeconds: 90 });

    await tor.down();
    await tor.up();
    const before = clock.now();
    await live();
    const away = Math.floor((clock.now() - before + 90_500) / 1_000);
    expect(await client.path()).toMatchObject({ guardSameSeconds: away });

    set(B);
    expect(await client.path()).toMatchObject({ guardSameSeconds: 0 });
    clock.tick(7_000);
    expect(await client.path()).toMatchObject({ guardSameSeconds: 7 });
    set('');
    expect(await client.path()).toMatchObject({ guardSameSeconds: null });
    client.close();
    await gate.close();
    await gate.ended;
  });

  test.each([
    ['1', 'on'],
    ['auto', 'auto'],
    ['0', 'off'],
  ])('the gate reports vanguards %s as %s', async (value, word) => {
    await using bench = await scene();
    const { tor, clock, set } = bench;
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock });
    await tor.saw('GETINFO entry-guards');
    set(A, value);
    const client = await connectGate({ socketPath: tor.path('gate') });
    while (
      !(await client.version().then(
        () => true,
        () => false,
      ))
    )
      clock.tick(5_000);
    expect(await client.path()).toMatchObject({ vanguards: word });
    client.close();
    await gate.close();
    await gate.ended;
  });

  test('the gate works with a Tor that reports no guards', async () => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command === 'GETINFO entry-guards' ? '552 Unrecognized key\r\n' : undefined),
    });
    const clock = new FakeClock();
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock });
    const client = await connectGate({ socketPath: tor.path('gate') });
    while (
      !(await client.version().then(
        () => true,
        () => false,
      ))
    )
      clock.tick(5_000);
    expect(await client.path()).toMatchObject({ guardSameSeconds: null, vanguards: 'on' });
    client.close();
    await gate.close();
    await gate.ended;
  });
});
