// The rules for commits, applied before the library processes one. All members must decide alike,
// so no rule reads a clock or a local setting. PROTOCOL.md §5.8.

import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type {
  Commit,
  GroupContext as MlsContext,
  LeafNode,
  MLSMessage,
  Proposal,
  PublicMessage,
  RatchetTree,
  UpdatePath,
} from 'ts-mls';
import { verifyFramedContentSignature } from 'ts-mls/framedContent.js';
import { hashBundle } from '../bundle-hash.ts';
import type { BundleFrames } from '../bundle-hash.ts';
import type { GroupCode, PolicyCode } from '../errors.ts';
import { refuseOnError } from './bytes.ts';
import { equalInConstantTime } from './context.ts';
import type { GroupContext } from './context.ts';
import { hasDistinctKeys, hasDuplicates, leafAt, leavesOf, readLeaf, rosterOf, treeKeys } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { isUsableHpkeKey } from './hpke-key.ts';
import { GROUP_PROPOSALS_MAX } from '../limits.ts';

/** The leaf index of a leaf that the library has not placed yet. */
const UNPLACED = -1;

/**
 * The effect of a commit. `join`: a joiner adds itself. `resync`: the same, and its own old leaf
 * goes. `member`: a member rotates its keys, and may add or remove others.
 * The committer of a join has no leaf yet: its `leafIndex` and those of added members are -1.
 */
export interface CommitFacts {
  readonly kind: 'member' | 'join' | 'resync';
  /** The epoch that the commit ends. */
  readonly epoch: bigint;
  /** The member that made the commit. */
  readonly committer: GroupMember;
  /** The members of its Adds; empty unless `kind` is `member`. */
  readonly added: readonly GroupMember[];
  /** Members other than the committer. */
  readonly removed: readonly GroupMember[];
  /** The members before the commit. */
  readonly roster: readonly GroupMember[];
}

/**
 * Decides what the cryptography of the group cannot: who may remove, add or join.
 *
 * A pure function, and the same for all members, or the group forks. If it throws, the call on the
 * group throws the same error.
 */
export type CommitPolicy = (facts: CommitFacts) => 'accept' | PolicyCode;

/**
 * The policy of an open room: anyone with the connection string may join, and members neither add
 * nor remove others.
 */
export const openRoomPolicy: CommitPolicy = ({ removed, added }) => {
  if (removed.length > 0) return 'policy-remove';
  return added.length > 0 ? 'policy-add' : 'accept';
};

/** The group and the policy by which a commit is validated. */
export interface CommitRules {
  readonly context: GroupContext;
  /** The tree of the epoch that the commit ends. */
  readonly tree: RatchetTree;
  readonly epoch: bigint;
  readonly policy: CommitPolicy;
}

/** A commit as it stands in its bundle. */
export interface CommitAndBundle {
  /** Up to `GROUP_COMMIT_BYTES_MAX` bytes. */
  readonly commit: Uint8Array;
  /** Undefined if the bundle has none, or two. */
  readonly groupInfo: Uint8Array | undefined;
  /** The bundle's leave and order frames, also those that do not hold; none if left out. */
  readonly frames?: BundleFrames;
}

/** A commit as it was sent, not yet validated. */
export interface SentCommit {
  readonly message: PublicMessage;
  readonly commit: Commit;
  /** The leaf index that a member's commit names; undefined for a joiner's. */
  readonly sender: number | undefined;
}

/**
 * Validates the form and the header of a commit in this epoch. All commits are public messages: a
 * member's has a membership tag, a joiner's has none. Its maker has signed which leave and order
 * frames go with it.
 *
 * @returns the commit, or `group-bytes-malformed`, `group-foreign`, `epoch-old`, `epoch-future`,
 * `commit-form`, or `bundle-differs`.
 */
export function validateHeader(
  context: GroupContext,
  { epoch, frames }: { readonly epoch: bigint; readonly frames: BundleFrames },
  message: MLSMessage,
): Decoded<SentCommit, GroupCode> {
  if (message.wireformat !== 'mls_public_message') {
    return refuse(message.wireformat === 'mls_private_message' ? 'commit-form' : 'group-bytes-malformed');
  }
  const { publicMessage } = message;
  const { content, senderType } = publicMessage;
  if (!equalInConstantTime(content.groupId, context.keys.groupId)) return refuse('group-foreign');
  if (content.epoch < epoch) return refuse('epoch-old');
  if (content.epoch > epoch) return refuse('epoch-future');
  // No proposal comes alone, and nobody outside sends any.
  if (content.contentType !== 'commit') return refuse('commit-form');
  if (senderType !== 'member' && senderType !== 'new_member_commit') return refuse('commit-form');
  if (!equalInConstantTime(content.authenticatedData, hashBundle(frames))) return refuse('bundle-differs');
  const sender = content.sender.senderType === 'member' ? content.sender.leafIndex : undefined;
  return accept({ message: publicMessage, commit: content.commit, sender });
}

/**
 * @returns whether the leaf that a member's commit names has signed it, or the leaf that a joiner's
 * commit brings.
 */
export async function verifyCommitSignature(
  { primitives }: GroupContext,
  { groupContext, tree }: { readonly groupContext: MlsContext; readonly tree: RatchetTree },
  { message, commit, sender }: SentCommit,
): Promise<boolean> {
  const leaf = sender === undefined ? commit.path?.leafNode : leafAt(tree, sender);
  if (leaf === undefined) return false;
  const { content, auth } = message;
  const { signature } = primitives;
  const verified = await refuseOnError('commit-invalid', () =>
    verifyFramedContentSignature(leaf.signaturePublicKey, 'mls_public_message', content, auth, groupContext, signature),
  );
  return verified.ok && verified.value;
}

/** Validates a commit whose sender is authenticated. */
export function validateSentCommit(
  rules: CommitRules,
  { commit, sender }: SentCommit,
): Decoded<CommitFacts, GroupCode> {
  return sender === undefined ? validateJoin(rules, commit) : validateMemberCommit(rules, sender, commit);
}

/**
 * Validates a member's commit. `senderIndex` is the authenticated leaf index of the committer.
 * Stage `made`: the commit of another member. Stage `intended`: the proposals of this member,
 * before the library has made the path. The library makes one if the commit needs it (RFC 9420
 * §12.4).
 *
 * @returns the effect of the commit, or the code that refuses it.
 */
export function validateMemberCommit(
  rules: CommitRules,
  senderIndex: number,
  commit: Commit,
  stage: 'intended' | 'made' = 'made',
): Decoded<CommitFacts, GroupCode> {
  const { tree } = rules;
  const roster = rosterOf(tree);
  const committer = roster.find(({ leafIndex }) => leafIndex === senderIndex);
  if (committer === undefined) return refuse('member-unknown');
  const proposals = inlineProposals(commit);
  if (proposals === undefined) return refuse('commit-form');
  const changes = readChanges(rules, roster, proposals);
  if (!changes.ok) return changes;
  const { added, removed } = changes.value;
  if (removed.includes(committer)) return refuse('commit-form');
  // This holds for a commit without a path, too. The library compares only the old members with
  // each other, not with the added ones.
  if (!hasDistinctKeys([...addedKeys(proposals), ...treeKeys(tree)])) return refuse('key-package-invalid');
  // A commit without a path brings no new keys (RFC 9420 §12.4). Only a commit of mere additions
  // may omit it.
  const needsPath = stage === 'made' && (removed.length > 0 || added.length === 0);
  if (commit.path === undefined && needsPath) return refuse('commit-form');
  if (commit.path !== undefined) {
    if (!keepsKey(tree, senderIndex, commit.path.leafNode)) return refuse('commit-changes-member');
    const path = validatePath(rules, commit.path, proposals);
    if (!path.ok) return path;
  }
  return applyPolicy(rules, { kind: 'member', epoch: rules.epoch, committer, added, removed, roster });
}

/**
 * Validates the commit of a joiner that adds itself: an external commit (RFC 9420 §12.4.3.2).
 *
 * @returns the effect of the commit, or the code that refuses it.
 */
export function validateJoin(rules: CommitRules, commit: Commit): Decoded<CommitFacts, GroupCode> {
  const { context, tree } = rules;
  const proposals = inlineProposals(commit);
  if (proposals === undefined || commit.path === undefined) return refuse('commit-form');
  const inits = proposals.filter(({ proposalType }) => proposalType === 'external_init');
  const removals = proposals.filter((proposal) => proposal.proposalType === 'remove');
  if (inits.length !== 1 || removals.length > 1 || proposals.length !== inits.length + removals.length) {
    return refuse('commit-form');
  }
  const roster = rosterOf(tree);
  const joiner = readLeaf(context, commit.path.leafNode, UNPLACED);
  if (!joiner.ok) return joiner;
  const [removal] = removals;
  const old = removal && roster.find(({ leafIndex }) => leafIndex === removal.remove.removed);
  if (removal !== undefined && (old === undefined || !equalInConstantTime(old.memberKey, joiner.value.memberKey))) {
    return refuse('commit-removes-other');
  }
  const others = roster.filter((member) => member !== old);
  if (hasDuplicates([...others, joiner.value])) return refuse('member-duplicate');
  if (others.length >= context.membersMax) return refuse('group-full');
  const path = validatePath(rules, commit.path, proposals);
  if (!path.ok) return path;
  const kind = old === undefined ? 'join' : 'resync';
  return applyPolicy(rules, { kind, epoch: rules.epoch, committer: joiner.value, added: [], removed: [], roster });
}

function applyPolicy(rules: CommitRules, facts: CommitFacts): Decoded<CommitFacts, GroupCode> {
  const answer = rules.policy(facts);
  return answer === 'accept' ? accept(facts) : refuse(answer);
}

/**
 * @returns the proposals of a commit that has them all by value, 63 at most. A proposal by
 * reference was sent alone before, and Sotto has none of those.
 */
function inlineProposals(commit: Commit): Proposal[] | undefined {
  if (commit.proposals.length > GROUP_PROPOSALS_MAX) return undefined;
  const plain = commit.proposals.flatMap((entry) => (entry.proposalOrRefType === 'proposal' ? [entry.proposal] : []));
  return plain.length === commit.proposals.length ? plain : undefined;
}

interface Changes {
  readonly added: GroupMember[];
  readonly removed: GroupMember[];
}

function readChanges(
  rules: CommitRules,
  roster: readonly GroupMember[],
  proposals: readonly Proposal[],
): Decoded<Changes, GroupCode> {
  const { context } = rules;
  const added: GroupMember[] = [];
  const removed: GroupMember[] = [];
  for (const proposal of proposals) {
    if (proposal.proposalType === 'remove') {
      const member = roster.find(({ leafIndex }) => leafIndex === proposal.remove.removed);
      if (member === undefined || removed.includes(member)) return refuse('member-unknown');
      removed.push(member);
    } else if (proposal.proposalType === 'add') {
      const { keyPackage } = proposal.add;
      if (keyPackage.extensions.length > 0 || !isUsableHpkeKey(keyPackage.initKey, context.suite.publicKeyBytes)) {
        return refuse('key-package-invalid');
      }
      const member = readLeaf(context, keyPackage.leafNode, UNPLACED);
      if (!member.ok) return member;
      added.push(member.value);
    } else {
      return refuse('commit-form');
    }
  }
  const after = [...roster.filter((member) => !removed.includes(member)), ...added];
  if (hasDuplicates(after)) return refuse('member-duplicate');
  return after.length > context.membersMax ? refuse('group-full') : accept({ added, removed });
}

/** Accepts a path if each of its keys can be used, and none is in the tree already. */
function validatePath(
  rules: CommitRules,
  path: UpdatePath,
  proposals: readonly Proposal[],
): Decoded<undefined, GroupCode> {
  const leaf = readLeaf(rules.context, path.leafNode, UNPLACED);
  if (!leaf.ok) return leaf;
  const brought = [path.leafNode.hpkePublicKey, ...path.nodes.map(({ hpkePublicKey }) => hpkePublicKey)];
  if (!brought.every((key) => isUsableHpkeKey(key, rules.context.suite.publicKeyBytes))) return refuse('leaf-invalid');
  return hasDistinctKeys([...brought, ...addedKeys(proposals), ...treeKeys(rules.tree)])
    ? accept(undefined)
    : refuse('leaf-invalid');
}

function addedKeys(proposals: readonly Proposal[]): Uint8Array[] {
  return proposals.flatMap((proposal) =>
    proposal.proposalType === 'add' ? [proposal.add.keyPackage.leafNode.hpkePublicKey] : [],
  );
}

/** A member is its key: id and credential follow from it. */
function keepsKey(tree: RatchetTree, leafIndex: number, next: LeafNode): boolean {
  const current = leavesOf(tree).find(([, index]) => index === leafIndex)?.[0];
  return current !== undefined && equalInConstantTime(current.signaturePublicKey, next.signaturePublicKey);
}
