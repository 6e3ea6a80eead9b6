// Nobody can tell talking from silence, where that is promised; and whoever looks can, where it is not.

import { randomInt } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  bestAuc,
  CHANCE_AUC,
  certainOf,
  COIN,
  DETECTED_AUC,
  JITTER_AUC,
  PRIMARY,
  renderCircumstances,
  renderTable,
} from './findings.ts';
import type { Findings } from './findings.ts';
import { buildTestbed, observe } from './observe.ts';
import { makePlan } from './plan.ts';
import { shortRun } from './runs.ts';

const TESTBED_LIMIT_MS = 20 * 60_000;
const SEEDS = 1_000_000;

let findings: Findings;

beforeAll(async () => {
  buildTestbed();
  const seed = Number(process.env['SOTTO_ADVERSARY_SEED'] ?? randomInt(SEEDS));
  process.stdout.write(`adversary: SOTTO_ADVERSARY_SEED=${seed} makes the same plan again\n`);
  findings = await observe(makePlan(shortRun(seed)), TESTBED_LIMIT_MS);
  process.stdout.write(`${renderTable(findings)}\n${renderCircumstances(findings)}\n`);
});

describe('the adversary', () => {
  test.each(['guard', 'relay'] as const)('hears talking in a room without cover, at the %s', (place) => {
    expect(bestAuc(findings, { ...PRIMARY, mode: 'off', place })).toBeGreaterThanOrEqual(DETECTED_AUC);
  });

  test.each(['guard', 'relay'] as const)('hears it through the jitter scheme, at the %s', (place) => {
    expect(bestAuc(findings, { ...PRIMARY, mode: 'jitter', place })).toBeGreaterThanOrEqual(JITTER_AUC);
  });

  test('finds nothing of a coin that nobody tossed', () => {
    const coins = findings.answers.filter(({ question }) => question === COIN);
    expect(coins.length).toBeGreaterThan(0);
    expect(coins.filter(({ lowerStrict }) => lowerStrict > CHANCE_AUC)).toEqual([]);
  });

  test('missed no packet', () => {
    expect(findings.framesLost).toBe(0);
  });
});

describe('in a stealth room', () => {
  test('every question was asked at both places', () => {
    const asked = new Set(
      findings.answers.filter(({ mode }) => mode === 'stealth').map(({ place, question }) => `${place} ${question}`),
    );
    expect(asked.size).toBe(12);
  });

  test('nothing is known for certain: not who talks, nor whether anybody does, nor how long the texts are', () => {
    expect(certainOf(findings, 'stealth')).toEqual([]);
  });
});
