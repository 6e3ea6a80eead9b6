// The log hash finds every difference between two logs, and nothing else.

import fc from 'fast-check';
import { toHex } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { extendLog, startLog } from '../src/mls/index.ts';
import { nodeHash } from './node-keys.ts';

/** A frame of the log under its number. */
type Entry = LogFrame & { readonly sequence: number };

const OPERATION_NUMBERS = { entry: 0x83, committed: 0x87 } as const;
const body = fc.uint8Array({ minLength: 1, maxLength: 40 });
const operation = fc.constantFrom('entry' as const, 'committed' as const);
const log = fc
  .array(fc.record({ step: fc.integer({ min: 1, max: 3 }), body, operation }), { minLength: 2, maxLength: 8 })
  .map((steps) => {
    let sequence = 5;
    return steps.map(({ step, ...frame }): Entry => ({ ...frame, sequence: (sequence += step) }));
  });
const authenticator = fc.uint8Array({ minLength: 64, maxLength: 64 });

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function hashOf(start: Uint8Array, entries: readonly Entry[]): string {
  return toHex(
    entries.reduce((hash, each) => extendLog({ hash, ...each }), startLog({ epochAuthenticator: start, sequence: 5 })),
  );
}

test('the log hash is as PROTOCOL.md defines it, computed again with Node’s hash', () => {
  fc.assert(
    fc.property(authenticator, log, (start, entries) => {
      const first = nodeHash('sotto/2 log', start, u64(5)).slice(0, 16);
      const expected = entries.reduce((hash, each) => {
        const number = Uint8Array.of(OPERATION_NUMBERS[each.operation]);
        return nodeHash('sotto/2 log', hash, number, u64(each.sequence), nodeHash('', each.body)).slice(0, 16);
      }, first);
      expect(hashOf(start, entries)).toBe(toHex(expected));
    }),
  );
});

test('the log hash differs after another log: a frame missing, changed, moved, under another number or operation', () => {
  fc.assert(
    fc.property(authenticator, log, fc.nat(), (start, entries, at) => {
      const place = at % entries.length;
      const turned = { entry: 'committed', committed: 'entry' } as const;
      const other = {
        operation: 'entry' as const,
        sequence: entries[place]?.sequence ?? 0,
        body: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
      };
      const tampered: readonly (readonly Entry[])[] = [
        entries.filter((_, index) => index !== place),
        entries.map((each, index) => (index === place ? other : each)),
        entries.map((each, index) => (index === place ? { ...each, sequence: each.sequence + 1 } : each)),
        entries.map((each, index) => (index === place ? { ...each, operation: turned[each.operation] } : each)),
        [...entries, other],
      ];
      const honest = hashOf(start, entries);
      for (const forged of tampered) expect(hashOf(start, forged)).not.toBe(honest);
      const [first, second] = entries;
      if (first === undefined || second === undefined || toHex(first.body) === toHex(second.body)) return;
      const swapped = [{ ...first, body: second.body }, { ...second, body: first.body }, ...entries.slice(2)];
      expect(hashOf(start, swapped)).not.toBe(honest);
    }),
  );
});

test('the log hash differs on the two sides of a fork, and is equal after the same frames', () => {
  fc.assert(
    fc.property(authenticator, authenticator, log, (one, other, entries) => {
      expect(hashOf(one, entries)).toBe(hashOf(one.slice(), entries));
      if (toHex(one) !== toHex(other)) expect(hashOf(other, entries)).not.toBe(hashOf(one, entries));
    }),
  );
});
