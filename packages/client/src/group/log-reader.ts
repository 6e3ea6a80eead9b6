// Takes the log's bodies one after another, as a member does, or as somebody does who waits at the door. PROTOCOL.md §5.8, §5.9.

import type { Group } from '@sotto/crypto/group';
import { decodeContent, equalBytes } from '@sotto/protocol';
import type { GroupPlaintext, Piece } from '@sotto/protocol';
import { EMPTY_ROW } from './commit-bundle.ts';
import type { Doorstep } from './admission.ts';
import type { SealedBy } from './envelopes.ts';
import type { GroupNothing, GroupOpened } from './opened.ts';
import type { GroupPlace } from './state.ts';
import { accessAfter, judgeCommit, modeOf, removalReason } from './policy.ts';
import type { Evidence } from './policy.ts';
import { describeEpoch } from './own-commit.ts';
import type { OwnCommit } from './own-commit.ts';
import { decodeText } from '../utf8.ts';

type Knock = Extract<GroupPlaintext, { kind: 'knock' }>;

export class LogReader {
  readonly #place: GroupPlace;
  readonly #doorstep: Doorstep;

  constructor(place: GroupPlace, doorstep: Doorstep) {
    this.#place = place;
    this.#doorstep = doorstep;
  }

  async open(body: Uint8Array): Promise<GroupOpened> {
    const { group, ledger, envelopes, envelopeKey, self } = this.#place;
    if (group !== undefined && ledger.takeOwnMessage(body, self)) return nothing('own', 'member');
    const { sealedBy, plaintext } = envelopes.open(body, envelopeKey);
    if (!plaintext.ok) return this.#pass(plaintext.code, sealedBy);
    return group === undefined
      ? this.#takeOutside(plaintext.value, sealedBy)
      : this.#takeInside(group, plaintext.value, sealedBy);
  }

  /** Whoever is outside waits for its own join or for a welcome, and for nothing else. */
  async #takeOutside(plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    const { own, ledger } = this.#place;
    if (plaintext.kind === 'welcome') {
      return (await this.#doorstep.takeWelcome(plaintext)) ? { kind: 'welcome' } : nothing('piece', sealedBy);
    }
    if (plaintext.kind !== 'piece' || !own.isPending) return this.#pass('outside', sealedBy);
    const row = ledger.takePiece(plaintext);
    if (row === undefined) return nothing('piece', sealedBy);
    const commit = own.take(row.commit);
    return commit === undefined ? nothing('outside', sealedBy) : this.#takeOwn(commit, row.evidence);
  }

  async #takeInside(group: Group, plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    const { ledger } = this.#place;
    switch (plaintext.kind) {
      case 'dummy':
        return this.#pass('dummy', sealedBy);
      case 'message':
        return this.#openMessage(group, plaintext.bytes);
      case 'piece':
        return this.#takePiece(group, plaintext, sealedBy);
      case 'leave':
        return nothing(ledger.takeLeave(plaintext, group.roster), sealedBy);
      case 'order':
        return nothing(ledger.takeOrder(plaintext.order), sealedBy);
      case 'knock':
        return this.#takeKnock(group, plaintext);
      case 'welcome':
        ledger.passWelcome();
        return nothing('piece', sealedBy);
    }
  }

  /** Not a part of anything: what stood before it does not go on behind it. */
  #pass(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
    this.#place.ledger.endRow();
    this.#doorstep.interrupt();
    return nothing(code, sealedBy);
  }

  async #openMessage(group: Group, bytes: Uint8Array): Promise<GroupOpened> {
    const { ledger } = this.#place;
    ledger.endRow();
    const message = await group.openMessage(bytes);
    if (!message.ok) return nothing(message.code, 'member');
    const { memberId, memberKey } = message.value;
    const content = decodeContent(message.value.bytes, decodeText);
    ledger.hear(memberId, content.ok && content.value.type === 'roll-call');
    if (!content.ok) return nothing(content.code, 'member');
    if (content.value.type === 'presence' && content.value.status === 'leaving') {
      ledger.noteLeave({ memberId, signature: content.value.signature }, group.roster);
    }
    if (content.value.type === 'order') ledger.noteOrder(content.value.order);
    return { kind: 'content', memberId, memberKey, content: content.value };
  }

  /** In a room where nobody is let in, or nobody needs to be, a knock is not shown. */
  async #takeKnock(group: Group, { name, keyPackage }: Knock): Promise<GroupOpened> {
    const access = modeOf(this.#place.ledger.standing.access);
    if (access !== 'knock') return this.#pass(access === 'open' ? 'policy-add' : 'policy-locked', 'joiner');
    const said = decodeText(name);
    if (said === undefined) return this.#pass('content-text', 'joiner');
    const stranger = await this.#place.engine.readKeyPackage(keyPackage);
    if (!stranger.ok) return this.#pass(stranger.code, 'joiner');
    const { memberId, memberKey } = stranger.value;
    const isMember = group.roster.some(
      (member) => equalBytes(member.memberId, memberId) || equalBytes(member.memberKey, memberKey),
    );
    if (isMember) return this.#pass('member-duplicate', 'joiner');
    this.#place.ledger.endRow();
    // A copy: the frame goes, the stranger waits.
    this.#doorstep.remember({ memberId, keyPackage: keyPackage.slice() });
    return { kind: 'knock', memberId, memberKey, name: said };
  }

  async #takePiece(group: Group, piece: Piece, sealedBy: SealedBy): Promise<GroupOpened> {
    const { ledger, own, self } = this.#place;
    const row = ledger.takePiece(piece);
    if (row === undefined) return nothing('piece', sealedBy);
    const commit = own.take(row.commit);
    if (commit !== undefined) return this.#takeOwn(commit, row.evidence);
    const outcome = await this.#place.judging(row.evidence, () => group.processCommit(row.commit));
    if (!outcome.ok) {
      // One that was given up before it was stored: it is in the log all the same.
      const by = outcome.code === 'commit-own' ? 'own' : 'other';
      return { kind: 'refused', by, code: outcome.code, sealedBy };
    }
    // What this member had made stands on an epoch that is over.
    own.discard();
    const { facts, removed } = outcome.value;
    // Who comes in by himself gives no orders.
    const warrants = facts.kind === 'member' ? row.evidence.warrants : EMPTY_ROW;
    if (removed) {
      this.#place.leave();
      this.#doorstep.settle([]);
      return { kind: 'removed', reason: removalReason(warrants, { memberId: self }) };
    }
    const { access, proofs } = ledger.standing;
    await this.#place.enter(group, { access: accessAfter(access, warrants), proofs });
    this.#doorstep.settle(group.roster);
    return describeEpoch('other', facts, warrants, self);
  }

  /**
   * The own commit has its place in the log: whether it may be shows only there. Who was silent when it was made may have been heard since; the
   * others refuse it then, and so does its maker.
   */
  async #takeOwn({ pending, snapshot, sealedBy }: OwnCommit, evidence: Evidence): Promise<GroupOpened> {
    const { ledger, self } = this.#place;
    const answer = snapshot === undefined ? judgeCommit(evidence, pending.facts) : 'accept';
    if (answer !== 'accept') {
      pending.discard();
      return { kind: 'refused', by: 'own', code: answer, sealedBy };
    }
    const warrants = snapshot === undefined ? evidence.warrants : EMPTY_ROW;
    const { access, proofs } = ledger.standing;
    const group = await pending.adopt();
    // Of a join: the snapshot's, and those of who has said since that it wants to go.
    const standing =
      snapshot === undefined
        ? { access: accessAfter(access, warrants), proofs }
        : { access: snapshot.access, proofs: [...snapshot.proofs, ...proofs] };
    await this.#place.enter(group, standing);
    this.#doorstep.settle(group.roster);
    return describeEpoch('own', pending.facts, warrants, self);
  }
}

function nothing(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
  return { kind: 'nothing', code, sealedBy };
}
