// What a member reads off the log besides the group's keys: who may come in, who wants to go, who has answered, what stands before a commit. PROTOCOL.md §5.9.

import { verifyLeave, verifyOrder } from '@sotto/crypto/mls';
import type { GroupCode, GroupMember } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { LeaveProof, Piece, SignedAccess, SignedOrder } from '@sotto/protocol';
import { addLeave, addOrder, addPiece, beforePieces, EMPTY_BUNDLE } from './commit-bundle.ts';
import type { CommitBundle } from './commit-bundle.ts';
import { leaveOf, modeOf } from './policy.ts';
import type { Evidence, Authorizations } from './policy.ts';
import { OwnMessages } from './own-messages.ts';
import { hear } from './roll-call.ts';
import type { RollCall } from './roll-call.ts';

/** What outlasts an epoch. */
export interface Standing {
  /** The access order that holds; undefined in a room that was never ordered anything. */
  readonly access: SignedAccess | undefined;
  /** Leave proofs that are still to be used. */
  readonly proofs: readonly LeaveProof[];
}

const NOTHING_STANDS: Standing = { access: undefined, proofs: [] };

export class LogLedger {
  readonly #roomId: Uint8Array;
  readonly #moderatorKey: Uint8Array;
  readonly #messages = new OwnMessages();
  #standing: Standing = NOTHING_STANDS;
  #rollCall: RollCall;
  #said: SignedAccess | undefined;
  #bundle: CommitBundle = EMPTY_BUNDLE;

  constructor({ roomId, moderatorKey }: { readonly roomId: Uint8Array; readonly moderatorKey: Uint8Array }) {
    this.#roomId = roomId;
    this.#moderatorKey = moderatorKey;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** The access order that was said and does not hold yet, for the next commit's bundle. */
  get said(): SignedAccess | undefined {
    return this.#said;
  }

  get rollCall(): RollCall {
    return this.#rollCall;
  }

  /** What a commit of a member is judged by that carries these. */
  evidence(authorizations: Authorizations): Evidence {
    return {
      roomId: this.#roomId,
      access: modeOf(this.#standing.access),
      authorizations,
      rollCall: this.#rollCall,
      departed: [],
    };
  }

  /** What somebody's own join from a snapshot is judged by. */
  evidenceOfSnapshot({ access, proofs }: Standing): Evidence {
    return { ...this.evidence(EMPTY_BUNDLE), access: modeOf(access), departed: proofs };
  }

  isOrder(order: SignedOrder): boolean {
    return verifyOrder({ order, roomId: this.#roomId, moderatorKey: this.#moderatorKey });
  }

  /** @returns why an order has no effect now. */
  refuseOrder(order: SignedOrder): GroupCode | undefined {
    if (!this.isOrder(order)) return 'order-invalid';
    const holds = this.#standing.access;
    return order.type === 'access' && holds !== undefined && order.number <= holds.number ? 'order-old' : undefined;
  }

  /** An order was said: of several the one with the highest number is kept, until one as high holds. Whose words these are does not matter. */
  noteOrder(order: SignedAccess): void {
    const isHigher = this.#said === undefined || order.number > this.#said.number;
    if (isHigher && this.refuseOrder(order) === undefined)
      this.#said = { ...order, signature: order.signature.slice() };
  }

  /** Something that is no part of a commit, or a dummy. */
  endBundle(): void {
    this.#bundle = EMPTY_BUNDLE;
  }

  takeLeave(proof: LeaveProof, roster: readonly GroupMember[]): 'noted' | GroupCode {
    this.#bundle = beforePieces(this.#bundle);
    if (!this.noteLeave(proof, roster)) return 'member-unknown';
    this.#bundle = addLeave(this.#bundle, proof);
    return 'noted';
  }

  /** @returns whether it is a member's own word. It is good until that member is removed, whatever brought it. */
  noteLeave(proof: LeaveProof, roster: readonly GroupMember[]): boolean {
    const member = roster.find(({ memberId }) => equalBytes(memberId, proof.memberId));
    if (member === undefined || !verifyLeave({ proof, roomId: this.#roomId, memberKey: member.memberKey }))
      return false;
    if (leaveOf(this.#standing.proofs, member, this.#roomId) !== undefined) return true;
    const { memberId } = member;
    const others = this.#standing.proofs.filter((known) => !equalBytes(known.memberId, memberId));
    const proofs = [...others, { memberId, signature: proof.signature.slice() }];
    this.#standing = { ...this.#standing, proofs };
    return true;
  }

  takeOrder(order: SignedOrder): 'noted' | GroupCode {
    this.#bundle = beforePieces(this.#bundle);
    const code = this.refuseOrder(order);
    if (code !== undefined) return code;
    this.#bundle = addOrder(this.#bundle, order);
    return 'noted';
  }

  /** A piece of a welcome has its place in the bundle, and says nothing to members. */
  passWelcome(): void {
    this.#bundle = beforePieces(this.#bundle);
  }

  /** @returns the commit if it is whole, and what it is judged by: its bundle, which it ends. */
  collectPiece(piece: Piece): { readonly commit: Uint8Array; readonly evidence: Evidence } | undefined {
    const { bundle, commit } = addPiece(this.#bundle, piece);
    this.#bundle = commit === undefined ? bundle : EMPTY_BUNDLE;
    return commit && { commit, evidence: this.evidence(bundle) };
  }

  addOwnMessage(body: Uint8Array, calls: boolean): void {
    this.#messages.add(body, calls);
  }

  /** @returns whether the body is an own message that has come back; the others have heard it. */
  takeOwnMessage({ body, memberId }: { readonly body: Uint8Array; readonly memberId: Uint8Array }): boolean {
    const echo = this.#messages.take(body);
    if (echo === undefined) return false;
    this.#bundle = EMPTY_BUNDLE;
    if (echo !== 'unheard') this.hear(memberId, echo === 'calls');
    return true;
  }

  hear(memberId: Uint8Array, calls: boolean): void {
    this.#rollCall = hear(this.#rollCall, memberId, calls);
  }

  /** An epoch begins: what was true of the one before only is void. */
  enter(roster: readonly GroupMember[], { access, proofs }: Standing): void {
    const kept = roster.flatMap((member) => leaveOf(proofs, member, this.#roomId) ?? []);
    this.#standing = { access, proofs: kept };
    if (this.#said !== undefined && this.#said.number <= (access?.number ?? -1)) this.#said = undefined;
    this.#rollCall = undefined;
    this.#bundle = EMPTY_BUNDLE;
    this.#messages.clear();
  }

  /** Outside again: whoever comes back reads everything from a snapshot. */
  leave(): void {
    this.enter([], NOTHING_STANDS);
  }
}
