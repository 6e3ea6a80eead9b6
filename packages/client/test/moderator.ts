// The host's side of orders, for tests: an onion key that signs.

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { orderStatement } from '@sotto/protocol';
import type { AccessMode, Move, Order, SignedAccess, SignedOrder } from '@sotto/protocol';

/** What precedes the 32 raw bytes in a PKCS#8 private key (RFC 8410 §7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_BYTES = 32;

export class Moderator {
  readonly publicKey: Uint8Array;
  readonly #key: KeyObject;
  readonly #roomId: Uint8Array;
  #number = 0;

  constructor(seed: Uint8Array, roomId: Uint8Array) {
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' });
    this.publicKey = Uint8Array.from(spki.subarray(-KEY_BYTES));
    this.#roomId = roomId;
  }

  access(mode: AccessMode, number: number = this.#next()): SignedAccess {
    return this.#sign({ type: 'access', number, mode });
  }

  evict(memberId: Uint8Array): SignedOrder {
    return this.#sign({ type: 'evict', number: this.#next(), memberId });
  }

  move(onionKey: Uint8Array, roomSecret: Uint8Array): Move {
    return this.#sign({ type: 'move', onionKey, roomSecret });
  }

  #sign<Some extends Order>(order: Some): Some & { readonly signature: Uint8Array } {
    return { ...order, signature: Uint8Array.from(sign(null, orderStatement(this.#roomId, order), this.#key)) };
  }

  #next(): number {
    this.#number += 1;
    return this.#number;
  }
}
