// The tasks that a session gives to its group worker, and their results.

import type { MoveOffer, PlainAccess } from '../moderator.ts';

/**
 * The frames and the snapshot that one commit uploads. All bodies have the same length.
 * PROTOCOL.md §4.7.
 */
export interface Upload {
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** The size class of the frames, as in a header. */
  readonly frameSize: number;
  readonly bodies: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
}

/**
 * A commit that this member wants to make. Requests run one after another. One runs again when
 * another commit came first.
 */
export type CommitRequest =
  | { readonly type: 'join'; readonly snapshot: Uint8Array; readonly resync: boolean }
  /**
   * `due`: this member's own rotation, whatever others do. `scheduled`: this member's turn, unless
   * another member has rotated. `leavers`: unless the leavers are gone already. `log-gap`: unless
   * an epoch has begun since, whoever began it.
   */
  | { readonly type: 'rotate'; readonly reason: 'due' | 'scheduled' | 'leavers' | 'log-gap' }
  /** The ids of the silent members: of those, the ones that have not answered the roll call. */
  | { readonly type: 'remove-silent'; readonly members: readonly Uint8Array[] }
  | { readonly type: 'restore-snapshot' }
  | { readonly type: 'order'; readonly order: PlainAccess }
  /** `until`: the host's offer lapses then (ms): the commit is not sent any more. */
  | { readonly type: 'move'; readonly offer: MoveOffer; readonly until: number }
  | { readonly type: 'admit'; readonly memberId: Uint8Array }
  | { readonly type: 'leave-commit' };

/** A commit, a knock with a key package, or an entry into the group by a welcome. */
export type GroupTask =
  | CommitRequest
  | { readonly type: 'knock'; readonly name: string }
  /** `last`: the last sequence number of the commit that set this snapshot. */
  | { readonly type: 'join-by-welcome'; readonly snapshot: Uint8Array; readonly last: number };

/** The result of a task. `code` is for programs; errors.ts has the codes that a user sees. */
export type GroupTaskResult =
  | { readonly ok: true; readonly upload?: Upload; readonly body?: Uint8Array }
  | { readonly ok: false; readonly code: string };
