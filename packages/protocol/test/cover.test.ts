// Cover modes: what they are called, what they cost, and that their slots do not know what is said.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  coverCost,
  coverMembersMax,
  coverOf,
  COVERS,
  decodeInvite,
  encodeInvite,
  isStealth,
  sendingMs,
  startMetronome,
  stealthFor,
  stepMetronome,
  wakeAt,
} from '../src/index.ts';
import type { Cover, Metronome, MetronomeEvent } from '../src/index.ts';

const onionKey = new Uint8Array(32).fill(7);
const roomSecret = new Uint8Array(32).fill(9);
const SLOTS = 10_000;

/** Random numbers that a seed repeats. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Step = typeof stepMetronome;

/**
 * Departures with their times, while contents come at the given times. The clock is late by what
 * `lateness` says.
 */
function run(
  cover: Cover,
  contents: readonly number[],
  step: Step = stepMetronome,
  lateness: (dispatch: number) => number = () => 0,
): string[] {
  const chance = dice(11);
  let metronome: Metronome = startMetronome(cover, 'up', 0, chance);
  const dispatched: string[] = [];
  const waiting = [...contents];
  const take = (event: MetronomeEvent): void => {
    const next: ReturnType<typeof stepMetronome> = step(metronome, event, chance);
    metronome = next.state;
    for (const dispatch of next.effects) dispatched.push(`${event.now} ${dispatch}`);
  };
  while (dispatched.length < SLOTS) {
    const due = wakeAt(metronome) ?? Number.POSITIVE_INFINITY;
    const content = waiting[0] ?? Number.POSITIVE_INFINITY;
    if (content === Number.POSITIVE_INFINITY && due === content) break;
    if (content <= due) {
      waiting.shift();
      take({ type: 'content', now: content });
    } else {
      take({ type: 'due', now: due + lateness(dispatched.length) });
    }
  }
  return dispatched;
}

/** Busy: some hours of somebody who cannot stop. */
const BUSY: readonly number[] = Array.from({ length: 20_000 }, (_, index) => index * 317 + (index % 7) * 41);

describe('the metronome in stealth', () => {
  test.each(COVERS.filter(isStealth))(
    'has the same 10,000 slots in %s whether a member talks or none does',
    (cover) => {
      const idle = run(cover, []);
      expect(idle).toHaveLength(SLOTS);
      expect(run(cover, BUSY)).toEqual(idle);
    },
  );

  test('differs from mode off and from jitter, where talking shows', () => {
    expect(run('off', BUSY)).not.toEqual(run('off', []));
    expect(run('jitter', BUSY)).not.toEqual(run('jitter', []));
  });

  test('differs from a metronome that sends early when a frame waits', () => {
    const eager: Step = (metronome, event, chance) =>
      event.type === 'content' && metronome.mode === 'stealth' && metronome.slot - event.now < 100
        ? stepMetronome(metronome, { type: 'due', now: metronome.slot }, chance)
        : stepMetronome(metronome, event, chance);
    const times = (dispatched: readonly string[]): readonly string[] => dispatched.slice(0, 1_000);
    expect(times(run('stealth-4', BUSY, eager))).not.toEqual(times(run('stealth-4', [], eager)));
  });

  test('skips missed slots, and stays on its grid', () => {
    const late = run('stealth-4', [], stepMetronome, (departure) => (departure % 10 === 3 ? 3_400 : 0));
    const times = late.map((line) => Number(line.split(' ')[0]));
    const [first = 0] = times;
    const onTime = times.filter((_, index) => index % 10 !== 3);
    expect(new Set(onTime.map((time) => (time - first) % 1_000))).toEqual(new Set([0]));
    expect(Math.min(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))).toBe(600);
  });

  test('has one slot for each period, after any delay', () => {
    const property = fc.property(
      fc.array(fc.record({ wait: fc.integer({ min: 0, max: 9_000 }), isContent: fc.boolean() }), { maxLength: 60 }),
      (steps) => {
        const chance = dice(3);
        let metronome = startMetronome('stealth-8', 'up', 0, chance);
        const grid = wakeAt(metronome) ?? 0;
        let now = 0;
        let dispatches = 0;
        for (const { wait, isContent } of steps) {
          now += wait;
          const next = stepMetronome(metronome, { type: isContent ? 'content' : 'due', now }, chance);
          metronome = next.state;
          dispatches += next.effects.length;
          expect(((wakeAt(metronome) ?? 0) - grid) % 2_000).toBe(0);
        }
        expect(dispatches).toBeLessThanOrEqual(now / 2_000 + 1);
      },
    );
    fc.assert(property);
  });
});

test('jitter has the constants of the seed', () => {
  const chance = dice(5);
  let metronome = startMetronome('jitter', 'up', 0, chance);
  const waits: number[] = [];
  const dummies: number[] = [];
  let now = 0;
  for (let index = 0; index < 2_000; index += 1) {
    metronome = stepMetronome(metronome, { type: 'content', now }, chance).state;
    const due = wakeAt(metronome) ?? 0;
    const next = stepMetronome(metronome, { type: 'due', now: due }, chance);
    if (next.effects.includes('send')) waits.push(due - now);
    if (next.effects.includes('dummy')) dummies.push(due);
    metronome = next.state;
    now = due;
  }
  const between = dummies.slice(1).map((time, index) => time - (dummies[index] ?? 0));
  expect([Math.min(...between) >= 30_000, Math.max(...between) <= 60_000]).toEqual([true, true]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(3_000);
  expect(dummies.length).toBeGreaterThan(20);
});

describe('cover modes', () => {
  test.each(COVERS)('are part of the connection string: %s', (cover) => {
    const decoded = decodeInvite(encodeInvite({ onionKey, roomSecret, cover }));
    expect(decoded.ok && coverOf(decoded.value)).toBe(cover);
    expect(encodeInvite({ onionKey, roomSecret, cover })).toHaveLength(118);
  });

  test('give a room the smallest size that holds its members', () => {
    expect([1, 4, 5, 9, 17, 32, 33].map(stealthFor)).toEqual([
      'stealth-4',
      'stealth-4',
      'stealth-8',
      'stealth-16',
      'stealth-32',
      'stealth-32',
      undefined,
    ]);
    expect(COVERS.map(coverMembersMax)).toEqual([64, 64, 4, 8, 16, 32]);
  });

  test('cost as much traffic as PROTOCOL.md §12.6 states', () => {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    const stated = COVERS.filter(isStealth).map((cover) => {
      const { upBytesPerHour, downBytesPerHour, meanDelayMs } = coverCost(cover);
      return `${megabytes(upBytesPerHour)} ${megabytes(downBytesPerHour)} ${meanDelayMs / 1_000}`;
    });
    expect(stated).toEqual(['3.9 18.4 1.1', '2.1 18.4 1.6', '2.2 36.9 1.6', '1.6 36.9 2.6']);
    const alone = COVERS.filter(isStealth).map((cover) => megabytes(coverCost(cover, 1).upBytesPerHour));
    expect(alone).toEqual(['4.5', '3.9', '8.0', '21.1']);
    expect(sendingMs('stealth-8', 809)).toBe(4_000);
    expect(sendingMs('off', 65_536)).toBe(0);
  });
});
