// Whether an order is the moderator's: the key that signs is the onion's, whose public half is in the connection string. PROTOCOL.md §5.9.

import { orderStatement } from '@sotto/protocol';
import type { Move, SignedOrder } from '@sotto/protocol';
import { verifyStatement } from './signed-statement.ts';

/** @returns whether whoever holds the secret half of `moderatorKey` (32 bytes, the onion's public key) has signed this order for this room. */
export function verifyOrder(order: SignedOrder | Move, roomId: Uint8Array, moderatorKey: Uint8Array): boolean {
  return verifyStatement(orderStatement(roomId, order), order.signature, moderatorKey);
}
