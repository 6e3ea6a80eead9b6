// What somebody who wants to be let in shows to the members, judged before anybody is asked; and whether a welcome is for him.

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

/** @returns who made this key package. Its credential, its keys and both signatures hold. */
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

/** @returns whether these are the bytes of a welcome that names this key package. Whether it lets anybody in shows when it is used. */
export async function isWelcomeFor(context: GroupContext, keyPackage: KeyPackage, bytes: Uint8Array): Promise<boolean> {
  const welcome = await decodeWelcome(context, bytes);
  if (!welcome.ok) return false;
  const reference = await makeKeyPackageRef(keyPackage, context.primitives.hash);
  return welcome.value.secrets.some(({ newMember }) => equalBytes(newMember, reference));
}
