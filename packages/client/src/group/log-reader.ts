// Opens the log's bodies one after another, for a member or for a joiner. PROTOCOL.md §5.8, §5.9.

import { hashBundle } from '@sotto/crypto/mls';
import type { Group, PendingCommit } from '@sotto/crypto/mls';
import { decodeContent, equalBytes } from '@sotto/protocol';
import type { CommitPlace, GroupPlaintext, Move, Piece } from '@sotto/protocol';
import { EMPTY_BUNDLE } from './commit-bundle.ts';
import type { Admission } from './admission.ts';
import type { SealedBy } from './envelopes.ts';
import { describeEpoch } from './opened-entry.ts';
import type { GroupNothing, GroupOpened } from './opened-entry.ts';
import type { GroupState } from './state.ts';
import { accessAfter, accessOf, validateCommit, removalReason } from './commit-policy.ts';
import type { WholeCommit } from './ledger.ts';
import type { OwnCommit } from './own-commit.ts';
import { decodeText } from '../utf8.ts';

/**
 * Kinds that count only in a frame of a commit. Messages and knocks count only in published frames,
 * and dummies in both.
 */
const COMMIT_KINDS: ReadonlySet<GroupPlaintext['kind']> = new Set([
  'piece',
  'leave',
  'order',
  'welcome',
  'group-info',
  'move',
]);

type Knock = Extract<GroupPlaintext, { kind: 'knock' }>;

export class LogReader {
  readonly #state: GroupState;
  readonly #admission: Admission;
  /** The place of the last frame, if its commit was read from the first frame on. */
  #place: CommitPlace | undefined;
  /**
   * The envelopes of the commit in work that no key opens: one may hold a move, under the key of
   * the epoch that the commit begins. The commit's own limit bounds them.
   */
  #unopened: Uint8Array[] = [];

  constructor(state: GroupState, admission: Admission) {
    this.#state = state;
    this.#admission = admission;
  }

  /** `place`: of a COMMITTED frame in its commit; undefined for an ENTRY. */
  async open(envelope: Uint8Array, place: CommitPlace | undefined): Promise<GroupOpened> {
    const { group, ledger, envelopes, envelopeKey, self } = this.#state;
    const follows = this.#follow(place);
    if (
      place === undefined &&
      group !== undefined &&
      ledger.acknowledgeOwnMessage({ body: envelope, memberId: self })
    ) {
      return nothing('own', 'member');
    }
    const { sealedBy, plaintext } = envelopes.open(envelope, envelopeKey);
    // A copy: a view would keep the frame alive.
    if (sealedBy === 'nobody' && this.#place !== undefined) this.#unopened.push(envelope.slice());
    if (!plaintext.ok) return this.#skip(plaintext.code, sealedBy);
    const { kind } = plaintext.value;
    if (kind !== 'dummy' && COMMIT_KINDS.has(kind) !== (place !== undefined)) {
      return this.#skip('content-kind', sealedBy);
    }
    // Without its first frames a commit is void: the other members validate it by all of them.
    if (!follows) return this.#skip('piece', sealedBy);
    return group === undefined
      ? this.#processOutside(plaintext.value, sealedBy)
      : this.#processInside(group, plaintext.value, sealedBy);
  }

  /**
   * @returns whether the frame is of no commit, or of one that was read from its first frame on. A
   *   bundle never goes beyond its commit.
   */
  #follow(place: CommitPlace | undefined): boolean {
    const before = this.#place;
    const isNext =
      place?.commitNumber === before?.commitNumber &&
      place?.count === before?.count &&
      place?.index === (before?.index ?? 0) + 1;
    const begins = place === undefined || place.index === 0;
    if (begins) {
      this.#skipBundle();
      this.#unopened = [];
    }
    this.#place = begins || isNext ? place : undefined;
    return begins || isNext;
  }

  /** The last piece of a commit is in the last frame of its upload. */
  #isLastFrame(): boolean {
    return this.#place?.index === (this.#place?.count ?? 0) - 1;
  }

  /** A joiner waits for its own join or for a welcome, and ignores all else. */
  async #processOutside(plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    const { own, ledger } = this.#state;
    if (plaintext.kind === 'welcome') {
      return (await this.#admission.onWelcomePiece(plaintext)) ? { kind: 'welcome' } : nothing('piece', sealedBy);
    }
    if (!own.isPending) return this.#skip('outside', sealedBy);
    if (plaintext.kind === 'leave' || plaintext.kind === 'order') {
      ledger.bindFrame(plaintext);
      return nothing('outside', sealedBy);
    }
    if (plaintext.kind === 'group-info') {
      ledger.processGroupInfo(plaintext.bytes);
      return nothing('piece', sealedBy);
    }
    if (plaintext.kind !== 'piece') return this.#skip('outside', sealedBy);
    const bundle = ledger.collectPiece(plaintext);
    if (bundle === undefined || !this.#isLastFrame()) return nothing('piece', sealedBy);
    const commit = own.acknowledge(bundle.commit);
    return commit === undefined ? nothing('outside', sealedBy) : this.#processOwnCommit(commit, bundle);
  }

  async #processInside(group: Group, plaintext: GroupPlaintext, sealedBy: SealedBy): Promise<GroupOpened> {
    const { ledger } = this.#state;
    switch (plaintext.kind) {
      case 'dummy':
        return this.#skip('dummy', sealedBy);
      case 'message':
        return this.#openMessage(group, plaintext.bytes);
      case 'piece':
        return this.#collectPiece(group, plaintext, sealedBy);
      case 'leave':
        return nothing(ledger.processLeave(plaintext, group.roster), sealedBy);
      case 'order':
        return nothing(ledger.processOrder(plaintext.order), sealedBy);
      case 'knock':
        return this.#processKnock(group, plaintext);
      case 'move':
      case 'presence':
        return this.#skip('content-kind', sealedBy);
      case 'welcome':
        ledger.skipWelcome();
        return nothing('piece', sealedBy);
      case 'group-info':
        ledger.processGroupInfo(plaintext.bytes);
        return nothing('piece', sealedBy);
    }
  }

  /** The frame is no part of a bundle or a welcome: it ends those before it. */
  #skip(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
    this.#skipBundle();
    return nothing(code, sealedBy);
  }

  #skipBundle(): void {
    this.#state.ledger.endBundle();
    this.#admission.clearPieces();
  }

  async #openMessage(group: Group, bytes: Uint8Array): Promise<GroupOpened> {
    const { ledger } = this.#state;
    ledger.endBundle();
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
    return { kind: 'content', memberKey, content: content.value };
  }

  /** A knock is shown only where members admit joiners. */
  async #processKnock(group: Group, { name, keyPackage }: Knock): Promise<GroupOpened> {
    const { mode } = accessOf(this.#state.ledger.policy.access);
    if (mode === 'open' || mode === 'locked')
      return this.#skip(mode === 'open' ? 'policy-add' : 'policy-locked', 'joiner');
    const said = decodeText(name);
    if (said === undefined) return this.#skip('content-text', 'joiner');
    const joiner = await this.#state.engine.readKeyPackage(keyPackage);
    if (!joiner.ok) return this.#skip(joiner.code, 'joiner');
    const { memberId, memberKey } = joiner.value;
    if (group.roster.some((member) => equalBytes(member.memberId, memberId)))
      return this.#skip('member-duplicate', 'joiner');
    this.#state.ledger.endBundle();
    // A copy: a view would keep the frame alive.
    this.#admission.addKnock({ memberId, keyPackage: keyPackage.slice() });
    return { kind: 'knock', memberId, memberKey, name: said };
  }

  async #collectPiece(group: Group, piece: Piece, sealedBy: SealedBy): Promise<GroupOpened> {
    const { ledger, own, self } = this.#state;
    const bundle = ledger.collectPiece(piece);
    if (bundle === undefined || !this.#isLastFrame()) return nothing('piece', sealedBy);
    const commit = own.acknowledge(bundle.commit);
    if (commit !== undefined) return this.#processOwnCommit(commit, bundle);
    const outcome = await this.#state.validatingWith(bundle.evidence, () => group.processCommit(bundle));
    if (!outcome.ok) {
      // It was cleared before it was stored, and is in the log all the same.
      const by = outcome.code === 'commit-own' ? 'own' : 'other';
      return { kind: 'refused', by, code: outcome.code };
    }
    // This member's own pending commit is based on an epoch that is over.
    own.clear();
    const { facts, removed } = outcome.value;
    // A join carries no authorizations.
    const authorizations = facts.kind === 'member' ? bundle.evidence.authorizations : EMPTY_BUNDLE;
    if (removed) {
      this.#state.leave();
      this.#admission.onEpoch([]);
      return { kind: 'removed', reason: removalReason(authorizations, { memberId: self }) };
    }
    const { access, proofs } = ledger.policy;
    await this.#state.enter(group, { access: accessAfter(access, authorizations), proofs });
    this.#admission.onEpoch(group.roster);
    return describeEpoch('other', facts, authorizations, { self, move: this.#takeMove() });
  }

  /**
   * Validates the own commit at its place in the log. A member that was silent when it was made may
   * have been heard since, or the bundle is not the one that belongs to it. Then all members refuse
   * it, this one too.
   */
  async #processOwnCommit({ pending, snapshot }: OwnCommit, whole: WholeCommit): Promise<GroupOpened> {
    const { ledger, self } = this.#state;
    const { evidence } = whole;
    const allowed = snapshot === undefined ? validateCommit(evidence, pending.facts) : 'accept';
    const bound = compareBundle(pending, whole);
    const answer = bound === 'accept' ? allowed : bound;
    if (answer !== 'accept') {
      pending.clear();
      return { kind: 'refused', by: 'own', code: answer };
    }
    const authorizations = snapshot === undefined ? evidence.authorizations : EMPTY_BUNDLE;
    const { access, proofs } = ledger.policy;
    const group = await pending.merge();
    // Of a join: the snapshot's policy, and the leave proofs that have come since.
    const policy =
      snapshot === undefined
        ? { access: accessAfter(access, authorizations), proofs }
        : { access: snapshot.access, proofs: [...snapshot.proofs, ...proofs] };
    await this.#state.enter(group, policy);
    this.#admission.onEpoch(group.roster);
    return describeEpoch('own', pending.facts, authorizations, { self, move: this.#takeMove() });
  }

  /**
   * @returns the moderator's move among the frames of the commit that has just begun this epoch.
   * Only its key opens one: not an evicted member's, and none of a later epoch.
   */
  #takeMove(): Move | undefined {
    const { envelopes, envelopeKey, ledger } = this.#state;
    const bodies = this.#unopened;
    this.#unopened = [];
    if (envelopeKey === undefined) return undefined;
    const moves = bodies.flatMap((body) => envelopes.openMove(body, envelopeKey) ?? []);
    return moves.find((move) => ledger.isOrder(move));
  }
}

/** Compares bytes: a member signs one GroupInfo of an epoch, and nobody else can sign for it. */
function compareBundle(
  { snapshot, frames }: PendingCommit,
  { groupInfo, frames: found = [] }: WholeCommit,
): 'accept' | 'bundle-differs' | 'group-info-missing' | 'group-info-differs' {
  if (!equalBytes(hashBundle(frames), hashBundle(found))) return 'bundle-differs';
  if (groupInfo === undefined) return 'group-info-missing';
  return equalBytes(snapshot.groupInfo, groupInfo) ? 'accept' : 'group-info-differs';
}

function nothing(code: GroupNothing, sealedBy: SealedBy): GroupOpened {
  return { kind: 'nothing', code, sealedBy };
}
