// The key schedule, the capability and the fingerprint, compared with Node's own primitives.

import { capabilityStatement, concatBytes } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { deriveRoomKeys, destroyRoomKeys, fingerprint, signCapability } from '../src/index.ts';
import { LABELS } from '../src/labels.ts';
import { nodeHash, nodeHkdf, nodePublicKey, nodeSign, nodeVerify } from './node-keys.ts';

const random = new SeededRandom(1);
const roomSecret = random.bytes(32);
const onionKey = random.bytes(32);
const keys = deriveRoomKeys({ roomSecret, onionKey });

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe('the key schedule', () => {
  test('matches Node’s HKDF, SHA-256 and Ed25519 for any secret and onion', () => {
    for (let run = 0; run < 20; run += 1) {
      const secret = random.bytes(32);
      const onion = random.bytes(32);
      const derived = deriveRoomKeys({ roomSecret: secret, onionKey: onion });
      const seed = nodeHkdf(secret, 'sotto/1 capability seed');
      const capabilityKey = nodePublicKey(seed);
      expect(derived.capabilityKey).toEqual(capabilityKey);
      expect(derived.capabilitySecret.use((bytes) => bytes.slice())).toEqual(concatBytes(seed, capabilityKey));
      expect(derived.roomId).toEqual(nodeHash('sotto/1 room id', capabilityKey).slice(0, 16));
      expect(derived.roomTag).toEqual(nodeHash('sotto/1 room tag', onion, capabilityKey).slice(0, 16));
      const authorisation = nodeHkdf(secret, 'sotto/1 onion client authorisation');
      expect(derived.clientAuthorisationSeed.use((bytes) => bytes.slice())).toEqual(authorisation);
    }
  });

  test('separates every use: no label is the beginning of another', () => {
    const labels = Object.values(LABELS);
    for (const one of labels) expect(labels.filter((other) => other.startsWith(one))).toEqual([one]);
  });

  test('gives another room for another secret, and the same secret another tag for another onion', () => {
    const elsewhere = deriveRoomKeys({ roomSecret, onionKey: flipped(onionKey, 0) });
    expect(elsewhere.roomId).toEqual(keys.roomId);
    expect(elsewhere.roomTag).not.toEqual(keys.roomTag);
    const other = deriveRoomKeys({ roomSecret: flipped(roomSecret, 255), onionKey });
    expect(other.roomId).not.toEqual(keys.roomId);
    expect(other.capabilityKey).not.toEqual(keys.capabilityKey);
  });

  test('leaves the secret unchanged, and refuses one of another length', () => {
    const secret = roomSecret.slice();
    deriveRoomKeys({ roomSecret: secret, onionKey });
    expect(secret).toEqual(roomSecret);
    for (const length of [0, 31, 33])
      expect(() => deriveRoomKeys({ roomSecret: new Uint8Array(length), onionKey })).toThrow(RangeError);
  });

  test('ends with the room: afterwards no secret can be used', () => {
    const room = deriveRoomKeys({ roomSecret, onionKey });
    destroyRoomKeys(room);
    for (const secret of [room.capabilitySecret, room.clientAuthorisationSeed]) {
      expect(() => secret.use(() => 0)).toThrow('after its end');
    }
    expect(() => signCapability(room, { challenge: new Uint8Array(32), from: 0 })).toThrow('after its end');
  });
});

describe('the capability', () => {
  const challenge = random.bytes(32);
  const signature = signCapability(keys, { challenge, from: 77 });
  const verifies = (statement: Uint8Array): boolean => nodeVerify(keys.capabilityKey, statement, signature);

  test('is a signature that Node verifies, byte for byte equal to Node’s own', () => {
    const statement = capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from: 77 });
    expect(verifies(statement)).toBe(true);
    const seed = keys.capabilitySecret.use((bytes) => bytes.slice(0, 32));
    expect(nodeSign(seed, statement)).toEqual(signature);
    const from = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 77);
    expect(statement).toEqual(
      concatBytes(new TextEncoder().encode('sotto/1 capability'), challenge, keys.roomTag, keys.roomId, from),
    );
  });

  test('is void for another challenge, onion, room or resume point', () => {
    expect(
      verifies(
        capabilityStatement({ challenge: flipped(challenge, 3), roomTag: keys.roomTag, roomId: keys.roomId, from: 77 }),
      ),
    ).toBe(false);
    expect(
      verifies(capabilityStatement({ challenge, roomTag: flipped(keys.roomTag, 3), roomId: keys.roomId, from: 77 })),
    ).toBe(false);
    expect(
      verifies(capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: flipped(keys.roomId, 3), from: 77 })),
    ).toBe(false);
    expect(verifies(capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from: 78 }))).toBe(
      false,
    );
    const otherRoom = deriveRoomKeys({ roomSecret: flipped(roomSecret, 1), onionKey });
    const same = capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from: 77 });
    expect(nodeVerify(otherRoom.capabilityKey, same, signature)).toBe(false);
  });

  test('is void with any one bit of it changed', () => {
    const statement = capabilityStatement({ challenge, roomTag: keys.roomTag, roomId: keys.roomId, from: 77 });
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      expect(nodeVerify(keys.capabilityKey, statement, flipped(signature, bit)), `${bit}`).toBe(false);
    }
  });
});

describe('a member’s key', () => {
  const memberKey = random.bytes(32);

  test('has a fingerprint of 16 digits that follows from its key alone', () => {
    const expected = Buffer.from(nodeHash('sotto/1 fingerprint', memberKey).subarray(0, 8)).toString('hex');
    expect(fingerprint(memberKey)).toBe(expected);
    expect(fingerprint(flipped(memberKey, 0))).not.toBe(expected);
  });
});
