import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ListedMember, Speaker } from '@sotto/client';
import { KNOWN_MEMBERS_MAX, WAITING_MAX } from '../src/limits.ts';
import {
  chooseKnocker,
  chooseMember,
  listWaiting,
  markNumberShown,
  markVerified,
  addKnocker,
  addMembers,
  namesakes,
  NO_KNOWN_MEMBERS,
} from '../src/known-members.ts';
import type { KnownMembers } from '../src/known-members.ts';

function member(name: string, fingerprint: string, self = false): ListedMember {
  return { name, fingerprint: fingerprint.padEnd(16, '0'), self, present: true };
}

const ANNA = member('anna', 'aaaa', true);
const ALICE = member('alice', '4f2c11');
const OTHER_ALICE = member('alice', '9abc');
const BOB = member('bob', '4f2c22');
const BEEF = member('beef', '1234');
const JOSE = member('Jos\u00e9', '7001');
const MITRA = member('می\u200cترا', '7002');

/** Whom `wanted` means among `present`, of whom all are known, and some who have gone. */
function choose(wanted: string, present: readonly ListedMember[], gone: readonly ListedMember[] = []): string {
  const people = addMembers(addMembers(NO_KNOWN_MEMBERS, gone), present);
  const chosen = chooseMember(people, present, wanted);
  return chosen.ok ? chosen.value.fingerprint : chosen.code;
}

describe('a typed name', () => {
  test.each([
    ['a name', 'bob', BOB],
    ['a whole fingerprint', ALICE.fingerprint, ALICE],
    ['a whole fingerprint in capitals', ALICE.fingerprint.toUpperCase(), ALICE],
    ['enough digits', '4f2c1', ALICE],
    ['digits in capitals', '4F2C1', ALICE],
    ['what the screen shows', 'alice·4f2c', ALICE],
    ['what the screen shows of a key with known first digits', `bob·${BOB.fingerprint}`, BOB],
    ['blanks around it', '  bob ', BOB],
    ['what a text shows instead of its label', 'alice#4f2c', ALICE],
    ['its letters in pieces', 'Jose\u0301', JOSE],
    ['its letters without a joiner', 'میترا', MITRA],
    ['a name of hexadecimal digits', 'beef', BEEF],
  ])('means a member by %s', (_how, wanted, meant) => {
    expect(choose(wanted, [ANNA, ALICE, BOB, BEEF, JOSE, MITRA])).toBe(meant.fingerprint);
  });

  test.each([
    ['nobody', 'carl', 'member-unknown'],
    ['three digits', '4f2', 'member-unknown'],
    ['nothing', '', 'member-unknown'],
    ['another case of the name', 'Bob', 'member-unknown'],
    ['digits of two', '4f2c', 'member-ambiguous'],
    ['a name and the digits of another', 'bob·9abc', 'member-unknown'],
    ['a fingerprint of nobody', 'f'.repeat(16), 'member-unknown'],
    ['digits of a fingerprint and more', `${ALICE.fingerprint}0`, 'member-unknown'],
    ['a pattern', '.*', 'member-unknown'],
  ])('means no member by %s', (_how, wanted, code) => {
    expect(choose(wanted, [ANNA, ALICE, BOB, BEEF])).toBe(code);
  });

  test('is refused if two members have it, and both are named', () => {
    const present = [ANNA, ALICE, OTHER_ALICE];
    const chosen = chooseMember(addMembers(NO_KNOWN_MEMBERS, present), present, 'alice');
    expect(chosen).toEqual({ ok: false, code: 'member-ambiguous', candidates: [ALICE, OTHER_ALICE] });
    expect(choose('alice·9abc', present)).toBe(OTHER_ALICE.fingerprint);
  });

  test('does not reach another member with the name of one that has left', () => {
    expect(choose('alice', [ANNA, OTHER_ALICE], [ALICE])).toBe('member-ambiguous');
    expect(choose('alice', [ANNA, OTHER_ALICE])).toBe(OTHER_ALICE.fingerprint);
    expect(choose('alice', [ANNA], [ALICE])).toBe('member-absent');
    expect(choose(ALICE.fingerprint, [ANNA], [ALICE])).toBe('member-absent');
  });

  test('does not reach a key that was searched for the first digits of a member that has left', () => {
    expect(choose('4f2c', [ANNA, BOB], [ALICE])).toBe('member-ambiguous');
    expect(choose('4f2c', [ANNA, BOB])).toBe(BOB.fingerprint);
  });

  test('does not reach a member whose name is the digits of another, present or left', () => {
    const digits = member('4f2c11', '7777');
    expect(choose('4f2c11', [ANNA, ALICE, digits])).toBe('member-ambiguous');
    expect(choose('4f2c11', [ANNA, digits], [ALICE])).toBe('member-ambiguous');
    const whole = member(ALICE.fingerprint, '7777');
    expect(choose(ALICE.fingerprint, [ANNA, ALICE, whole])).toBe(ALICE.fingerprint);
    expect(choose(ALICE.fingerprint, [ANNA, whole])).toBe('member-unknown');
  });

  test('means the name on the screen, not the name on the wire', () => {
    const hidden = member('ali\u200bce', '7777');
    expect(choose('alice', [ANNA, hidden])).toBe(hidden.fingerprint);
    expect(choose('alice', [ANNA, ALICE, hidden])).toBe('member-ambiguous');
  });

  test('means one member or none, with any members present', () => {
    const anyMember = fc.record({
      name: fc.constantFrom('alice', 'bob', '4f2c', '4f2c0000', '', 'ALICE', '0000000000000000'),
      fingerprint: fc.constantFrom('4f2c', '4f2c1', '0', '9abc', '1').map((digits) => digits.padEnd(16, '0')),
      self: fc.boolean(),
      present: fc.boolean(),
    });
    const anyMembers = fc.uniqueArray(anyMember, { selector: ({ fingerprint }) => fingerprint });
    const anyWanted = fc.constantFrom(
      'alice',
      '4f2c',
      '4f2c0',
      'alice·4f2c',
      '0000000000000000',
      '4f2c000000000000',
      '0000',
    );
    fc.assert(
      fc.property(anyMembers, anyMembers, anyWanted, (present, gone, wanted) => {
        const people = addMembers(addMembers(NO_KNOWN_MEMBERS, gone), present);
        const chosen = chooseMember(people, present, wanted);
        if (!chosen.ok) return;
        const { name, fingerprint } = chosen.value;
        expect(present).toContain(chosen.value);
        const isWhole = /^[0-9a-f]{16}$/.test(wanted);
        expect(
          isWhole
            ? fingerprint === wanted
            : name === wanted || fingerprint.startsWith(wanted) || wanted === `${name}·4f2c`,
        ).toBe(true);
        const others = [...present, ...gone].filter((other) => other.fingerprint !== fingerprint);
        if (!isWhole && !wanted.includes('·'))
          expect(others.filter((other) => other.fingerprint.startsWith(wanted))).toEqual([]);
      }),
    );
  });
});

describe('a stranger that knocks', () => {
  const DORA: Speaker = { name: 'dora', fingerprint: '9abc000000000000' };

  test('is found by name or digits, and is not among the members', () => {
    const people = addKnocker(addMembers(NO_KNOWN_MEMBERS, [ANNA, ALICE]), DORA);
    for (const wanted of ['dora', '9abc', 'dora·9abc', DORA.fingerprint]) {
      expect(chooseKnocker(people, wanted)).toEqual({ ok: true, value: DORA });
    }
    expect(chooseKnocker(people, 'alice')).toMatchObject({ ok: false, code: 'member-unknown' });
  });

  test('stops waiting once it is in the room', () => {
    const people = addMembers(addKnocker(NO_KNOWN_MEMBERS, DORA), [DORA]);
    expect(listWaiting(people)).toEqual([]);
    expect(chooseKnocker(people, 'dora')).toMatchObject({ ok: false, code: 'member-absent' });
  });

  test('gives way when too many wait, and is then not confused with a namesake', () => {
    let people: KnownMembers = addKnocker(NO_KNOWN_MEMBERS, DORA);
    for (let count = 0; count < WAITING_MAX; count += 1) {
      people = addKnocker(people, { name: 'dora', fingerprint: String(count).padStart(16, 'f') });
    }
    expect(listWaiting(people)).toHaveLength(WAITING_MAX);
    expect(chooseKnocker(people, '9abc')).toMatchObject({ ok: false, code: 'member-absent' });
    expect(chooseKnocker(people, 'dora')).toMatchObject({ ok: false, code: 'member-ambiguous' });
  });
});

describe('the memory of known members', () => {
  test('is bounded, and the oldest entry goes first', () => {
    let people = NO_KNOWN_MEMBERS;
    for (let count = 0; count < KNOWN_MEMBERS_MAX + 100; count += 1) {
      const speaker = { name: `n${count}`, fingerprint: String(count).padStart(16, '0') };
      people = addKnocker(addMembers(people, [speaker]), speaker);
      people = markVerified(markNumberShown(people, speaker.fingerprint), speaker.fingerprint);
    }
    for (const kept of [people.members, people.knockers, people.numberShown, people.verified]) {
      expect(kept.size).toBe(KNOWN_MEMBERS_MAX);
    }
    expect(people.members.has('0'.repeat(16))).toBe(false);
  });

  test('has the last name of a key; an empty name does not replace it', () => {
    const people = addMembers(addMembers(NO_KNOWN_MEMBERS, [ALICE]), [{ ...ALICE, name: '' }]);
    expect(people.members.get(ALICE.fingerprint)).toBe('alice');
    expect(addMembers(people, [{ ...ALICE, name: 'alicia' }]).members.get(ALICE.fingerprint)).toBe('alicia');
    expect(addMembers(people, [ALICE])).toBe(people);
  });

  test('finds members that had a name under another key, in any case and form of its letters', () => {
    const people = addMembers(NO_KNOWN_MEMBERS, [ALICE, BOB]);
    const wide = { name: 'ＡＬＩＣＥ', fingerprint: OTHER_ALICE.fingerprint };
    expect(namesakes(people, OTHER_ALICE)).toEqual([{ name: 'alice', fingerprint: ALICE.fingerprint }]);
    expect(namesakes(people, wide)).toEqual([{ name: 'alice', fingerprint: ALICE.fingerprint }]);
    expect(namesakes(people, { name: '\u0430lice!', fingerprint: '7777' })).toHaveLength(1);
    expect(namesakes(people, ALICE)).toEqual([]);
  });
});
