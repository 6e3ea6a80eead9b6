import { describe, expect, test } from 'vitest';
import { RENEW_EVERY_S, RENEW_LEAST_S, RENEW_MOST_S } from '../src/limits.ts';
import { readOptions } from '../src/options.ts';

describe('--renew', () => {
  const everyMs = (args: readonly string[], environment: NodeJS.ProcessEnv = {}): unknown => {
    const read = readOptions(args, environment);
    return read.ok ? read.value.renewEveryMs : read.code;
  };

  test('is five minutes, unless something else is asked for', () => {
    expect(RENEW_EVERY_S).toBe(300);
    expect(everyMs([])).toBe(300_000);
    expect(everyMs([], { SOTTO_RENEW: '' })).toBe(300_000);
    expect(everyMs(['--renew', '900'])).toBe(900_000);
    expect(everyMs([], { SOTTO_RENEW: '60' })).toBe(60_000);
    expect(everyMs(['--renew', '900'], { SOTTO_RENEW: '60' })).toBe(900_000);
  });

  test('can be off', () => {
    expect(everyMs(['--renew', 'off'])).toBeUndefined();
    expect(everyMs([], { SOTTO_RENEW: 'off' })).toBeUndefined();
    expect(everyMs(['--renew', '60'], { SOTTO_RENEW: 'off' })).toBe(60_000);
  });

  test('is from half a minute to a day', () => {
    expect(everyMs(['--renew', String(RENEW_LEAST_S)])).toBe(RENEW_LEAST_S * 1_000);
    expect(everyMs(['--renew', String(RENEW_MOST_S)])).toBe(RENEW_MOST_S * 1_000);
  });

  test.each([
    String(RENEW_LEAST_S - 1),
    String(RENEW_MOST_S + 1),
    '0',
    '-300',
    '3e2',
    ' 300',
    '300s',
    'OFF',
    'on',
    '0x99',
  ])('is not %j', (text) => {
    expect(everyMs(['--renew', text])).toBe('usage');
    expect(everyMs([], { SOTTO_RENEW: text })).toBe('usage');
  });

  test('says what it takes', () => {
    expect(readOptions(['--renew', 'soon'], {})).toMatchObject({
      problem: `--renew takes ${RENEW_LEAST_S} to ${RENEW_MOST_S} seconds, or "off"`,
    });
  });
});
