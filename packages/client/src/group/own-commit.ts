// Keeps a member's own commit until it comes back in the log, where it is recognised by its bytes.
// PROTOCOL.md §5.8.

import type { PendingCommit } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { PolicyState } from './ledger.ts';

export interface OwnCommit {
  readonly pending: PendingCommit;
  /**
   * The policy of the epoch that a join begins: a joiner has it from the snapshot. Undefined for a
   * member's commit.
   */
  readonly snapshot: PolicyState | undefined;
}

/** At most one commit: a new one replaces the one before. */
export class OwnCommits {
  #commit: OwnCommit | undefined;

  get isPending(): boolean {
    return this.#commit !== undefined;
  }

  propose(commit: OwnCommit): void {
    this.clear();
    this.#commit = commit;
  }

  /** @returns the own commit if these are its bytes: it is in the log, and forgotten here */
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
