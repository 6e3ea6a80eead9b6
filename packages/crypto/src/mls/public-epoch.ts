// What a commit makes of a group as far as no secret is needed: tree, group context, and the
// GroupInfo of the epoch that the commit begins. PROTOCOL.md §5.8.

import { refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { ClientState, Commit, GroupContext as MlsContext, RatchetTree } from 'ts-mls';
import {
  applyProposals,
  nextEpochContext,
  throwIfDefined,
  validateLeafNodeCredentialAndKeyUniqueness,
  validateLeafNodeUpdateOrCommit,
} from 'ts-mls/clientState.js';
import { encodeGroupContext } from 'ts-mls/groupContext.js';
import { verifyGroupInfoSignature } from 'ts-mls/groupInfo.js';
import { emptyPskIndex } from 'ts-mls/pskIndex.js';
import { addLeafNode, removeLeafNode } from 'ts-mls/ratchetTree.js';
import { treeHashRoot } from 'ts-mls/treeHash.js';
import { nodeToLeafIndex, toLeafIndex } from 'ts-mls/treemath.js';
import { applyUpdatePath } from 'ts-mls/updatePath.js';
import type { GroupCode } from '../errors.ts';
import { decodeGroupInfo, refuseOnError } from './bytes.ts';
import type { OpenedGroupInfo } from './bytes.ts';
import type { SentCommit } from './commit-rules.ts';
import { equalInConstantTime } from './context.ts';
import type { GroupContext } from './context.ts';
import { isUsableHpkeKey } from './hpke-key.ts';
import { memberAt } from './tree.ts';

/** The public part of one epoch. */
export interface PublicEpoch {
  readonly groupContext: MlsContext;
  readonly tree: RatchetTree;
  /** The next commit's transcript hash follows from it. Only members can check it. */
  readonly confirmationTag: Uint8Array;
}

/** An epoch that a commit has begun. */
export interface BegunEpoch extends PublicEpoch {
  /** The committer's leaf index in the tree of the epoch. */
  readonly committer: number;
}

/** The proposals of a commit, applied; `tree` is that before the path. */
interface Applied {
  readonly tree: RatchetTree;
  /** The tree in which the keys of the path have to be new. */
  readonly compared: RatchetTree;
  readonly committer: number;
}

/**
 * Applies a commit whose form, signature and rules are checked. Its membership tag, confirmation
 * tag and path secrets are not checked: that takes the secrets of the epoch.
 *
 * @returns the epoch that the commit begins, or `commit-invalid`.
 */
export async function beginPublicEpoch(
  context: GroupContext,
  epoch: PublicEpoch,
  { message, commit, sender }: SentCommit,
): Promise<Decoded<BegunEpoch, GroupCode>> {
  const { content, auth } = message;
  if (content.contentType !== 'commit' || auth.contentType !== 'commit') return refuse('commit-form');
  const { hash } = context.primitives;
  const { confirmationTag } = auth;
  return refuseOnError('commit-invalid', async () => {
    const applied =
      sender === undefined ? placeJoiner(epoch.tree, commit) : await applyByMember(context, epoch, sender, commit);
    const tree = await applyPath(context, epoch, applied, commit, sender === undefined);
    const groupContext = await nextEpochContext(
      epoch.groupContext,
      'mls_public_message',
      content,
      auth.signature,
      await treeHashRoot(tree, hash),
      epoch.confirmationTag,
      hash,
    );
    return { groupContext, tree, confirmationTag, committer: applied.committer };
  });
}

/** As the library does it for a member, which also decapsulates the ExternalInit. */
function placeJoiner(before: RatchetTree, { proposals, path }: Commit): Applied {
  const compared = proposals.reduce(
    (tree, entry) =>
      entry.proposalOrRefType === 'proposal' && entry.proposal.proposalType === 'remove'
        ? removeLeafNode(tree, toLeafIndex(entry.proposal.remove.removed))
        : tree,
    before,
  );
  if (path === undefined) throw new Error('a join without a path');
  const [tree, nodeIndex] = addLeafNode(compared, path.leafNode);
  return { tree, compared, committer: nodeToLeafIndex(nodeIndex) };
}

async function applyByMember(
  { primitives, config }: GroupContext,
  { groupContext, tree }: PublicEpoch,
  sender: number,
  { proposals }: Commit,
): Promise<Applied> {
  // The library reads no other part of a state for the proposals that a member's commit may hold.
  const state = {
    groupContext,
    ratchetTree: tree,
    clientConfig: config,
    privatePath: { leafIndex: sender, privateKeys: {} },
    unappliedProposals: {},
  } as ClientState;
  const applied = await applyProposals(state, proposals, toLeafIndex(sender), emptyPskIndex, false, primitives);
  return { tree: applied.tree, compared: applied.tree, committer: sender };
}

async function applyPath(
  { primitives, config }: GroupContext,
  { groupContext }: PublicEpoch,
  { tree, compared, committer }: Applied,
  { path }: Commit,
  isJoin: boolean,
): Promise<RatchetTree> {
  if (path === undefined) return tree;
  const { leafNode } = path;
  const { signature } = primitives;
  throwIfDefined(
    await validateLeafNodeUpdateOrCommit(leafNode, committer, groupContext, config.authService, signature),
  );
  throwIfDefined(await validateLeafNodeCredentialAndKeyUniqueness(compared, leafNode, committer));
  return applyUpdatePath(tree, toLeafIndex(committer), path, primitives.hash, isJoin);
}

/** The epoch whose GroupInfo is checked. */
export interface ExpectedEpoch extends PublicEpoch {
  /** The leaf whose signature is expected. */
  readonly signer: number;
  /** Known to members of the epoch alone. */
  readonly externalPub: Uint8Array | undefined;
}

/**
 * Compares a GroupInfo with the epoch that its commit begins. A member compares the external public
 * key, too: a false one would lead newcomers elsewhere.
 *
 * @returns the GroupInfo, or a code: `group-info-missing`, `group-info-differs`, or that of bytes
 * that are no GroupInfo of this group.
 */
export async function validateGroupInfo(
  context: GroupContext,
  expected: ExpectedEpoch,
  bytes: Uint8Array | undefined,
): Promise<Decoded<OpenedGroupInfo, GroupCode>> {
  if (bytes === undefined) return refuse('group-info-missing');
  const decoded = await decodeGroupInfo(context, bytes);
  if (!decoded.ok) return decoded;
  const { info, externalPub } = decoded.value;
  const isSame =
    equalInConstantTime(encodeGroupContext(info.groupContext), encodeGroupContext(expected.groupContext)) &&
    equalInConstantTime(info.confirmationTag, expected.confirmationTag) &&
    info.signer === expected.signer &&
    equalInConstantTime(externalPub, expected.externalPub ?? externalPub);
  if (!isSame || !isUsableHpkeKey(externalPub, context.suite.publicKeyBytes)) return refuse('group-info-differs');
  return (await isSignedGroupInfo(context, expected.tree, decoded.value)) ? decoded : refuse('group-info-differs');
}

/** @returns whether the leaf that a GroupInfo names has signed it. */
export async function isSignedGroupInfo(
  { primitives }: GroupContext,
  tree: RatchetTree,
  { info }: OpenedGroupInfo,
): Promise<boolean> {
  const signer = memberAt(tree, info.signer);
  if (signer === undefined) return false;
  const verified = await refuseOnError('group-info-differs', () =>
    verifyGroupInfoSignature(info, signer.memberKey, primitives.signature),
  );
  return verified.ok && verified.value;
}
