// A room's members for the tests of group keys: each with a group of its own, and a log that all of them read.

import type { Decoded } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { nativeCrypto } from '@sotto/crypto/native';
import { createGroupIdentity, deriveGroupKeys, GroupEngine } from '../src/mls/index.ts';
import type {
  CommitPolicy,
  Group,
  GroupCrypto,
  GroupIdentity,
  GroupKeys,
  GroupSuite,
  PendingCommit,
} from '../src/mls/index.ts';

export const random: SeededRandom = new SeededRandom(11);
export const acceptAll: CommitPolicy = () => 'accept';

export interface Member {
  readonly identity: GroupIdentity;
  readonly group: Group;
}

export interface House {
  readonly keys: GroupKeys;
  readonly engine: GroupEngine;
  readonly members: Member[];
}

/** The value of an answer that has to be one. */
export function value<Value>(decoded: Decoded<Value, string>): Value {
  if (!decoded.ok) throw new Error(`refused: ${decoded.code}`);
  return decoded.value;
}

export function at<Value>(list: readonly Value[], index: number): Value {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing at ${index}`);
  return found;
}

export function newKeys(): GroupKeys {
  return deriveGroupKeys(random.bytes(32), random.bytes(16));
}

export function openEngine(
  keys: GroupKeys,
  policy: CommitPolicy = acceptAll,
  suite: GroupSuite = 'x-wing',
  crypto: GroupCrypto = nativeCrypto,
): Promise<GroupEngine> {
  return GroupEngine.open({ crypto, suite, keys, policy });
}

/** A room with `count` members, who joined one after the other. */
export async function openHouse(
  count: number,
  policy: CommitPolicy = acceptAll,
  suite: GroupSuite = 'x-wing',
  crypto: GroupCrypto = nativeCrypto,
): Promise<House> {
  const keys = newKeys();
  const engine = await openEngine(keys, policy, suite, crypto);
  const identity = createGroupIdentity(random.bytes);
  const house: House = { keys, engine, members: [{ identity, group: await engine.createGroup(identity) }] };
  for (let index = 1; index < count; index += 1) await join(house);
  return house;
}

export async function join(house: House, identity: GroupIdentity = createGroupIdentity(random.bytes)): Promise<Member> {
  const snapshot = await at(house.members, 0).group.exportSnapshot();
  const pending = value(await house.engine.joinGroup(snapshot, identity));
  const member = { identity, group: await take(house.members, pending) };
  house.members.push(member);
  return member;
}

/** The relay takes a commit: its maker keeps it, all others process it. */
export async function take(others: readonly Member[], pending: PendingCommit): Promise<Group> {
  const group = await pending.adopt();
  for (const other of others) {
    if (other.group !== group) value(await other.group.processCommit(pending.commit));
  }
  return group;
}

/** What members of one epoch have in common, or do not. */
export function agreement(groups: readonly Group[]): number {
  return new Set(groups.map((group) => Buffer.from(group.epochAuthenticator(group.epoch) ?? []).toString('hex'))).size;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
