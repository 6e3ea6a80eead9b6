// The safety number follows its formula, computed again with Node.

import { createHash } from 'node:crypto';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { createGroupIdentity, safetyNumber } from '../src/mls/index.ts';

const random = new SeededRandom(17);

describe('the safety number', () => {
  test('has 60 digits, equal on both sides, and differs for every pair and every changed key', () => {
    const [ada, bea, cia] = [1, 2, 3].map(() => createGroupIdentity(random.bytes));
    if (!ada || !bea || !cia) throw new Error('three');
    const number = safetyNumber(ada, bea);
    expect(number).toMatch(/^[0-9]{60}$/);
    expect(safetyNumber(bea, ada)).toBe(number);
    expect(new Set([number, safetyNumber(ada, cia), safetyNumber(bea, cia)]).size).toBe(3);
  });

  test('follows its formula, computed again with Node’s hash', () => {
    const [ada, bea] = [createGroupIdentity(random.bytes), createGroupIdentity(random.bytes)];
    const pair = Buffer.concat(
      [ada, bea].map(({ memberKey }) => Buffer.from(memberKey)).sort((a, b) => Buffer.compare(a, b)),
    );
    let hash = Buffer.from('sotto/2 safety number');
    for (let round = 0; round < 5200; round += 1) hash = createHash('sha512').update(hash).update(pair).digest();
    const digits = Array.from({ length: 12 }, (_, group) =>
      String(hash.readUIntBE(5 * group, 5) % 100_000).padStart(5, '0'),
    );
    expect(safetyNumber(ada, bea)).toBe(digits.join(''));
  });
});
