// Reads and compares versions of engines, runc and Tor, and recognises a distribution's build by
// its suffix.

export interface Version {
  readonly numbers: readonly number[];
  /** The number of a release candidate; infinite for a release. */
  readonly candidate: number;
  /**
   * A distribution's build (`+dfsg1`, `-0ubuntu2`): it may have repairs that its number does not
   * show.
   */
  readonly isRebuilt: boolean;
}

const FORM = /^v?(\d+(?:\.\d+){1,3})(?:-rc\.?(\d+))?(.*)$/;

/** @returns undefined for a text that is no version. */
export function readVersion(text: string): Version | undefined {
  const [, numbers, candidate, rest] = FORM.exec(text.trim()) ?? [];
  if (numbers === undefined) return undefined;
  return {
    numbers: numbers.split('.').map(Number),
    candidate: candidate === undefined ? Infinity : Number(candidate),
    isRebuilt: rest !== undefined && rest !== '',
  };
}

/** Negative, zero or positive, as for Array.sort. Suffixes of rebuilds do not count. */
export function compareVersions(one: Version, other: Version): number {
  const length = Math.max(one.numbers.length, other.numbers.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (one.numbers[index] ?? 0) - (other.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (one.candidate === other.candidate) return 0;
  return one.candidate < other.candidate ? -1 : 1;
}

/**
 * Whether a version has a repair that was made on several branches: it is at least the first
 * repaired version of its own branch, or of the newest branch. A branch is as many leading numbers
 * as `branchNumbers` says.
 */
export function hasRepair(version: Version, repairedIn: readonly string[], branchNumbers: number): boolean {
  const repaired = repairedIn.flatMap((text) => readVersion(text) ?? []).sort(compareVersions);
  const newest = repaired.at(-1);
  if (newest !== undefined && compareVersions(version, newest) >= 0) return true;
  const branchOf = ({ numbers }: Version): string => numbers.slice(0, branchNumbers).join('.');
  return repaired.some((first) => branchOf(first) === branchOf(version) && compareVersions(version, first) >= 0);
}
