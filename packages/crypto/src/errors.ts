// Every reason for which the group keys refuse bytes of a peer or a relay, or a policy refuses a
// commit: code -> one-line meaning.

/** The meaning of each code; `docs/CODES.md` lists them. */
export const GROUP_CODES = {
  'group-bytes-size': 'bytes longer than their kind may be, or none',
  'group-bytes-malformed': 'bytes that are not what they should be, or more than one thing',
  'group-foreign': 'another group, another suite or another version',
  'group-full': 'more members than a room may have',
  'group-removed': 'this member is no longer in the group',
  'epoch-old': 'bytes of an epoch whose keys are gone',
  'epoch-future': 'bytes of an epoch that this member has not reached: a commit is missing',
  'bundle-differs': 'a commit that was made for other leave proofs or orders than those in its bundle',
  'group-info-form': 'a GroupInfo with other extensions than external_pub',
  'group-info-missing': 'a commit without the GroupInfo of the epoch that it begins, or with two',
  'group-info-differs': 'a GroupInfo that is not that of the epoch, or that its signer has not signed',
  'snapshot-invalid': 'a snapshot whose signature, tree or keys do not hold',
  'credential-invalid': 'a member whose credential was not made with the room secret',
  'leaf-invalid': 'a member whose entry is not of the one form that Sotto uses, or whose keys cannot be used',
  'member-duplicate': 'a member that is there already',
  'member-alone': 'the only member of a group cannot resync: it joins as a new member',
  'member-unknown': 'a member that is not in the group',
  'commit-form': 'a commit with proposals or parts that Sotto does not use',
  'commit-own': 'a commit of this member itself: it is merged, not processed',
  'commit-invalid': 'a commit that does not hold: signature, path or confirmation',
  'commit-removes-other': 'a joining commit that removes a leaf which is not the joiner’s own',
  'commit-changes-member': 'a commit that changes its own member’s key',
  'key-package-invalid': 'a key package that does not hold',
  'welcome-invalid': 'a welcome that does not hold or is for another key package',
  'message-invalid': 'a message that does not open',
  'message-repeated': 'a message whose key was used already: a replay, or out of order',
  'message-skips': 'a message that skips more of its sender’s messages than a receiver allows',
  'order-invalid': 'an order that the moderator did not sign for this room',
  'order-old': 'an access order that is not above the one that holds',
  'policy-locked': 'the room is locked: nobody joins',
  'policy-knock': 'the room admits joiners that knocked: a join without an admission is refused',
  'policy-add': 'a member that may not add others',
  'policy-evict': 'a commit with an evict order that another member has to carry out, or that leaves others in',
  'policy-remove': 'a member that may not remove this other member',
} as const;
export type GroupCode = keyof typeof GROUP_CODES;

/** The refusals of a `CommitPolicy`. */
export type PolicyCode = Extract<GroupCode, `policy-${string}`>;

/**
 * A call on a group that has ended, with the code `group-ended`. This is a bug of the caller: a
 * group ends only by its removal or by `destroy`.
 */
export class GroupEndedError extends Error {
  readonly code = 'group-ended';

  constructor() {
    super('the group has ended');
    this.name = 'GroupEndedError';
  }
}
