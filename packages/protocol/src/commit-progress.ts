// Follows the commits of a log frame by frame, so that a relay or a store which shows one broken is
// noticed. PROTOCOL.md §4.7.

import type { CommitPlace } from './group-commit.ts';

/**
 * How far a reader of the log has come with its commits. `unknown`: the frames before were not
 * read. `between`: every commit before is complete; `commitNumber` is that of the last one, if it
 * is known. `within`: behind this frame of a commit, of which more are to come.
 */
export type CommitProgress =
  | { readonly phase: 'unknown' }
  | { readonly phase: 'between'; readonly commitNumber: number | undefined }
  | ({ readonly phase: 'within' } & CommitPlace);

/**
 * @param place of a COMMITTED frame in its commit; undefined for an ENTRY.
 * @returns the progress behind this frame; undefined if the frame does not fit there: an ENTRY
 *   within a commit, or a COMMITTED that is out of turn, of a commit of another length, or under a
 *   commit number that is not the next one.
 */
export function followCommits(before: CommitProgress, place: CommitPlace | undefined): CommitProgress | undefined {
  if (place === undefined) {
    if (before.phase === 'within') return undefined;
    return before.phase === 'unknown' ? { phase: 'between', commitNumber: undefined } : before;
  }
  if (!follows(before, place)) return undefined;
  const { commitNumber, index, count } = place;
  return index === count - 1 ? { phase: 'between', commitNumber } : { phase: 'within', commitNumber, index, count };
}

function follows(before: CommitProgress, { commitNumber, index, count }: CommitPlace): boolean {
  switch (before.phase) {
    case 'unknown':
      return true;
    case 'between':
      return index === 0 && (before.commitNumber === undefined || commitNumber === before.commitNumber + 1);
    case 'within':
      return commitNumber === before.commitNumber && index === before.index + 1 && count === before.count;
  }
}
