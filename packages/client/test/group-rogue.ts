// A member whose client keeps no rule: it is in the group and commits whatever it likes. All other
// members must refuse such commits.

import type { Secret } from '@sotto/crypto';
import { createGroupIdentity, deriveGroupKeys, GroupEngine } from '@sotto/crypto/mls';
import type { Group, GroupCode, GroupIdentity, GroupKeys, PendingCommit } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import type { Decoded, LeaveProof, SignedAccess, SignedOrder } from '@sotto/protocol';
import { COMMIT_FRAME_SIZE, GroupEnvelopes, leastSizes } from '../src/group/envelopes.ts';
import { inhabited, readAll } from './group-room.ts';
import type { GroupLog, GroupReader } from './group-room.ts';

/** The authorizations that its uploads carry beside the commit. */
interface Luggage {
  readonly leaves?: readonly LeaveProof[];
  readonly orders?: readonly SignedOrder[];
  /** The access order that its snapshot carries. */
  readonly access?: SignedAccess;
}

export class Rogue {
  readonly identity: GroupIdentity;
  readonly envelopes: GroupEnvelopes;
  readonly #log: GroupLog;
  readonly #engine: GroupEngine;
  readonly joinKey: Secret;
  #group: Group | undefined;
  #read = 0;

  private constructor(log: GroupLog, engine: GroupEngine, keys: GroupKeys) {
    this.#log = log;
    this.#engine = engine;
    this.joinKey = keys.joinKey;
    this.identity = createGroupIdentity(log.random.bytes);
    this.envelopes = new GroupEnvelopes(keys, log.random.bytes, leastSizes('off'));
  }

  static async open(log: GroupLog): Promise<Rogue> {
    const keys = deriveGroupKeys({ roomSecret: log.roomSecret, roomId: log.roomId });
    const engine = await GroupEngine.open({ crypto: nativeCrypto, suite: log.suite, keys, policy: () => 'accept' });
    return new Rogue(log, engine, keys);
  }

  /** The envelope key of its epoch; undefined outside of the group. */
  get envelopeKey(): Secret | undefined {
    return this.#group?.envelopeKey(this.#group.epoch);
  }

  /**
   * Joins by external commit, whatever the snapshot says. `again`: its old leaf is still in the
   * tree.
   */
  async join(again = false): Promise<void> {
    const snapshot = this.envelopes.openSnapshot(this.#log.snapshot?.bytes ?? new Uint8Array(0));
    if (!snapshot.ok) throw new Error(snapshot.code);
    const made = again
      ? this.#engine.resync(snapshot.value, this.identity)
      : this.#engine.joinGroup(snapshot.value, this.identity);
    await this.#commit(await made, {}, 'joiner');
  }

  rotate(luggage: Luggage = {}): Promise<void> {
    return this.#propose((group) => group.rotate(), luggage);
  }

  remove(memberIds: readonly Uint8Array[], luggage: Luggage = {}): Promise<void> {
    return this.#propose((group) => group.removeMembers(memberIds), luggage);
  }

  add(keyPackage: Uint8Array): Promise<void> {
    return this.#propose((group) => group.addMember(keyPackage), {});
  }

  async #propose(make: (group: Group) => Promise<Decoded<PendingCommit, GroupCode>>, luggage: Luggage): Promise<void> {
    if (this.#group === undefined) throw new Error('a rogue outside');
    await this.#commit(await make(this.#group), luggage, 'member');
  }

  async #commit(
    made: Decoded<PendingCommit, GroupCode>,
    { leaves = [], orders = [], access }: Luggage,
    as: 'member' | 'joiner',
  ): Promise<void> {
    if (!made.ok) throw new Error(made.code);
    const { commit, welcome, snapshot: state, merge } = made.value;
    const { groupInfo } = state;
    const key = as === 'joiner' ? this.joinKey : this.envelopeKey;
    const bodies = key && this.envelopes.sealCommit({ leaves, orders, welcome, groupInfo, commit }, key);
    if (bodies === undefined) throw new Error('a commit that no frames hold');
    const snapshot = this.envelopes.sealSnapshot({ ...state, proofs: [], access });
    const upload = { id: this.#log.random.bytes(16), frameSize: COMMIT_FRAME_SIZE, bodies, snapshot };
    if (this.#log.commit(upload, this.#log.commitNumber) === 'conflict')
      throw new Error('the relay took another commit');
    this.#group = await merge();
    this.#read = this.#log.entries.length;
  }

  /**
   * Follows the commits of others since its own last one. The pieces of each commit are consecutive
   * frames.
   */
  async follow(): Promise<void> {
    const pieces: Uint8Array[] = [];
    let groupInfo: Uint8Array | undefined;
    for (; this.#read < this.#log.entries.length; this.#read += 1) {
      const body = this.#log.entries[this.#read] ?? new Uint8Array(0);
      const { plaintext } = this.envelopes.open(body, this.envelopeKey);
      if (plaintext.ok && plaintext.value.kind === 'group-info') groupInfo = plaintext.value.bytes.slice();
      if (!plaintext.ok || plaintext.value.kind !== 'piece') continue;
      pieces.push(plaintext.value.bytes.slice());
      if (pieces.length < plaintext.value.count) continue;
      await this.#group?.processCommit({ commit: Buffer.concat(pieces.splice(0)), groupInfo });
    }
  }
}

/** A room with these members and a rogue. */
export async function withRogue(
  seed: number,
  names: readonly string[],
): Promise<{ log: GroupLog; members: GroupReader[]; person: (name: string) => GroupReader; rogue: Rogue }> {
  const room = await inhabited(seed, names);
  const rogue = await Rogue.open(room.log);
  await rogue.join();
  await readAll(room.members);
  return { ...room, rogue };
}

/** The key package of a member's knock, as any string holder can read it from the frame. */
export async function keyPackageOf(stranger: GroupReader): Promise<Uint8Array> {
  const { envelopes } = await Rogue.open(stranger.log);
  const { plaintext } = envelopes.open(await stranger.membership.knock(stranger.name), undefined);
  if (!plaintext.ok || plaintext.value.kind !== 'knock') throw new Error('not a knock');
  return plaintext.value.keyPackage.slice();
}
