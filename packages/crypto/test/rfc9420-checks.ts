// The computations of RFC 9420, checked against the vectors of the MLS working group: by the
// library on any primitives, and by our own decoders.

import { toHex } from '@sotto/protocol';
import { nativeCrypto } from '@sotto/crypto/native';
import { decodeMlsMessage, emptyPskIndex, encodeMlsMessage, joinGroup } from 'ts-mls';
import type { CiphersuiteImpl, ContentTypeName, GroupContext, RatchetTree } from 'ts-mls';
import { decodeAuthenticatedContent } from 'ts-mls/authenticatedContent.js';
import { defaultClientConfig } from 'ts-mls/clientConfig.js';
import { determineLength, lengthEncoder } from 'ts-mls/codec/variableLength.js';
import { decodeCommit, encodeCommit } from 'ts-mls/commit.js';
import { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js';
import { refhash } from 'ts-mls/crypto/hash.js';
import { deriveSecret, deriveTreeSecret, expandWithLabel } from 'ts-mls/crypto/kdf.js';
import { signWithLabel, verifyWithLabel } from 'ts-mls/crypto/signature.js';
import { verifyConfirmationTag } from 'ts-mls/framedContent.js';
import { decodeGroupContext, encodeGroupContext } from 'ts-mls/groupContext.js';
import { verifyGroupInfoSignature } from 'ts-mls/groupInfo.js';
import { decodeGroupSecrets, encodeGroupSecrets } from 'ts-mls/groupSecrets.js';
import { makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { initializeEpoch } from 'ts-mls/keySchedule.js';
import { verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js';
import { encodeProposal } from 'ts-mls/proposal.js';
import { decodeRatchetTree, encodeRatchetTree } from 'ts-mls/ratchetTree.js';
import { createSecretTree, ratchetToGeneration } from 'ts-mls/secretTree.js';
import { expandSenderDataKey, expandSenderDataNonce } from 'ts-mls/sender.js';
import { createConfirmedHash, createInterimHash } from 'ts-mls/transcriptHash.js';
import { decryptGroupSecrets } from 'ts-mls/welcome.js';
import { decodeCommit as readCommit, decodeKeyPackage, decodeWelcome } from '../src/mls/bytes.ts';
import { openContext } from '../src/mls/context.ts';
import type { GroupContext as RoomContext } from '../src/mls/context.ts';
import { isWelcomeFor } from '../src/mls/key-package.ts';
import { at, newKeys, value } from './group-room.ts';
import { casesOf, hex } from './rfc9420-files.ts';
import type {
  CryptoBasics,
  Deserialization,
  EpochSecret,
  KeySchedule,
  MessageProtection,
  Messages,
  PassiveWelcome,
  SecretTree,
  TranscriptHashes,
  WelcomeCase,
} from './rfc9420-files.ts';

/** The sender XORs it with the nonce; the vectors give the nonces before that. */
const NO_GUARD = new Uint8Array(4) as Uint8Array & { length: 4 };
const RETENTION = { retainKeysForGenerations: 0, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 200 };
const is = (bytes: Uint8Array, expected: string): boolean => toHex(bytes) === expected;
/** The values of `crypto-basics` have the length of a key in front of it. */
const keyOf = (text: string): Uint8Array => hex(text).subarray(1);

/** @returns the result of a library decoder, if it used up all the bytes. */
export function whole<Value>(decoded: readonly [Value, number] | undefined, bytes: Uint8Array): Value {
  if (decoded?.[1] !== bytes.length) throw new Error('more or less than one thing');
  return decoded[0];
}

export async function basicsHold(suite: CiphersuiteImpl, one: CryptoBasics): Promise<boolean> {
  const { ref_hash: ref, expand_with_label: expand, derive_secret: derive, derive_tree_secret: tree } = one;
  const { sign_with_label: sign, encrypt_with_label: seal } = one;
  const { kdf, hpke, signature, hash } = suite;
  const secret: unknown = await hpke.importPrivateKey(keyOf(seal.priv));
  const again = await encryptWithLabel(
    await hpke.importPublicKey(keyOf(seal.pub)),
    seal.label,
    hex(seal.context),
    hex(seal.plaintext),
    hpke,
  );
  const open = (enc: Uint8Array, ct: Uint8Array): Promise<Uint8Array> =>
    decryptWithLabel(secret, seal.label, hex(seal.context), enc, ct, hpke);
  const signed = await signWithLabel(keyOf(sign.priv), sign.label, hex(sign.content), signature);
  return [
    is(await refhash(ref.label, hex(ref.value), hash), ref.out),
    is(await expandWithLabel(hex(expand.secret), expand.label, hex(expand.context), expand.length, kdf), expand.out),
    is(await deriveSecret(hex(derive.secret), derive.label, kdf), derive.out),
    is(await deriveTreeSecret(hex(tree.secret), tree.label, tree.generation, tree.length, kdf), tree.out),
    is(signed, sign.signature),
    await verifyWithLabel(keyOf(sign.pub), sign.label, hex(sign.content), hex(sign.signature), signature),
    is(await open(hex(seal.kem_output), hex(seal.ciphertext)), seal.plaintext),
    is(await open(again.enc, again.ct), seal.plaintext),
  ].every(Boolean);
}

export async function scheduleHolds(suite: CiphersuiteImpl, one: KeySchedule): Promise<boolean> {
  let init = hex(one.initial_init_secret);
  for (const [index, epoch] of one.epochs.entries()) {
    const context: GroupContext = {
      version: 'mls10',
      cipherSuite: suite.name,
      groupId: hex(one.group_id),
      epoch: BigInt(index),
      treeHash: hex(epoch.tree_hash),
      confirmedTranscriptHash: hex(epoch.confirmed_transcript_hash),
      extensions: [],
    };
    const { keySchedule: keys, ...more } = await initializeEpoch(
      init,
      hex(epoch.commit_secret),
      context,
      hex(epoch.psk_secret),
      suite.kdf,
    );
    const external = await suite.hpke.deriveKeyPair(keys.externalSecret);
    const computed: Readonly<Record<EpochSecret, Uint8Array>> = {
      group_context: encodeGroupContext(context),
      joiner_secret: more.joinerSecret,
      welcome_secret: more.welcomeSecret,
      encryption_secret: more.encryptionSecret,
      init_secret: keys.initSecret,
      sender_data_secret: keys.senderDataSecret,
      exporter_secret: keys.exporterSecret,
      epoch_authenticator: keys.epochAuthenticator,
      external_secret: keys.externalSecret,
      confirmation_key: keys.confirmationKey,
      membership_key: keys.membershipKey,
      resumption_psk: keys.resumptionPsk,
      external_pub: await suite.hpke.exportPublicKey(external.publicKey),
    };
    const given = hex(epoch.group_context);
    whole(decodeGroupContext(given, 0), given);
    if (!EPOCH_SECRETS.every((name) => is(computed[name], epoch[name]))) return false;
    init = keys.initSecret;
  }
  return one.epochs.length > 0;
}
export const EPOCH_SECRETS: readonly EpochSecret[] = [
  'group_context',
  'joiner_secret',
  'welcome_secret',
  'init_secret',
  'sender_data_secret',
  'encryption_secret',
  'exporter_secret',
  'epoch_authenticator',
  'external_secret',
  'confirmation_key',
  'membership_key',
  'resumption_psk',
  'external_pub',
];

export async function secretTreeHolds(suite: CiphersuiteImpl, one: SecretTree): Promise<boolean> {
  const { sender_data: sender } = one;
  const [secret, sample] = [hex(sender.sender_data_secret), hex(sender.ciphertext)];
  const held = [
    is(await expandSenderDataKey(suite, secret, sample), sender.key),
    is(await expandSenderDataNonce(suite, secret, sample), sender.nonce),
  ];
  const tree = await createSecretTree(one.n_leaves, hex(one.encryption_secret), suite.kdf);
  for (const leaf of one.leaves) {
    const data = { leafIndex: leaf.leaf, generation: leaf.generation, reuseGuard: NO_GUARD };
    const keysFor = (type: ContentTypeName): ReturnType<typeof ratchetToGeneration> =>
      ratchetToGeneration(tree, data, type, RETENTION, suite);
    const [application, handshake] = [await keysFor('application'), await keysFor('commit')];
    held.push(is(application.key, leaf.application_key), is(application.nonce, leaf.application_nonce));
    held.push(is(handshake.key, leaf.handshake_key), is(handshake.nonce, leaf.handshake_nonce));
  }
  return held.every(Boolean);
}

export function lengthHolds(_suite: CiphersuiteImpl, one: Deserialization): Promise<boolean> {
  const header = hex(one.vlbytes_header);
  const read = determineLength(header);
  const [size, write] = lengthEncoder(one.length);
  const written = new ArrayBuffer(size);
  write(0, written);
  return Promise.resolve(
    read.length === one.length &&
      read.lengthFieldSize === header.length &&
      is(new Uint8Array(written), one.vlbytes_header),
  );
}

export async function transcriptHolds({ hash }: CiphersuiteImpl, one: TranscriptHashes): Promise<boolean> {
  const bytes = hex(one.authenticated_content);
  const { wireformat, content, auth } = whole(decodeAuthenticatedContent(bytes, 0), bytes);
  if (content.contentType !== 'commit' || auth.contentType !== 'commit') return false;
  const input = { wireformat, content, signature: auth.signature };
  const confirmed = await createConfirmedHash(hex(one.interim_transcript_hash_before), input, hash);
  return (
    is(confirmed, one.confirmed_transcript_hash_after) &&
    (await verifyConfirmationTag(hex(one.confirmation_key), auth.confirmationTag, confirmed, hash)) &&
    is(await createInterimHash(confirmed, auth.confirmationTag, hash), one.interim_transcript_hash_after)
  );
}

/**
 * The vectors of message protection name no tree, only the sender's leaf. Any tree with a leaf
 * there will do.
 */
function someTree(): RatchetTree {
  const bytes = hex(at(casesOf('passive-client-welcome'), 0).ratchet_tree);
  return whole(decodeRatchetTree(bytes, 0), bytes);
}

export async function protectionHolds(suite: CiphersuiteImpl, one: MessageProtection): Promise<boolean> {
  const context: GroupContext = {
    version: 'mls10',
    cipherSuite: suite.name,
    groupId: hex(one.group_id),
    epoch: BigInt(one.epoch),
    treeHash: hex(one.tree_hash),
    confirmedTranscriptHash: hex(one.confirmed_transcript_hash),
    extensions: [],
  };
  const [tree, key] = [someTree(), hex(one.signature_pub)];
  const openPrivate = async (text: string): Promise<string | undefined> => {
    const bytes = hex(text);
    const message = whole(decodeMlsMessage(bytes, 0), bytes);
    if (message.wireformat !== 'mls_private_message') return undefined;
    const secrets = await createSecretTree(2, hex(one.encryption_secret), suite.kdf);
    const sender = hex(one.sender_data_secret);
    const opened = message.privateMessage;
    const { content } = await unprotectPrivateMessage(sender, opened, secrets, tree, context, RETENTION, suite, key);
    return contentOf(content.content);
  };
  const openPublic = async (text: string): Promise<string | undefined> => {
    const bytes = hex(text);
    const message = whole(decodeMlsMessage(bytes, 0), bytes);
    if (message.wireformat !== 'mls_public_message') return undefined;
    const member = hex(one.membership_key);
    const { content } = await unprotectPublicMessage(member, context, tree, message.publicMessage, suite, key);
    return contentOf(content);
  };
  return (
    (await openPrivate(one.proposal_priv)) === one.proposal &&
    (await openPrivate(one.commit_priv)) === one.commit &&
    (await openPrivate(one.application_priv)) === one.application &&
    (await openPublic(one.proposal_pub)) === one.proposal &&
    (await openPublic(one.commit_pub)) === one.commit
  );
}

type OpenedContent = Awaited<ReturnType<typeof unprotectPrivateMessage>>['content']['content'];
function contentOf(content: OpenedContent): string {
  switch (content.contentType) {
    case 'application':
      return toHex(content.applicationData);
    case 'proposal':
      return toHex(encodeProposal(content.proposal));
    case 'commit':
      return toHex(encodeCommit(content.commit));
  }
}

/** Reads through our own decoders, as a member of a room does. */
export async function welcomeHolds(suite: CiphersuiteImpl, one: WelcomeCase): Promise<boolean> {
  const room = await roomOf(suite);
  const keyPackage = value(await decodeKeyPackage(hex(one.key_package)));
  const welcome = value(await decodeWelcome(room, hex(one.welcome)));
  const reference = await makeKeyPackageRef(keyPackage, suite.hash);
  const key: unknown = await suite.hpke.importPrivateKey(hex(one.init_priv));
  const secrets = await decryptGroupSecrets(key, reference, welcome, suite.hpke);
  return (
    (await verifyKeyPackage(keyPackage, suite.signature)) &&
    (await isWelcomeFor(room, keyPackage, hex(one.welcome))) &&
    secrets?.joinerSecret.length === suite.kdf.size
  );
}

export async function passiveHolds(suite: CiphersuiteImpl, one: PassiveWelcome): Promise<boolean> {
  const room = await roomOf(suite);
  const keyPackage = value(await decodeKeyPackage(hex(one.key_package)));
  const welcome = value(await decodeWelcome(room, hex(one.welcome)));
  const treeBytes = hex(one.ratchet_tree);
  const state = await joinGroup(
    welcome,
    keyPackage,
    {
      initPrivateKey: hex(one.init_priv),
      hpkePrivateKey: hex(one.encryption_priv),
      signaturePrivateKey: hex(one.signature_priv),
    },
    emptyPskIndex,
    suite,
    whole(decodeRatchetTree(treeBytes, 0), treeBytes),
    undefined,
    // The vector's key packages expired in 2024. In a room no key package expires, so our
    // configuration accepts them.
    { ...defaultClientConfig, lifetimeConfig: room.config.lifetimeConfig },
  );
  return is(state.keySchedule.epochAuthenticator, one.initial_epoch_authenticator);
}

/**
 * Every message decodes as its kind and encodes to the same bytes; a message inside another is
 * there, byte for byte.
 */
export async function messagesHold(suite: CiphersuiteImpl, one: Messages): Promise<boolean> {
  const kinds = {
    mls_welcome: 'mls_welcome',
    mls_group_info: 'mls_group_info',
    mls_key_package: 'mls_key_package',
    public_message_commit: 'mls_public_message',
    private_message: 'mls_private_message',
  } as const;
  const held = await Promise.all(
    (Object.keys(kinds) as (keyof typeof kinds)[]).map(async (name) => {
      const ours = await readCommit(hex(one[name]));
      return ours.ok && ours.value.wireformat === kinds[name] && is(encodeMlsMessage(ours.value), one[name]);
    }),
  );
  const [tree, secrets, commit] = [hex(one.ratchet_tree), hex(one.group_secrets), hex(one.commit)];
  return (
    held.every(Boolean) &&
    is(encodeRatchetTree(whole(decodeRatchetTree(tree, 0), tree)), one.ratchet_tree) &&
    is(encodeGroupSecrets(whole(decodeGroupSecrets(secrets, 0), secrets)), one.group_secrets) &&
    is(encodeCommit(whole(decodeCommit(commit, 0), commit)), one.commit) &&
    (await areSigned(suite, one)) &&
    one.mls_group_info.includes(one.ratchet_tree) &&
    one.public_message_commit.includes(one.commit)
  );
}

/**
 * The group info verifies by the one leaf of its tree; the key package and its leaf verify by
 * themselves.
 */
async function areSigned({ signature }: CiphersuiteImpl, one: Messages): Promise<boolean> {
  const info = decodeMlsMessage(hex(one.mls_group_info), 0)?.[0];
  const offer = value(await decodeKeyPackage(hex(one.mls_key_package)));
  const [leaf] = decodeRatchetTree(hex(one.ratchet_tree), 0)?.[0] ?? [];
  if (info?.wireformat !== 'mls_group_info' || leaf?.nodeType !== 'leaf') return false;
  return (
    (await verifyGroupInfoSignature(info.groupInfo, leaf.leaf.signaturePublicKey, signature)) &&
    (await verifyKeyPackage(offer, signature)) &&
    (await verifyLeafNodeSignatureKeyPackage(offer.leafNode, signature))
  );
}

const contexts = new WeakMap<CiphersuiteImpl, RoomContext>();
/** A room on these primitives. */
export async function roomOf(suite: CiphersuiteImpl): Promise<RoomContext> {
  const found = contexts.get(suite) ?? {
    ...(await openContext(nativeCrypto, 'x25519', newKeys(), 64)),
    primitives: suite,
  };
  contexts.set(suite, found);
  return found;
}
