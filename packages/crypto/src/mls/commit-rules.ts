// What a commit may do, judged before the library sees it. Every member must judge alike, so nothing here knows a clock or a setting of one's own.

import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { Commit, LeafNode, Proposal, RatchetTree, UpdatePath } from 'ts-mls';
import type { GroupCode, PolicyCode } from '../errors.ts';
import { equalInConstantTime } from './context.ts';
import type { GroupContext } from './context.ts';
import { hasDistinctKeys, hasDuplicates, leavesOf, readLeaf, rosterOf, treeKeys } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { isUsableHpkeKey } from './hpke-key.ts';
import { GROUP_PROPOSALS_MAX } from '../limits.ts';

/** A leaf index that is not known before the library has placed the leaf. */
const UNPLACED = -1;

/**
 * What a commit does. `join`: somebody adds himself. `resync`: the same, and his own old leaf goes. `member`: a member rotates its keys, and
 * may add or remove. The committer of a join has no leaf yet; its `leafIndex` and those of added members are -1.
 */
export interface CommitFacts {
  readonly kind: 'member' | 'join' | 'resync';
  /** The epoch that the commit ends. */
  readonly epoch: bigint;
  readonly committer: GroupMember;
  readonly added: readonly GroupMember[];
  /** Others than the committer. */
  readonly removed: readonly GroupMember[];
  /** Before the commit. */
  readonly roster: readonly GroupMember[];
}

/** Decides what the group's cryptography cannot: who may remove, add or join. Pure, and the same for all members, or the group forks. */
export type CommitPolicy = (facts: CommitFacts) => 'accept' | PolicyCode;

/** A room that anybody with the connection string may enter, and where nobody removes anybody. */
export const openRoomPolicy: CommitPolicy = ({ removed, added }) => {
  if (removed.length > 0) return 'policy-remove';
  return added.length > 0 ? 'policy-add' : 'accept';
};

export interface CommitRules {
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  readonly epoch: bigint;
  readonly policy: CommitPolicy;
}

/**
 * Judges another member's commit, whose `senderIndex` is authenticated, or what this member intends: then the path is not made yet, and the
 * library is relied on to make one where it must.
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
  // Also where no path brings keys: the library compares the old ones with each other, not with those that are added.
  if (!hasDistinctKeys([...addedKeys(proposals), ...treeKeys(tree)])) return refuse('key-package-invalid');
  // Only additions can do without new keys for the committer (RFC 9420 §12.4): everything else must heal.
  const needsPath = stage === 'made' && (removed.length > 0 || added.length === 0);
  if (commit.path === undefined && needsPath) return refuse('commit-form');
  if (commit.path !== undefined) {
    if (!keepsIdentity(tree, senderIndex, commit.path.leafNode)) return refuse('commit-changes-member');
    const path = validatePath(rules, commit.path, proposals);
    if (!path.ok) return path;
  }
  return applyPolicy(rules, { kind: 'member', epoch: rules.epoch, committer, added, removed, roster });
}

/** Judges the commit of somebody who adds himself (an external commit). */
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
  if (removal !== undefined && (old === undefined || !isSameMember(old, joiner.value))) {
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

/** Proposals by reference were proposed before, alone: Sotto has none of those. */
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

/** All keys that a commit brings can be used, and none is there already. */
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

function isSameMember(a: GroupMember, b: GroupMember): boolean {
  return equalInConstantTime(a.memberId, b.memberId) && equalInConstantTime(a.memberKey, b.memberKey);
}

function keepsIdentity(tree: RatchetTree, leafIndex: number, next: LeafNode): boolean {
  const current = leavesOf(tree).find(([, index]) => index === leafIndex)?.[0];
  if (current?.credential.credentialType !== 'basic' || next.credential.credentialType !== 'basic') return false;
  return (
    equalInConstantTime(current.credential.identity, next.credential.identity) &&
    equalInConstantTime(current.signaturePublicKey, next.signaturePublicKey)
  );
}
