// The demands on the adversary's findings fail when they should.

import { expect, test } from 'vitest';
import { bestAuc, certainOf, PRIMARY, renderTable, renderVerdict, shortcomings } from './findings.ts';
import type { Answer, Findings } from './findings.ts';

const ANSWER: Answer = {
  ...PRIMARY,
  classifier: 'logistic',
  auc: 0.505,
  standardError: 0.015,
  ones: 520,
  zeros: 510,
  connections: 24,
  lower95: 0.476,
  upper95: 0.534,
  lowerCorrected: 0.469,
  upperCorrected: 0.541,
  lowerStrict: 0.44,
};

function findings(change: Partial<Findings> = {}): Findings {
  return {
    plan: { seed: 1, windowMs: 30_000, burners: 0, rooms: 24 },
    framesLost: 0,
    torn: { idle: 0, talking: 0 },
    windows: 1_030,
    undrained: 0,
    texts: 1,
    answers: [ANSWER, { ...ANSWER, classifier: 'neural net', auc: 0.49 }],
    slots: [{ mode: 'stealth', place: 'guard', way: 'up', distance: 0.01, idle: 9_000, talking: 9_000 }],
    cost: [],
    ...change,
  };
}

test('findings that reveal nothing have no shortcoming', () => {
  expect(shortcomings(findings())).toEqual([]);
});

test('one classifier above the bound is a shortcoming', () => {
  const answers = [ANSWER, { ...ANSWER, classifier: 'neural net', upperCorrected: 0.56 }];
  expect(shortcomings(findings({ answers }))).toEqual(['upper bound 0.560 of the primary question']);
});

test('the verdict names every bound and every missed demand', () => {
  const words = 'Demanded of "talking or silent" in stealth at the guard (upper bounds: ';
  expect(renderVerdict(findings())).toBe(`${words}logistic 0.541, neural net 0.541): all met.`);
  const answers = [{ ...ANSWER, upperCorrected: 0.56 }];
  expect(renderVerdict(findings({ answers }))).toBe(
    `${words}logistic 0.560): upper bound 0.560 of the primary question.`,
  );
});

test('too few windows are a shortcoming, and so is no answer', () => {
  expect(shortcomings(findings({ answers: [{ ...ANSWER, zeros: 499 }] }))).toEqual([
    '499 test windows of the smaller class',
  ]);
  expect(shortcomings(findings({ answers: [] }))).toEqual(['the primary question was not answered']);
});

test('slots that follow the texts are a shortcoming in stealth only', () => {
  const far = { mode: 'stealth', place: 'relay', way: 'down', distance: 0.04, idle: 9_000, talking: 9_000 } as const;
  expect(shortcomings(findings({ slots: [far] }))).toEqual(['slot times down at the relay: KS D 0.040']);
  expect(shortcomings(findings({ slots: [{ ...far, mode: 'off' }] }))).toEqual([]);
});

test('an answer is certain if its strict lower bound is above chance', () => {
  const sure = { ...ANSWER, mode: 'jitter', lowerStrict: 0.51 } as const;
  const found = findings({ answers: [ANSWER, sure] });
  expect(certainOf(found, 'stealth')).toEqual([]);
  expect(certainOf(found, 'jitter')).toEqual([sure]);
});

test('the best classifier counts, and no answer counts as 0', () => {
  expect(bestAuc(findings(), PRIMARY)).toBe(0.505);
  expect(bestAuc(findings({ answers: [] }), PRIMARY)).toBe(0);
});

test('the table has a line for each question and a column for each classifier', () => {
  const lines = renderTable(findings()).split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[2]).toBe(
    '| stealth | guard | talking or silent | 520 / 510 | 24 | 0.505 (0.48-0.53) | 0.490 (0.48-0.53) |',
  );
});
