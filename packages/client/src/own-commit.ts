// A member's own commit on its way through the relay: known by its frames when they come back, all of them and in a row. PROTOCOL.md §4.7.

import type { CommitFacts, PendingCommit } from '@sotto/crypto/group';
import { equalBytes } from '@sotto/protocol';
import type { EpochBegun } from './group-opened.ts';
import { removalReason } from './group-policy.ts';
import type { Warrants } from './group-policy.ts';
import { seatOf } from './group-view.ts';
import type { Standing } from './log-ledger.ts';

export interface OwnCommit {
  readonly pending: PendingCommit;
  readonly bodies: readonly Uint8Array[];
  readonly sealedBy: 'member' | 'joiner';
  readonly warrants: Warrants;
  /** What holds in the epoch that it begins. */
  readonly standing: Standing;
}

/** What a body of the log is to the own commit; `whole` is its last frame. */
type Echo =
  | { readonly kind: 'none' }
  | { readonly kind: 'frame'; readonly sealedBy: 'member' | 'joiner' }
  | { readonly kind: 'whole'; readonly commit: OwnCommit };

/** At most one commit: a new one takes the place of the one before. */
export class OwnCommits {
  #commit: OwnCommit | undefined;
  #echoed = 0;

  propose(commit: OwnCommit): void {
    this.discard();
    this.#commit = commit;
  }

  take(body: Uint8Array): Echo {
    const commit = this.#commit;
    const expected = commit?.bodies[this.#echoed];
    if (commit === undefined || expected === undefined) return { kind: 'none' };
    if (!equalBytes(expected, body)) {
      // Something stands between its frames: to the others they are no commit, so they are none to its maker.
      if (this.#echoed > 0) this.discard();
      return { kind: 'none' };
    }
    this.#echoed += 1;
    if (this.#echoed < commit.bodies.length) return { kind: 'frame', sealedBy: commit.sealedBy };
    this.#commit = undefined;
    this.#echoed = 0;
    return { kind: 'whole', commit };
  }

  discard(): void {
    this.#commit?.pending.discard();
    this.#commit = undefined;
    this.#echoed = 0;
  }
}

/** @returns what a commit has done, for who reads it. */
export function describeEpoch(
  by: EpochBegun['by'],
  { kind, committer, added, removed }: CommitFacts,
  warrants: Warrants,
  self: Uint8Array,
): EpochBegun {
  const seat = seatOf(committer, self);
  return {
    kind: 'epoch',
    by,
    committer: seat,
    added: kind === 'join' ? [seat] : added.map((member) => seatOf(member, self)),
    removed: removed.map((member) => ({ ...seatOf(member, self), reason: removalReason(warrants, member) })),
  };
}
