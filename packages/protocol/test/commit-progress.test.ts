import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { followCommits } from '../src/index.ts';
import type { CommitPlace, CommitProgress } from '../src/index.ts';

/** A frame of a log: its place in a commit, or undefined for an ENTRY. */
type Place = CommitPlace | undefined;

const UNKNOWN: CommitProgress = { phase: 'unknown' };
/** How many frames each has; 0 is an ENTRY. */
const shapes = fc.array(fc.nat(4), { minLength: 1, maxLength: 12 });

/** An honest log behind commit number 6. */
function logOf(counts: readonly number[]): Place[] {
  let commitNumber = 6;
  return counts.flatMap((count): Place[] => {
    if (count === 0) return [undefined];
    commitNumber += 1;
    return Array.from({ length: count }, (_, index) => ({ commitNumber, index, count }));
  });
}

/** @returns the progress behind the log, or the index of the frame that does not fit. */
function follow(log: readonly Place[], from: CommitProgress): CommitProgress | number {
  let progress = from;
  for (const [index, place] of log.entries()) {
    const behind = followCommits(progress, place);
    if (behind === undefined) return index;
    progress = behind;
  }
  return progress;
}

describe('the commits of a log', () => {
  test('are followed through an honest log, from its beginning and from any frame on', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (counts, start) => {
        const log = logOf(counts);
        const commits = counts.filter((count) => count > 0).length;
        expect(follow(log, { phase: 'between', commitNumber: 6 })).toEqual({
          phase: 'between',
          commitNumber: 6 + commits,
        });
        expect(typeof follow(log.slice(start % log.length), UNKNOWN)).toBe('object');
      }),
    );
  });

  test('do not fit with a frame missing, repeated, moved or of another commit, nor with an ENTRY inside', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (counts, pick) => {
        const log = logOf(counts);
        const inCommits = [...log.keys()].filter((index) => log[index] !== undefined);
        const at = inCommits[pick % inCommits.length];
        const place = at === undefined ? undefined : log[at];
        if (at === undefined || place === undefined) return;
        const { commitNumber, index, count } = place;
        const changed = (other: CommitPlace): Place[] => log.with(at, other);
        const broken: Place[][] = [
          changed({ commitNumber: commitNumber + 1, index, count }),
          changed({ commitNumber: commitNumber - 1, index, count }),
          changed({ commitNumber, index: index + 1, count: count + 1 }),
          log.toSpliced(at, 0, place),
        ];
        if (index > 0) broken.push(changed({ commitNumber, index, count: count + 1 }), log.toSpliced(at, 0, undefined));
        // A frame that ends the log, or is a commit by itself at its end, leaves no trace when it is left out.
        if (inCommits.at(-1) !== at) broken.push(log.toSpliced(at, 1));
        for (const each of broken) expect(typeof follow(each, { phase: 'between', commitNumber: 6 })).toBe('number');
      }),
    );
  });

  test('are within a commit if the log ends before its last frame', () => {
    const log = logOf([2, 0, 3]).slice(0, -1);
    expect(follow(log, UNKNOWN)).toEqual({ phase: 'within', commitNumber: 8, index: 1, count: 3 });
  });
});
