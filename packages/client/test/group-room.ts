// Rooms of group members without a network. The log, commit number and snapshots are those of an
// honest relay.

import { deriveRoomKeys } from '@sotto/crypto';
import { deriveGroupKeys, proveLeave } from '@sotto/crypto/mls';
import type { GroupIdentity, GroupKeys, GroupSuite } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import { equalBytes, FRAME_BYTES, toHex, uploadBodyBytes } from '@sotto/protocol';
import type {
  PlainMode,
  CommitPlace,
  Content,
  ContentHeader,
  Decoded,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
import { OrderSigner, SeededRandom } from '@sotto/fixtures';
import { expect } from 'vitest';
import { GroupMembership } from '../src/group/membership.ts';
import type { GroupOpened, GroupView, RemovalReason } from '../src/group/membership.ts';
import type { Upload } from '../src/group/worker-tasks.ts';

/** A stored commit: its snapshot, its new commit number, and the next index in the log. */
interface Stored {
  readonly bytes: Uint8Array;
  readonly commitNumber: number;
  readonly next: number;
}

export class GroupLog {
  readonly random: SeededRandom;
  readonly roomSecret: Uint8Array;
  readonly roomId: Uint8Array;
  /** Envelopes. */
  readonly entries: Uint8Array[] = [];
  /** Of the entries that a commit has brought, by their index. */
  readonly places = new Map<number, CommitPlace>();
  readonly suite: GroupSuite;
  readonly moderator: OrderSigner;
  commitNumber = 0;
  snapshot: Stored | undefined;
  previousSnapshot: Stored | undefined;

  constructor(seed: number, suite: GroupSuite = 'x25519') {
    this.random = new SeededRandom(seed);
    this.suite = suite;
    this.roomSecret = this.random.bytes(32);
    const moderatorSeed = this.random.bytes(32);
    this.roomId = deriveRoomKeys({ roomSecret: this.roomSecret, onionKey: this.random.bytes(32) }).roomId;
    this.moderator = new OrderSigner(moderatorSeed, this.roomId);
  }

  member(name: string, identity?: GroupIdentity): Promise<GroupReader> {
    return GroupReader.open(this, name, identity);
  }

  async founded(access?: SignedAccess): Promise<this> {
    const founder = await this.member('founder');
    this.commit(await founder.membership.found(access), 0);
    founder.membership.destroy();
    return this;
  }

  publish(body: Uint8Array, commitNumber: number): 'accepted' | 'stale' {
    if (commitNumber !== this.commitNumber) return 'stale';
    this.entries.push(body);
    return 'accepted';
  }

  /** Commits frames that are nobody's honest upload; the snapshot stays. */
  commitFrames(bodies: readonly Uint8Array[]): void {
    const snapshot = this.snapshot?.bytes ?? new Uint8Array(0);
    this.commit({ id: this.random.bytes(16), frameSize: 3, bodies, snapshot }, this.commitNumber);
  }

  commit(upload: Upload, commitNumber: number): 'accepted' | 'conflict' {
    if (commitNumber !== this.commitNumber) return 'conflict';
    const size = uploadBodyBytes(FRAME_BYTES[upload.frameSize] ?? 0);
    if (upload.bodies.some((body) => body.length !== size))
      throw new Error('a frame of another size than its upload says');
    this.commitNumber += 1;
    const count = upload.bodies.length;
    for (const [index, body] of upload.bodies.entries()) {
      this.places.set(this.entries.length, { commitNumber: this.commitNumber, index, count });
      this.entries.push(body);
    }
    this.previousSnapshot = this.snapshot;
    this.snapshot = { bytes: upload.snapshot, commitNumber: this.commitNumber, next: this.entries.length };
    return 'accepted';
  }
}

/** The log hash that a member with missed entries sends. */
export const NO_LOG_HASH = { seen: 0, logHash: new Uint8Array(16), before: new Uint8Array(64) } as const;

type Said = Content extends infer Each
  ? Each extends Content
    ? Omit<Each, keyof ContentHeader | 'before'>
    : never
  : never;

/** A member and the place up to which it has read the log. */
export class GroupReader {
  readonly name: string;
  readonly membership: GroupMembership;
  readonly heard: string[] = [];
  readonly opened: GroupOpened[] = [];
  readonly log: GroupLog;
  #read: number;
  #number = 0;
  #commitNumber: number;

  private constructor(log: GroupLog, name: string, membership: GroupMembership) {
    this.log = log;
    this.name = name;
    this.membership = membership;
    this.#read = log.entries.length;
    this.#commitNumber = log.commitNumber;
  }

  static async open(log: GroupLog, name: string, identity: GroupIdentity | undefined): Promise<GroupReader> {
    const { suite, moderator, random, roomSecret, roomId } = log;
    const surroundings = { crypto: nativeCrypto, suite, random: random.bytes, moderatorKey: moderator.publicKey };
    return new GroupReader(log, name, await GroupMembership.open({ roomSecret, roomId, ...surroundings, identity }));
  }

  get commitNumber(): number {
    return this.#commitNumber;
  }

  /**
   * Reads the log to its end, as the relay would send it. The commit number changes with the last
   * frame of its commit.
   */
  async read(): Promise<void> {
    for (; this.#read < this.log.entries.length; this.#read += 1) {
      const envelope = this.log.entries[this.#read] ?? new Uint8Array(0);
      const opened = await this.membership.open(envelope, this.log.places.get(this.#read));
      this.opened.push(opened);
      if (opened.kind === 'content' && opened.content.type === 'text') {
        this.heard.push(Buffer.from(opened.content.bytes).toString());
      }
    }
    this.#commitNumber = this.log.commitNumber;
  }

  /** Joins from the current snapshot, and tries again after each conflict. */
  async join(again = false): Promise<void> {
    for (;;) {
      const snapshot = this.log.snapshot;
      if (snapshot === undefined) throw new Error('a room without a snapshot');
      const before = this.log.entries.length;
      const upload = await this.membership.join(snapshot.bytes, again);
      if (!upload.ok) throw new Error(upload.code);
      if (this.log.commit(upload.value, snapshot.commitNumber) === 'accepted') {
        this.#read = before;
        break;
      }
      this.membership.clear();
    }
    await this.read();
  }

  async send(text: string): Promise<void> {
    await this.publish(() => ({ type: 'text', index: 0, count: 1, bytes: Buffer.from(text) }));
  }

  callRoll(): Promise<void> {
    return this.publish(() => ({ type: 'roll-call' }));
  }

  async publish(say: () => Said): Promise<void> {
    this.#number += 1;
    const content = { number: this.#number, ...NO_LOG_HASH, ...say() } as Content;
    // A refused frame is sealed again under the epoch that has begun meanwhile.
    while (this.log.publish(await this.membership.seal(content), this.#commitNumber) === 'stale') await this.read();
  }

  /**
   * Rotates, and removes the leavers.
   * @returns whether the relay accepted this member's commit.
   */
  rotate(): Promise<boolean> {
    return this.commit(this.membership.rotate());
  }

  removeSilent(): Promise<boolean> {
    return this.commit(this.membership.removeSilent(this.view.silent));
  }

  order(...orders: readonly SignedOrder[]): Promise<boolean> {
    return this.commit(this.membership.order(orders));
  }

  /** The moderator's order by which this member evicts another: all others of now stay. */
  evictionOf(memberId: Uint8Array): SignedOrder {
    const others = this.view.members.filter((member) => !member.self && !equalBytes(member.memberId, memberId));
    return this.log.moderator.evict(memberId, [this.membership.memberId, ...others.map((other) => other.memberId)]);
  }

  admit(stranger: GroupReader): Promise<boolean> {
    return this.commit(this.membership.admit(stranger.membership.memberId));
  }

  /** @returns whether the relay accepted it; another member's commit may have come first. */
  async commit(made: Promise<Decoded<Upload, string>>): Promise<boolean> {
    const upload = await made;
    if (!upload.ok) throw new Error(upload.code);
    const taken = this.log.commit(upload.value, this.#commitNumber) === 'accepted';
    if (!taken) this.membership.clear();
    await this.read();
    return taken;
  }

  /** Commits a snapshot without a new epoch. */
  async putSnapshot(made: Promise<Upload>): Promise<void> {
    this.log.commit(await made, this.#commitNumber);
    await this.read();
  }

  async knock(): Promise<void> {
    const body = await this.membership.knock(this.name);
    this.log.publish(body, this.log.commitNumber);
  }

  /**
   * Joins by the welcome that it has read, with the current snapshot. It then reads on behind the
   * commit that admitted it.
   */
  async enter(snapshot: Stored | undefined = this.log.snapshot): Promise<void> {
    if (snapshot === undefined) throw new Error('a room without a snapshot');
    const entered = await this.membership.joinByWelcome(snapshot.bytes);
    if (!entered.ok) throw new Error(entered.code);
    this.#read = snapshot.next;
    await this.read();
  }

  /** The last opened frame that had an effect. */
  get news(): GroupOpened | undefined {
    return this.opened.findLast(({ kind }) => kind !== 'nothing');
  }

  /** Sends a goodbye, and reads its own echo before it ends. */
  async leave(): Promise<void> {
    await this.publish(() => {
      const { signature } = proveLeave(this.membership.identity, this.log.roomId);
      return { type: 'presence', status: 'leaving', name: this.name, signature };
    });
  }

  get view(): GroupView {
    const view = this.membership.view;
    if (view === undefined) throw new Error(`${this.name} is not in the group`);
    return view;
  }

  get names(): number {
    return this.view.members.length;
  }
}

/**
 * A founded room that these members have joined one after another; all of them have read
 * everything.
 */
export async function room(
  seed: number,
  names: readonly string[],
  access?: PlainMode,
): Promise<{ log: GroupLog; members: GroupReader[] }> {
  const log = new GroupLog(seed);
  await log.founded(access && log.moderator.access(access));
  const members: GroupReader[] = [];
  for (const name of names) {
    const member = await log.member(name);
    await member.join();
    members.push(member);
    await readAll(members);
  }
  return { log, members };
}

export async function readAll(members: readonly GroupReader[]): Promise<void> {
  for (const member of members) await member.read();
}

/** The member of this name. A missing member is a fault of the test. */
export function named(members: readonly GroupReader[], name: string): GroupReader {
  const found = members.find((member) => member.name === name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}

/** Gives a member the frames of one commit, as the log would. */
export async function openCommit(member: GroupMembership, bodies: readonly Uint8Array[]): Promise<void> {
  for (const [index, body] of bodies.entries()) {
    await member.open(body, { commitNumber: 1, index, count: bodies.length });
  }
}

/** The parts of a view that must be equal for all members. */
export function viewOf(member: GroupReader): unknown {
  const { epoch, members, access, logStart, rollCalled } = member.view;
  return {
    epoch,
    access,
    logStart: toHex(logStart),
    rollCalled,
    members: members.map(({ memberId }) => toHex(memberId)),
  };
}

export const refusedRemoval = { kind: 'refused', by: 'other', code: 'policy-remove' };

/** A room that these members have joined; the founder's leaf is gone. */
export async function inhabited(
  seed: number,
  names: readonly string[],
): Promise<{ log: GroupLog; members: GroupReader[]; person: (name: string) => GroupReader }> {
  const { log, members } = await room(seed, names);
  await members[0]?.rotate();
  await readAll(members);
  return { log, members, person: (name) => named(members, name) };
}

export function expectOneView(members: readonly GroupReader[]): void {
  const [first, ...others] = members.map(viewOf);
  for (const other of others) expect(other).toEqual(first);
}

export function removals(member: GroupReader): readonly (readonly [string, RemovalReason])[] {
  return member.opened.flatMap((opened) =>
    opened.kind === 'epoch' ? opened.removed.map((seat) => [idOf(seat), seat.reason] as const) : [],
  );
}

export function idOf({ memberId }: { readonly memberId: Uint8Array }): string {
  return Buffer.from(memberId).toString('hex');
}

export function without(members: readonly GroupReader[], ...gone: readonly GroupReader[]): GroupReader[] {
  return members.filter((member) => !gone.includes(member));
}

/** A room with anna and ben, after the moderator has changed its access. */
export async function restricted(
  seed: number,
  mode: PlainMode,
): Promise<{ log: GroupLog; anna: GroupReader; ben: GroupReader; both: GroupReader[] }> {
  const { log, members: both } = await room(seed, ['anna', 'ben']);
  const [anna, ben] = [named(both, 'anna'), named(both, 'ben')];
  await anna.rotate();
  await ben.read();
  await ben.order(log.moderator.access(mode));
  await anna.read();
  return { log, anna, ben, both };
}

export function keysOf(log: Pick<GroupLog, 'roomSecret' | 'roomId'>): GroupKeys {
  return deriveGroupKeys({ roomSecret: log.roomSecret, roomId: log.roomId });
}
