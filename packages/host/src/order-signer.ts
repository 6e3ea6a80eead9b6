// Signs the moderator's orders of one room with its onion key, each under a number of its own.
// PROTOCOL.md §5.9.

import { orderStatement } from '@sotto/protocol';
import type { AccessMode, Invite, Move, SignedAccess, SignedOrder } from '@sotto/protocol';
import type { OnionKey } from '@sotto/tor';

/**
 * Signs orders for as long as the room's onion key lives. After the room's end each call throws
 * TorError `onion-key`.
 */
export class OrderSigner {
  /** The room's first order, which is part of its founding. */
  readonly founding: SignedAccess;
  readonly #key: OnionKey;
  readonly #roomId: Uint8Array;
  #number = 0;
  #mode: AccessMode;

  constructor(key: OnionKey, roomId: Uint8Array, mode: AccessMode) {
    this.#key = key;
    this.#roomId = roomId;
    this.#mode = mode;
    this.founding = this.access(mode);
  }

  /** The last access that was ordered. */
  get mode(): AccessMode {
    return this.#mode;
  }

  access(mode: AccessMode): SignedAccess {
    const order = { type: 'access', number: this.#next(), mode } as const;
    this.#mode = mode;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  /** `memberId`: 16 bytes. */
  evict(memberId: Uint8Array): SignedOrder {
    const order = { type: 'evict', number: this.#next(), memberId } as const;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  /** Sends this room's members to another room. */
  moveTo({ onionKey, roomSecret }: Invite): Move {
    const order = { type: 'move', onionKey, roomSecret: Uint8Array.from(roomSecret) } as const;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  #next(): number {
    this.#number += 1;
    return this.#number;
  }
}
