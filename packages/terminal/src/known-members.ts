// The members of this session, the verified ones, and the member that a typed name means. Names are
// claims, so a member that has left keeps its name here. A late command then never reaches another
// member with the same name, or a key with the same first digits.

import { areNamesAlike } from '@sotto/client';
import type { ListedMember, Speaker } from '@sotto/client';
import { FINGERPRINT_DIGITS, FINGERPRINT_DIGITS_LEAST, KNOWN_MEMBERS_MAX, WAITING_MAX } from './limits.ts';
import { safeName } from './safe-text.ts';

const JOINERS = /[\u200c\u200d]/g;

/** The last name of each fingerprint, the oldest member first. */
type Names = ReadonlyMap<string, string>;

export interface KnownMembers {
  /** The members of the room at some time of this session. */
  readonly members: Names;
  /** The strangers that knocked at some time, and those of them that wait. */
  readonly knockers: Names;
  readonly waiting: ReadonlySet<string>;
  /** The members whose safety number was shown, and the verified ones. */
  readonly numberShown: ReadonlySet<string>;
  readonly verified: ReadonlySet<string>;
}

export const NO_KNOWN_MEMBERS: KnownMembers = {
  members: new Map(),
  knockers: new Map(),
  waiting: new Set(),
  numberShown: new Set(),
  verified: new Set(),
};

type ChoiceCode = 'member-unknown' | 'member-ambiguous' | 'member-absent';
export type Choice<Person extends Speaker> =
  | { readonly ok: true; readonly value: Person }
  | { readonly ok: false; readonly code: ChoiceCode; readonly candidates: readonly Speaker[] };

export function addMembers(people: KnownMembers, speakers: readonly Speaker[]): KnownMembers {
  const waiting = removeMatching(people.waiting, (fingerprint) =>
    speakers.some((met) => met.fingerprint === fingerprint),
  );
  const members = speakers.reduce(addName, people.members);
  return members === people.members && waiting === people.waiting ? people : { ...people, members, waiting };
}

export function addKnocker(people: KnownMembers, asker: Speaker): KnownMembers {
  const waiting = addBounded(people.waiting, asker.fingerprint, WAITING_MAX);
  return { ...people, knockers: addName(people.knockers, asker), waiting };
}

/** No stranger waits any more, or none can be admitted. */
export function forgetWaiting(people: KnownMembers): KnownMembers {
  return { ...people, waiting: new Set() };
}

export function markNumberShown(people: KnownMembers, fingerprint: string): KnownMembers {
  return { ...people, numberShown: addBounded(people.numberShown, fingerprint, KNOWN_MEMBERS_MAX) };
}

export function markVerified(people: KnownMembers, fingerprint: string): KnownMembers {
  return { ...people, verified: addBounded(people.verified, fingerprint, KNOWN_MEMBERS_MAX) };
}

export function listWaiting(people: KnownMembers): readonly Speaker[] {
  return Array.from(people.waiting, (fingerprint) => ({ name: people.knockers.get(fingerprint) ?? '', fingerprint }));
}

/** Members of this session under another key whose names look like the speaker's. */
export function namesakes(people: KnownMembers, speaker: Speaker): readonly Speaker[] {
  return speakersOf(people.members).filter(
    (other) =>
      other.fingerprint !== speaker.fingerprint && other.name !== '' && areNamesAlike(other.name, speaker.name),
  );
}

export function chooseMember(
  people: KnownMembers,
  present: readonly ListedMember[],
  wanted: string,
): Choice<ListedMember> {
  return choose(present, people.members, wanted);
}

export function chooseKnocker(people: KnownMembers, wanted: string): Choice<Speaker> {
  return choose(listWaiting(people), people.knockers, wanted);
}

/**
 * `wanted` is a name, the first digits of a fingerprint, or both as screens show them. A whole
 * fingerprint is never read as a name. Members that have left count, too: the refusal then says
 * that the member has left, or that several fit.
 */
function choose<Person extends Speaker>(present: readonly Person[], known: Names, wanted: string): Choice<Person> {
  const isMeant = readWanted(wanted);
  const here = present.filter(isMeant);
  const gone = speakersOf(known).filter(
    (speaker) => isMeant(speaker) && !present.some(({ fingerprint }) => fingerprint === speaker.fingerprint),
  );
  const [first] = here;
  if (first !== undefined && here.length + gone.length === 1) return { ok: true, value: first };
  const code =
    here.length + gone.length > 1 ? 'member-ambiguous' : gone.length === 1 ? 'member-absent' : 'member-unknown';
  return { ok: false, code, candidates: [...here, ...gone] };
}

function readWanted(wanted: string): (speaker: Speaker) => boolean {
  const word = wanted.trim().normalize('NFC');
  const digits = word.toLowerCase();
  if (new RegExp(`^[0-9a-f]{${FINGERPRINT_DIGITS}}$`).test(digits)) return ({ fingerprint }) => fingerprint === digits;
  const [, name, mark] = /^(?<name>[^·#]*)[·#](?<mark>[0-9a-f]+)$/u.exec(word) ?? [];
  if (name !== undefined && mark !== undefined && mark.length >= FINGERPRINT_DIGITS_LEAST) {
    return (speaker) => isCalled(speaker, name) && speaker.fingerprint.startsWith(mark);
  }
  const isPrefix = new RegExp(`^[0-9a-f]{${FINGERPRINT_DIGITS_LEAST},}$`).test(digits);
  return (speaker) => isCalled(speaker, word) || (isPrefix && speaker.fingerprint.startsWith(digits));
}

/** A name as it is shown. Joiners are hard to type, and tell no two names apart. */
function isCalled(speaker: Speaker, typed: string): boolean {
  return safeName(speaker.name).replaceAll(JOINERS, '') === typed.replaceAll(JOINERS, '');
}

function speakersOf(names: Names): Speaker[] {
  return Array.from(names, ([fingerprint, name]) => ({ name, fingerprint }));
}

/** A member without a name keeps its earlier one. */
function addName(names: Names, { name, fingerprint }: Speaker): Names {
  const before = names.get(fingerprint);
  if (before === name || (before !== undefined && name === '')) return names;
  const next = new Map(names);
  const [oldest] = next.keys();
  if (before === undefined && oldest !== undefined && next.size >= KNOWN_MEMBERS_MAX) next.delete(oldest);
  return next.set(fingerprint, name);
}

function addBounded(set: ReadonlySet<string>, value: string, most: number): ReadonlySet<string> {
  if (set.has(value)) return set;
  const next = new Set(set);
  const [oldest] = next;
  if (oldest !== undefined && next.size >= most) next.delete(oldest);
  return next.add(value);
}

function removeMatching(set: ReadonlySet<string>, isOut: (value: string) => boolean): ReadonlySet<string> {
  const kept = [...set].filter((value) => !isOut(value));
  return kept.length === set.size ? set : new Set(kept);
}
