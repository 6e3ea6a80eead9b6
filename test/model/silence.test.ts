// Model C: the rules of silence hold within the bounds, and none of them can be left out.

import { describe, expect, test } from 'vitest';
import { inWideBounds, WIDE_TIMEOUT_MS } from './bounds.ts';
import { search } from './search.ts';
import type { Result } from './search.ts';
import { SILENCE_RULES, silenceModel } from './silence.ts';
import type { SilenceBounds, SilenceRules } from './silence.ts';

const THERE = 'an honest member that is there is never removed';
const SPARED = 'a full room spares a friend that is away for less than 200 s, or for less than it was there';
const PUPPETS_FIRST = 'a puppet that was there for a shorter time goes before a friend';
const PLACE = 'the place that is made for a friend goes to the friend';
const FULL = 'a friend gets into a full room in which the puppets are silent';

type Changes = Partial<Omit<SilenceBounds, 'left' | 'rules'>> & Partial<SilenceBounds['left']>;

/** What was searched already, for the controls search the same bounds again. */
const results = new Map<string, Result>();

function run(changes: Changes, rules: Partial<SilenceRules> = {}): Result {
  const key = JSON.stringify([changes, rules]);
  const result = results.get(key) ?? runAnew(changes, rules);
  results.set(key, result);
  return result;
}

function runAnew(changes: Changes, rules: Partial<SilenceRules>): Result {
  const { naps = 0, pauses = 0, commits = 0, joins = 0, ...rest } = changes;
  const model = silenceModel({
    members: 'APQ',
    puppets: 'PQ',
    waiting: '',
    capacity: 9,
    ...rest,
    rules: { ...SILENCE_RULES, ...rules },
    left: { naps, pauses, commits, joins },
  });
  return search(model, model.properties);
}

/** A full room before which a friend waits. */
const FULL_ROOM: Changes = { waiting: 'N', capacity: 3, naps: 1 };
/** The same, with nothing but puppets within and one more outside. */
const PUPPET_ROOM: Changes = { members: 'PQ', puppets: 'PQR', waiting: 'N', capacity: 2 };

describe('with all rules of §4', () => {
  test.each<[string, Changes]>([
    ['two honest members that close the lid, a paused host', { members: 'ABP', puppets: 'P', naps: 2, pauses: 1 }],
    ['one honest member among puppets', { naps: 1, commits: 1 }],
    ['a full room before which a friend waits', FULL_ROOM],
    ['a full room, a paused host', { ...FULL_ROOM, members: 'AP', puppets: 'P', capacity: 2, pauses: 1, commits: 1 }],
    ['a full room of puppets only', { ...PUPPET_ROOM, pauses: 1, commits: 1, joins: 1 }],
  ])('those that are there stay, and dead leaves go: %s', (_, changes) => {
    const { violation, states } = run(changes);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
  });

  test.each(
    inWideBounds<[string, Changes]>([
      ['one honest member among puppets, a paused host', { naps: 1, pauses: 1, commits: 1 }],
      ['two honest members, three naps', { members: 'ABP', puppets: 'P', naps: 3, pauses: 1 }],
      ['a full room, two naps', { ...FULL_ROOM, naps: 2 }],
      ['a full room, a paused host', { ...FULL_ROOM, pauses: 1 }],
    ]),
  )('the same holds in wide bounds: %s', { timeout: WIDE_TIMEOUT_MS }, (_, changes) => {
    expect(run(changes).violation).toBeUndefined();
  });
});

describe('without a rule of §4 the search finds the fault', () => {
  test.each<[string, Changes, Partial<SilenceRules>, string]>([
    ['more than half decide', {}, { decides: 'quorum' }, THERE],
    [
      'the host counts time in which it was paused',
      { members: 'ABP', puppets: 'P', naps: 2, pauses: 1 },
      { countsOwnTimeOnly: false },
      THERE,
    ],
    ['an order holds for ever', { naps: 1, commits: 1 }, { orderNamesNumber: false }, THERE],
    ['a joiner cannot remove', PUPPET_ROOM, { joinerRemoves: false }, FULL],
    [
      'an order names no joiner',
      { members: 'APQ', puppets: 'PQR', waiting: 'N', capacity: 3, joins: 1 },
      { orderNamesJoiner: false },
      PLACE,
    ],
    ['presence spares nobody', FULL_ROOM, { weighsPresence: false }, SPARED],
    ['any absent leaf goes first', FULL_ROOM, { shortestFirst: false }, PUPPETS_FIRST],
  ])('the search finds the fault: %s', (_, changes, rules, title) => {
    const { violation } = run(changes, rules);
    expect(violation?.title).toBe(title);
    expect(violation?.trace.length).toBeGreaterThan(1);
    // The fault is the rule's: with it, the same bounds hold.
    expect(run(changes).violation).toBeUndefined();
  });

  test('two members never lose a dead one where more than half decide', () => {
    const { violation } = run({ members: 'AB', puppets: '', naps: 1 }, { decides: 'quorum' });
    expect(violation?.title).toBe('a dead leaf goes while an honest member is there');
  });
});
