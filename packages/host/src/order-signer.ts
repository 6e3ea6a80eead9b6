// Signs the moderator's orders of one room with its onion key, each under a number of its own.
// PROTOCOL.md §5.9.

import { coverOf, orderStatement } from '@sotto/protocol';
import type {
  Access,
  AccessMode,
  Invite,
  Move,
  PlainAccess,
  PlainMode,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
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

  constructor(key: OnionKey, roomId: Uint8Array, access: Access) {
    this.#key = key;
    this.#roomId = roomId;
    this.#mode = access.mode;
    const order = { type: 'access', number: this.#next(), ...access } as const;
    this.founding = { ...order, signature: this.#key.sign(orderStatement(roomId, order)) };
  }

  /** The last access that was ordered. */
  get mode(): AccessMode {
    return this.#mode;
  }

  access(mode: PlainMode): PlainAccess {
    const order = { type: 'access', number: this.#next(), mode } as const;
    this.#mode = mode;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  /** `memberId`: of 16 bytes. `listed`: the members that stay; the first carries the order out. */
  evict({ memberId, listed }: { readonly memberId: Uint8Array; readonly listed: readonly Uint8Array[] }): SignedOrder {
    const order = { type: 'evict', number: this.#next(), memberId, listed } as const;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  /** Sends this room's members to another room. */
  moveTo(invite: Invite): Move {
    const { onionKey, roomSecret } = invite;
    const cover = coverOf(invite);
    const order = { type: 'move', onionKey, roomSecret: Uint8Array.from(roomSecret), cover } as const;
    return { ...order, signature: this.#key.sign(orderStatement(this.#roomId, order)) };
  }

  #next(): number {
    this.#number += 1;
    return this.#number;
  }
}
