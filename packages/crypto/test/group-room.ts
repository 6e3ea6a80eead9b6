// The members of a room for the tests of MLS groups. Each has a group of its own, and all read one
// log; no relay is needed.

import type { Decoded } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { nativeCrypto } from '@sotto/crypto/native';
import { createGroupIdentity, deriveGroupKeys, GroupEngine } from '../src/mls/index.ts';
import type {
  CommitAndBundle,
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

export interface TestRoom {
  readonly keys: GroupKeys;
  readonly engine: GroupEngine;
  readonly members: Member[];
}

/** @returns the value of an answer, which must not be a refusal. */
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
  return deriveGroupKeys({ roomSecret: random.bytes(32), roomId: random.bytes(16) });
}

export function openEngine(
  keys: GroupKeys,
  policy: CommitPolicy = acceptAll,
  suite: GroupSuite = 'x-wing',
  crypto: GroupCrypto = nativeCrypto,
): Promise<GroupEngine> {
  return GroupEngine.open({ crypto, suite, keys, policy });
}

/** A room with `count` members that joined one after the other. */
export async function createRoom(
  count: number,
  policy: CommitPolicy = acceptAll,
  suite: GroupSuite = 'x-wing',
  crypto: GroupCrypto = nativeCrypto,
): Promise<TestRoom> {
  const keys = newKeys();
  const engine = await openEngine(keys, policy, suite, crypto);
  const identity = createGroupIdentity(random.bytes);
  const room: TestRoom = { keys, engine, members: [{ identity, group: await engine.createGroup(identity) }] };
  for (let index = 1; index < count; index += 1) await join(room);
  return room;
}

export async function join(
  room: TestRoom,
  identity: GroupIdentity = createGroupIdentity(random.bytes),
): Promise<Member> {
  const snapshot = await at(room.members, 0).group.exportSnapshot();
  const pending = value(await room.engine.joinGroup(snapshot, identity));
  const member = { identity, group: await applyCommit(room.members, pending) };
  room.members.push(member);
  return member;
}

/** A commit as the log has it. */
export function sent({
  commit,
  snapshot,
  frames,
}: Pick<PendingCommit, 'commit' | 'snapshot' | 'frames'>): CommitAndBundle {
  return { commit, groupInfo: snapshot.groupInfo, frames };
}

/** The relay accepts a commit: its maker merges it, and all other members process it. */
export async function applyCommit(others: readonly Member[], pending: PendingCommit): Promise<Group> {
  const group = await pending.merge();
  for (const other of others) {
    if (other.group !== group) value(await other.group.processCommit(sent(pending)));
  }
  return group;
}

/** @returns the number of different epochs among the groups: 1 if they agree. */
export function agreement(groups: readonly Group[]): number {
  return new Set(groups.map((group) => Buffer.from(group.epochAuthenticator(group.epoch) ?? []).toString('hex'))).size;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
