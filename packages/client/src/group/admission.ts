// Keeps the joiners that have knocked, with their key packages, and this member's own knock with
// the welcomes for it. PROTOCOL.md §5.9.

import type { Group, GroupCode, GroupMember, GroupSnapshot, KeyPackageOffer } from '@sotto/crypto/mls';
import { equalBytes, refuse } from '@sotto/protocol';
import type { Decoded, Piece } from '@sotto/protocol';
import { collectPiece } from './commit-bundle.ts';
import type { Pieces } from './commit-bundle.ts';
import { KNOCKING_JOINERS_MAX, WELCOMES_MAX } from '../limits.ts';

/** A joiner that has knocked. */
interface KnockingJoiner {
  readonly memberId: Uint8Array;
  readonly keyPackage: Uint8Array;
}

export class Admission {
  /** The latest knock comes last. */
  #joiners: readonly KnockingJoiner[] = [];
  /** This member's own knock. */
  #offer: KeyPackageOffer | undefined;
  #pieces: Pieces = [];
  /** Anyone with the connection string can forge one, so several are kept until one succeeds. */
  #welcomes: readonly Uint8Array[] = [];

  /** A joiner's new knock replaces its knock before. */
  addKnock(joiner: KnockingJoiner): void {
    const others = this.#joiners.filter(({ memberId }) => !equalBytes(memberId, joiner.memberId));
    this.#joiners = [...others, joiner].slice(-KNOCKING_JOINERS_MAX);
  }

  /** @returns the key package of a joiner that has knocked */
  keyPackageOf(memberId: Uint8Array): Uint8Array | undefined {
    return this.#joiners.find((joiner) => equalBytes(joiner.memberId, memberId))?.keyPackage;
  }

  /** An epoch has begun: its members are no joiners. An empty roster: this member is outside. */
  onEpoch(roster: readonly GroupMember[]): void {
    this.#joiners = this.#joiners.filter(
      (joiner) => roster.length > 0 && !roster.some(({ memberId }) => equalBytes(memberId, joiner.memberId)),
    );
    if (roster.length > 0) this.withdrawKnock();
  }

  /** This member knocks, and withdraws its knock before. */
  knock(offer: KeyPackageOffer): void {
    this.withdrawKnock();
    this.#offer = offer;
  }

  /** @returns whether a welcome that names this member is whole now */
  async onWelcomePiece(piece: Piece): Promise<boolean> {
    const collected = collectPiece(this.#pieces, piece) ?? collectPiece([], piece);
    this.#pieces = collected?.pieces ?? [];
    if (collected?.whole === undefined || this.#offer === undefined) return false;
    if (!(await this.#offer.isNamedIn(collected.whole))) return false;
    this.#welcomes = [...this.#welcomes, collected.whole].slice(-WELCOMES_MAX);
    return true;
  }

  /** Another frame interrupts the pieces of a welcome. */
  clearPieces(): void {
    this.#pieces = [];
  }

  /** Tries the welcomes with a snapshot. A refusal leaves everything as it was. */
  async joinByWelcome(snapshot: GroupSnapshot): Promise<Decoded<Group, GroupCode>> {
    for (const welcome of this.#welcomes) {
      const entered = await this.#offer?.joinByWelcome({ welcome, snapshot });
      if (entered?.ok !== true) continue;
      // The offer's keys are the group's now, and not to be zeroed here.
      this.#offer = undefined;
      this.withdrawKnock();
      return entered;
    }
    return refuse('welcome-invalid');
  }

  withdrawKnock(): void {
    this.#offer?.destroy();
    this.#offer = undefined;
    this.#pieces = [];
    this.#welcomes = [];
  }
}
