// Model A: the rules of attestation hold within the bounds, and none of them can be left out.

import { describe, expect, test } from 'vitest';
import { ATTESTATION_RULES } from './attestation-rules.ts';
import type { AttestationBounds, AttestationRules, Trick } from './attestation-rules.ts';
import { attestationModel } from './attestation.ts';
import { inWideBounds, WIDE_TIMEOUT_MS } from './bounds.ts';
import { search } from './search.ts';
import type { Result } from './search.ts';

const TRICKS: readonly Trick[] = ['junk', 'secrets', 'false-pub', 'other-join', 'lies'];
const NEWCOMER = 'a newcomer is inside only where an honest member is, unless the witness was elder than all of them';
const NEWCOMER_ALWAYS = 'a newcomer is inside only where an honest member is';
const MEMBER = 'a member resyncs only into a state of an honest member, or of an elder witness';
const RECOVERY = 'all that are awake come together, and newcomers get in, when the attacker stops';

type Changes = Partial<Omit<AttestationBounds, 'left' | 'rules'>> & Partial<AttestationBounds['left']>;

/** What was searched already, for the controls search the same bounds again. */
const results = new Map<string, Result>();

function run(changes: Changes, rules: Partial<AttestationRules> = {}): Result {
  const key = JSON.stringify([changes, rules]);
  const result = results.get(key) ?? runAnew(changes, rules);
  results.set(key, result);
  return result;
}

function runAnew(changes: Changes, rules: Partial<AttestationRules>): Result {
  const { attacks = 1, rotations = 0, naps = 0, pauses = 0, ...rest } = changes;
  const model = attestationModel({
    members: 'AB',
    puppets: 'P',
    newcomers: 'N',
    wakeful: '',
    tricks: TRICKS,
    ...rest,
    rules: { ...ATTESTATION_RULES, ...rules },
    left: { attacks, rotations, naps, pauses },
  });
  return search(model, model.properties);
}

describe('with all rules of §1 nobody is captured, and nothing is stuck', () => {
  test.each<[string, Changes]>([
    ['two attacks and a rotation, one newcomer', { attacks: 2, rotations: 1 }],
    ['a nap, a paused host, a rotation', { rotations: 1, naps: 1, pauses: 1 }],
    ['two attacks, a nap and a rotation, without a newcomer', { attacks: 2, rotations: 1, naps: 1, newcomers: '' }],
    ['a puppet that came before all honest members', { members: 'PA', attacks: 2, rotations: 1 }],
    ['a puppet between two honest members', { members: 'APB', newcomers: '', attacks: 2, rotations: 1, naps: 1 }],
    ['two newcomers, one member that can sleep', { members: 'A', newcomers: 'NM', rotations: 1, naps: 1 }],
  ])('the search finds no fault: %s', (_, changes) => {
    const { violation, states } = run(changes);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
  });

  // Here no capture is excused by an elder witness.
  test.each<[string, Changes]>([
    ['the eldest member is honest and does not sleep', { wakeful: 'A', attacks: 2, rotations: 1 }],
    ['the same, while another one sleeps', { wakeful: 'A', attacks: 2, naps: 1 }],
    ['the moderator is younger than a puppet', { members: 'PAM', moderator: 'M', wakeful: 'M', attacks: 2 }],
    ['two puppets against one honest member', { members: 'APQ', puppets: 'PQ', wakeful: 'A', attacks: 2 }],
  ])('the search finds no capture at all: %s', (_, changes) => {
    expect(run(changes).violation).toBeUndefined();
  });

  test.each(
    inWideBounds<[string, Changes]>([
      ['two attacks, a rotation, a nap', { attacks: 2, rotations: 1, naps: 1 }],
      ['two attacks, a nap, a paused host', { attacks: 2, naps: 1, pauses: 1 }],
      ['three attacks, a rotation, a nap', { attacks: 3, rotations: 1, naps: 1, newcomers: '' }],
      ['three attacks with a newcomer, the eldest awake', { attacks: 3, wakeful: 'A' }],
    ]),
  )('the search finds no fault in wide bounds: %s', { timeout: WIDE_TIMEOUT_MS }, (_, changes) => {
    expect(run(changes).violation).toBeUndefined();
  });
});

describe('without a rule of §1 the search finds the fault', () => {
  /** The first draft: nothing is told to members, and a reply lets a joiner in. */
  const draft = { insideByAttestation: false, resyncsFromDecision: false } as const;

  test('a check of the roster alone is passed by two joins from one snapshot', () => {
    const { violation } = run({ tricks: ['other-join'] }, { ...draft, check: 'roster' });
    expect(violation?.title).toBe(NEWCOMER);
    expect(violation?.trace).toEqual([
      'P joins on state 0, other-join',
      'the tracker goes on to state 1 at 1',
      'N asks with a new nonce: state 1 at 1',
      'N joins on state 1 (other-join)',
      'N is inside, in state 2',
    ]);
  });

  test('tracking the public group sees through two joins, and is passed by secrets that do not open', () => {
    const check = 'public-group';
    expect(run({ tricks: ['other-join'] }, { check }).violation).toBeUndefined();
    expect(run({ tricks: ['secrets'] }, { ...draft, check }).violation?.title).toBe(NEWCOMER);
    expect(run({ tricks: ['secrets'] }, { check }).violation?.title).toBe(MEMBER);
  });

  test.each<[string, Changes, Partial<AttestationRules>, string]>([
    ['the first word decides', {}, { decides: 'first' }, MEMBER],
    [
      'the number of words decides',
      { members: 'APQ', puppets: 'PQ', wakeful: 'A', attacks: 2 },
      { decides: 'number' },
      NEWCOMER_ALWAYS,
    ],
    ['the committer is not asked', { attacks: 2, rotations: 1, newcomers: '' }, { commitIsStatement: false }, MEMBER],
    [
      'a resync puts a member to the end of the order',
      { attacks: 2, rotations: 1, naps: 1, newcomers: '' },
      { resyncKeepsPlace: false },
      MEMBER,
    ],
    ['a word does not name its number', { rotations: 1, newcomers: '' }, { statementNamesNumber: false }, MEMBER],
    ['only the newest state is kept', { attacks: 2 }, { candidates: 1 }, MEMBER],
    ['a reply lets a joiner in', { rotations: 1 }, { insideByAttestation: false }, NEWCOMER],
    [
      'there is no nonce, and a reply lets a joiner in',
      { rotations: 1 },
      { nonce: false, insideByAttestation: false },
      NEWCOMER,
    ],
    [
      'an undecided number is attested, and a reply lets a joiner in',
      { rotations: 1, tricks: [] },
      { attestsDecidedOnly: false, insideByAttestation: false },
      NEWCOMER,
    ],
    ['a false external_pub is taken', {}, { comparesPub: false }, RECOVERY],
    ['nobody is told of decisions', { newcomers: '' }, { resyncsFromDecision: false }, RECOVERY],
  ])('the search finds the fault: %s', (_, changes, rules, title) => {
    const { violation } = run(changes, rules);
    expect(violation?.title).toBe(title);
    expect(violation?.trace.length).toBeGreaterThan(2);
    // The fault is the rule's: with it, the same bounds hold.
    expect(run(changes).violation).toBeUndefined();
  });
});
