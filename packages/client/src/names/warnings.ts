// Finds out whether a name can be taken for another member's, and remembers which key has a name.

import { NAMES_MAX } from '../limits.ts';
import { looksLikeTheProgram, nameLooks, shareALook } from './likeness.ts';

/**
 * `name-taken`: another member has such a name. `name-reserved`: it looks like the program's own
 * words. `key-changed`: another key had the name before. PROTOCOL.md §5.10.
 */
export type NameWarning = 'name-taken' | 'name-reserved' | 'key-changed';

/** Fingerprints by how a name looks. */
export type KnownNames = ReadonlyMap<string, string>;

/**
 * @returns the warning that is due for a key with this name. `others`: the names of this member and
 * of all present members with another key.
 */
export function nameWarningFor(
  { name, fingerprint }: { readonly name: string; readonly fingerprint: string },
  others: readonly string[],
  known: KnownNames,
): NameWarning | undefined {
  const looks = nameLooks(name);
  if (others.some((other) => shareALook(looks, nameLooks(other)))) return 'name-taken';
  if (looksLikeTheProgram(looks)) return 'name-reserved';
  const isKnownOtherwise = looks.some((look) => (known.get(look) ?? fingerprint) !== fingerprint);
  return isKnownOtherwise ? 'key-changed' : undefined;
}

/** @returns the names with this one, the latest last; the same map if it was known. */
export function rememberName(known: KnownNames, looks: readonly string[], fingerprint: string): KnownNames {
  if (looks.every((look) => known.get(look) === fingerprint)) return known;
  const others = [...known].filter(([look]) => !looks.includes(look));
  const own = looks.map((look): [string, string] => [look, fingerprint]);
  return new Map([...others, ...own].slice(-NAMES_MAX));
}
