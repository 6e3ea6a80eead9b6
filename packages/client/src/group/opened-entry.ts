// The result of opening an entry of the log, for a member or for a joiner. PROTOCOL.md §5.8, §5.9.

import type { CommitFacts, GroupCode } from '@sotto/crypto/mls';
import type { CommitPlace, Content, ContentCode, Move, PresenceContent } from '@sotto/protocol';
import type { SealedBy } from './envelopes.ts';
import { removalReason } from './commit-policy.ts';
import type { Authorizations, RemovalReason } from './commit-policy.ts';
import { rosterMemberOf } from './group-view.ts';
import type { RosterMember } from './group-view.ts';

/** A frame of the log on its way to the group. */
export interface LogEntry {
  readonly sequence: number;
  /** All behind the header. */
  readonly body: Uint8Array;
  /** The sealed part of the body. */
  readonly envelope: Uint8Array;
  /** Of a COMMITTED frame in its commit; undefined for an ENTRY. */
  readonly place: CommitPlace | undefined;
}

/**
 * Why an entry changes nothing visible. `outside`: it is for members, and this is a joiner.
 * `foreign`: no key opens it. `own`: an echo of this member's message. `piece`: its other pieces
 * are still to come. `noted`: a valid proof or order. Other codes say why an entry is invalid.
 */
export type GroupNothing = 'outside' | 'foreign' | 'dummy' | 'own' | 'piece' | 'noted' | GroupCode | ContentCode;

interface RemovedMember extends RosterMember {
  readonly reason: RemovalReason;
}

export type GroupOpened =
  /** `sealedBy`: its key. `member` is the envelope key of the present epoch. */
  | { readonly kind: 'nothing'; readonly code: GroupNothing; readonly sealedBy: SealedBy }
  | {
      readonly kind: 'content';
      readonly memberKey: Uint8Array;
      readonly content: Content;
    }
  | EpochBegun
  /** A commit that all members of this epoch refuse; also an own one. */
  | { readonly kind: 'refused'; readonly by: 'own' | 'other'; readonly code: GroupCode }
  /** This member is no longer in the group. It may resync. */
  | { readonly kind: 'removed'; readonly reason: RemovalReason }
  /** A joiner asks to be admitted, with a valid key package. */
  | { readonly kind: 'knock'; readonly memberId: Uint8Array; readonly memberKey: Uint8Array; readonly name: string }
  /** A welcome for this member is whole: the snapshot of its commit lets it in. */
  | { readonly kind: 'welcome' };

/** A presence outside of the log, of another member of the present epoch. PROTOCOL.md §5.5. */
export interface OpenedPresence {
  readonly memberKey: Uint8Array;
  readonly content: PresenceContent;
}

/** An epoch has begun. `added` has members that have joined, and not members that have resynced. */
export interface EpochBegun {
  readonly kind: 'epoch';
  readonly by: 'own' | 'other';
  readonly committer: RosterMember;
  readonly added: readonly RosterMember[];
  readonly removed: readonly RemovedMember[];
  /** The moderator's way to the room in which this epoch's members go on. */
  readonly move: Move | undefined;
}

/** @returns the epoch that a commit begins, with the reason of each removal */
export function describeEpoch(
  by: EpochBegun['by'],
  { kind, committer, added, removed }: CommitFacts,
  authorizations: Authorizations,
  { self, move }: { readonly self: Uint8Array; readonly move: Move | undefined },
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
    move,
  };
}
