// Nothing that a peer writes into a JSON socket makes its readers throw, hang or grow.

import { damageText, fuzz, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { parseJsonObject } from '../src/json-line.ts';
import { LineSplitter } from '../src/line-splitter.ts';
import type { WhenTooLong } from '../src/line-splitter.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function splitLines(bytes: Uint8Array, whenTooLong: WhenTooLong): boolean {
  const { lines, overflow } = new LineSplitter(40, whenTooLong).push(Buffer.from(bytes));
  for (const line of lines) {
    if (line !== undefined && (line.length > 40 || line.includes(10))) throw new Error('not a line of that length');
  }
  return !overflow && !lines.includes(undefined);
}

const LINES = encode('{"op":"ping"}\n{"op":"version"}\n{');
const OBJECT = encode('{"ok":true,"version":"0.4.9.11","network":["public",{"a":1}]}');

const readers: readonly (readonly [name: string, accepted: Uint8Array, read: (bytes: Uint8Array) => boolean])[] = [
  ['lines, up to the first that is too long', LINES, (bytes) => splitLines(bytes, 'stop')],
  ['lines, without those that are too long', LINES, (bytes) => splitLines(bytes, 'skip')],
  ['an object', OBJECT, (bytes) => parseJsonObject(bytes) !== undefined],
];

describe('foreign bytes', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each(readers)('never make the reader throw, hang or grow: %s', async (_name, accepted, read) => {
    // Control: the thing itself is read.
    expect(read(accepted)).toBe(true);
    const report = await fuzz(accepted, read, { damage: damageText });
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
  });
});
