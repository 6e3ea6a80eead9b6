// Keeps what a member reads off the log besides the group's keys: the access order, leave proofs,
// the roll call, and the commit bundle. PROTOCOL.md §5.9.

import { verifyLeave, verifyOrder } from '@sotto/crypto/mls';
import type { CommitAndBundle, GroupCode, GroupMember } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { BundleFrame, LeaveProof, Move, Piece, PlainAccess, SignedAccess, SignedOrder } from '@sotto/protocol';
import {
  addFrame,
  addGroupInfo,
  addLeave,
  addOrder,
  addPiece,
  beforeGroupInfo,
  EMPTY_BUNDLE,
} from './commit-bundle.ts';
import type { CommitBundle } from './commit-bundle.ts';
import { accessOf, leaveOf } from './commit-policy.ts';
import type { Evidence, Authorizations } from './commit-policy.ts';
import { OwnMessages } from './own-messages.ts';
import { hear } from './roll-call.ts';
import type { RollCall } from './roll-call.ts';

/** The policy that outlasts an epoch. */
export interface PolicyState {
  /** The access order that holds; undefined in a room without one. */
  readonly access: SignedAccess | undefined;
  /** Leave proofs of members that are still in the group. */
  readonly proofs: readonly LeaveProof[];
}

/** A commit whose last piece has come. */
export interface WholeCommit extends CommitAndBundle {
  readonly evidence: Evidence;
}

const NO_POLICY: PolicyState = { access: undefined, proofs: [] };

export class LogLedger {
  readonly #roomId: Uint8Array;
  readonly #moderatorKey: Uint8Array;
  readonly #messages = new OwnMessages();
  #policy: PolicyState = NO_POLICY;
  #rollCall: RollCall;
  #announcedOrder: PlainAccess | undefined;
  #bundle: CommitBundle = EMPTY_BUNDLE;

  constructor({ roomId, moderatorKey }: { readonly roomId: Uint8Array; readonly moderatorKey: Uint8Array }) {
    this.#roomId = roomId;
    this.#moderatorKey = moderatorKey;
  }

  get policy(): PolicyState {
    return this.#policy;
  }

  /** The access order that was sent as a content, and is still to be carried by a commit. */
  get announcedOrder(): PlainAccess | undefined {
    return this.#announcedOrder;
  }

  get rollCall(): RollCall {
    return this.#rollCall;
  }

  /** @returns the evidence for a member's commit with these authorizations */
  evidence(authorizations: Authorizations): Evidence {
    return {
      roomId: this.#roomId,
      access: accessOf(this.#policy.access),
      authorizations,
      rollCall: this.#rollCall,
      leaveProofs: [],
    };
  }

  /** @returns the evidence for a join from a snapshot */
  evidenceOfSnapshot({ access, proofs }: PolicyState): Evidence {
    return { ...this.evidence(EMPTY_BUNDLE), access: accessOf(access), leaveProofs: proofs };
  }

  isOrder(order: SignedOrder | Move): boolean {
    return verifyOrder({ order, roomId: this.#roomId, moderatorKey: this.#moderatorKey });
  }

  /** @returns why an order has no effect now */
  refuseOrder(order: SignedOrder): GroupCode | undefined {
    if (!this.isOrder(order)) return 'order-invalid';
    const holds = this.#policy.access;
    return order.type === 'access' && holds !== undefined && order.number <= holds.number ? 'order-old' : undefined;
  }

  /**
   * An access order was sent as a content, by any member. The one with the highest number is kept
   * until one as high holds.
   */
  noteOrder(order: PlainAccess): void {
    const isHigher = this.#announcedOrder === undefined || order.number > this.#announcedOrder.number;
    if (isHigher && this.refuseOrder(order) === undefined)
      this.#announcedOrder = { ...order, signature: order.signature.slice() };
  }

  /** A dummy has come, or a frame that is no part of a commit. */
  endBundle(): void {
    this.#bundle = EMPTY_BUNDLE;
  }

  /** A leave or order frame: the commit behind it is bound to it, whether or not it holds. */
  bindFrame(frame: BundleFrame): void {
    this.#bundle = addFrame(beforeGroupInfo(this.#bundle), frame);
  }

  processLeave(proof: LeaveProof, roster: readonly GroupMember[]): 'noted' | GroupCode {
    this.bindFrame({ kind: 'leave', ...proof });
    if (!this.noteLeave(proof, roster)) return 'member-unknown';
    this.#bundle = addLeave(this.#bundle, proof);
    return 'noted';
  }

  /** @returns whether the proof is valid: it then holds until that member is removed */
  noteLeave(proof: LeaveProof, roster: readonly GroupMember[]): boolean {
    const member = roster.find(({ memberId }) => equalBytes(memberId, proof.memberId));
    if (member === undefined || !verifyLeave({ proof, roomId: this.#roomId, memberKey: member.memberKey }))
      return false;
    if (leaveOf(this.#policy.proofs, member, this.#roomId) !== undefined) return true;
    const { memberId } = member;
    const others = this.#policy.proofs.filter((known) => !equalBytes(known.memberId, memberId));
    const proofs = [...others, { memberId, signature: proof.signature.slice() }];
    this.#policy = { ...this.#policy, proofs };
    return true;
  }

  processOrder(order: SignedOrder): 'noted' | GroupCode {
    this.bindFrame({ kind: 'order', order });
    const code = this.refuseOrder(order);
    if (code !== undefined) return code;
    this.#bundle = addOrder(this.#bundle, order);
    return 'noted';
  }

  /** A piece of a welcome has its place in the bundle, and means nothing to members. */
  skipWelcome(): void {
    this.#bundle = beforeGroupInfo(this.#bundle);
  }

  processGroupInfo(groupInfo: Uint8Array): void {
    this.#bundle = addGroupInfo(this.#bundle, groupInfo);
  }

  /** @returns the commit if it is whole, with its GroupInfo and evidence; it ends the bundle */
  collectPiece(piece: Piece): WholeCommit | undefined {
    const { bundle, commit } = addPiece(this.#bundle, piece);
    this.#bundle = commit === undefined ? bundle : EMPTY_BUNDLE;
    if (commit === undefined) return undefined;
    const [first, second] = bundle.groupInfos;
    const groupInfo = second === undefined ? first : undefined;
    return { commit, groupInfo, frames: bundle.frames, evidence: this.evidence(bundle) };
  }

  addOwnMessage(body: Uint8Array, calls: boolean): void {
    this.#messages.add(body, calls);
  }

  /** @returns whether the body is an own message that has come back */
  acknowledgeOwnMessage({ body, memberId }: { readonly body: Uint8Array; readonly memberId: Uint8Array }): boolean {
    const echo = this.#messages.acknowledge(body);
    if (echo === undefined) return false;
    this.#bundle = EMPTY_BUNDLE;
    if (echo !== 'unheard') this.hear(memberId, echo === 'calls');
    return true;
  }

  hear(memberId: Uint8Array, calls: boolean): void {
    this.#rollCall = hear(this.#rollCall, memberId, calls);
  }

  /** An epoch begins: the roll call, the bundle and own messages of the one before are void. */
  enter(roster: readonly GroupMember[], { access, proofs }: PolicyState): void {
    const kept = roster.flatMap((member) => leaveOf(proofs, member, this.#roomId) ?? []);
    this.#policy = { access, proofs: kept };
    if (this.#announcedOrder !== undefined && this.#announcedOrder.number <= (access?.number ?? -1))
      this.#announcedOrder = undefined;
    this.#rollCall = undefined;
    this.#bundle = EMPTY_BUNDLE;
    this.#messages.clear();
  }

  /** This member is outside again: a resync reads the policy from the snapshot. */
  leave(): void {
    this.enter([], NO_POLICY);
  }
}
