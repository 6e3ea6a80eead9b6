// What an entry of the log was to a member of the group, or to somebody who wants to be one. PROTOCOL.md §5.8, §5.9.

import type { GroupCode } from '@sotto/crypto/mls';
import type { Content, ContentCode } from '@sotto/protocol';
import type { SealedBy } from './envelopes.ts';
import type { RemovalReason } from './policy.ts';
import type { RosterMember } from './view.ts';

/**
 * Why an entry changes nothing that can be seen. `outside`: for members, and this is none. `foreign`: no key opens it. `own`: a message of this
 * member, come back. `piece`: a part of what is to come. `noted`: a proof or an order that holds. The others: why it does not hold.
 */
export type GroupNothing = 'outside' | 'foreign' | 'dummy' | 'own' | 'piece' | 'noted' | GroupCode | ContentCode;

interface RemovedMember extends RosterMember {
  readonly reason: RemovalReason;
}

export type GroupOpened =
  /** `sealedBy`: under which key it was. `member` is the present epoch's envelope key, and nothing else is. */
  | { readonly kind: 'nothing'; readonly code: GroupNothing; readonly sealedBy: SealedBy }
  | {
      readonly kind: 'content';
      readonly memberId: Uint8Array;
      readonly memberKey: Uint8Array;
      readonly content: Content;
    }
  | EpochBegun
  /** A commit that this member, and with it everybody in this epoch, refuses. Also an own one: it is judged where it stands in the log. */
  | {
      readonly kind: 'refused';
      readonly by: 'own' | 'other';
      readonly code: GroupCode;
      readonly sealedBy: SealedBy;
    }
  /** This member is no longer in the group. It may join again. */
  | { readonly kind: 'removed'; readonly reason: RemovalReason }
  /** Somebody asks to be let in; its key package holds. */
  | { readonly kind: 'knock'; readonly memberId: Uint8Array; readonly memberKey: Uint8Array; readonly name: string }
  /** A welcome for this member is whole: the snapshot of the commit behind it lets it in. */
  | { readonly kind: 'welcome' };

/** The group has gone on. Who has joined by itself is in `added`; who has joined again is not, for it was there. */
export interface EpochBegun {
  readonly kind: 'epoch';
  readonly by: 'own' | 'other';
  readonly committer: RosterMember;
  readonly added: readonly RosterMember[];
  readonly removed: readonly RemovedMember[];
}
