// The plan of the testbed is what it says it is: repeatable, balanced, and with no connection on both sides of the split.

import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { FOLDS, makePlan } from './plan.ts';
import type { PlanOptions, Window } from './plan.ts';
import { MODEL, talk } from './talk.ts';

const OPTIONS: PlanOptions = {
  seed: 5,
  windows: 8,
  windowMs: 30_000,
  settleMs: 1_000,
  gapLeastMs: 3_000,
  gapMostMs: 6_000,
  burners: 0,
  kinds: [
    { mode: 'off', cover: 'off', members: 1, rooms: 7 },
    { mode: 'stealth', cover: 'stealth-8', members: 5, rooms: 6 },
  ],
};
const MANY_SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

function windowsOf(seed: number): Window[] {
  return makePlan({ ...OPTIONS, seed }).rooms.flatMap(({ windows }) => windows);
}

describe('a plan', () => {
  test('is repeated by its seed, and another one by another seed', () => {
    expect(makePlan(OPTIONS)).toEqual(makePlan(OPTIONS));
    expect(makePlan(OPTIONS).rooms).not.toEqual(makePlan({ ...OPTIONS, seed: 6 }).rooms);
  });

  test('has every room that was ordered', () => {
    const rooms = makePlan(OPTIONS).rooms.map(({ cover, members }) => `${cover} ${members}`);
    expect(rooms.filter((room) => room === 'off 1')).toHaveLength(7);
    expect(rooms.filter((room) => room === 'stealth-8 5')).toHaveLength(6);
    expect(rooms).toHaveLength(13);
  });

  test('gives each connection one fold, and each fold rooms of every kind', () => {
    for (const members of [1, 5]) {
      const folds = makePlan(OPTIONS)
        .rooms.filter((room) => room.members === members)
        .map(({ fold }) => fold);
      expect(new Set(folds)).toEqual(new Set(Array.from({ length: FOLDS }, (_, fold) => fold)));
    }
  });

  test('is silent in one window of each pair, in either order', () => {
    const orders = new Set<string>();
    for (const room of MANY_SEEDS.flatMap((seed) => makePlan({ ...OPTIONS, seed }).rooms)) {
      for (let at = 0; at < room.windows.length; at += 2) {
        const pair = room.windows.slice(at, at + 2).map(({ label }) => label.activity);
        expect([...pair].sort()).toEqual(['idle', 'talking']);
        orders.add(pair.join());
      }
    }
    expect(orders.size).toBe(2);
  });

  test('has every kind of talking equally often in each room', () => {
    for (const { members, windows } of makePlan(OPTIONS).rooms) {
      const kinds = new Map<string, number>();
      for (const { label } of windows) {
        if (label.activity === 'idle') continue;
        const kind = `${label.who} ${label.length}`;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      expect([...kinds.values()]).toEqual(members === 1 ? [2, 2] : [1, 1, 1, 1]);
    }
  });

  test('lets only the member that the label names send, and no member in an idle window', () => {
    for (const { label, sends } of MANY_SEEDS.flatMap(windowsOf)) {
      if (label.activity === 'idle') expect(sends).toEqual([]);
      else if (label.who === 'observed') expect(new Set(sends.map(({ member }) => member))).toEqual(new Set([0]));
      else expect(sends.every(({ member }) => member >= 1 && member <= 4)).toBe(true);
    }
  });
});

describe('the model of talking', () => {
  const windows = MANY_SEEDS.flatMap((seed) =>
    (['short', 'long'] as const).map((length) => ({
      length,
      said: talk(new SeededRandom(seed), 26_000, length, [0]),
    })),
  );

  test('says something in every window, in order, and ends before the window does', () => {
    for (const { said } of windows) {
      const times = said.map(({ afterMs }) => afterMs);
      expect(times.length).toBeGreaterThan(0);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.every((time) => time >= 0 && time < 26_000)).toBe(true);
    }
  });

  test('has texts of the stated lengths', () => {
    for (const length of ['short', 'long'] as const) {
      const bytes = windows
        .filter((window) => window.length === length)
        .flatMap(({ said }) => said.map((one) => one.bytes));
      const median = [...bytes].sort((a, b) => a - b)[Math.floor(bytes.length / 2)] ?? 0;
      expect(median).toBeGreaterThan(MODEL.bytes[length].median * 0.7);
      expect(median).toBeLessThan(MODEL.bytes[length].median * 1.4);
      expect(Math.max(...bytes)).toBeLessThanOrEqual(MODEL.bytesMost[length]);
    }
  });
});
