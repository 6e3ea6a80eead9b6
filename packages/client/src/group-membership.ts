// One member's place in its room's group: joins, says, hears, rotates, lets others go. Everything goes through the log, in its order. PROTOCOL.md §5.8.

import { openEnvelope, plaintextBytes, sealEnvelope } from '@sotto/crypto';
import {
  createGroupIdentity,
  deriveGroupKeys,
  destroyGroupKeys,
  GroupEngine,
  proveLeave,
  verifyLeave,
} from '@sotto/crypto/group';
import type { RandomSource, Secret } from '@sotto/crypto';
import type {
  CommitFacts,
  Group,
  GroupCode,
  GroupCrypto,
  GroupIdentity,
  GroupKeys,
  GroupMember,
  GroupSuite,
  PendingCommit,
} from '@sotto/crypto/group';
import {
  bodyBytes,
  decodeContent,
  decodeGroupPlaintext,
  decodeHeadPlaintext,
  encodeContent,
  encodeGroupPlaintext,
  encodeHeadPlaintext,
  ENVELOPE_OVERHEAD_BYTES,
  equalBytes,
  concatBytes,
  FRAME_BYTES,
  messageCapacity,
  pieceCapacity,
  toHex,
  UPLOAD_ID_BYTES,
} from '@sotto/protocol';
import type { Content, ContentCode, Decoded, GroupPlaintext, LeaveProof, Piece } from '@sotto/protocol';
import { decodeText, encodeText } from './text.ts';
import type { Upload } from './upload.ts';

const PLAINTEXT_SIZES: readonly number[] = FRAME_BYTES.map((bytes) => plaintextBytes(bodyBytes(bytes)));
/** Commits travel in the largest frames, and in 2, 4, 8 or 16 of them, so that their number tells little. */
const COMMIT_FRAME_SIZE = 3;
const COMMIT_PLAINTEXT_BYTES: number = plaintextBytes(bodyBytes(FRAME_BYTES[COMMIT_FRAME_SIZE]));
const COMMIT_FRAMES_LEAST = 2;

/** Why an entry changes nothing for this member. */
type GroupNothing = 'outside' | 'foreign' | 'dummy' | 'own' | 'piece' | 'noted' | GroupCode | ContentCode;

/** What an entry of the log was. `epoch`: the group has gone on, by this member's own commit or another's. */
export type GroupOpened =
  | { readonly kind: 'nothing'; readonly code: GroupNothing }
  | { readonly kind: 'content'; readonly memberKey: Uint8Array; readonly content: Content }
  | { readonly kind: 'epoch'; readonly by: 'own' | 'other' }
  | { readonly kind: 'refused'; readonly code: GroupCode }
  | { readonly kind: 'removed' };

export interface GroupSurroundings {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly random: RandomSource;
}

/** A commit of this member's that the relay may take: the frames that are still to come back, in order. */
interface OwnCommit {
  readonly pending: PendingCommit;
  readonly bodies: readonly Uint8Array[];
  readonly echoed: number;
}

export class GroupMembership {
  readonly #keys: GroupKeys;
  readonly #identity: GroupIdentity;
  readonly #random: RandomSource;
  readonly #engine: GroupEngine;
  /** Who may be removed: each member that has said so, by its id. Everybody reads the same proofs in the same log. */
  readonly #proofs: Map<string, LeaveProof>;
  #group: Group | undefined;
  #own: OwnCommit | undefined;
  #pieces: readonly Uint8Array[] = [];

  private constructor(
    parts: { keys: GroupKeys; identity: GroupIdentity; engine: GroupEngine; proofs: Map<string, LeaveProof> },
    random: RandomSource,
  ) {
    this.#keys = parts.keys;
    this.#identity = parts.identity;
    this.#engine = parts.engine;
    this.#proofs = parts.proofs;
    this.#random = random;
  }

  /** A member of nothing yet. Both secrets stay the caller's. */
  static async open(
    roomSecret: Uint8Array,
    roomId: Uint8Array,
    { crypto, suite, random }: GroupSurroundings,
  ): Promise<GroupMembership> {
    const keys = deriveGroupKeys(roomSecret, roomId);
    const proofs = new Map<string, LeaveProof>();
    const policy = (facts: CommitFacts): 'accept' | 'policy-remove' | 'policy-add' => {
      if (facts.added.length > 0) return 'policy-add';
      return facts.removed.every((member) => mayGo(proofs, member, keys.roomId)) ? 'accept' : 'policy-remove';
    };
    const engine = await GroupEngine.open({ crypto, suite, keys, policy });
    return new GroupMembership({ keys, identity: createGroupIdentity(random), engine, proofs }, random);
  }

  get memberId(): Uint8Array {
    return this.#identity.memberId;
  }

  get memberKey(): Uint8Array {
    return this.#identity.memberKey;
  }

  get epoch(): bigint | undefined {
    return this.#group?.epoch;
  }

  /** Everybody in the group, oneself included; empty outside. */
  get roster(): readonly GroupMember[] {
    return this.#group?.roster ?? [];
  }

  /** Members that have said that they want to go and are still in the group. */
  get departing(): readonly GroupMember[] {
    return this.roster.filter((member) => mayGo(this.#proofs, member, this.#keys.roomId));
  }

  /**
   * Makes the group, and leaves it in the same breath: what remains is a head from which anybody with the room secret can join, and the proof
   * that its founder may be removed. The caller ends this membership, and with it the founder's keys.
   */
  async found(): Promise<Upload> {
    const group = await this.#engine.createGroup(this.#identity);
    const head = this.#sealHead(await group.exportHead(), [proveLeave(this.#identity, this.#keys.roomId)]);
    group.destroy();
    // A log frame that says nothing: a commit has at least one.
    return this.#makeUpload([this.#sealForCommit({ kind: 'dummy' }, this.#keys.joinKey)], head);
  }

  /** Joins from a sealed head; `again` if this member's own leaf is still in the group. A refusal changes nothing. */
  async join(
    sealedHead: Uint8Array,
    again: boolean,
  ): Promise<Decoded<Upload, GroupCode | ContentCode | 'head-foreign'>> {
    const opened = openEnvelope(this.#keys.headKey, sealedHead);
    if (!opened.ok) return { ok: false, code: 'head-foreign' };
    const head = decodeHeadPlaintext(opened.value);
    if (!head.ok) return head;
    for (const proof of head.value.proofs) this.#note(proof);
    const joined = again
      ? await this.#engine.rejoinGroup(head.value.group, this.#identity)
      : await this.#engine.joinGroup(head.value.group, this.#identity);
    return joined.ok ? { ok: true, value: this.#propose(joined.value, [], this.#keys.joinKey) } : joined;
  }

  /** New keys for this member; those who have said that they want to go are removed with it. */
  async rotate(): Promise<Decoded<Upload, GroupCode>> {
    const group = this.#active();
    const departing = this.departing.filter((member) => !equalBytes(member.memberId, this.memberId));
    const proposed =
      departing.length === 0
        ? await group.rotate()
        : await group.removeMembers(departing.map(({ memberId }) => memberId));
    if (!proposed.ok) return proposed;
    const proofs = departing.flatMap(({ memberId }) => this.#proofs.get(toHex(memberId)) ?? []);
    return { ok: true, value: this.#propose(proposed.value, proofs, this.#envelopeKey(group)) };
  }

  /** The head of the present epoch once more: for a room whose head somebody has replaced by junk. */
  async republish(): Promise<Upload> {
    const group = this.#active();
    const head = this.#sealHead(await group.exportHead(), [...this.#proofs.values()]);
    return this.#makeUpload([this.#sealForCommit({ kind: 'dummy' }, this.#envelopeKey(group))], head);
  }

  /** The relay has refused the commit, or it went with its connection: the group is as it was. */
  discard(): void {
    this.#own?.pending.discard();
    this.#own = undefined;
  }

  /** @returns the body of a PUBLISH frame, in the smallest frame that holds it. */
  async seal(content: Content): Promise<Uint8Array> {
    const group = this.#active();
    const bytes = await group.sealMessage(encodeContent(content, encodeText));
    return this.#sealPlaintext({ kind: 'message', bytes }, this.#envelopeKey(group));
  }

  /** @returns the body of a PUBLISH frame that allows everybody to remove this member. */
  sealLeave(): Uint8Array {
    const proof = proveLeave(this.#identity, this.#keys.roomId);
    return this.#sealPlaintext({ kind: 'leave', ...proof }, this.#envelopeKey(this.#active()));
  }

  /** Takes the log's next body. */
  async open(body: Uint8Array): Promise<GroupOpened> {
    const own = this.#own;
    if (own !== undefined && isNext(own, body)) return this.#takeEcho(own);
    const opened = this.#openBody(body);
    if (!opened.ok) return nothing(opened.code);
    switch (opened.value.kind) {
      case 'dummy':
        return nothing('dummy');
      case 'message':
        return this.#openMessage(opened.value.bytes);
      case 'piece':
        return this.#takePiece(opened.value);
      case 'order':
      case 'knock':
      case 'welcome':
        return nothing('content-kind');
      case 'leave':
        return nothing(this.#note(opened.value) ? 'noted' : 'member-unknown');
    }
  }

  destroy(): void {
    this.discard();
    this.#group?.destroy();
    this.#group = undefined;
    this.#identity.secret.destroy();
    destroyGroupKeys(this.#keys);
  }

  async #openMessage(bytes: Uint8Array): Promise<GroupOpened> {
    const group = this.#group;
    if (group === undefined) return nothing('outside');
    const message = await group.openMessage(bytes);
    if (!message.ok) return nothing(message.code);
    const content = decodeContent(message.value.bytes, decodeText);
    if (!content.ok) return nothing(content.code);
    return { kind: 'content', memberKey: message.value.memberKey, content: content.value };
  }

  /** A commit's pieces stand behind one another in the log; whoever breaks the row has lost its commit. */
  async #takePiece(piece: Piece): Promise<GroupOpened> {
    const follows = piece.index === this.#pieces.length;
    if (!follows && piece.index !== 0) {
      this.#pieces = [];
      return nothing('commit-form');
    }
    this.#pieces = [...(follows ? this.#pieces : []), piece.bytes.slice()];
    if (this.#pieces.length < piece.count) return nothing('piece');
    const commit = concatBytes(...this.#pieces);
    this.#pieces = [];
    return this.#process(commit);
  }

  async #process(commit: Uint8Array): Promise<GroupOpened> {
    const group = this.#group;
    if (group === undefined) return nothing('outside');
    const outcome = await group.processCommit(commit);
    if (!outcome.ok) return { kind: 'refused', code: outcome.code };
    // What this member had made stands on an epoch that is over.
    this.discard();
    if (outcome.value.removed) {
      this.#group = undefined;
      return { kind: 'removed' };
    }
    await this.#entered(group);
    return { kind: 'epoch', by: 'other' };
  }

  async #takeEcho(own: OwnCommit): Promise<GroupOpened> {
    const echoed = own.echoed + 1;
    this.#own = { ...own, echoed };
    if (echoed < own.bodies.length) return nothing('own');
    this.#own = undefined;
    const before = this.#group;
    this.#group = await own.pending.adopt();
    if (before !== undefined && before !== this.#group) before.destroy();
    await this.#entered(this.#group);
    return { kind: 'epoch', by: 'own' };
  }

  /** The log has one order, and nothing of the epoch before comes behind its commit: its keys can go at once. */
  async #entered(group: Group): Promise<void> {
    this.#pieces = [];
    await group.purgePrevious();
    const present = new Set(group.roster.map(({ memberId }) => toHex(memberId)));
    for (const memberId of this.#proofs.keys()) if (!present.has(memberId)) this.#proofs.delete(memberId);
  }

  /** Frames of members are under the epoch's key; who joins has only the join key. */
  #openBody(body: Uint8Array): Decoded<GroupPlaintext, ContentCode | 'foreign'> {
    for (const key of [this.#group?.envelopeKey(this.#group.epoch), this.#keys.joinKey]) {
      const opened = key === undefined ? undefined : openEnvelope(key, body);
      if (opened?.ok === true) return decodeGroupPlaintext(opened.value);
    }
    return { ok: false, code: 'foreign' };
  }

  /** A proof is noted if it holds for somebody in the group, or if there is no group yet to look in: then it is judged when it is used. */
  #note(proof: LeaveProof): boolean {
    const member = this.roster.find(({ memberId }) => equalBytes(memberId, proof.memberId));
    if (this.#group !== undefined && member === undefined) return false;
    if (member !== undefined && !verifyLeave(proof, this.#keys.roomId, member.memberKey)) return false;
    this.#proofs.set(toHex(proof.memberId), { memberId: proof.memberId.slice(), signature: proof.signature.slice() });
    return true;
  }

  #propose(pending: PendingCommit, proofs: readonly LeaveProof[], key: Secret): Upload {
    this.discard();
    const capacity = pieceCapacity(COMMIT_PLAINTEXT_BYTES);
    const count = Math.ceil(pending.commit.length / capacity);
    const pieces = Array.from({ length: count }, (_, index): GroupPlaintext => {
      const bytes = pending.commit.subarray(index * capacity, (index + 1) * capacity);
      return { kind: 'piece', index, count, bytes };
    });
    const leaves = proofs.map((proof): GroupPlaintext => ({ kind: 'leave', ...proof }));
    const frames = [...leaves, ...pieces];
    const bucket = Math.max(COMMIT_FRAMES_LEAST, 2 ** Math.ceil(Math.log2(frames.length)));
    // The dummies come first: behind the last piece the epoch, and with it the key, is another.
    const dummies = Array.from({ length: bucket - frames.length }, (): GroupPlaintext => ({ kind: 'dummy' }));
    const bodies = [...dummies, ...frames].map((frame) => this.#sealForCommit(frame, key));
    const staying = [...this.#proofs.values()].filter(
      ({ memberId }) => !proofs.some((proof) => equalBytes(proof.memberId, memberId)),
    );
    this.#own = { pending, bodies, echoed: 0 };
    return this.#makeUpload(bodies, this.#sealHead(pending.head, staying));
  }

  #makeUpload(bodies: readonly Uint8Array[], head: Uint8Array): Upload {
    return { id: this.#random(UPLOAD_ID_BYTES), frameSize: COMMIT_FRAME_SIZE, bodies, head };
  }

  #sealHead(group: Uint8Array, proofs: readonly LeaveProof[]): Uint8Array {
    return sealEnvelope(
      this.#keys.headKey,
      encodeHeadPlaintext({ group, proofs, access: undefined }, ENVELOPE_OVERHEAD_BYTES),
      this.#random,
    );
  }

  /** The frames of a commit have one size, whatever they carry. */
  #sealForCommit(plaintext: GroupPlaintext, key: Secret): Uint8Array {
    return sealEnvelope(key, encodeGroupPlaintext(plaintext, COMMIT_PLAINTEXT_BYTES), this.#random);
  }

  #sealPlaintext(plaintext: GroupPlaintext, key: Secret): Uint8Array {
    const length = plaintext.kind === 'message' ? plaintext.bytes.length : 0;
    const size = PLAINTEXT_SIZES.find((bytes) => messageCapacity(bytes) >= length);
    if (size === undefined) throw new RangeError('a content larger than the largest frame');
    return sealEnvelope(key, encodeGroupPlaintext(plaintext, size), this.#random);
  }

  #active(): Group {
    if (this.#group === undefined) throw new Error('not in the group');
    return this.#group;
  }

  #envelopeKey(group: Group): Secret {
    const key = group.envelopeKey(group.epoch);
    if (key === undefined) throw new Error('an epoch without its key');
    return key;
  }
}

function mayGo(proofs: ReadonlyMap<string, LeaveProof>, member: GroupMember, roomId: Uint8Array): boolean {
  const proof = proofs.get(toHex(member.memberId));
  return proof !== undefined && verifyLeave(proof, roomId, member.memberKey);
}

function isNext(own: OwnCommit, body: Uint8Array): boolean {
  const expected = own.bodies[own.echoed];
  return expected !== undefined && equalBytes(expected, body);
}

function nothing(code: GroupNothing): GroupOpened {
  return { kind: 'nothing', code };
}
