// The group as values: each operation takes a state and returns the next one. The old state stays
// usable until the caller zeroes it.

import { accept, equalBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { ClientState, Commit, KeyPackage, MLSMessage, PrivateKeyPackage, Proposal } from 'ts-mls';
import { createGroup, joinGroup } from 'ts-mls/clientState.js';
import { createCommit, createGroupInfoWithExternalPub, joinGroupExternal } from 'ts-mls/createCommit.js';
import { createApplicationMessage } from 'ts-mls/createMessage.js';
import { acceptAll } from 'ts-mls/incomingMessageAction.js';
import { generateKeyPackageWithKey } from 'ts-mls/keyPackage.js';
import { mlsExporter } from 'ts-mls/keySchedule.js';
import { encodeMlsMessage } from 'ts-mls/message.js';
import { unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js';
import { decryptSenderData } from 'ts-mls/privateMessage.js';
import { processPrivateMessage, processPublicMessage } from 'ts-mls/processMessages.js';
import { emptyPskIndex } from 'ts-mls/pskIndex.js';
import type { SenderData } from 'ts-mls/sender.js';
import { hashBundle } from '../bundle-hash.ts';
import type { BundleFrames } from '../bundle-hash.ts';
import type { GroupCode } from '../errors.ts';
import {
  decodeCommit,
  decodeSnapshot,
  decodeKeyPackage,
  decodeMessageBytes,
  decodeWelcome,
  encodeGroupInfo,
  encodeMessage,
  encodeTree,
  refuseOnError,
} from './bytes.ts';
import type { GroupSnapshot } from './bytes.ts';
import { validateHeader, validateJoin, validateMemberCommit, validateSentCommit } from './commit-rules.ts';
import type { CommitAndBundle, CommitFacts, CommitPolicy, CommitRules, SentCommit } from './commit-rules.ts';
import { beginPublicEpoch, validateGroupInfo } from './public-epoch.ts';
import type { ExpectedEpoch } from './public-epoch.ts';
import { LIFETIME, equalInConstantTime, makeCredential } from './context.ts';
import type { GroupContext } from './context.ts';
import type { GroupIdentity } from './identity.ts';
import { memberAt, readTree, rosterOf } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { LABELS } from '../labels.ts';
import { ENVELOPE_SECRET_BYTES, GROUP_COMMIT_BYTES_MAX, GROUP_SKIPPED_MESSAGES_MAX } from '../limits.ts';

/** The leaf index of a member that has none. */
const UNPLACED = -1;

/**
 * A commit that was made. `next` holds once the relay has accepted `commit`; `consumed` are secrets
 * to be zeroed then.
 */
export interface Proposed {
  readonly next: ClientState;
  readonly commit: Uint8Array;
  /** Of the epoch that the commit begins. Its GroupInfo belongs to the commit. */
  readonly snapshot: GroupSnapshot;
  readonly welcome: Uint8Array | undefined;
  readonly facts: CommitFacts;
  /** The leave and order frames to which the commit is bound. */
  readonly frames: BundleFrames;
  readonly consumed: readonly Uint8Array[];
}

/** A key package and its secrets. */
export interface KeyPackagePair {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/**
 * Makes a key package. The signing key is copied, because states are zeroed when they end and the
 * identity outlives them.
 */
export function makeKeyPackage(context: GroupContext, identity: GroupIdentity): Promise<KeyPackagePair> {
  const signKey = identity.secret.use((seed) => Uint8Array.from(seed));
  return generateKeyPackageWithKey(
    makeCredential(context.keys, identity.memberKey),
    context.capabilities,
    LIFETIME,
    [],
    { signKey, publicKey: identity.memberKey },
    context.primitives,
  );
}

/** @returns the state of a new group in epoch 0, with this identity as its only member. */
export async function createState(context: GroupContext, identity: GroupIdentity): Promise<ClientState> {
  const { publicPackage, privatePackage } = await makeKeyPackage(context, identity);
  const { groupId } = context.keys;
  return createGroup(groupId, publicPackage, privatePackage, [], context.primitives, context.config);
}

/** @returns the snapshot of the state's epoch, its GroupInfo signed by this member. */
export async function exportSnapshot(context: GroupContext, state: ClientState): Promise<GroupSnapshot> {
  const info = await createGroupInfoWithExternalPub(state, [], context.primitives);
  return { groupInfo: encodeGroupInfo(info), tree: encodeTree(state.ratchetTree) };
}

/** @returns the public key to which joiners of this epoch encapsulate (RFC 9420 §8.3). */
async function deriveExternalPub({ primitives }: GroupContext, state: ClientState): Promise<Uint8Array> {
  const { hpke } = primitives;
  return hpke.exportPublicKey((await hpke.deriveKeyPair(state.keySchedule.externalSecret)).publicKey);
}

/**
 * Joins by external commit (RFC 9420 §12.4.3.2). `resync` removes the old leaf of the identity in
 * the same commit. It is bound to a bundle without leave proofs and orders.
 *
 * @returns the commit and the state after it, or the code that refuses the snapshot or the join.
 */
export async function joinByExternalCommit(
  context: GroupContext,
  policy: CommitPolicy,
  snapshot: GroupSnapshot,
  identity: GroupIdentity,
  resync: boolean,
): Promise<Decoded<Proposed, GroupCode>> {
  const decoded = await decodeSnapshot(context, snapshot);
  if (!decoded.ok) return decoded;
  const { info, tree } = decoded.value;
  const roster = readTree(context, tree);
  if (!roster.ok) return roster;
  // Without an old leaf the library would cut the last leaf off the tree (its #484), so it is never
  // asked to.
  const old = roster.value.some(({ memberKey }) => equalInConstantTime(memberKey, identity.memberKey));
  if (resync && !old) return refuse('member-unknown');
  // The library cannot remove the only leaf of a tree either.
  if (resync && roster.value.length === 1) return refuse('member-alone');
  const { publicPackage, privatePackage } = await makeKeyPackage(context, identity);
  const { primitives, config } = context;
  const joined = await refuseOnError('snapshot-invalid', () =>
    joinGroupExternal(info, publicPackage, privatePackage, resync, primitives, tree, config, hashBundle([])),
  );
  privatePackage.initPrivateKey.fill(0);
  privatePackage.hpkePrivateKey.fill(0);
  if (!joined.ok) {
    privatePackage.signaturePrivateKey.fill(0);
    return joined;
  }
  const { publicMessage, newState } = joined.value;
  const message: MLSMessage = { version: 'mls10', wireformat: 'mls_public_message', publicMessage };
  const rules = { context, tree, epoch: info.groupContext.epoch, policy };
  // The joiner validates its own commit as the others will. A commit that they refuse is not worth
  // sending.
  const validated = validateJoin(rules, commitOf(message));
  if (!validated.ok) return validated;
  return accept({
    next: newState,
    commit: encodeMlsMessage(message),
    snapshot: await exportSnapshot(context, newState),
    welcome: undefined,
    facts: validated.value,
    frames: [],
    consumed: [],
  });
}

function commitOf(message: MLSMessage): Commit {
  if (message.wireformat !== 'mls_public_message' || message.publicMessage.content.contentType !== 'commit') {
    throw new Error('the library made something else than a commit');
  }
  return message.publicMessage.content.commit;
}

/**
 * Makes a commit of a member: empty, which brings new keys, or with additions and removals.
 * `frames`: of its bundle, to which it is bound.
 *
 * @returns the commit and the state after it, or the code that refuses it.
 */
export async function proposeCommit(
  context: GroupContext,
  policy: CommitPolicy,
  state: ClientState,
  proposals: readonly Proposal[],
  frames: BundleFrames = [],
): Promise<Decoded<Proposed, GroupCode>> {
  const sender = state.privatePath.leafIndex;
  // The receivers validate the path. The proposals are validated here, before the library has made
  // the path.
  const intended = { proposals: proposals.map((proposal) => ({ proposalOrRefType: 'proposal' as const, proposal })) };
  const rules = commitRulesOf(context, policy, state);
  const validated = validateMemberCommit(rules, sender, { ...intended, path: undefined }, 'intended');
  if (!validated.ok) return validated;
  const made = await refuseOnError('key-package-invalid', () =>
    createCommit(
      { state, cipherSuite: context.primitives },
      { wireAsPublicMessage: true, extraProposals: [...proposals], authenticatedData: hashBundle(frames) },
    ),
  );
  if (!made.ok) return made;
  const { newState, commit, welcome, consumed } = made.value;
  const bytes = encodeMlsMessage(commit);
  if (bytes.length > GROUP_COMMIT_BYTES_MAX) return refuse('group-bytes-size');
  const welcomeBytes = welcome && encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome });
  const snapshot = await exportSnapshot(context, newState);
  const facts = validated.value;
  return accept({ next: newState, commit: bytes, snapshot, welcome: welcomeBytes, facts, frames, consumed });
}

function commitRulesOf(context: GroupContext, policy: CommitPolicy, state: ClientState): CommitRules {
  return { context, policy, tree: state.ratchetTree, epoch: state.groupContext.epoch };
}

/**
 * @returns the proposal to add the maker of this key package, whose content `proposeCommit`
 * validates. Or `group-bytes-size`, or `group-bytes-malformed`.
 */
export async function addProposal(keyPackageBytes: Uint8Array): Promise<Decoded<Proposal, GroupCode>> {
  const keyPackage = await decodeKeyPackage(keyPackageBytes);
  return keyPackage.ok ? accept({ proposalType: 'add', add: { keyPackage: keyPackage.value } }) : keyPackage;
}

/**
 * A welcome, and the snapshot beside it.
 */
export interface WelcomeAndSnapshot {
  /** Up to `GROUP_WELCOME_BYTES_MAX` bytes. */
  readonly welcome: Uint8Array;
  /** Of the epoch into which the welcome admits. */
  readonly snapshot: GroupSnapshot;
}

/**
 * Joins by a welcome. The tree comes from the snapshot of the same epoch, whose hash the welcome
 * confirms.
 *
 * @returns the state of the new member, or the code that refuses the welcome or the snapshot.
 */
export async function joinByWelcome(
  context: GroupContext,
  pair: KeyPackagePair,
  entry: WelcomeAndSnapshot,
): Promise<Decoded<ClientState, GroupCode>> {
  const welcome = await decodeWelcome(context, entry.welcome);
  if (!welcome.ok) return welcome;
  const snapshot = await decodeSnapshot(context, entry.snapshot);
  if (!snapshot.ok) return snapshot;
  const { tree } = snapshot.value;
  const roster = readTree(context, tree);
  if (!roster.ok) return roster;
  // The library moves the keys of the package into the state, so a pair serves for one welcome
  // only.
  const { publicPackage, privatePackage } = pair;
  const { primitives, config } = context;
  const joined = await refuseOnError('welcome-invalid', () =>
    joinGroup(welcome.value, publicPackage, privatePackage, emptyPskIndex, primitives, tree, undefined, config),
  );
  if (!joined.ok) return joined;
  const { groupId, extensions } = joined.value.groupContext;
  return equalInConstantTime(groupId, context.keys.groupId) && extensions.length === 0
    ? accept(joined.value)
    : refuse('group-foreign');
}

/** The result of another member's commit. */
export interface Processed {
  readonly next: ClientState;
  readonly facts: CommitFacts;
  /** The commit removed this very member, and `next` has no use. */
  readonly removed: boolean;
  readonly consumed: readonly Uint8Array[];
}

/**
 * Processes the commit of another member or of a joiner. `state` does not change, and stays usable
 * after a refusal.
 *
 * @returns the next state, or the code that refuses the commit.
 */
export async function processCommit(
  context: GroupContext,
  policy: CommitPolicy,
  state: ClientState,
  { commit: bytes, groupInfo, frames = [] }: CommitAndBundle,
): Promise<Decoded<Processed, GroupCode>> {
  const { primitives } = context;
  const { ratchetTree, groupContext } = state;
  const decoded = await decodeCommit(bytes);
  if (!decoded.ok) return decoded;
  const commit = validateHeader(context, { epoch: groupContext.epoch, frames }, decoded.value);
  if (!commit.ok) return commit;
  // Signature and membership tag come first: no rule of ours sees what nobody in the group has made.
  const authentic = await refuseOnError('commit-invalid', () =>
    unprotectPublicMessage(
      state.keySchedule.membershipKey,
      groupContext,
      ratchetTree,
      commit.value.message,
      primitives,
    ),
  );
  if (!authentic.ok) return authentic;
  if (commit.value.sender === state.privatePath.leafIndex) return refuse('commit-own');
  const facts = validateSentCommit(commitRulesOf(context, policy, state), commit.value);
  if (!facts.ok) return facts;
  if (groupInfo === undefined) return refuse('group-info-missing');
  const processed = await refuseOnError('commit-invalid', () =>
    processPublicMessage(state, commit.value.message, emptyPskIndex, primitives, acceptAll),
  );
  if (!processed.ok) return processed;
  const { newState, consumed } = processed.value;
  const removed = newState.groupActiveState.kind !== 'active';
  const expected = removed
    ? await expectOutside(context, state, commit.value)
    : await expectInside(context, newState, facts.value);
  if (!expected.ok) return expected;
  const info = await validateGroupInfo(context, expected.value, groupInfo);
  return info.ok ? accept({ next: newState, facts: facts.value, removed, consumed }) : info;
}

/** The epoch that a commit begins, as its members know it. */
async function expectInside(
  context: GroupContext,
  next: ClientState,
  { committer }: CommitFacts,
): Promise<Decoded<ExpectedEpoch, GroupCode>> {
  const { groupContext, ratchetTree: tree, confirmationTag } = next;
  const isCommitter = ({ memberKey }: GroupMember): boolean => equalBytes(memberKey, committer.memberKey);
  const signer = rosterOf(tree).find(isCommitter)?.leafIndex ?? UNPLACED;
  const externalPub = await deriveExternalPub(context, next);
  return accept({ groupContext, tree, confirmationTag, signer, externalPub });
}

/** The same, as the member knows it that the commit removes: it has no secret of that epoch. */
async function expectOutside(
  context: GroupContext,
  { groupContext, ratchetTree: tree, confirmationTag }: ClientState,
  commit: SentCommit,
): Promise<Decoded<ExpectedEpoch, GroupCode>> {
  const next = await beginPublicEpoch(context, { groupContext, tree, confirmationTag }, commit);
  return next.ok ? accept({ ...next.value, signer: next.value.committer, externalPub: undefined }) : next;
}

/** A sealed message and the state after it. */
export interface Sealed {
  readonly next: ClientState;
  readonly bytes: Uint8Array;
  readonly consumed: readonly Uint8Array[];
}

/** @returns `content` sealed for the members of the state's epoch. */
export async function sealMessage(context: GroupContext, state: ClientState, content: Uint8Array): Promise<Sealed> {
  const { newState, privateMessage, consumed } = await createApplicationMessage(state, content, context.primitives);
  return { next: newState, bytes: encodeMessage(privateMessage), consumed };
}

/** A message with its sender, which the sender's signature authenticates. */
export interface OpenedMessage {
  /** 16 bytes. */
  readonly memberId: Uint8Array;
  /** 32 bytes, Ed25519. */
  readonly memberKey: Uint8Array;
  /** The sender's place in the tree of the message's epoch. */
  readonly leafIndex: number;
  /** The epoch of the message: the current one or the previous one. */
  readonly epoch: bigint;
  /**
   * Counts the sender's messages in this epoch from 0. A message between two that is missing was
   * lost or withheld.
   */
  readonly generation: number;
  /** The content as the sender gave it to `sealMessage`. */
  readonly bytes: Uint8Array;
}

/** An opened message and the state after it. */
export interface Opened {
  readonly next: ClientState;
  readonly message: OpenedMessage;
  readonly consumed: readonly Uint8Array[];
}

/**
 * Opens a message of this epoch, or of the previous one while its keys are kept.
 *
 * @returns the message, or the code that refuses it.
 */
export async function openMessage(
  context: GroupContext,
  state: ClientState,
  bytes: Uint8Array,
): Promise<Decoded<Opened, GroupCode>> {
  const decoded = decodeMessageBytes(context, bytes);
  if (!decoded.ok) return decoded;
  const message = decoded.value;
  const current = state.groupContext.epoch;
  if (message.epoch > current) return refuse('epoch-future');
  const past = state.historicalReceiverData.get(message.epoch);
  if (message.epoch < current && past === undefined) return refuse('epoch-old');
  const keys = past ?? { ...state, senderDataSecret: state.keySchedule.senderDataSecret };
  const claim = await refuseOnError('message-invalid', () =>
    decryptSenderData(message, keys.senderDataSecret, context.primitives),
  );
  if (!claim.ok) return claim;
  // The sender data proves that a member sealed it, but not which one. The claim counts only once
  // the message has opened.
  const sender = claim.value && memberAt(keys.ratchetTree, claim.value.leafIndex);
  if (claim.value === undefined || sender === undefined) return refuse('message-invalid');
  const inOrder = validateGeneration(claim.value, keys.secretTree[2 * sender.leafIndex]?.application.generation ?? 0);
  if (!inOrder.ok) return inOrder;
  const result = await refuseOnError('message-invalid', () =>
    processPrivateMessage(state, message, emptyPskIndex, context.primitives),
  );
  if (!result.ok) return result;
  if (result.value.kind !== 'applicationMessage') throw new Error('a message opened as something else');
  const { newState, consumed, message: content } = result.value;
  const opened = { ...sender, epoch: message.epoch, generation: claim.value.generation, bytes: content };
  return accept({ next: newState, message: opened, consumed });
}

function validateGeneration(claim: SenderData, expected: number): Decoded<undefined, GroupCode> {
  if (claim.generation < expected) return refuse('message-repeated');
  return claim.generation - expected > GROUP_SKIPPED_MESSAGES_MAX ? refuse('message-skips') : accept(undefined);
}

/**
 * @returns 32 bytes that only members of this epoch can compute (RFC 9420 §8.5): one half of the
 * outer envelope's key.
 */
export function exportEnvelopeSecret(context: GroupContext, state: ClientState): Promise<Uint8Array> {
  const { exporterSecret } = state.keySchedule;
  const label = LABELS.envelopeExporter;
  return mlsExporter(exporterSecret, label, context.keys.roomId, ENVELOPE_SECRET_BYTES, context.primitives);
}
