// One member's place in its room's group: comes in, says, hears, lets others in and go. Everything goes through the log, in its order. PROTOCOL.md §5.8, §5.9.

import type { RandomSource } from '@sotto/crypto';
import { copyGroupIdentity, createGroupIdentity } from '@sotto/crypto/mls';
import type { GroupCode, GroupCrypto, GroupIdentity, GroupSuite } from '@sotto/crypto/mls';
import { accept, encodeContent, NAME_BYTES_MAX, refuse } from '@sotto/protocol';
import type {
  Content,
  ContentCode,
  Cover,
  Decoded,
  SnapshotPlaintext,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
import { CommitBuilder } from './commit-builder.ts';
import { Admission } from './admission.ts';
import type { GroupOpened } from './opened.ts';
import { GroupState } from './state.ts';
import type { GroupView } from './view.ts';
import { LogReader } from './log-reader.ts';
import { encodeText } from '../utf8.ts';
import type { Upload } from '../session/uploads.ts';

export type { AccessMode } from '@sotto/protocol';
export type { GroupOpened } from './opened.ts';
export type { RemovalReason } from './policy.ts';
export type { RosterMember, GroupView } from './view.ts';

export interface GroupOptions {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly random: RandomSource;
  /** 32 bytes: the onion's public key. */
  readonly moderatorKey: Uint8Array;
  /** Absent is `off`. */
  readonly cover?: Cover;
  /** Carried over from the room before; copied. Made anew if absent. */
  readonly identity?: GroupIdentity | undefined;
}

/** Why a snapshot lets nobody in. */
type SnapshotCode = GroupCode | ContentCode | 'snapshot-foreign';

/**
 * Calls are made one after another, each when the one before has settled. `open` is given every entry of the log in its order, this member's
 * own included: what came back was heard by the others.
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

  /** A member of nothing yet. Everything that is handed in stays the caller's. */
  static async open(
    roomSecret: Uint8Array,
    roomId: Uint8Array,
    { identity, cover = 'off', ...surroundings }: GroupOptions,
  ): Promise<GroupMembership> {
    const own = identity === undefined ? createGroupIdentity(surroundings.random) : copyGroupIdentity(identity);
    return new GroupMembership(await GroupState.open({ roomSecret, roomId, ...surroundings, cover, identity: own }));
  }

  get memberId(): Uint8Array {
    return this.#state.identity.memberId;
  }

  get memberKey(): Uint8Array {
    return this.#state.identity.memberKey;
  }

  /** For the room to which this one moves: its membership takes a copy, so it is to be opened before this one is destroyed. */
  get identity(): GroupIdentity {
    return this.#state.identity;
  }

  /** Undefined outside the group. */
  get view(): GroupView | undefined {
    return this.#state.view;
  }

  /**
   * Makes the group, and leaves it in the same breath: what remains is a snapshot from which anybody with the room secret can join, and the proof
   * that its founder may be removed. The caller ends this membership, and with it the founder's keys.
   */
  found(access?: SignedAccess): Promise<Upload> {
    return this.#builder.found(access);
  }

  /**
   * Joins from a sealed snapshot; `again`: as itself, if its leaf is in the group still, and otherwise like anybody. A refusal changes nothing.
   * `policy-knock` and `policy-locked` say at once, from the snapshot alone, that nobody would take the commit.
   */
  async join(sealedSnapshot: Uint8Array, again: boolean): Promise<Decoded<Upload, SnapshotCode>> {
    const snapshot = this.#readSnapshot(sealedSnapshot);
    return snapshot.ok ? this.#builder.join(snapshot.value, again) : snapshot;
  }

  /** Asks to be let in. @returns the body of a PUBLISH frame. `name`: 1 to 48 bytes in UTF-8. */
  async knock(name: string): Promise<Uint8Array> {
    const bytes = encodeText(name);
    if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) throw new RangeError('a name of another length');
    const offer = await this.#state.engine.createKeyPackage(this.identity);
    this.#admission.knock(offer);
    return this.#state.envelopes.sealKnock(bytes, offer.bytes);
  }

  /**
   * Enters the group by a welcome that was whole, with the snapshot that its commit made. A refusal changes nothing: another snapshot may fit.
   * The entries behind that commit are then given to `open` from the first on, again if they were given before.
   */
  async joinByWelcome(sealedSnapshot: Uint8Array): Promise<Decoded<undefined, SnapshotCode>> {
    const snapshot = this.#readSnapshot(sealedSnapshot);
    if (!snapshot.ok) return snapshot;
    if (this.#state.group !== undefined) return refuse('member-duplicate');
    const entered = await this.#admission.joinByWelcome(snapshot.value.group);
    if (!entered.ok) return entered;
    this.clear();
    await this.#state.enter(entered.value, snapshot.value);
    return accept(undefined);
  }

  /** Lets in somebody whose knock was opened. */
  async admit(memberId: Uint8Array): Promise<Decoded<Upload, GroupCode>> {
    const keyPackage = this.#admission.keyPackageOf(memberId);
    return keyPackage === undefined ? refuse('member-unknown') : this.#builder.admit(keyPackage);
  }

  /** New keys for this member; those who have said that they want to go are removed with it, up to LEAVERS_PER_COMMIT_MAX. */
  rotate(): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.rotate();
  }

  /** Removes those in `view.silent`, and those who want to go. */
  removeSilent(): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.removeSilent();
  }

  /** New keys, and orders that are carried out with them: an access order, or evictions, which remove the evicted. */
  order(orders: readonly SignedOrder[]): Promise<Decoded<Upload, GroupCode>> {
    return this.#builder.order(orders);
  }

  /** The snapshot of the present epoch once more: for a room whose snapshot somebody has replaced by junk. */
  republishSnapshot(): Promise<Upload> {
    return this.#builder.republishSnapshot();
  }

  /** A lone member's farewell: whoever comes next finds its leave proof in the snapshot, and the first rotation removes it. */
  publishLeave(): Promise<Upload> {
    return this.#builder.publishLeave();
  }

  /** The relay has refused the commit, or it went with its connection: the group is as it was. */
  clear(): void {
    this.#state.own.clear();
  }

  /** @returns the body of a PUBLISH frame, in the smallest frame that holds it. */
  async seal(content: Content): Promise<Uint8Array> {
    const bytes = await this.#state.inside().sealMessage(encodeContent(content, encodeText));
    const key = this.#state.envelopeKey;
    if (key === undefined) throw new Error('an epoch without its key');
    const body = this.#state.envelopes.sealMessage(bytes, key);
    this.#state.ledger.addOwnMessage(body, content.type === 'roll-call');
    if (content.type === 'order') this.#state.ledger.noteOrder(content.order);
    return body;
  }

  /** Takes the log's next body. */
  open(body: Uint8Array): Promise<GroupOpened> {
    return this.#reader.open(body);
  }

  destroy(): void {
    this.#admission.withdrawKnock();
    this.#state.destroy();
  }

  /** Whoever makes a snapshot seals it, but only the moderator orders who may come in. */
  #readSnapshot(sealed: Uint8Array): Decoded<SnapshotPlaintext, SnapshotCode> {
    const snapshot = this.#state.envelopes.openSnapshot(sealed);
    const access = snapshot.ok ? snapshot.value.access : undefined;
    return access === undefined || this.#state.ledger.isOrder(access) ? snapshot : refuse('order-invalid');
  }
}
