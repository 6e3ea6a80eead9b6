// The rules for a group's tree that the library lacks: one form of leaf, distinct members, usable
// keys. PROTOCOL.md §5.8.

import { accept, refuse, toHex } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { LeafNode, RatchetTree } from 'ts-mls';
import type { GroupCode } from '../errors.ts';
import { isCredentialOf, LIFETIME } from './context.ts';
import type { GroupContext } from './context.ts';
import { isUsableHpkeKey } from './hpke-key.ts';
import { memberIdOf } from './member-id.ts';

/** A member as the group's tree shows it. */
export interface GroupMember {
  /** 16 bytes: `memberIdOf` its key. */
  readonly memberId: Uint8Array;
  /** 32 bytes, Ed25519: signs all messages and commits of the member. */
  readonly memberKey: Uint8Array;
  /** The member's place in the tree, from 0; -1 before it has one. */
  readonly leafIndex: number;
}

/**
 * @returns the member of a leaf. All leaves have the same form, so that no member's capabilities
 * can hinder the others.
 */
export function readLeaf(context: GroupContext, leaf: LeafNode, leafIndex: number): Decoded<GroupMember, GroupCode> {
  if (leaf.extensions.length > 0 || !hasOurCapabilities(context, leaf) || leaf.leafNodeSource === 'update') {
    return refuse('leaf-invalid');
  }
  if (leaf.leafNodeSource === 'key_package') {
    const { notBefore, notAfter } = leaf.lifetime;
    if (notBefore !== LIFETIME.notBefore || notAfter !== LIFETIME.notAfter) return refuse('leaf-invalid');
  }
  if (!isUsableHpkeKey(leaf.hpkePublicKey, context.suite.publicKeyBytes)) return refuse('leaf-invalid');
  if (!isCredentialOf(context.keys, leaf.credential, leaf.signaturePublicKey)) return refuse('credential-invalid');
  return accept(readMember(leaf, leafIndex));
}

function hasOurCapabilities(context: GroupContext, leaf: LeafNode): boolean {
  const ours = context.capabilities;
  const { versions, ciphersuites, extensions, proposals, credentials } = leaf.capabilities;
  return (
    isList(versions, ours.versions) &&
    isList(ciphersuites, ours.ciphersuites) &&
    isList(extensions, ours.extensions) &&
    isList(proposals, ours.proposals) &&
    isList(credentials, ours.credentials)
  );
}

function isList<Value>(list: readonly Value[], expected: readonly Value[]): boolean {
  return list.length === expected.length && list.every((value, index) => value === expected[index]);
}

/** @returns the members of a validated tree. */
export function rosterOf(tree: RatchetTree): GroupMember[] {
  return leavesOf(tree).map(([leaf, leafIndex]) => readMember(leaf, leafIndex));
}

/** @returns the member of one leaf of a validated tree. */
export function memberAt(tree: RatchetTree, leafIndex: number): GroupMember | undefined {
  const leaf = leafAt(tree, leafIndex);
  return leaf && readMember(leaf, leafIndex);
}

/** @returns one leaf of the tree; undefined if it is blank, or there is none. */
export function leafAt(tree: RatchetTree, leafIndex: number): LeafNode | undefined {
  const node = tree[2 * leafIndex];
  return node?.nodeType === 'leaf' ? node.leaf : undefined;
}

function readMember({ signaturePublicKey }: LeafNode, leafIndex: number): GroupMember {
  return { memberId: memberIdOf(signaturePublicKey), memberKey: signaturePublicKey.slice(), leafIndex };
}

/** @returns each leaf of the tree with its leaf index, in rising order. */
export function leavesOf(tree: RatchetTree): [leaf: LeafNode, leafIndex: number][] {
  return tree.flatMap((node, index): [LeafNode, number][] =>
    node?.nodeType === 'leaf' ? [[node.leaf, index / 2]] : [],
  );
}

/**
 * @returns the members of a foreign tree, after a check of all leaves and keys. The library checks
 * signatures and hashes.
 */
export function readTree(context: GroupContext, tree: RatchetTree): Decoded<GroupMember[], GroupCode> {
  // A tree may have twice as many leaves as members: leaves that were blanked in the middle stay.
  if (tree.length > 4 * context.membersMax) return refuse('group-full');
  const members: GroupMember[] = [];
  for (const [index, node] of tree.entries()) {
    if (node === undefined) continue;
    if ((node.nodeType === 'leaf') !== (index % 2 === 0)) return refuse('snapshot-invalid');
    if (node.nodeType === 'parent') {
      if (!isUsableHpkeKey(node.parent.hpkePublicKey, context.suite.publicKeyBytes)) return refuse('leaf-invalid');
      continue;
    }
    const member = readLeaf(context, node.leaf, index / 2);
    if (!member.ok) return member;
    members.push(member.value);
  }
  if (members.length > context.membersMax) return refuse('group-full');
  return hasDuplicates(members) || !hasDistinctKeys(treeKeys(tree)) ? refuse('member-duplicate') : accept(members);
}

/** @returns whether two members have one id. One key makes one id. */
export function hasDuplicates(members: readonly GroupMember[]): boolean {
  return new Set(members.map(({ memberId }) => toHex(memberId))).size < members.length;
}

/** @returns the public keys for key encapsulation of all nodes, leaves and parents. */
export function treeKeys(tree: RatchetTree): Uint8Array[] {
  return tree.flatMap((node) => {
    if (node === undefined) return [];
    return [node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey];
  });
}

/**
 * @returns whether no key occurs twice. A joiner refuses a tree with one key twice, so a commit
 * that makes one would close the room.
 */
export function hasDistinctKeys(keys: readonly Uint8Array[]): boolean {
  return new Set(keys.map(toHex)).size === keys.length;
}
