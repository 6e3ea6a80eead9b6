// A member's own commit on its way through the relay: known by its bytes when it comes back, and judged then as the others judge it. PROTOCOL.md §5.8.

import type { CommitFacts, PendingCommit } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { EpochBegun } from './opened.ts';
import { removalReason } from './policy.ts';
import type { Authorizations } from './policy.ts';
import { rosterMemberOf } from './view.ts';
import type { PolicyState } from './ledger.ts';

export interface OwnCommit {
  readonly pending: PendingCommit;
  readonly sealedBy: 'member' | 'joiner';
  /** What holds in the epoch that a join begins: a newcomer has it from the snapshot. */
  readonly snapshot: PolicyState | undefined;
}

/** At most one commit: a new one takes the place of the one before. */
export class OwnCommits {
  #commit: OwnCommit | undefined;

  get isPending(): boolean {
    return this.#commit !== undefined;
  }

  propose(commit: OwnCommit): void {
    this.clear();
    this.#commit = commit;
  }

  /** @returns the own commit if these are its bytes: it is in the log, and no longer here. */
  acknowledge(bytes: Uint8Array): OwnCommit | undefined {
    const commit = this.#commit;
    if (commit === undefined || !equalBytes(commit.pending.commit, bytes)) return undefined;
    this.#commit = undefined;
    return commit;
  }

  clear(): void {
    this.#commit?.pending.clear();
    this.#commit = undefined;
  }
}

/** @returns what a commit has done, for who reads it. */
export function describeEpoch(
  by: EpochBegun['by'],
  { kind, committer, added, removed }: CommitFacts,
  authorizations: Authorizations,
  self: Uint8Array,
): EpochBegun {
  const member = rosterMemberOf(committer, self);
  return {
    kind: 'epoch',
    by,
    committer: member,
    added: kind === 'join' ? [member] : added.map((member) => rosterMemberOf(member, self)),
    removed: removed.map((member) => ({
      ...rosterMemberOf(member, self),
      reason: removalReason(authorizations, member),
    })),
  };
}
