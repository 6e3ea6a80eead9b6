// A member whose client keeps no rule: it is in the group and commits whatever it likes. All other
// members must refuse such commits.

import { sealEnvelope } from '@sotto/crypto';
import type { Secret } from '@sotto/crypto';
import { createGroupIdentity, deriveGroupKeys, GroupEngine } from '@sotto/crypto/mls';
import type {
  BundleFrames,
  Group,
  GroupCode,
  GroupIdentity,
  GroupKeys,
  GroupMember,
  GroupSnapshot,
  PendingCommit,
} from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  COMMIT_PLACE_BYTES,
  decodeContent,
  encodeBundleFrame,
  encodeContent,
  encodeGroupPlaintext,
  equalBytes,
} from '@sotto/protocol';
import type { Decoded, GroupPlaintext, LeaveProof, Move, SignedAccess, SignedOrder } from '@sotto/protocol';
import { forgeJoin, openForgery, withCredential } from '@sotto/fixtures/forged-join';
import type { Claim } from '@sotto/fixtures/forged-join';
import type { Room } from '@sotto/fixtures/room';
import { authorizationFrames } from '../src/group/commit-bundle.ts';
import { COMMIT_FRAME_SIZE, GroupEnvelopes, leastSizes } from '../src/group/envelopes.ts';
import { decodeText, encodeText } from '../src/utf8.ts';
import { inhabited, keysOf, NO_LOG_HASH, readAll } from './group-room.ts';
import type { GroupLog, GroupReader } from './group-room.ts';

/** The plaintext of an upload's frame. */
const PLAINTEXT_BYTES = 4_028;

/** The authorizations that its uploads carry beside the commit. */
interface Luggage {
  readonly leaves?: readonly LeaveProof[];
  readonly orders?: readonly SignedOrder[];
  /** The leave and order frames that the commit is bound to: those of this luggage if left out. */
  readonly bound?: BundleFrames;
  /** The access order that its snapshot carries. */
  readonly access?: SignedAccess;
  /** Under the key of the epoch that the commit begins, or of the one that it ends. */
  readonly move?: { readonly order: Move; readonly under: 'next' | 'present' };
}

/** The log and the relay, as a rogue reads and writes them. */
type RogueLog = Pick<
  GroupLog,
  'roomSecret' | 'roomId' | 'suite' | 'random' | 'entries' | 'commitNumber' | 'publish' | 'commit'
> & { readonly snapshot: { readonly bytes: Uint8Array } | undefined };

/** The log of a room in which real clients are. */
export function logOf({ relay, invite, roomId, random }: Room): RogueLog {
  return {
    roomSecret: invite.roomSecret,
    roomId,
    suite: 'x-wing',
    random,
    get entries() {
      return relay.log.map(({ operation, body }) =>
        operation === 'committed' ? body.subarray(COMMIT_PLACE_BYTES) : body,
      );
    },
    get commitNumber() {
      return relay.commitNumber;
    },
    get snapshot() {
      return relay.snapshot;
    },
    publish: (body) => {
      relay.append(body);
      return 'accepted';
    },
    commit: ({ bodies, snapshot }) => {
      relay.commit(bodies, snapshot);
      return 'accepted';
    },
  };
}

export class Rogue {
  readonly identity: GroupIdentity;
  readonly envelopes: GroupEnvelopes;
  /** The leave proofs of the goodbyes that it has read. */
  readonly proofs: LeaveProof[] = [];
  readonly #log: RogueLog;
  readonly #engine: GroupEngine;
  readonly keys: GroupKeys;
  #group: Group | undefined;
  #read = 0;
  #number = 0;

  private constructor(log: RogueLog, engine: GroupEngine, keys: GroupKeys) {
    this.#log = log;
    this.#engine = engine;
    this.keys = keys;
    this.identity = createGroupIdentity(log.random.bytes);
    this.envelopes = new GroupEnvelopes(keys, log.random.bytes, leastSizes('off'));
  }

  static async open(log: RogueLog): Promise<Rogue> {
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
  async join(again = false, luggage: Luggage = {}): Promise<void> {
    const snapshot = this.envelopes.openSnapshot(this.#log.snapshot?.bytes ?? new Uint8Array(0));
    if (!snapshot.ok) throw new Error(snapshot.code);
    const made = again
      ? this.#engine.resync(snapshot.value, this.identity)
      : this.#engine.joinGroup(snapshot.value, this.identity);
    await this.#commit(await made, luggage, 'joiner');
  }

  /** All other members of its group. */
  get others(): readonly GroupMember[] {
    const { memberKey } = this.identity;
    return this.#group?.roster.filter((member) => !equalBytes(member.memberKey, memberKey)) ?? [];
  }

  /** @returns the key of the joiner whose knock is the last one in the log */
  async keyOfLastKnock(): Promise<Uint8Array> {
    const knocks = this.#log.entries.flatMap((body) => {
      const { plaintext } = this.envelopes.open(body, undefined);
      return plaintext.ok && plaintext.value.kind === 'knock' ? [plaintext.value.keyPackage] : [];
    });
    const joiner = await this.#engine.readKeyPackage(knocks.at(-1) ?? new Uint8Array(0));
    if (!joiner.ok) throw new Error(joiner.code);
    return joiner.value.memberKey;
  }

  /** Calls the roll, and waits for nobody. */
  async callRoll(): Promise<void> {
    if (this.#group === undefined || this.envelopeKey === undefined) throw new Error('a rogue outside');
    this.#number += 1;
    const content = encodeContent({ number: this.#number, ...NO_LOG_HASH, type: 'roll-call' }, encodeText);
    const message = await this.#group.sealMessage(content);
    this.#log.publish(this.envelopes.sealMessage(message, this.envelopeKey), this.#log.commitNumber);
  }

  /**
   * Commits the join of a puppet that claims to be the victim, and its snapshot. Without a claim the
   * puppet is itself. The rogue stays in the epoch before.
   *
   * @returns the puppet's key
   */
  async joinPuppet(victimKey: Uint8Array, claim: Claim | undefined): Promise<Uint8Array> {
    const snapshot = this.envelopes.openSnapshot(this.#log.snapshot?.bytes ?? new Uint8Array(0));
    if (!snapshot.ok) throw new Error(snapshot.code);
    const identity = createGroupIdentity(this.#log.random.bytes);
    const credential = claim?.(this.keys, { victimKey, thiefKey: identity.memberKey });
    const forged = await forgeJoin(await openForgery(this.keys, this.#log.suite), snapshot.value, {
      identity,
      change: ({ publicPackage, privatePackage }) => ({
        privatePackage,
        publicPackage: credential === undefined ? publicPackage : withCredential(publicPackage, credential),
      }),
    });
    const { groupInfo, commit } = forged;
    const parts = { leaves: [], orders: [], welcome: undefined, groupInfo, commit, move: undefined };
    this.#upload(this.envelopes.sealCommit(parts, this.keys.joinKey), forged.snapshot, undefined);
    return identity.memberKey;
  }

  rotate(luggage: Luggage = {}): Promise<void> {
    return this.#propose((group, frames) => group.rotate(frames), luggage);
  }

  remove(memberIds: readonly Uint8Array[], luggage: Luggage = {}): Promise<void> {
    return this.#propose((group, frames) => group.removeMembers(memberIds, frames), luggage);
  }

  add(keyPackage: Uint8Array): Promise<void> {
    return this.#propose((group, frames) => group.addMember(keyPackage, frames), {});
  }

  async #propose(
    make: (group: Group, frames: BundleFrames) => Promise<Decoded<PendingCommit, GroupCode>>,
    luggage: Luggage,
  ): Promise<void> {
    if (this.#group === undefined) throw new Error('a rogue outside');
    const { leaves = [], orders = [] } = luggage;
    const { bound = authorizationFrames({ leaves, orders }).map(encodeBundleFrame) } = luggage;
    await this.#commit(await make(this.#group, bound), luggage, 'member');
  }

  async #commit(
    made: Decoded<PendingCommit, GroupCode>,
    { leaves = [], orders = [], access, move }: Luggage,
    as: 'member' | 'joiner',
  ): Promise<void> {
    if (!made.ok) throw new Error(made.code);
    const { commit, welcome, snapshot: state, merge, deriveEnvelopeKey } = made.value;
    const { groupInfo } = state;
    const key = as === 'joiner' ? this.keys.joinKey : this.envelopeKey;
    const nextKey = move?.under === 'present' ? key : await deriveEnvelopeKey();
    const parts = { leaves, orders, welcome, groupInfo, commit, move: move?.order };
    const bodies = key && this.envelopes.sealCommit(parts, key, nextKey);
    this.#upload(bodies, state, access);
    this.#group = await merge();
    this.#read = this.#log.entries.length;
  }

  #upload(bodies: readonly Uint8Array[] | undefined, state: GroupSnapshot, access: SignedAccess | undefined): void {
    if (bodies === undefined) throw new Error('a commit that no frames hold');
    const snapshot = this.envelopes.sealSnapshot({ ...state, proofs: [], access });
    const upload = { id: this.#log.random.bytes(16), frameSize: COMMIT_FRAME_SIZE, bodies, snapshot };
    if (this.#log.commit(upload, this.#log.commitNumber) === 'conflict')
      throw new Error('the relay took another commit');
  }

  /**
   * Follows the messages and commits of others since its own last commit. The pieces of each commit
   * are consecutive frames.
   */
  async follow(): Promise<void> {
    const pieces: Uint8Array[] = [];
    let groupInfo: Uint8Array | undefined;
    let frames: Uint8Array[] = [];
    for (; this.#read < this.#log.entries.length; this.#read += 1) {
      const body = this.#log.entries[this.#read] ?? new Uint8Array(0);
      const { plaintext } = this.envelopes.open(body, this.envelopeKey);
      if (plaintext.ok && plaintext.value.kind === 'message') await this.#hear(plaintext.value.bytes);
      if (plaintext.ok && (plaintext.value.kind === 'leave' || plaintext.value.kind === 'order'))
        frames.push(encodeBundleFrame(plaintext.value));
      if (plaintext.ok && plaintext.value.kind === 'group-info') groupInfo = plaintext.value.bytes.slice();
      if (!plaintext.ok || plaintext.value.kind !== 'piece') continue;
      pieces.push(plaintext.value.bytes.slice());
      if (pieces.length < plaintext.value.count) continue;
      await this.#group?.processCommit({ commit: Buffer.concat(pieces.splice(0)), groupInfo, frames });
      frames = [];
    }
  }

  async #hear(bytes: Uint8Array): Promise<void> {
    const message = await this.#group?.openMessage(bytes);
    if (message?.ok !== true) return;
    const content = decodeContent(message.value.bytes, decodeText);
    if (content.ok && content.value.type === 'presence' && content.value.status === 'leaving') {
      const { signature } = content.value;
      this.proofs.push({ memberId: message.value.memberId, signature: signature.slice() });
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

/** The frames of an upload as a string holder reads them; its dummies are noise to it. */
export async function readFrames(log: GroupLog, bodies: readonly Uint8Array[]): Promise<GroupPlaintext[]> {
  const { envelopes } = await Rogue.open(log);
  return bodies.map((body) => {
    const { plaintext } = envelopes.open(body, undefined);
    return plaintext.ok ? plaintext.value : { kind: 'dummy' };
  });
}

/** Puts frames into the log as one commit, as anyone with the connection string can seal them. */
export function post(log: GroupLog, frames: readonly GroupPlaintext[]): void {
  const { joinKey } = keysOf(log);
  log.commitFrames(
    frames.map((frame) => sealEnvelope(joinKey, encodeGroupPlaintext(frame, PLAINTEXT_BYTES), log.random.bytes)),
  );
}

/** The key package of a member's knock, as any string holder can read it from the frame. */
export async function keyPackageOf(stranger: GroupReader): Promise<Uint8Array> {
  const { envelopes } = await Rogue.open(stranger.log);
  const { plaintext } = envelopes.open(await stranger.membership.knock(stranger.name), undefined);
  if (!plaintext.ok || plaintext.value.kind !== 'knock') throw new Error('not a knock');
  return plaintext.value.keyPackage.slice();
}
