import { createPublicKey, verify } from 'node:crypto';
import { encodeMove, encodeSignedOrder, orderStatement } from '@sotto/protocol';
import type { Order } from '@sotto/protocol';
import { OnionKey } from '@sotto/tor';
import { describe, expect, test } from 'vitest';
import { OrderSigner } from '../src/order-signer.ts';

const ROOM_ID = new Uint8Array(16).fill(7);
const MEMBER_ID = new Uint8Array(16).fill(9);
const EVICTION = { memberId: MEMBER_ID, listed: [ROOM_ID, new Uint8Array(16)] };

/** Ed25519 as node verifies it, with a raw public key (RFC 8410). */
function holds(key: OnionKey, roomId: Uint8Array, order: Order & { readonly signature: Uint8Array }): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.publicKey]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return verify(null, orderStatement(roomId, order), publicKey, order.signature);
}

describe('orders', () => {
  test('are signed with the key of the onion, for one room', () => {
    const key = new OnionKey();
    const orders = new OrderSigner(key, ROOM_ID, { mode: 'open' });
    const move = orders.moveTo({
      onionKey: new Uint8Array(32).fill(1),
      roomSecret: new Uint8Array(32).fill(2),
      cover: 'jitter',
    });
    expect(move.cover).toBe('jitter');
    for (const order of [orders.founding, orders.access('locked'), orders.evict(EVICTION), move]) {
      expect(holds(key, ROOM_ID, order)).toBe(true);
      expect(holds(key, MEMBER_ID, order)).toBe(false);
      expect(holds(new OnionKey(), ROOM_ID, order)).toBe(false);
    }
  });

  test('are numbered from 1 without repetition, with the founding access first', () => {
    const orders = new OrderSigner(new OnionKey(), ROOM_ID, { mode: 'knock' });
    expect(orders.founding).toMatchObject({ type: 'access', number: 1, mode: 'knock' });
    expect([orders.access('open').number, orders.evict(EVICTION).number, orders.access('locked').number]).toEqual([
      2, 3, 4,
    ]);
    expect(orders.mode).toBe('locked');
  });

  test('have the sizes of PROTOCOL.md', () => {
    const orders = new OrderSigner(new OnionKey(), ROOM_ID, { mode: 'open' });
    expect(encodeSignedOrder(orders.founding)).toHaveLength(8 + 1 + 1 + 64);
    expect(encodeSignedOrder(orders.evict(EVICTION))).toHaveLength(8 + 1 + 16 + 1 + 2 * 16 + 64);
    const other = { onionKey: new Uint8Array(32), roomSecret: new Uint8Array(32) };
    expect(encodeMove(orders.moveTo(other))).toHaveLength(32 + 32 + 1 + 64);
    const listed = new OrderSigner(new OnionKey(), ROOM_ID, { mode: 'listed', listed: [MEMBER_ID, ROOM_ID] });
    expect(encodeSignedOrder(listed.founding)).toHaveLength(8 + 1 + 1 + 1 + 2 * 16 + 64);
  });

  test('keep their bytes when the caller wipes its own copy', () => {
    const orders = new OrderSigner(new OnionKey(), ROOM_ID, { mode: 'open' });
    const roomSecret = new Uint8Array(32).fill(5);
    const move = orders.moveTo({ onionKey: new Uint8Array(32), roomSecret });
    roomSecret.fill(0);
    expect(move.roomSecret).toEqual(new Uint8Array(32).fill(5));
  });

  test('end with the key', () => {
    const key = new OnionKey();
    const orders = new OrderSigner(key, ROOM_ID, { mode: 'open' });
    key.wipe();
    expect(() => orders.access('locked')).toThrow(expect.objectContaining({ code: 'onion-key' }));
  });
});
