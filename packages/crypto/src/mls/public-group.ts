// `@sotto/crypto/public-group`: a group that is followed without any secret of its epochs. It knows
// what each string holder can know, and no more. PROTOCOL.md §5.8.

import { sha256 } from '@noble/hashes/sha2.js';
import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import { throwIfDefined, validateRatchetTree } from 'ts-mls/clientState.js';
import { encodeGroupContext } from 'ts-mls/groupContext.js';
import type { GroupCode } from '../errors.ts';
import { decodeCommit, decodeSnapshot, encodeTree, refuseOnError } from './bytes.ts';
import type { GroupSnapshot, Snapshot } from './bytes.ts';
import { validateHeader, validateSentCommit, verifyCommitSignature } from './commit-rules.ts';
import type { CommitAndBundle, CommitFacts, CommitPolicy } from './commit-rules.ts';
import { openContext } from './context.ts';
import type { GroupContext } from './context.ts';
import type { GroupKeys } from './keys.ts';
import { beginPublicEpoch, isSignedGroupInfo, validateGroupInfo } from './public-epoch.ts';
import type { PublicEpoch } from './public-epoch.ts';
import { isUsableHpkeKey } from './hpke-key.ts';
import { readTree, rosterOf } from './tree.ts';
import type { GroupMember } from './tree.ts';
import type { GroupCrypto, GroupSuite } from '../provider/group-crypto.ts';
import { GROUP_MEMBERS_MAX } from '../limits.ts';

export type { GroupSnapshot } from './bytes.ts';
export type { CommitAndBundle, CommitFacts, CommitPolicy } from './commit-rules.ts';
export type { GroupMember } from './tree.ts';
export type { GroupCode, PolicyCode } from '../errors.ts';
export { deriveGroupKeys, destroyGroupKeys } from './keys.ts';
export type { GroupKeys } from './keys.ts';

export interface PublicGroupOptions {
  /** `nativeCrypto` or `pureCrypto`. */
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  /** Lent by the caller: they must live as long as the group. */
  readonly keys: GroupKeys;
  /** Members of the group at most; 64 by default. */
  readonly membersMax?: number;
}

/** A commit, its bundle, and the policy by which the bundle is validated. */
export interface BundledCommit extends CommitAndBundle {
  /** Decides by what else the bundle holds. */
  readonly policy: CommitPolicy;
}

/** A group after a commit, and what the commit has done. */
export interface Advanced {
  readonly group: PublicGroup;
  readonly facts: CommitFacts;
}

/**
 * One epoch of a group as a string holder sees it; it never changes. OpenMLS calls it the same.
 *
 * A commit that members refuse can be taken here: without secrets nobody can check its membership
 * tag, its confirmation tag, its path secrets, its ExternalInit, or whether `external_pub` is that
 * of the epoch. A commit that is refused here for any other reason is refused by all members.
 */
export class PublicGroup {
  readonly #context: GroupContext;
  readonly #epoch: PublicEpoch;
  readonly #groupInfo: Uint8Array;
  readonly #externalPub: Uint8Array;

  private constructor(
    context: GroupContext,
    epoch: PublicEpoch,
    { groupInfo, externalPub }: { readonly groupInfo: Uint8Array; readonly externalPub: Uint8Array },
  ) {
    this.#context = context;
    this.#epoch = epoch;
    this.#groupInfo = groupInfo.slice();
    this.#externalPub = externalPub;
  }

  /**
   * Begins with a snapshot. It must be one that the caller trusts, as that of the founding: nobody
   * can tell from a snapshot alone whether it is of the group that members are in.
   *
   * @returns the group, or the code that refuses the snapshot.
   * @throws TypeError if no entry of this package has made `options.crypto`.
   */
  static async open(options: PublicGroupOptions, snapshot: GroupSnapshot): Promise<Decoded<PublicGroup, GroupCode>> {
    const { crypto, suite, keys, membersMax = GROUP_MEMBERS_MAX } = options;
    const context = await openContext(crypto, suite, keys, membersMax);
    const decoded = await decodeSnapshot(context, snapshot);
    if (!decoded.ok) return decoded;
    const checked = await validateSnapshot(context, decoded.value);
    if (!checked.ok) return checked;
    const { info, externalPub, tree } = decoded.value;
    const { groupContext, confirmationTag } = info;
    const epoch = { groupContext, confirmationTag, tree };
    return accept(new PublicGroup(context, epoch, { groupInfo: snapshot.groupInfo, externalPub }));
  }

  /** From 0. */
  get epoch(): bigint {
    return this.#epoch.groupContext.epoch;
  }

  /** The members in the order of the tree. */
  get members(): readonly GroupMember[] {
    return rosterOf(this.#epoch.tree);
  }

  /** The GroupContext (RFC 9420 §8.1): epoch, tree hash, transcript hash, and the group's id. */
  get groupContext(): Uint8Array {
    return encodeGroupContext(this.#epoch.groupContext);
  }

  /** The public key to which joiners encapsulate. A member of the epoch alone can check it. */
  get externalPub(): Uint8Array {
    return this.#externalPub.slice();
  }

  /** 32 bytes each, SHA-256. */
  get hashes(): { readonly groupContext: Uint8Array; readonly externalPub: Uint8Array } {
    return { groupContext: sha256(this.groupContext), externalPub: sha256(this.#externalPub) };
  }

  /** The snapshot of this epoch, as newcomers need it. */
  get snapshot(): GroupSnapshot {
    return { groupInfo: this.#groupInfo.slice(), tree: encodeTree(this.#epoch.tree) };
  }

  /**
   * Applies the commit that follows in the log. This group does not change.
   *
   * @returns the group of the next epoch, or the code that refuses the commit.
   */
  async apply({ commit, groupInfo, frames = [], policy }: BundledCommit): Promise<Decoded<Advanced, GroupCode>> {
    const { groupContext, tree } = this.#epoch;
    const decoded = await decodeCommit(commit);
    if (!decoded.ok) return decoded;
    const sent = validateHeader(this.#context, { epoch: groupContext.epoch, frames }, decoded.value);
    if (!sent.ok) return sent;
    if (!(await verifyCommitSignature(this.#context, this.#epoch, sent.value))) return refuse('commit-invalid');
    const rules = { context: this.#context, tree, epoch: groupContext.epoch, policy };
    const facts = validateSentCommit(rules, sent.value);
    if (!facts.ok) return facts;
    if (groupInfo === undefined) return refuse('group-info-missing');
    const next = await beginPublicEpoch(this.#context, this.#epoch, sent.value);
    if (!next.ok) return next;
    const expected = { ...next.value, signer: next.value.committer, externalPub: undefined };
    const info = await validateGroupInfo(this.#context, expected, groupInfo);
    if (!info.ok) return info;
    const { externalPub } = info.value;
    const group = new PublicGroup(this.#context, next.value, { groupInfo, externalPub });
    return accept({ group, facts: facts.value });
  }
}

/** Checks all that a joiner checks. */
async function validateSnapshot(context: GroupContext, snapshot: Snapshot): Promise<Decoded<undefined, GroupCode>> {
  const { info, externalPub, tree } = snapshot;
  const { primitives, config } = context;
  const roster = readTree(context, tree);
  if (!roster.ok) return roster;
  const { groupContext } = info;
  const { lifetimeConfig, authService } = config;
  const valid = await refuseOnError('snapshot-invalid', async () => {
    throwIfDefined(
      await validateRatchetTree(tree, groupContext, lifetimeConfig, authService, groupContext.treeHash, primitives),
    );
  });
  if (!valid.ok) return valid;
  const isUsable = isUsableHpkeKey(externalPub, context.suite.publicKeyBytes);
  return isUsable && (await isSignedGroupInfo(context, tree, snapshot))
    ? accept(undefined)
    : refuse('snapshot-invalid');
}
