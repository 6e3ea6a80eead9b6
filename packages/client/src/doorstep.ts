// Who stands outside: strangers that have knocked and wait for a member's yes, and oneself, with a key package that waits for its welcome. PROTOCOL.md §5.9.

import type { Group, GroupCode, GroupMember, KeyPackageOffer } from '@sotto/crypto/group';
import { equalBytes, refuse } from '@sotto/protocol';
import type { Decoded, Piece } from '@sotto/protocol';
import { takePiece } from './commit-row.ts';
import type { Pieces } from './commit-row.ts';
import { STRANGERS_MAX, WELCOMES_MAX } from './limits.ts';

/** Somebody outside who has knocked; known by the key package that an Add takes. */
export interface Stranger {
  readonly memberId: Uint8Array;
  readonly keyPackage: Uint8Array;
}

/** @returns those who have knocked, the last at the end; who knocks again takes back the knock before. */
export function rememberStranger(strangers: readonly Stranger[], stranger: Stranger): readonly Stranger[] {
  const others = strangers.filter(({ memberId }) => !equalBytes(memberId, stranger.memberId));
  return [...others, stranger].slice(-STRANGERS_MAX);
}

/** @returns those who are still outside. */
export function stillOutside(strangers: readonly Stranger[], roster: readonly GroupMember[]): readonly Stranger[] {
  return strangers.filter((stranger) => !roster.some(({ memberId }) => equalBytes(memberId, stranger.memberId)));
}

/** This member's own knock. Anybody with the connection string can post what looks like a welcome, so several are kept until one lets it in. */
export class Knocking {
  readonly #offer: KeyPackageOffer;
  #pieces: Pieces = [];
  #welcomes: readonly Uint8Array[] = [];

  constructor(offer: KeyPackageOffer) {
    this.#offer = offer;
  }

  /** @returns whether a welcome that names this member is whole now. */
  async takeWelcome(piece: Piece): Promise<boolean> {
    const taken = takePiece(this.#pieces, piece) ?? takePiece([], piece);
    this.#pieces = taken?.pieces ?? [];
    if (taken?.whole === undefined || !(await this.#offer.isNamedIn(taken.whole))) return false;
    this.#welcomes = [...this.#welcomes, taken.whole].slice(-WELCOMES_MAX);
    return true;
  }

  /** Something else stands in the log: the pieces before it do not go on. */
  interrupt(): void {
    this.#pieces = [];
  }

  /** Tries the welcomes with a head. A refusal leaves everything as it was. */
  async enter(head: Uint8Array): Promise<Decoded<Group, GroupCode>> {
    let answer: Decoded<Group, GroupCode> = refuse('welcome-invalid');
    for (const welcome of this.#welcomes) {
      answer = await this.#offer.joinByWelcome(welcome, head);
      if (answer.ok) break;
    }
    return answer;
  }

  destroy(): void {
    this.#offer.destroy();
  }
}
