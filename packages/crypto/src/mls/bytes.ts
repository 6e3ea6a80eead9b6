// The codec of the group's bytes. It checks sizes before the library decodes, refuses bytes behind
// the end, and turns the library's errors into refusals.

import { accept, concatBytes, equalBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { GroupInfo, KeyPackage, MLSMessage, PrivateMessage, RatchetTree, Welcome } from 'ts-mls';
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls/message.js';
import { decodeRatchetTree, encodeRatchetTree } from 'ts-mls/ratchetTree.js';
import type { GroupCode } from '../errors.ts';
import { equalInConstantTime } from './context.ts';
import type { GroupContext } from './context.ts';
import {
  GROUP_COMMIT_BYTES_MAX,
  GROUP_INFO_BYTES_MAX,
  GROUP_TREE_BYTES_MAX,
  GROUP_KEY_PACKAGE_BYTES_MAX,
  GROUP_MESSAGE_BYTES_MAX,
  GROUP_WELCOME_BYTES_MAX,
} from '../limits.ts';

const EPOCH_BYTES = 8;
/** Leaf index 4, generation 4, reuse guard 4, tag 16 (RFC 9420 §6.3.2). */
const SENDER_DATA_BYTES = 28;
const SMALLEST_MESSAGE_BYTES = EPOCH_BYTES + SENDER_DATA_BYTES + 16;

/**
 * Runs the library on a peer's bytes. The library throws bare errors, stack overflows included;
 * only this function turns them into a value.
 * `work` calls the library alone, so that a bug of ours is never taken for a fault of the peer.
 *
 * @returns the result of `work`, or `code` if it threw.
 */
export async function refuseOnError<Value>(
  code: GroupCode,
  work: () => Value | Promise<Value>,
): Promise<Decoded<Value, GroupCode>> {
  try {
    return accept(await work());
  } catch {
    // The error does not matter: the bytes are not used, and no part of them enters a message.
    return refuse(code);
  }
}

async function decodeMessage(bytes: Uint8Array, limit: number): Promise<Decoded<MLSMessage, GroupCode>> {
  if (bytes.length === 0 || bytes.length > limit) return refuse('group-bytes-size');
  // The decoder returns views. It gets a copy, so that the caller may overwrite its buffer.
  const decoded = await refuseOnError('group-bytes-malformed', () => decodeMlsMessage(Uint8Array.from(bytes), 0));
  if (!decoded.ok) return decoded;
  const [message] = decoded.value ?? [undefined];
  if (message === undefined) return refuse('group-bytes-malformed');
  // Each message has one encoding. The decoder itself accepts lengths in a longer form than needed,
  // and stops before the end.
  const again = await refuseOnError('group-bytes-malformed', () => encodeMlsMessage(message));
  if (!again.ok) return again;
  return equalBytes(again.value, bytes) ? accept(message) : refuse('group-bytes-malformed');
}

/**
 * @returns the message of a commit, of 65,536 bytes at most. Or `group-bytes-size`, or
 * `group-bytes-malformed`.
 */
export async function decodeCommit(bytes: Uint8Array): Promise<Decoded<MLSMessage, GroupCode>> {
  return decodeMessage(bytes, GROUP_COMMIT_BYTES_MAX);
}

/**
 * @returns a key package of 4,096 bytes at most, not yet validated. Or `group-bytes-size`, or
 * `group-bytes-malformed`.
 */
export async function decodeKeyPackage(bytes: Uint8Array): Promise<Decoded<KeyPackage, GroupCode>> {
  const message = await decodeMessage(bytes, GROUP_KEY_PACKAGE_BYTES_MAX);
  if (!message.ok) return message;
  return message.value.wireformat === 'mls_key_package'
    ? accept(message.value.keyPackage)
    : refuse('group-bytes-malformed');
}

/**
 * @returns a welcome of this suite, of 16,384 bytes at most. Or `group-bytes-size`,
 * `group-bytes-malformed`, or `group-foreign`.
 */
export async function decodeWelcome(context: GroupContext, bytes: Uint8Array): Promise<Decoded<Welcome, GroupCode>> {
  const message = await decodeMessage(bytes, GROUP_WELCOME_BYTES_MAX);
  if (!message.ok) return message;
  if (message.value.wireformat !== 'mls_welcome') return refuse('group-bytes-malformed');
  const { welcome } = message.value;
  return welcome.cipherSuite === context.suite.name ? accept(welcome) : refuse('group-foreign');
}

/** A group as string holders see it, in bytes. Any of them can join the epoch from it. */
export interface GroupSnapshot {
  /** A GroupInfo without a tree, as an MLSMessage: up to `GROUP_INFO_BYTES_MAX` bytes. */
  readonly groupInfo: Uint8Array;
  /** The ratchet tree (RFC 9420 §12.4.3.3): up to `GROUP_TREE_BYTES_MAX` bytes. */
  readonly tree: Uint8Array;
}

/** A decoded GroupInfo. Its signature is not verified yet. */
export interface OpenedGroupInfo {
  readonly info: GroupInfo;
  readonly externalPub: Uint8Array;
}

/** A decoded snapshot. Its tree is not validated yet. */
export interface Snapshot extends OpenedGroupInfo {
  readonly tree: RatchetTree;
}

/**
 * @returns a GroupInfo of this very group, its signature not verified. It has exactly the extension
 * `external_pub` (PROTOCOL.md §5.8).
 */
export async function decodeGroupInfo(
  context: GroupContext,
  bytes: Uint8Array,
): Promise<Decoded<OpenedGroupInfo, GroupCode>> {
  const message = await decodeMessage(bytes, GROUP_INFO_BYTES_MAX);
  if (!message.ok) return message;
  if (message.value.wireformat !== 'mls_group_info') return refuse('group-bytes-malformed');
  const info = message.value.groupInfo;
  const { cipherSuite, groupId, extensions } = info.groupContext;
  if (cipherSuite !== context.suite.name || !equalInConstantTime(groupId, context.keys.groupId)) {
    return refuse('group-foreign');
  }
  const [externalPub] = info.extensions;
  return extensions.length > 0 || info.extensions.length !== 1 || externalPub?.extensionType !== 'external_pub'
    ? refuse('group-info-form')
    : accept({ info, externalPub: externalPub.extensionData });
}

/** @returns a ratchet tree, not validated. Or `group-bytes-size`, or `group-bytes-malformed`. */
export async function decodeTree(bytes: Uint8Array): Promise<Decoded<RatchetTree, GroupCode>> {
  if (bytes.length === 0 || bytes.length > GROUP_TREE_BYTES_MAX) return refuse('group-bytes-size');
  // The decoder returns views. It gets a copy, so that the caller may overwrite its buffer.
  const decoded = await refuseOnError('group-bytes-malformed', () => decodeRatchetTree(Uint8Array.from(bytes), 0));
  if (!decoded.ok) return decoded;
  const [tree, length] = decoded.value ?? [undefined, 0];
  return tree === undefined || length !== bytes.length ? refuse('group-bytes-malformed') : accept(tree);
}

/** @returns a snapshot of this very group, its tree decoded but not validated. */
export async function decodeSnapshot(
  context: GroupContext,
  { groupInfo, tree }: GroupSnapshot,
): Promise<Decoded<Snapshot, GroupCode>> {
  const info = await decodeGroupInfo(context, groupInfo);
  if (!info.ok) return info;
  const nodes = await decodeTree(tree);
  return nodes.ok ? accept({ ...info.value, tree: nodes.value }) : nodes;
}

/** @returns the GroupInfo as an MLSMessage (RFC 9420 §12.4.3). */
export function encodeGroupInfo(info: GroupInfo): Uint8Array {
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_group_info', groupInfo: info });
}

/** @returns the tree as RFC 9420 §12.4.3.3 writes it. */
export function encodeTree(tree: RatchetTree): Uint8Array {
  return encodeRatchetTree(tree);
}

/**
 * @returns `epoch u64 || sealed sender data 28 || ciphertext` (PROTOCOL.md §5.8).
 * This is the private message of RFC 9420 §6.3 without the fields that are equal in all of ours.
 * Those are version, kind, group id, content type, and empty authenticated data.
 */
export function encodeMessage(message: PrivateMessage): Uint8Array {
  const epoch = new Uint8Array(EPOCH_BYTES);
  new DataView(epoch.buffer).setBigUint64(0, message.epoch);
  return concatBytes(epoch, message.encryptedSenderData, message.ciphertext);
}

/** @returns the private message of 4,096 bytes at most, not yet opened. Or `group-bytes-size`. */
export function decodeMessageBytes(context: GroupContext, bytes: Uint8Array): Decoded<PrivateMessage, GroupCode> {
  if (bytes.length < SMALLEST_MESSAGE_BYTES || bytes.length > GROUP_MESSAGE_BYTES_MAX) {
    return refuse('group-bytes-size');
  }
  return accept({
    groupId: context.keys.groupId,
    epoch: new DataView(bytes.buffer, bytes.byteOffset, EPOCH_BYTES).getBigUint64(0),
    contentType: 'application',
    authenticatedData: new Uint8Array(0),
    encryptedSenderData: Uint8Array.from(bytes.subarray(EPOCH_BYTES, EPOCH_BYTES + SENDER_DATA_BYTES)),
    ciphertext: Uint8Array.from(bytes.subarray(EPOCH_BYTES + SENDER_DATA_BYTES)),
  });
}
