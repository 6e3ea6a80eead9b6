import { expect, test } from 'vitest';
import { coveredMs, StartupTimer } from '../src/startup-timer.ts';

test('counts time that stretches share once', () => {
  expect(coveredMs([])).toBe(0);
  expect(
    coveredMs([
      { fromMs: 0, toMs: 10 },
      { fromMs: 5, toMs: 12 },
      { fromMs: 6, toMs: 7 },
      { fromMs: 20, toMs: 21 },
    ]),
  ).toBe(13);
});

test('tells what was spent in Tor from what was not', async () => {
  let nowMs = 0;
  const startupTimer = new StartupTimer(() => nowMs);
  nowMs = 3;
  await startupTimer.inTor(() => {
    nowMs = 10;
    return Promise.resolve();
  });
  nowMs = 11;
  expect(startupTimer.read()).toEqual({ totalMs: 11, torMs: 7 });
});
