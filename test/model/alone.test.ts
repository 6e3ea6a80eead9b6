// Model D: the rules for a newcomer that is attested as alone hold, and none of them can be left out.

import { expect, test } from 'vitest';
import { ALONE_RULES, aloneModel } from './alone.ts';
import type { AloneRules } from './alone.ts';
import { search } from './search.ts';
import type { Result } from './search.ts';

function run(rules: Partial<AloneRules> = {}): Result {
  const left = { returns: 2, replays: 2, naps: 1 };
  const model = aloneModel({ rules: { ...ALONE_RULES, ...rules }, members: ['A', 'B'], left });
  return search(model, model.properties);
}

test('a newcomer is attested as alone only if it is, and gets in, with all rules of §1', () => {
  const { violation, states } = run();
  expect(violation).toBeUndefined();
  expect(states).toBeGreaterThan(1_000);
});

test.each<[string, Partial<AloneRules>]>([
  ['a leave proof holds for all leaves of its member', { proofNamesLeaf: false }],
  ['an undecided number is attested', { attestsDecidedOnly: false }],
  ['a join does not name the attested number', { joinNamesNumber: false }],
  ['to be silent is to have left', { needsProofs: false }],
])('the search finds a newcomer that is wrongly attested as alone: %s', (_, rules) => {
  const { violation } = run(rules);
  expect(violation?.title).toBe('a newcomer is attested as alone only where nobody else is in the group');
  expect(violation?.trace.at(-1)).toBe('the newcomer joins');
});
