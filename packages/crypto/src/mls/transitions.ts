// The group as values: each operation takes a state and gives the next one, and the old one still works until somebody zeroes it.

import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import {
  acceptAll,
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  joinGroup,
  joinGroupExternal,
  mlsExporter,
  processPrivateMessage,
  processPublicMessage,
} from 'ts-mls';
import type { ClientState, Commit, KeyPackage, MLSMessage, PrivateKeyPackage, PrivateMessage, Proposal } from 'ts-mls';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { decryptSenderData } from 'ts-mls/privateMessage.js';
import type { SenderData } from 'ts-mls/sender.js';
import type { GroupCode } from '../errors.ts';
import {
  decodeCommit,
  decodeSnapshot,
  decodeKeyPackage,
  decodeMessageBytes,
  decodeWelcome,
  encodeSnapshot,
  encodeMessage,
  refuseOnError,
} from './bytes.ts';
import { validateJoin, validateMemberCommit } from './commit-rules.ts';
import type { CommitFacts, CommitPolicy, CommitRules } from './commit-rules.ts';
import { LIFETIME, equalInConstantTime, makeCredential } from './context.ts';
import type { GroupContext } from './context.ts';
import type { GroupIdentity } from './identity.ts';
import { memberAt, readTree } from './tree.ts';
import { LABELS } from '../labels.ts';
import { ENVELOPE_SECRET_BYTES, GROUP_COMMIT_BYTES_MAX, GROUP_SKIPPED_MESSAGES_MAX } from '../limits.ts';

/** A state that holds once the relay has taken the commit, and what to give the relay. */
export interface Proposed {
  readonly next: ClientState;
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array | undefined;
  readonly facts: CommitFacts;
  readonly consumed: readonly Uint8Array[];
}

export interface KeyPackagePair {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/** The signing key is copied: states are zeroed when they end, the identity outlives them. */
export function makeKeyPackage(context: GroupContext, identity: GroupIdentity): Promise<KeyPackagePair> {
  const { memberId, memberKey } = identity;
  const signKey = identity.secret.use((seed) => Uint8Array.from(seed));
  return generateKeyPackageWithKey(
    makeCredential(context.keys, memberId, memberKey),
    context.capabilities,
    LIFETIME,
    [],
    { signKey, publicKey: memberKey },
    context.primitives,
  );
}

export async function createState(context: GroupContext, identity: GroupIdentity): Promise<ClientState> {
  const { publicPackage, privatePackage } = await makeKeyPackage(context, identity);
  const { groupId } = context.keys;
  return createGroup(groupId, publicPackage, privatePackage, [], context.primitives, context.config);
}

export async function exportSnapshot(context: GroupContext, state: ClientState): Promise<Uint8Array> {
  return encodeSnapshot(await createGroupInfoWithExternalPubAndRatchetTree(state, [], context.primitives));
}

/** Joins by external commit; `resync` removes the identity's own old leaf in the same commit. */
export async function joinByExternalCommit(
  context: GroupContext,
  policy: CommitPolicy,
  snapshotBytes: Uint8Array,
  identity: GroupIdentity,
  resync: boolean,
): Promise<Decoded<Proposed, GroupCode>> {
  const snapshot = await decodeSnapshot(context, snapshotBytes);
  if (!snapshot.ok) return snapshot;
  const { info, tree } = snapshot.value;
  const roster = readTree(context, tree);
  if (!roster.ok) return roster;
  // The library throws away the last leaf's worth of tree when there is no old one (its #484): never ask it to then.
  const old = roster.value.some(
    ({ memberId, memberKey }) =>
      equalInConstantTime(memberId, identity.memberId) && equalInConstantTime(memberKey, identity.memberKey),
  );
  if (resync && !old) return refuse('member-unknown');
  // Nor can it take the only leaf out of a tree.
  if (resync && roster.value.length === 1) return refuse('member-alone');
  const { publicPackage, privatePackage } = await makeKeyPackage(context, identity);
  const { primitives, config } = context;
  const joined = await refuseOnError('snapshot-invalid', () =>
    joinGroupExternal(info, publicPackage, privatePackage, resync, primitives, undefined, config),
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
  // The joiner judges itself as the others will: a commit that they refuse is not worth sending.
  const validated = validateJoin(rules, commitOf(message));
  return validated.ok
    ? accept({
        next: newState,
        commit: encodeMlsMessage(message),
        welcome: undefined,
        facts: validated.value,
        consumed: [],
      })
    : validated;
}

function commitOf(message: MLSMessage): Commit {
  if (message.wireformat !== 'mls_public_message' || message.publicMessage.content.contentType !== 'commit') {
    throw new Error('the library made something else than a commit');
  }
  return message.publicMessage.content.commit;
}

/** Makes a commit of a member: empty (new keys), or with additions and removals. */
export async function proposeCommit(
  context: GroupContext,
  policy: CommitPolicy,
  state: ClientState,
  proposals: readonly Proposal[],
): Promise<Decoded<Proposed, GroupCode>> {
  const sender = state.privatePath.leafIndex;
  // The path is judged by those who get it; what we propose is judged here, with an empty path standing in for the one to come.
  const intended = { proposals: proposals.map((proposal) => ({ proposalOrRefType: 'proposal' as const, proposal })) };
  const rules = commitRulesOf(context, policy, state);
  const validated = validateMemberCommit(rules, sender, { ...intended, path: undefined }, 'intended');
  if (!validated.ok) return validated;
  const made = await refuseOnError('key-package-invalid', () =>
    createCommit({ state, cipherSuite: context.primitives }, { extraProposals: [...proposals] }),
  );
  if (!made.ok) return made;
  const { newState, commit, welcome, consumed } = made.value;
  const bytes = encodeMlsMessage(commit);
  if (bytes.length > GROUP_COMMIT_BYTES_MAX) return refuse('group-bytes-size');
  const welcomeBytes = welcome && encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome });
  return accept({ next: newState, commit: bytes, welcome: welcomeBytes, facts: validated.value, consumed });
}

function commitRulesOf(context: GroupContext, policy: CommitPolicy, state: ClientState): CommitRules {
  return { context, policy, tree: state.ratchetTree, epoch: state.groupContext.epoch };
}

export async function addProposal(keyPackageBytes: Uint8Array): Promise<Decoded<Proposal, GroupCode>> {
  const keyPackage = await decodeKeyPackage(keyPackageBytes);
  return keyPackage.ok ? accept({ proposalType: 'add', add: { keyPackage: keyPackage.value } }) : keyPackage;
}

/** Joins by a welcome; the tree comes from the snapshot of the same epoch, whose hash the welcome confirms. */
export async function joinByWelcome(
  context: GroupContext,
  pair: KeyPackagePair,
  welcomeBytes: Uint8Array,
  snapshotBytes: Uint8Array,
): Promise<Decoded<ClientState, GroupCode>> {
  const welcome = await decodeWelcome(context, welcomeBytes);
  if (!welcome.ok) return welcome;
  const snapshot = await decodeSnapshot(context, snapshotBytes);
  if (!snapshot.ok) return snapshot;
  const { tree } = snapshot.value;
  const roster = readTree(context, tree);
  if (!roster.ok) return roster;
  // The library takes the keys of the package into the state: the pair can be used for one welcome only, and is given away here.
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

export interface Processed {
  readonly next: ClientState;
  readonly facts: CommitFacts;
  /** The commit removed this very member: `next` is of no use. */
  readonly removed: boolean;
  readonly consumed: readonly Uint8Array[];
}

/** Processes somebody else's commit. Nothing of `state` changes; on a refusal it is as good as before. */
export async function processCommit(
  context: GroupContext,
  policy: CommitPolicy,
  state: ClientState,
  bytes: Uint8Array,
): Promise<Decoded<Processed, GroupCode>> {
  const decoded = await decodeCommit(bytes);
  if (!decoded.ok) return decoded;
  const message = decoded.value;
  if (message.wireformat === 'mls_private_message')
    return processMemberCommit(context, policy, state, message.privateMessage);
  if (message.wireformat !== 'mls_public_message') return refuse('group-bytes-malformed');
  const { content, senderType } = message.publicMessage;
  const timely = validateHeader(context, state, content);
  if (!timely.ok) return timely;
  // Members' commits are private messages, and nobody proposes alone.
  if (senderType !== 'new_member_commit' || content.contentType !== 'commit') return refuse('commit-form');
  const facts = validateJoin(commitRulesOf(context, policy, state), content.commit);
  if (!facts.ok) return facts;
  const processed = await refuseOnError('commit-invalid', () =>
    processPublicMessage(state, message.publicMessage, emptyPskIndex, context.primitives, acceptAll),
  );
  if (!processed.ok) return processed;
  return accept({
    next: processed.value.newState,
    facts: facts.value,
    removed: false,
    consumed: processed.value.consumed,
  });
}

async function processMemberCommit(
  context: GroupContext,
  policy: CommitPolicy,
  state: ClientState,
  message: PrivateMessage,
): Promise<Decoded<Processed, GroupCode>> {
  const timely = validateHeader(context, state, message);
  if (!timely.ok) return timely;
  if (message.contentType !== 'commit') return refuse('commit-form');
  const { primitives } = context;
  // Opened once for us to judge, before the library acts on what is in it.
  const opened = await refuseOnError('commit-invalid', () => unprotect(context, state, message));
  if (!opened.ok) return opened;
  const { content } = opened.value.content;
  if (content.contentType !== 'commit' || content.sender.senderType !== 'member') return refuse('commit-form');
  if (content.sender.leafIndex === state.privatePath.leafIndex) return refuse('commit-own');
  const facts = validateMemberCommit(commitRulesOf(context, policy, state), content.sender.leafIndex, content.commit);
  if (!facts.ok) return facts;
  const processed = await refuseOnError('commit-invalid', () =>
    processPrivateMessage(state, message, emptyPskIndex, primitives, acceptAll),
  );
  if (!processed.ok) return processed;
  const { newState, consumed } = processed.value;
  const removed = newState.groupActiveState.kind !== 'active';
  return accept({ next: newState, facts: facts.value, removed, consumed: [...consumed, ...opened.value.consumed] });
}

function unprotect(
  context: GroupContext,
  state: ClientState,
  message: PrivateMessage,
): ReturnType<typeof unprotectPrivateMessage> {
  const { keySchedule, secretTree, ratchetTree, groupContext, clientConfig } = state;
  return unprotectPrivateMessage(
    keySchedule.senderDataSecret,
    message,
    secretTree,
    ratchetTree,
    groupContext,
    clientConfig.keyRetentionConfig,
    context.primitives,
  );
}

function validateHeader(
  context: GroupContext,
  state: ClientState,
  header: { readonly groupId: Uint8Array; readonly epoch: bigint; readonly authenticatedData: Uint8Array },
): Decoded<undefined, GroupCode> {
  if (!equalInConstantTime(header.groupId, context.keys.groupId)) return refuse('group-foreign');
  if (header.authenticatedData.length > 0) return refuse('commit-form');
  if (header.epoch < state.groupContext.epoch) return refuse('epoch-old');
  return header.epoch > state.groupContext.epoch ? refuse('epoch-future') : accept(undefined);
}

export interface Sealed {
  readonly next: ClientState;
  readonly bytes: Uint8Array;
  readonly consumed: readonly Uint8Array[];
}

export async function sealMessage(context: GroupContext, state: ClientState, content: Uint8Array): Promise<Sealed> {
  const { newState, privateMessage, consumed } = await createApplicationMessage(state, content, context.primitives);
  return { next: newState, bytes: encodeMessage(privateMessage), consumed };
}

/** A message and who said it: authenticated by the sender's signature. */
export interface OpenedMessage {
  readonly memberId: Uint8Array;
  readonly memberKey: Uint8Array;
  readonly leafIndex: number;
  readonly epoch: bigint;
  /** Counts the sender's messages in this epoch from 0: what is missing between two was lost or withheld. */
  readonly generation: number;
  readonly bytes: Uint8Array;
}

export interface Opened {
  readonly next: ClientState;
  readonly message: OpenedMessage;
  readonly consumed: readonly Uint8Array[];
}

/** Opens a message of this epoch, or of the one before while its keys are kept. */
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
  // Made by a member, but perhaps not by the one it names: believed only when the message has opened.
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

/** @returns 32 bytes that exist for members of this epoch only: half of the outer envelope's key. */
export function exportEnvelopeSecret(context: GroupContext, state: ClientState): Promise<Uint8Array> {
  const { exporterSecret } = state.keySchedule;
  const label = LABELS.envelopeExporter;
  return mlsExporter(exporterSecret, label, context.keys.roomId, ENVELOPE_SECRET_BYTES, context.primitives);
}
