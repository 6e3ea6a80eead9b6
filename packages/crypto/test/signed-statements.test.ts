// Orders and leave proofs: valid ones are accepted, and every other signature is refused.

import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes, orderStatement } from '@sotto/protocol';
import type { Move, Order, SignedOrder } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import { createGroupIdentity, memberIdOf, proveLeave, verifyLeave, verifyOrder } from '../src/mls/index.ts';
import { nodePublicKey, nodeSign, nodeVerify } from './node-keys.ts';

const random = new SeededRandom(29);
const seed = random.bytes(32);
const moderatorKey = nodePublicKey(seed);
const roomId = random.bytes(16);

const orders: readonly Order[] = [
  { type: 'access', number: 1, mode: 'open' },
  { type: 'access', number: 2, mode: 'knock' },
  { type: 'access', number: 3, mode: 'locked' },
  { type: 'evict', number: 4, memberId: random.bytes(16), listed: [random.bytes(16), random.bytes(16)] },
  { type: 'access', number: 3, mode: 'listed', listed: [random.bytes(16), random.bytes(16)] },
  { type: 'move', onionKey: random.bytes(32), roomSecret: random.bytes(32), cover: 'jitter' },
];

function signed(order: Order, key = seed, room = roomId): SignedOrder | Move {
  return { ...order, signature: nodeSign(key, orderStatement(room, order)) };
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The same signature with S + L for S: the same scalar in another encoding. */
function malleable(signature: Uint8Array): Uint8Array {
  let s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + ed25519.Point.Fn.ORDER;
  const forged = signature.slice();
  for (let at = 32; at < 64; at += 1, s >>= 8n) forged[at] = Number(s & 0xffn);
  return forged;
}

describe('an order', () => {
  test.each(orders)('holds if the moderator signed it: $type $mode', (order) => {
    expect(verifyOrder({ order: signed(order), roomId, moderatorKey })).toBe(true);
  });

  test.each(orders)('is refused from another signer, for another room, or changed: $type $mode', (order) => {
    const good = signed(order);
    // A holder of the connection string has this public key, the room secret, and any key of its
    // own.
    expect(verifyOrder({ order: signed(order, random.bytes(32)), roomId, moderatorKey })).toBe(false);
    expect(verifyOrder({ order: signed(order, seed, random.bytes(16)), roomId, moderatorKey })).toBe(false);
    expect(verifyOrder({ order: good, roomId: random.bytes(16), moderatorKey })).toBe(false);
    expect(verifyOrder({ order: good, roomId, moderatorKey: nodePublicKey(random.bytes(32)) })).toBe(false);
    for (let at = 0; at < 64; at += 1) {
      expect(verifyOrder({ order: { ...good, signature: changed(good.signature, at) }, roomId, moderatorKey })).toBe(
        false,
      );
    }
  });

  test('has a signature that holds for no other order', () => {
    const all = orders.map((order) => signed(order));
    for (const one of all) {
      for (const other of all) {
        expect(verifyOrder({ order: { ...one, signature: other.signature }, roomId, moderatorKey })).toBe(
          one === other,
        );
      }
    }
  });

  test('differs from all else that the onion key signs: the statement begins with its label', () => {
    for (const order of orders) {
      const statement = orderStatement(roomId, order);
      expect(Buffer.from(statement.subarray(0, 13)).toString()).toBe('sotto/1 order');
      const bare = nodeSign(seed, statement.subarray(13));
      expect(verifyOrder({ order: { ...signed(order), signature: bare }, roomId, moderatorKey })).toBe(false);
    }
  });

  test('is refused with a signature or a key of another length, and nothing throws', () => {
    const [order] = orders;
    if (order === undefined) throw new Error('an order');
    const good = signed(order);
    for (const length of [0, 63, 65]) {
      expect(verifyOrder({ order: { ...good, signature: random.bytes(length) }, roomId, moderatorKey })).toBe(false);
    }
    for (const length of [0, 31, 33])
      expect(verifyOrder({ order: good, roomId, moderatorKey: random.bytes(length) })).toBe(false);
  });
});

describe('a signature outside MLS, held to the rules inside it', () => {
  const [order] = orders;
  if (order === undefined) throw new Error('an order');
  const statement = orderStatement(roomId, order);

  test('is refused with S + L for S; the bare library accepts it, Node does not', () => {
    const forged = malleable(signed(order).signature);
    expect(verifyOrder({ order: { ...signed(order), signature: forged }, roomId, moderatorKey })).toBe(false);
    expect(nodeVerify(moderatorKey, statement, forged)).toBe(false);
    expect(nacl.sign.detached.verify(statement, forged, moderatorKey)).toBe(true);
  });

  test('is refused under a key of small order, where one signature fits all; the bare library accepts it', () => {
    const identityPoint = Uint8Array.from([1, ...new Uint8Array(31)]);
    const universal = concatBytes(identityPoint, new Uint8Array(32));
    expect(
      verifyOrder({ order: { ...signed(order), signature: universal }, roomId, moderatorKey: identityPoint }),
    ).toBe(false);
    expect(nacl.sign.detached.verify(statement, universal, identityPoint)).toBe(true);
  });
});

describe('a leave proof', () => {
  const ben = createGroupIdentity(random.bytes);
  const proof = proveLeave(ben, roomId);

  test('holds for its member in its room, as Node computes it', () => {
    expect(verifyLeave({ proof, roomId, memberKey: ben.memberKey })).toBe(true);
    const statement = concatBytes(new TextEncoder().encode('sotto/2 leave'), roomId, memberIdOf(ben.memberKey));
    expect(nodeVerify(ben.memberKey, statement, proof.signature)).toBe(true);
  });

  test('is refused for another member, another room, or in any other encoding', () => {
    const carla = createGroupIdentity(random.bytes);
    const underHerId = { ...proof, memberId: memberIdOf(carla.memberKey) };
    expect(verifyLeave({ proof: underHerId, roomId, memberKey: ben.memberKey })).toBe(false);
    expect(verifyLeave({ proof: underHerId, roomId, memberKey: carla.memberKey })).toBe(false);
    expect(verifyLeave({ proof, roomId, memberKey: carla.memberKey })).toBe(false);
    expect(verifyLeave({ proof, roomId: random.bytes(16), memberKey: ben.memberKey })).toBe(false);
    expect(
      verifyLeave({ proof: { ...proof, signature: malleable(proof.signature) }, roomId, memberKey: ben.memberKey }),
    ).toBe(false);
    expect(verifyLeave({ proof: { ...proof, signature: new Uint8Array(64) }, roomId, memberKey: ben.memberKey })).toBe(
      false,
    );
  });
});
