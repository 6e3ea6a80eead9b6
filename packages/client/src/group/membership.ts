// One member's membership in its room's group: it joins, seals, opens, and admits or removes
// others. All of it goes through the log, in its order. PROTOCOL.md §5.8, §5.9.

import type { RandomSource } from '@sotto/crypto';
import { copyGroupIdentity, createGroupIdentity, signPresence, verifyPresence } from '@sotto/crypto/mls';
import type { GroupCode, GroupCrypto, GroupIdentity, GroupSuite } from '@sotto/crypto/mls';
import { accept, decodeContent, encodeContent, equalBytes, NAME_BYTES_MAX, refuse } from '@sotto/protocol';
import type {
  CommitPlace,
  Content,
  ContentCode,
  Cover,
  Decoded,
  Move,
  PresenceContent,
  SnapshotPlaintext,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
import { CommitBuilder } from './commit-builder.ts';
import { Admission } from './admission.ts';
import type { GroupOpened, OpenedPresence } from './opened-entry.ts';
import { GroupState } from './state.ts';
import type { GroupView } from './group-view.ts';
import { LogReader } from './log-reader.ts';
import { decodeText, encodeText } from '../utf8.ts';
import type { Upload } from './worker-tasks.ts';

export type { GroupOpened } from './opened-entry.ts';
export type { RemovalReason } from './commit-policy.ts';
export type { RosterMember, GroupView } from './group-view.ts';

interface GroupOptions {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly random: RandomSource;
  /** 32 bytes: the onion's public key. */
  readonly moderatorKey: Uint8Array;
  /** Absent is `off`. */
  readonly cover?: Cover;
  /** Copied, to carry a member over from the room before. Made anew if absent. */
  readonly identity?: GroupIdentity | undefined;
}

export interface MembershipOptions extends GroupOptions {
  /** 32 bytes. */
  readonly roomSecret: Uint8Array;
  /** 16 bytes. */
  readonly roomId: Uint8Array;
}

/** Why a snapshot cannot be joined from. */
type SnapshotCode = GroupCode | ContentCode | 'snapshot-foreign';

/**
 * One call at a time: each when the one before has settled. `open` is given every entry of the log
 * in its order, also this member's own: the others have heard the frames that came back.
 */
export class GroupMembership {
  readonly #state: GroupState;
  readonly #admission = new Admission();
  readonly #builder: CommitBuilder;
  readonly #reader: LogReader;

  private constructor(state: GroupState) {
    this.#state = state;
    this.#builder = new CommitBuilder(state);
    this.#reader = new LogReader(state, this.#admission);
  }

  /** Opens a membership outside of the group. The caller keeps, and zeroes, what it hands in. */
  static async open({ identity, cover = 'off', ...rest }: MembershipOptions): Promise<GroupMembership> {
    const own = identity === undefined ? createGroupIdentity(rest.random) : copyGroupIdentity(identity);
    return new GroupMembership(await GroupState.open({ ...rest, cover, identity: own }));
  }

  get memberId(): Uint8Array {
    return this.#state.self;
  }

  get memberKey(): Uint8Array {
    return this.#state.identity.memberKey;
  }

  /** For the room that this one moves to: open its membership before this one is destroyed. */
  get identity(): GroupIdentity {
    return this.#state.identity;
  }

  /** Undefined outside the group. */
  get view(): GroupView | undefined {
    return this.#state.view;
  }

  /**
   * Makes the group and leaves it at once. A snapshot remains, from which anyone with the room
   * secret can join, and the founder's leave proof. The caller destroys this membership and so its
   * keys.
   */
  found(access?: SignedAccess): Promise<Upload> {
    return this.#builder.found(access);
  }

  /**
   * Joins from a sealed snapshot; `resync`: as the same member, if its leaf is still in the group.
   * A refusal changes nothing. `policy-knock` and `policy-locked`: the members would refuse the
   * commit.
   */
  async join(sealedSnapshot: Uint8Array, resync: boolean): Promise<Decoded<Upload, SnapshotCode>> {
    const snapshot = this.#readSnapshot(sealedSnapshot);
    return snapshot.ok ? this.#builder.join(snapshot.value, resync) : snapshot;
  }

  /** Asks to be admitted. `name`: 1 to 48 bytes in UTF-8. @returns the body of a PUBLISH frame */
  async knock(name: string): Promise<Uint8Array> {
    const bytes = encodeText(name);
    if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) throw new RangeError('a name of another length');
    const offer = await this.#state.engine.createKeyPackage(this.identity);
    this.#admission.knock(offer);
    return this.#state.envelopes.sealKnock({ name: bytes, keyPackage: offer.bytes });
  }

  /**
   * Enters the group by a whole welcome, with the snapshot of its commit. A refusal changes
   * nothing: another snapshot may fit. The entries behind that commit are then given to `open` from
   * the first on, also if they were given before.
   */
  async joinByWelcome(sealedSnapshot: Uint8Array): Promise<Decoded<undefined, SnapshotCode>> {
    const snapshot = this.#readSnapshot(sealedSnapshot);
    if (!snapshot.ok) return snapshot;
    if (this.#state.group !== undefined) return refuse('member-duplicate');
    const entered = await this.#admission.joinByWelcome(snapshot.value);
    if (!entered.ok) return entered;
    this.clear();
    await this.#state.enter(entered.value, snapshot.value);
    return accept(undefined);
  }

  /** Admits a joiner whose knock was opened. */
  async admit(memberId: Uint8Array): Promise<Decoded<Upload, GroupCode>> {
    const keyPackage = this.#admission.keyPackageOf(memberId);
    return keyPackage === undefined ? refuse('member-unknown') : this.#builder.admit(keyPackage);
  }

  /** Renews this member's keys, and removes up to LEAVERS_PER_COMMIT_MAX leavers. */
  rotate(): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.rotate();
  }

  /** Removes those of `members` that have not answered the roll call, and the leavers. */
  removeSilent(members: readonly Uint8Array[]): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.removeSilent(members);
  }

  /**
   * Rotates, and carries out orders: an access order, or evictions with the members' removal.
   * `move`: tells the members of the next epoch, and no others, in which room they go on.
   */
  order(orders: readonly SignedOrder[], move?: Move): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.order(orders, move);
  }

  /** Restores the snapshot of the present epoch, after it was replaced by junk. */
  republishSnapshot(): Promise<Upload> {
    return this.#builder.republishSnapshot();
  }

  /** Puts a lone member's leave proof into the snapshot: the next member's rotation removes it. */
  publishLeave(): Promise<Upload> {
    return this.#builder.publishLeave();
  }

  /**
   * The relay has refused the commit, or it was lost with its connection: the group is as before.
   */
  clear(): void {
    this.#state.own.clear();
  }

  /** @returns the body of a PUBLISH frame, of the smallest size that holds it */
  async seal(content: Content): Promise<Uint8Array> {
    const bytes = await this.#state.inside().sealMessage(encodeContent(content, encodeText));
    const key = this.#state.envelopeKey;
    if (key === undefined) throw new Error('an epoch without its key');
    const body = this.#state.envelopes.sealMessage(bytes, key);
    this.#state.ledger.addOwnMessage(body, content.type === 'roll-call');
    if (content.type === 'order') this.#state.ledger.noteOrder(content.order);
    return body;
  }

  /** @returns the body of a PRESENCE frame */
  sealPresence(content: PresenceContent): Uint8Array {
    const { identity, keys, envelopes, envelopeKey } = this.#state;
    if (envelopeKey === undefined) throw new Error('an epoch without its key');
    const bound = { roomId: keys.roomId, epochAuthenticator: this.#state.epochAuthenticator };
    const presence = signPresence(identity, { ...bound, content: encodeContent(content, encodeText) });
    return envelopes.sealPresence(presence, envelopeKey);
  }

  /**
   * Opens the body of a PRESENT frame. It may be of any epoch, of nobody, or this member's own.
   * @returns undefined if no other member of this epoch has said it
   */
  openPresence(body: Uint8Array): OpenedPresence | undefined {
    const { group, keys, envelopes, envelopeKey, self } = this.#state;
    const presence = envelopeKey && envelopes.openPresence(body, envelopeKey);
    if (group === undefined || presence === undefined || equalBytes(presence.memberId, self)) return undefined;
    const member = group.roster.find(({ memberId }) => equalBytes(memberId, presence.memberId));
    if (member === undefined) return undefined;
    const { memberKey } = member;
    const bound = { roomId: keys.roomId, epochAuthenticator: this.#state.epochAuthenticator };
    if (!verifyPresence({ ...bound, presence, memberKey })) return undefined;
    const content = decodeContent(presence.content, decodeText);
    if (!content.ok || content.value.type !== 'presence' || content.value.status !== 'here') return undefined;
    return { memberKey, content: content.value };
  }

  /** Opens the log's next envelope. `place`: of a COMMITTED frame; undefined for an ENTRY. */
  open(envelope: Uint8Array, place?: CommitPlace): Promise<GroupOpened> {
    return this.#reader.open(envelope, place);
  }

  destroy(): void {
    this.#admission.withdrawKnock();
    this.#state.destroy();
  }

  /** Any member can seal a snapshot, but only the moderator can order the access mode. */
  #readSnapshot(sealed: Uint8Array): Decoded<SnapshotPlaintext, SnapshotCode> {
    const snapshot = this.#state.envelopes.openSnapshot(sealed);
    const access = snapshot.ok ? snapshot.value.access : undefined;
    return access === undefined || this.#state.ledger.isOrder(access) ? snapshot : refuse('order-invalid');
  }
}
