// Who stands outside: strangers that have knocked and wait for a member's yes; or oneself, with a key package that waits for its welcome. PROTOCOL.md §5.9.

import type { Group, GroupCode, GroupMember, KeyPackageOffer } from '@sotto/crypto/mls';
import { equalBytes, refuse } from '@sotto/protocol';
import type { Decoded, Piece } from '@sotto/protocol';
import { collectPiece } from './commit-bundle.ts';
import type { Pieces } from './commit-bundle.ts';
import { KNOCKING_JOINERS_MAX, WELCOMES_MAX } from '../limits.ts';

/** Somebody outside who has knocked. */
interface KnockingJoiner {
  readonly memberId: Uint8Array;
  readonly keyPackage: Uint8Array;
}

export class Admission {
  /** The last that knocked is the last. */
  #joiners: readonly KnockingJoiner[] = [];
  /** This member's own knock. */
  #offer: KeyPackageOffer | undefined;
  #pieces: Pieces = [];
  /** Anybody with the connection string can post what looks like one, so several are kept until one lets this member in. */
  #welcomes: readonly Uint8Array[] = [];

  /** Who knocks again takes back the knock before. */
  addKnock(stranger: KnockingJoiner): void {
    const others = this.#joiners.filter(({ memberId }) => !equalBytes(memberId, stranger.memberId));
    this.#joiners = [...others, stranger].slice(-KNOCKING_JOINERS_MAX);
  }

  /** @returns the key package of somebody who has knocked. */
  keyPackageOf(memberId: Uint8Array): Uint8Array | undefined {
    return this.#joiners.find((stranger) => equalBytes(stranger.memberId, memberId))?.keyPackage;
  }

  /** An epoch has begun: whoever is in the group is not outside. An empty roster: this member is. */
  onEpoch(roster: readonly GroupMember[]): void {
    this.#joiners = this.#joiners.filter(
      (stranger) => roster.length > 0 && !roster.some(({ memberId }) => equalBytes(memberId, stranger.memberId)),
    );
    if (roster.length > 0) this.withdrawKnock();
  }

  /** This member knocks, and takes back its knock before. */
  knock(offer: KeyPackageOffer): void {
    this.withdrawKnock();
    this.#offer = offer;
  }

  /** @returns whether a welcome that names this member is whole now. */
  async onWelcomePiece(piece: Piece): Promise<boolean> {
    const collected = collectPiece(this.#pieces, piece) ?? collectPiece([], piece);
    this.#pieces = collected?.pieces ?? [];
    if (collected?.whole === undefined || this.#offer === undefined) return false;
    if (!(await this.#offer.isNamedIn(collected.whole))) return false;
    this.#welcomes = [...this.#welcomes, collected.whole].slice(-WELCOMES_MAX);
    return true;
  }

  /** Something else stands in the log: the pieces before it do not go on. */
  clearPieces(): void {
    this.#pieces = [];
  }

  /** Tries the welcomes with a snapshot. A refusal leaves everything as it was. */
  async joinByWelcome(snapshot: Uint8Array): Promise<Decoded<Group, GroupCode>> {
    for (const welcome of this.#welcomes) {
      const entered = await this.#offer?.joinByWelcome(welcome, snapshot);
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
