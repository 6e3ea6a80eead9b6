import { describe, expect, test } from 'vitest';
import { screenOf } from './plain-screen.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

describe('the anonymity panel', () => {
  const stealth = {
    type: 'status',
    mode: 'stealth-8',
    slotMs: 2_000,
    upBytesPerHour: 1_843_200,
    downBytesPerHour: 18_432_000,
    meanDelayMs: 1_600,
    epoch: 4,
    epochAgeSeconds: 77,
    newKeysSeconds: 43,
    waitingSeconds: 12,
    patienceSeconds: 7_740,
    unverified: 2,
    circuitAgeSeconds: 40,
    guardSameSeconds: 7_300,
    vanguards: 'on',
  } as const;

  test('shows how the room hides, what that costs, and what an observer could see now', () => {
    const { notify, rows } = screenOf();
    notify(stealth);
    expect(rows()).toEqual([
      '¶-- cover: stealth, for 8 at most; 1.8 MB an hour up and 18.4 down, whether or not anyone writes. A line waits 1.6 s on average; a slot every 2 s',
      '¶--   waiting: about 12 s',
      '¶--   keys: epoch 4, 77 s old, the next in about 43 s; members you have not verified: 2',
      '¶--   away: messages wait for you for 2 h 9 min; stolen while away, this client opens them all',
      '¶--   Tor: circuit in use for 40 s; guard the same for 2 h at least; vanguards on',
      '¶--   someone watching your connection can see: that you are here, and when members join or leave or the keys change. Hidden: when anyone writes, and how much',
    ]);
  });

  test('promises nothing in a room without cover', () => {
    for (const mode of ['off', 'jitter'] as const) {
      const { notify, rows } = screenOf();
      notify({ ...stealth, mode });
      expect(rows().at(-1)).toContain('someone watching your connection can see: when you write');
    }
  });

  test.each([
    [59, 'on', 'guard the same for 59 s at least; vanguards on'],
    [3_599, 'auto', "guard the same for 59 min at least; vanguards as the network's directory says"],
    [86_399, 'off', 'guard the same for 23 h at least; vanguards OFF'],
    [172_800, 'on', 'guard the same for 2 days at least; vanguards on'],
    [null, null, 'guard unknown; vanguards unknown'],
  ] as const)(
    'describes a guard that was the same for %j s, with vanguards %j, as %s',
    (guardSameSeconds, vanguards, words) => {
      const { notify, rows } = screenOf();
      notify({ ...stealth, guardSameSeconds, vanguards });
      expect(rows().join()).toContain(words);
    },
  );

  test('is shown by /status in a room, even without an answer of Tor', async () => {
    const program = startProgram([INVITE, '--name', 'anna'], new MemoryRelay());
    await program.out.untilHas('-- joined as anna·');
    program.stdin.write('/status\n');
    await program.out.untilHas('someone watching your connection can see');
    expect(program.out.text).toContain('-- cover: off');
    expect(program.out.text).toMatch(/circuit in use for [0-9]+ s; guard unknown; vanguards unknown/);
    program.stdin.write('/quit\n');
    expect(await program.ended).toBe(0);
  });
});
