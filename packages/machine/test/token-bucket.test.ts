// The bucket that limits commits, frames, bytes and requests: its burst, its rate, and its debt.

import { describe, expect, test } from 'vitest';
import { fullBucket, spend, trySpend, waitMs } from '../src/index.ts';
import type { Allowance } from '../src/index.ts';

const ALLOWANCE: Allowance = { burst: 3, intervalMs: 100 };

describe('a token bucket', () => {
  test('allows its burst at once when full, and the next token after one interval', () => {
    const spent = spend(fullBucket(ALLOWANCE, 1_000), ALLOWANCE, 3, 1_000);
    expect(waitMs(fullBucket(ALLOWANCE, 1_000), ALLOWANCE, 3, 1_000)).toBe(0);
    expect(waitMs(spent, ALLOWANCE, 1, 1_000)).toBe(100);
    expect(waitMs(spent, ALLOWANCE, 1, 1_060)).toBe(40);
    expect(waitMs(spent, ALLOWANCE, 1, 1_100)).toBe(0);
  });

  test('holds its burst and no more after a long rest', () => {
    const rested = spend(fullBucket(ALLOWANCE, 0), ALLOWANCE, 0, 1_000_000);
    expect(rested).toEqual({ tokens: 3, at: 1_000_000 });
    expect(waitMs(rested, ALLOWANCE, 4, 1_000_000)).toBe(100);
  });

  test('goes into debt when more is spent than it holds, and earns the debt back with time', () => {
    const owing = spend(fullBucket(ALLOWANCE, 0), ALLOWANCE, 8, 0);
    expect(owing.tokens).toBe(-5);
    expect(waitMs(owing, ALLOWANCE, 0, 0)).toBe(500);
    expect(waitMs(owing, ALLOWANCE, 0, 499.5)).toBe(1);
    expect(waitMs(owing, ALLOWANCE, 0, 500)).toBe(0);
    expect(waitMs(owing, ALLOWANCE, 1, 500)).toBe(100);
  });

  test('refuses to spend more than it holds if debt is not allowed, and keeps its tokens', () => {
    const two = spend(fullBucket(ALLOWANCE, 0), ALLOWANCE, 1, 0);
    expect(trySpend(two, ALLOWANCE, 3, 0)).toBeUndefined();
    expect(trySpend(two, ALLOWANCE, 2, 0)).toEqual({ tokens: 0, at: 0 });
    expect(trySpend(two, ALLOWANCE, 3, 100)).toEqual({ tokens: 0, at: 100 });
  });

  test('earns nothing while the clock is behind its own time', () => {
    const empty = spend(fullBucket(ALLOWANCE, 1_000), ALLOWANCE, 3, 1_000);
    expect(waitMs(empty, ALLOWANCE, 1, 0)).toBe(100);
    expect(trySpend(empty, ALLOWANCE, 1, 0)).toBeUndefined();
  });

  test('allows a burst and then its rate if debt is not allowed', () => {
    const allowance: Allowance = { burst: 2, intervalMs: 1_000 };
    const one = trySpend(fullBucket(allowance, 0), allowance, 1, 0);
    const none = one && trySpend(one, allowance, 1, 0);
    expect(none && trySpend(none, allowance, 1, 999)).toBeUndefined();
    expect(none && trySpend(none, allowance, 1, 1_000)).toEqual({ tokens: 0, at: 1_000 });
    expect(none && trySpend(none, allowance, 1, 1e9)).toEqual({ tokens: 1, at: 1e9 });
  });
});
