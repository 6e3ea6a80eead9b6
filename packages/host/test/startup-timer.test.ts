import { expect, test } from 'vitest';
import { coveredMs, StartupTimer } from '../src/startup-timer.ts';

test('the startup timer counts overlapping time in Tor once', () => {
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

test('the startup timer separates time in Tor from other time', async () => {
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
