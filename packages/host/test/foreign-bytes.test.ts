import { damageText, fuzz, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { decodeModeratorRequest } from '../src/moderator-request.ts';

describe('bytes at the moderator’s socket', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each([
    ['an access mode', '{"operation":"access","mode":"knock"}'],
    ['an eviction', `{"operation":"evict","member":"${'ab'.repeat(16)}","listed":["${'cd'.repeat(16)}"]}`],
    ['a move', `{"operation":"move","listed":["${'cd'.repeat(16)}"],"cover":"stealth-8"}`],
  ])('%s: no bytes make the reader throw, hang or grow', async (_name, line) => {
    const decode = (bytes: Uint8Array): boolean => decodeModeratorRequest(bytes).ok;
    const accepted = new TextEncoder().encode(line);
    // Control: the thing itself is read.
    expect(decode(accepted)).toBe(true);
    const report = await fuzz(accepted, decode, { damage: damageText });
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
  });
});
