// A list that grows at its end without being copied is still a value: no later list changes it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { append, endBefore, isEmpty, itemAt, latestOf, recentOf } from '../src/session/recent.ts';
import type { Recent } from '../src/session/recent.ts';

function itemsOf<Item>(list: Recent<Item>): (Item | undefined)[] {
  return Array.from({ length: list.end - list.first }, (_, index) => itemAt(list, list.first + index));
}

/** `appends`: what each list gets that is made of an earlier one, which `of` chooses. */
const steps = fc.array(
  fc.record({ of: fc.nat(), item: fc.integer(), back: fc.option(fc.nat(12), { nil: undefined }) }),
  { maxLength: 60 },
);

describe('a list of recent items', () => {
  test('has the latest items of a copied list, whichever earlier lists are gone on with', () => {
    const MOST = 5;
    fc.assert(
      fc.property(steps, (all) => {
        const lists: [Recent<number>, readonly number[], number][] = [[recentOf<number>(), [], 0]];
        for (const { of, item, back } of all) {
          const [list, kept, first] = lists[of % lists.length] ?? [recentOf<number>(), [], 0];
          const number = Math.max(first, list.end - (back ?? 0));
          const shorter = kept.slice(0, number - first);
          const longer = [...shorter, item];
          const next = append(endBefore(list, number), item, MOST);
          lists.push([next, longer.slice(-MOST), first + Math.max(0, longer.length - MOST)]);
          expect(next.items.length).toBeLessThanOrEqual(2 * MOST);
        }
        for (const [list, kept, first] of lists) {
          expect(itemsOf(list)).toEqual(kept);
          expect(list.first).toBe(first);
          expect(latestOf(list)).toBe(kept.at(-1));
          expect(isEmpty(list)).toBe(kept.length === 0);
          expect([itemAt(list, list.first - 1), itemAt(list, list.end)]).toEqual([undefined, undefined]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('leaves nothing behind in an empty list, which may be a constant', () => {
    const empty = recentOf<string>();
    expect(itemsOf(append(append(empty, 'a', 3), 'b', 3))).toEqual(['a', 'b']);
    expect(empty.items).toEqual([]);
  });

  test('control: lists of one length share their items, so nothing was copied', () => {
    const first = append(recentOf<string>(), 'a', 3);
    const second = append(first, 'b', 3);
    expect(second.items).toBe(first.items);
    expect(append(first, 'c', 3).items).not.toBe(first.items);
    expect(itemsOf(second)).toEqual(['a', 'b']);
  });
});
