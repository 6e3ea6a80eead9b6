// Whom this stay has met, who was verified, and whom a typed name means. Names are claims, so one
// that has gone still bears its own:
// what is typed late never reaches another who has taken the name, or found a key with the same
// first digits.

import { areNamesAlike } from '@sotto/client';
import type { ListedMember, Speaker } from '@sotto/client';
import { FINGERPRINT_DIGITS, FINGERPRINT_DIGITS_LEAST, KNOWN_MEMBERS_MAX, WAITING_MAX } from './limits.ts';
import { safeName } from './safe-text.ts';

const JOINERS = /[\u200c\u200d]/g;

/** The last name of each fingerprint, the oldest acquaintance first. */
type Names = ReadonlyMap<string, string>;

export interface KnownMembers {
  /** Who was in the room at some time of this stay. */
  readonly members: Names;
  /** Who asked to be let in at some time, and of those who waits. */
  readonly knockers: Names;
  readonly waiting: ReadonlySet<string>;
  /** Whose safety number was shown, and who was marked as verified then. */
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

/** Nobody has to be let in any more, or nobody can. */
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

/** Members of this stay under another key whose names can be taken for the speaker's. */
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
 * fingerprint is that and never a name.
 * Whoever was known and has gone counts, too: then it is said that he has gone, or that it may mean
 * several.
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

/** As it is shown; joiners are hard to type, and tell no two names apart. */
function isCalled(speaker: Speaker, typed: string): boolean {
  return safeName(speaker.name).replaceAll(JOINERS, '') === typed.replaceAll(JOINERS, '');
}

function speakersOf(names: Names): Speaker[] {
  return Array.from(names, ([fingerprint, name]) => ({ name, fingerprint }));
}

/** A member that has not said its name keeps the one that it bore. */
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
