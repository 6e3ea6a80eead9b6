// Model B: the rules of eviction and move hold within the bounds, and none of them can be left out.

import { describe, expect, test } from 'vitest';
import { inWideBounds, WIDE_TIMEOUT_MS } from './bounds.ts';
import { MOVE_RULES, moveModel } from './room-move.ts';
import type { MoveBounds, MoveRules } from './room-move.ts';
import { search } from './search.ts';
import type { Result } from './search.ts';

const OUTSIDE = 'the evicted is in the new room under no leaf';
const SECRET = 'no leaf outside of the list gets the new room’s secret from the upload';
const ONE_ROOM = 'there is at most one live successor, and all that move go there';
const RECOVERY = 'the host is free again, and all who are awake are in one room';

interface Changes extends Partial<MoveBounds['left']> {
  readonly members?: string;
}

function run(changes: Changes, rules: Partial<MoveRules> = {}): Result {
  const { members = 'B', evictions = 2, joins = 1, failures = 1, naps = 1, leaks = 1 } = changes;
  const left = { evictions, joins, failures, naps, leaks };
  const model = moveModel({ rules: { ...MOVE_RULES, ...rules }, members, left });
  return search(model, model.properties);
}

describe('with all rules of §5', () => {
  test.each<[string, Changes]>([
    ['two members, a failure at every point, the evicted comes back once', { members: 'BC' }],
    ['one member, two failures, the evicted comes back once', { failures: 2, leaks: 0 }],
  ])('the evicted stays out and nobody is stranded: %s', (_, changes) => {
    const { violation, states } = run(changes);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(10_000);
  });

  test.each(
    inWideBounds<[string, Changes]>([
      ['three evictions, two failures', { evictions: 3, failures: 2, joins: 2 }],
      ['two members, two failures', { members: 'BC', failures: 2, leaks: 0 }],
    ]),
  )('the same holds in wide bounds: %s', { timeout: WIDE_TIMEOUT_MS }, (_, changes) => {
    expect(run(changes).violation).toBeUndefined();
  });
});

describe('without a rule of §5 the search finds the fault', () => {
  test.each<[string, Partial<MoveRules>, string]>([
    ['the new room is not listed', { isListed: false }, OUTSIDE],
    ['the commit removes the evicted leaf only', { removesUnlisted: false }, SECRET],
    ['the way is told in a second upload', { isOneUpload: false }, SECRET],
    ['the host waits for the evictor’s word', { hostReads: 'evictor' }, RECOVERY],
    ['an offer does not lapse', { offerLapses: false }, RECOVERY],
    ['a lapsed offer is forgotten', { remembersLapsed: false }, RECOVERY],
    ['the old onion goes at once', { hasSignpost: false }, RECOVERY],
    ['the signpost answers nobody', { signpostAnswers: false }, RECOVERY],
    ['a later move counts', { firstMoveCounts: false }, ONE_ROOM],
  ])('the search finds the fault: %s', (_, rules, title) => {
    const { violation } = run({}, rules);
    expect(violation?.title).toBe(title);
    expect(violation?.trace.length).toBeGreaterThan(2);
  });
});
