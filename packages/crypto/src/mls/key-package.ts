// The key package by which a joiner asks for admission, validated before any member is asked; and
// whether a welcome names it. PROTOCOL.md §5.9.

import { accept, equalBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { KeyPackage } from 'ts-mls';
import { makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js';
import type { GroupCode } from '../errors.ts';
import { decodeKeyPackage, decodeWelcome, refuseOnError } from './bytes.ts';
import type { GroupContext } from './context.ts';
import { readLeaf } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { isUsableHpkeKey } from './hpke-key.ts';

const UNPLACED = -1;

/**
 * @returns the member that made this key package, with the leaf index -1. Its credential, its keys
 * and both signatures hold. Otherwise a code of `GROUP_CODES`.
 */
export async function readKeyPackage(
  context: GroupContext,
  bytes: Uint8Array,
): Promise<Decoded<GroupMember, GroupCode>> {
  const decoded = await decodeKeyPackage(bytes);
  if (!decoded.ok) return decoded;
  const keyPackage = decoded.value;
  const { initKey, leafNode } = keyPackage;
  if (keyPackage.cipherSuite !== context.suite.name) return refuse('group-foreign');
  if (keyPackage.extensions.length > 0 || equalBytes(initKey, leafNode.hpkePublicKey)) {
    return refuse('key-package-invalid');
  }
  if (!isUsableHpkeKey(initKey, context.suite.publicKeyBytes)) return refuse('key-package-invalid');
  const member = readLeaf(context, leafNode, UNPLACED);
  if (!member.ok) return member;
  const signed = await refuseOnError('key-package-invalid', () => areSignaturesValid(context, keyPackage));
  if (!signed.ok) return signed;
  return signed.value ? accept(member.value) : refuse('key-package-invalid');
}

async function areSignaturesValid({ primitives }: GroupContext, keyPackage: KeyPackage): Promise<boolean> {
  const leaf = await verifyLeafNodeSignatureKeyPackage(keyPackage.leafNode, primitives.signature);
  return leaf && (await verifyKeyPackage(keyPackage, primitives.signature));
}

/**
 * @returns whether these are the bytes of a welcome that names this key package (RFC 9420
 * §12.4.3.1). Only its use shows whether it admits the joiner.
 */
export async function isWelcomeFor(context: GroupContext, keyPackage: KeyPackage, bytes: Uint8Array): Promise<boolean> {
  const welcome = await decodeWelcome(context, bytes);
  if (!welcome.ok) return false;
  const reference = await makeKeyPackageRef(keyPackage, context.primitives.hash);
  return welcome.value.secrets.some(({ newMember }) => equalBytes(newMember, reference));
}
