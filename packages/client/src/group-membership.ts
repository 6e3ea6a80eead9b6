// One member's place in its room's group: comes in, says, hears, lets others in and go. Everything goes through the log, in its order. PROTOCOL.md §5.8, §5.9.

import type { RandomSource, Secret } from '@sotto/crypto';
import {
  copyGroupIdentity,
  createGroupIdentity,
  deriveGroupKeys,
  destroyGroupKeys,
  GroupEngine,
  proveLeave,
} from '@sotto/crypto/group';
import type {
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
  accept,
  decodeContent,
  encodeContent,
  equalBytes,
  NAME_BYTES_MAX,
  refuse,
  UPLOAD_ID_BYTES,
} from '@sotto/protocol';
import type {
  Content,
  ContentCode,
  Decoded,
  GroupPlaintext,
  LeaveProof,
  Piece,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
import { EMPTY_ROW } from './commit-row.ts';
import { Knocking, rememberStranger, stillOutside } from './doorstep.ts';
import type { Stranger } from './doorstep.ts';
import { COMMIT_FRAME_SIZE, DUMMY, GroupEnvelopes } from './group-envelopes.ts';
import type { SealedBy } from './group-envelopes.ts';
import type { GroupNothing, GroupOpened } from './group-opened.ts';
import { accessAfter, judgeCommit, leaveOf, modeOf, removalReason } from './group-policy.ts';
import type { Evidence, Warrants } from './group-policy.ts';
import { departingOf, isSame, silentOf, takeView } from './group-view.ts';
import type { GroupView, ViewParts } from './group-view.ts';
import { LEAVERS_PER_COMMIT_MAX } from './limits.ts';
import { LogLedger } from './log-ledger.ts';
import type { Standing } from './log-ledger.ts';
import { describeEpoch, OwnCommits } from './own-commit.ts';
import type { OwnCommit } from './own-commit.ts';
import { decodeText, encodeText } from './text.ts';
import type { Upload } from './upload.ts';

export type { AccessMode } from '@sotto/protocol';
export type { GroupOpened } from './group-opened.ts';
export type { RemovalReason } from './group-policy.ts';
export type { GroupSeat, GroupView } from './group-view.ts';

export interface GroupSurroundings {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly random: RandomSource;
  /** 32 bytes: the onion's public key. */
  readonly moderatorKey: Uint8Array;
  /** Carried over from the room before; copied. Made anew if absent. */
  readonly identity?: GroupIdentity | undefined;
}

/** Why a head lets nobody in. */
export type HeadCode = GroupCode | ContentCode | 'head-foreign';

/** What the engine's questions are answered from: it asks in the middle of its work whether a commit may be. */
interface Desk {
  evidence: Evidence | undefined;
}

interface Parts {
  readonly keys: GroupKeys;
  readonly identity: GroupIdentity;
  readonly engine: GroupEngine;
  readonly desk: Desk;
  readonly ledger: LogLedger;
  readonly random: RandomSource;
}

/**
 * Calls are made one after another, each when the one before has settled. `open` is given every entry of the log in its order, this member's
 * own included: what came back was heard by the others.
 */
export class GroupMembership {
  readonly #keys: GroupKeys;
  readonly #identity: GroupIdentity;
  readonly #random: RandomSource;
  readonly #engine: GroupEngine;
  readonly #desk: Desk;
  readonly #ledger: LogLedger;
  readonly #envelopes: GroupEnvelopes;
  readonly #own = new OwnCommits();
  #group: Group | undefined;
  /** The last view, and what it was taken of. */
  #seen: { readonly parts: ViewParts; readonly view: GroupView } | undefined;
  #strangers: readonly Stranger[] = [];
  #knocking: Knocking | undefined;

  private constructor({ keys, identity, engine, desk, ledger, random }: Parts) {
    this.#keys = keys;
    this.#identity = identity;
    this.#engine = engine;
    this.#desk = desk;
    this.#ledger = ledger;
    this.#random = random;
    this.#envelopes = new GroupEnvelopes(keys, random);
  }

  /** A member of nothing yet. Everything that is handed in stays the caller's. */
  static async open(
    roomSecret: Uint8Array,
    roomId: Uint8Array,
    { crypto, suite, random, moderatorKey, identity }: GroupSurroundings,
  ): Promise<GroupMembership> {
    const keys = deriveGroupKeys(roomSecret, roomId);
    const desk: Desk = { evidence: undefined };
    const engine = await GroupEngine.open({
      crypto,
      suite,
      keys,
      policy: (facts) => {
        if (desk.evidence === undefined) throw new Error('a commit without anything to judge it by');
        return judgeCommit(desk.evidence, facts);
      },
    });
    return new GroupMembership({
      keys,
      identity: identity === undefined ? createGroupIdentity(random) : copyGroupIdentity(identity),
      engine,
      desk,
      ledger: new LogLedger(keys.roomId, moderatorKey.slice()),
      random,
    });
  }

  get memberId(): Uint8Array {
    return this.#identity.memberId;
  }

  get memberKey(): Uint8Array {
    return this.#identity.memberKey;
  }

  /** For the room to which this one moves: its membership takes a copy, so it is to be opened before this one is destroyed. */
  get identity(): GroupIdentity {
    return this.#identity;
  }

  /** Undefined outside the group. */
  get view(): GroupView | undefined {
    const parts = this.#group && this.#viewParts(this.#group);
    if (parts === undefined) return undefined;
    if (this.#seen === undefined || !isSame(this.#seen.parts, parts)) this.#seen = { parts, view: takeView(parts) };
    return this.#seen.view;
  }

  /**
   * Makes the group, and leaves it in the same breath: what remains is a head from which anybody with the room secret can join, and the proof
   * that its founder may be removed. The caller ends this membership, and with it the founder's keys.
   */
  async found(access?: SignedAccess): Promise<Upload> {
    if (access !== undefined && !this.#ledger.isOrder(access)) throw new Error('a room founded under a void order');
    const group = await this.#engine.createGroup(this.#identity);
    const proofs = [proveLeave(this.#identity, this.#keys.roomId)];
    const head = this.#envelopes.sealHead({ group: await group.exportHead(), proofs, access });
    group.destroy();
    return this.#makeUpload(this.#envelopes.sealFrames([DUMMY], this.#keys.joinKey), head);
  }

  /**
   * Joins from a sealed head; `again`: as itself, if its leaf is in the group still, and otherwise like anybody. A refusal changes nothing.
   * `policy-knock` and `policy-locked` say at once, from the head alone, that nobody would take the commit.
   */
  async join(sealedHead: Uint8Array, again: boolean): Promise<Decoded<Upload, HeadCode>> {
    const head = this.#readHead(sealedHead);
    if (!head.ok) return head;
    const { group, proofs, access } = head.value;
    const standing = { proofs, access };
    const joined = await this.#judging(this.#ledger.evidenceOfHead(standing), () => this.#joinFrom(group, again));
    if (!joined.ok) return joined;
    return this.#propose(joined.value, { sealedBy: 'joiner', warrants: EMPTY_ROW, standing });
  }

  /** Asks to be let in. @returns the body of a PUBLISH frame. `name`: 1 to 48 bytes in UTF-8. */
  async knock(name: string): Promise<Uint8Array> {
    const bytes = encodeText(name);
    if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) throw new RangeError('a name of another length');
    const offer = await this.#engine.createKeyPackage(this.#identity);
    this.#knocking?.destroy();
    this.#knocking = new Knocking(offer);
    return this.#envelopes.sealKnock(bytes, offer.bytes);
  }

  /**
   * Enters the group by a welcome that was whole, with the head that its commit made. A refusal changes nothing: another head may fit.
   * The entries behind that commit are then given to `open` from the first on, again if they were given before.
   */
  async joinByWelcome(sealedHead: Uint8Array): Promise<Decoded<undefined, HeadCode>> {
    const head = this.#readHead(sealedHead);
    if (!head.ok) return head;
    if (this.#knocking === undefined || this.#group !== undefined) return refuse('welcome-invalid');
    const entered = await this.#knocking.enter(head.value.group);
    if (!entered.ok) return entered;
    // Its keys are the group's now.
    this.#knocking = undefined;
    this.discard();
    await this.#enter(entered.value, head.value);
    return accept(undefined);
  }

  /** Lets in somebody whose knock was opened. */
  async admit(memberId: Uint8Array): Promise<Decoded<Upload, GroupCode>> {
    const stranger = this.#strangers.find((each) => equalBytes(each.memberId, memberId));
    if (stranger === undefined) return refuse('member-unknown');
    return this.#commit(EMPTY_ROW, (group) => group.addMember(stranger.keyPackage));
  }

  /** New keys for this member; those who have said that they want to go are removed with it. */
  rotate(): Promise<Decoded<Upload, GroupCode>> {
    return this.#rotate([], []);
  }

  /** Removes those in `view.silent`, and those who want to go. */
  async removeSilent(): Promise<Decoded<Upload, GroupCode>> {
    const silent = silentOf(this.#viewParts(this.#inside()));
    return silent.length === 0 ? refuse('policy-remove') : this.#rotate([], silent);
  }

  /** New keys, and orders that are carried out with them: an access order, or evictions, which remove the evicted. */
  async order(orders: readonly SignedOrder[]): Promise<Decoded<Upload, GroupCode>> {
    const evicted: GroupMember[] = [];
    for (const order of orders) {
      const code = this.#ledger.refuseOrder(order);
      if (code !== undefined) return refuse(code);
      if (order.type !== 'evict') continue;
      const member = this.#inside().roster.find(({ memberId }) => equalBytes(memberId, order.memberId));
      if (member === undefined || equalBytes(member.memberId, this.memberId)) return refuse('member-unknown');
      evicted.push(member);
    }
    return this.#rotate(orders, evicted);
  }

  /** The head of the present epoch once more: for a room whose head somebody has replaced by junk. */
  republish(): Promise<Upload> {
    return this.#makeQuietUpload(DUMMY, this.#ledger.standing.proofs);
  }

  /** A lone member's farewell: whoever comes next finds its leave proof in the head, and the first rotation removes it. */
  depart(): Promise<Upload> {
    const proof = proveLeave(this.#identity, this.#keys.roomId);
    return this.#makeQuietUpload({ kind: 'leave', ...proof }, [...this.#ledger.standing.proofs, proof]);
  }

  /** The relay has refused the commit, or it went with its connection: the group is as it was. */
  discard(): void {
    this.#own.discard();
  }

  /** @returns the body of a PUBLISH frame, in the smallest frame that holds it. */
  async seal(content: Content): Promise<Uint8Array> {
    const group = this.#inside();
    const bytes = await group.sealMessage(encodeContent(content, encodeText));
    const body = this.#envelopes.sealMessage(bytes, envelopeKeyOf(group));
    this.#ledger.addOwnMessage(body, content.type === 'roll-call');
    return body;
  }

  /** Takes the log's next body. */
  async open(body: Uint8Array): Promise<GroupOpened> {
    const echo = this.#own.take(body);
    if (echo.kind === 'whole') return this.#adopt(echo.commit);
    if (echo.kind === 'frame') return this.#pass('own', echo.sealedBy);
    if (this.#group !== undefined && this.#ledger.takeOwnMessage(body, this.memberId)) return nothing('own', 'member');
    const { sealedBy, plaintext } = this.#envelopes.open(body, this.#group && envelopeKeyOf(this.#group));
    if (!plaintext.ok) return this.#pass(plaintext.code, sealedBy);
    return this.#group === undefined
      ? this.#takeOutside(plaintext.value, sealedBy)
      : this.#takeInside(this.#group, plaintext.value, sealedBy);
  }

  destroy(): void {
    this.discard();
    this.#knocking?.destroy();
    this.#knocking = undefined;
    this.#group?.destroy();
    this.#group = undefined;
    this.#identity.secret.destroy();
    destroyGroupKeys(this.#keys);
  }

  /** Somebody outside waits for a welcome, and for nothing else. */
  async #takeOutside(plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    if (plaintext.kind !== 'welcome' || this.#knocking === undefined) return this.#pass('outside', sealedBy);
    return (await this.#knocking.takeWelcome(plaintext)) ? { kind: 'welcome' } : nothing('piece', sealedBy);
  }

  async #takeInside(group: Group, plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    switch (plaintext.kind) {
      case 'dummy':
        return this.#pass('dummy', sealedBy);
      case 'message':
        return this.#openMessage(group, plaintext.bytes);
      case 'piece':
        return this.#takePiece(group, plaintext, sealedBy);
      case 'leave':
        return nothing(this.#ledger.takeLeave(plaintext, group.roster), sealedBy);
      case 'order':
        return nothing(this.#ledger.takeOrder(plaintext.order), sealedBy);
      case 'knock':
        return this.#takeKnock(group, plaintext.name, plaintext.keyPackage);
      case 'welcome':
        this.#ledger.passWelcome();
        return nothing('piece', sealedBy);
    }
  }

  /** Not a part of anything: what stood before it does not go on behind it. */
  #pass(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
    this.#ledger.endRow();
    this.#knocking?.interrupt();
    return nothing(code, sealedBy);
  }

  async #openMessage(group: Group, bytes: Uint8Array): Promise<GroupOpened> {
    this.#ledger.endRow();
    const message = await group.openMessage(bytes);
    if (!message.ok) return nothing(message.code, 'member');
    const { memberId, memberKey } = message.value;
    const decoded = decodeContent(message.value.bytes, decodeText);
    const content = decoded.ok ? decoded.value : undefined;
    this.#ledger.hear(memberId, content?.type === 'roll-call');
    if (content?.type === 'presence' && content.standing === 'leaving') {
      this.#ledger.noteLeave({ memberId, signature: content.signature }, group.roster);
    }
    return decoded.ok
      ? { kind: 'content', memberId, memberKey, content: decoded.value }
      : nothing(decoded.code, 'member');
  }

  async #takeKnock(group: Group, name: Uint8Array, keyPackage: Uint8Array): Promise<GroupOpened> {
    const mode = this.#ledger.evidence().access;
    if (mode !== 'knock') return this.#pass(mode === 'open' ? 'policy-add' : 'policy-locked', 'joiner');
    const said = decodeText(name);
    if (said === undefined) return this.#pass('content-text', 'joiner');
    // A copy: the frame goes, the stranger waits.
    const bytes = keyPackage.slice();
    const stranger = await this.#engine.readKeyPackage(bytes);
    if (!stranger.ok) return this.#pass(stranger.code, 'joiner');
    const { memberId, memberKey } = stranger.value;
    if (group.roster.some((member) => isAlike(member, stranger.value))) {
      return this.#pass('member-duplicate', 'joiner');
    }
    this.#ledger.endRow();
    this.#strangers = rememberStranger(this.#strangers, { memberId, keyPackage: bytes });
    return { kind: 'knock', memberId, memberKey, name: said };
  }

  async #takePiece(group: Group, piece: Piece, sealedBy: SealedBy): Promise<GroupOpened> {
    // What the row shows is what the commit is judged by; its last piece ends it.
    const evidence = this.#ledger.evidence();
    const commit = this.#ledger.takePiece(piece);
    if (commit === undefined) return nothing('piece', sealedBy);
    this.#ledger.endRow();
    const outcome = await this.#judging(evidence, () => group.processCommit(commit));
    if (!outcome.ok) return { kind: 'refused', code: outcome.code, sealedBy };
    const { facts, removed } = outcome.value;
    // What this member had made stands on an epoch that is over.
    this.discard();
    if (removed) return this.#leave(removalReason(evidence.warrants, { memberId: this.memberId }));
    const { access, proofs } = this.#ledger.standing;
    const warrants = facts.kind === 'member' ? evidence.warrants : EMPTY_ROW;
    await this.#enter(group, { access: accessAfter(access, warrants), proofs });
    return describeEpoch('other', facts, warrants, this.memberId);
  }

  async #adopt({ pending, standing, warrants }: OwnCommit): Promise<GroupOpened> {
    const before = this.#group;
    const group = await pending.adopt();
    if (before !== undefined && before !== group) before.destroy();
    // Who has said meanwhile that it wants to go still wants to.
    const proofs = [...standing.proofs, ...this.#ledger.standing.proofs];
    await this.#enter(group, { ...standing, proofs });
    return describeEpoch('own', pending.facts, warrants, this.memberId);
  }

  /** The log has one order, and nothing of the epoch before comes behind its commit: its keys can go at once. */
  async #enter(group: Group, standing: Standing): Promise<void> {
    this.#group = group;
    await group.purgePrevious();
    this.#ledger.enter(group.roster, standing);
    this.#strangers = stillOutside(this.#strangers, group.roster);
  }

  #leave(reason: ReturnType<typeof removalReason>): GroupOpened {
    this.#group = undefined;
    this.#ledger.leave();
    this.#strangers = [];
    return { kind: 'removed', reason };
  }

  async #joinFrom(head: Uint8Array, again: boolean): Promise<Decoded<PendingCommit, GroupCode>> {
    const joined = again ? await this.#engine.rejoinGroup(head, this.#identity) : undefined;
    // It was removed meanwhile: then it joins like anybody.
    const isGone = joined?.ok === false && joined.code === 'member-unknown';
    return joined === undefined || isGone ? this.#engine.joinGroup(head, this.#identity) : joined;
  }

  #readHead(sealed: Uint8Array): ReturnType<GroupEnvelopes['openHead']> | { ok: false; code: 'order-invalid' } {
    const head = this.#envelopes.openHead(sealed);
    const access = head.ok ? head.value.access : undefined;
    return access === undefined || this.#ledger.isOrder(access) ? head : refuse('order-invalid');
  }

  #rotate(orders: readonly SignedOrder[], removed: readonly GroupMember[]): Promise<Decoded<Upload, GroupCode>> {
    const parts = this.#viewParts(this.#inside());
    const isRemoved = ({ memberId }: GroupMember): boolean =>
      removed.some((member) => equalBytes(member.memberId, memberId));
    const leavers = departingOf(parts)
      .filter((member) => !isRemoved(member))
      .slice(0, LEAVERS_PER_COMMIT_MAX);
    const leaves = leavers.flatMap((member) => leaveOf(parts.proofs, member, parts.roomId) ?? []);
    const gone = [...removed, ...leavers].map(({ memberId }) => memberId);
    return this.#commit({ orders, leaves }, (group) =>
      gone.length === 0 ? group.rotate() : group.removeMembers(gone),
    );
  }

  async #commit(
    warrants: Warrants,
    propose: (group: Group) => Promise<Decoded<PendingCommit, GroupCode>>,
  ): Promise<Decoded<Upload, GroupCode>> {
    const group = this.#inside();
    const pending = await this.#judging(this.#ledger.evidence(warrants), () => propose(group));
    if (!pending.ok) return pending;
    const { access, proofs } = this.#ledger.standing;
    const standing = { access: accessAfter(access, warrants), proofs };
    return this.#propose(pending.value, { sealedBy: 'member', warrants, standing });
  }

  #propose(
    pending: PendingCommit,
    { sealedBy, warrants, standing }: Pick<OwnCommit, 'sealedBy' | 'warrants' | 'standing'>,
  ): Decoded<Upload, 'group-bytes-size'> {
    const key = sealedBy === 'joiner' ? this.#keys.joinKey : envelopeKeyOf(this.#inside());
    const bodies = this.#envelopes.sealCommit({ ...warrants, welcome: pending.welcome, commit: pending.commit }, key);
    if (bodies === undefined) {
      pending.discard();
      return refuse('group-bytes-size');
    }
    // Who is removed needs no proof any more.
    const gone = pending.facts.removed;
    const proofs = standing.proofs.filter(
      (proof) => !gone.some((member) => equalBytes(member.memberId, proof.memberId)),
    );
    const head = this.#envelopes.sealHead({ group: pending.head, proofs, access: standing.access });
    this.#own.propose({ pending, bodies, sealedBy, warrants, standing });
    return accept(this.#makeUpload(bodies, head));
  }

  /** An upload that replaces the head and begins no epoch. */
  async #makeQuietUpload(frame: GroupPlaintext, proofs: readonly LeaveProof[]): Promise<Upload> {
    const group = this.#inside();
    const { access } = this.#ledger.standing;
    const head = this.#envelopes.sealHead({ group: await group.exportHead(), proofs, access });
    return this.#makeUpload(this.#envelopes.sealFrames([DUMMY, frame], envelopeKeyOf(group)), head);
  }

  #makeUpload(bodies: readonly Uint8Array[], head: Uint8Array): Upload {
    return { id: this.#random(UPLOAD_ID_BYTES), frameSize: COMMIT_FRAME_SIZE, bodies, head };
  }

  /** Puts on the desk what the engine's question is answered from while `work` is done. */
  async #judging<Result>(evidence: Evidence, work: () => Promise<Result>): Promise<Result> {
    this.#desk.evidence = evidence;
    const result = await work();
    this.#desk.evidence = undefined;
    return result;
  }

  #viewParts(group: Group): ViewParts {
    const { access, proofs } = this.#ledger.standing;
    const { rollCall } = this.#ledger;
    return {
      group,
      epoch: group.epoch,
      self: this.memberId,
      roomId: this.#keys.roomId,
      proofs,
      rollCall,
      access: modeOf(access),
    };
  }

  #inside(): Group {
    if (this.#group === undefined) throw new Error('not in the group');
    return this.#group;
  }
}

function envelopeKeyOf(group: Group): Secret {
  const key = group.envelopeKey(group.epoch);
  if (key === undefined) throw new Error('an epoch without its key');
  return key;
}

function isAlike(one: GroupMember, other: GroupMember): boolean {
  return equalBytes(one.memberId, other.memberId) || equalBytes(one.memberKey, other.memberKey);
}

function nothing(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
  return { kind: 'nothing', code, sealedBy };
}
