// The user slice: what this member's user has asked for and was told, and the names it knows.

import { rememberName } from '../../names/warnings.ts';
import { KNOCKS_MAX, NAMES_WARNED_MAX } from '../../limits.ts';
import type { InboxText } from './inbox.ts';

/** `joined`: another member was understood, or this member is alone in the group. */
type UserStatus = 'new' | 'joined' | 'leaving';

/** A joiner that asks to be admitted. */
interface Knock {
  readonly memberId: Uint8Array;
  readonly fingerprint: string;
}

export interface UserState {
  readonly status: UserStatus;
  /** In NFC, so that all members read the same letters. */
  readonly name: string;
  readonly knocks: readonly Knock[];
  /** Fingerprints by how a name looks, for the warning that a name has another key now. */
  readonly names: ReadonlyMap<string, string>;
  /** Fingerprints whose names were warned of, the latest last. */
  readonly namesWarned: readonly string[];
  /** Texts that came before their senders' names. */
  readonly unnamed: readonly InboxText[];
  /** The number of the access order that the user was told to wait for, until it holds. */
  readonly ordered: number | undefined;
}

export function createUser(name: string): UserState {
  return {
    status: 'new',
    name: name.normalize('NFC'),
    knocks: [],
    names: new Map(),
    namesWarned: [],
    unnamed: [],
    ordered: undefined,
  };
}

export function setStatus(user: UserState, status: 'joined' | 'leaving'): UserState {
  return { ...user, status };
}

/** The oldest knock is forgotten first. */
export function addKnock(user: UserState, knock: Knock): UserState {
  return { ...user, knocks: [...user.knocks, knock].slice(-KNOCKS_MAX) };
}

/** Keeps the knocks that `isOpen` accepts. */
export function keepKnocks(user: UserState, isOpen: (knock: Knock) => boolean): UserState {
  return { ...user, knocks: user.knocks.filter(isOpen) };
}

/** The name belongs to this key from now on. `looks`: how it looks. */
export function bindName(user: UserState, looks: readonly string[], fingerprint: string): UserState {
  const names = rememberName(user.names, looks, fingerprint);
  return names === user.names ? user : { ...user, names };
}

/** The user was warned of the name of this key; the oldest is forgotten first. */
export function noteNameWarning(user: UserState, fingerprint: string): UserState {
  return { ...user, namesWarned: [...user.namesWarned, fingerprint].slice(-NAMES_WARNED_MAX) };
}

export function holdText(user: UserState, text: InboxText): UserState {
  return { ...user, unnamed: [...user.unnamed, text] };
}

/** Keeps the held texts that `isHeld` accepts. */
export function keepTexts(user: UserState, isHeld: (text: InboxText) => boolean): UserState {
  return { ...user, unnamed: user.unnamed.filter(isHeld) };
}

/** `number`: of the access order that the user waits for; undefined when it holds. */
export function setOrdered(user: UserState, number: number | undefined): UserState {
  return { ...user, ordered: number };
}
