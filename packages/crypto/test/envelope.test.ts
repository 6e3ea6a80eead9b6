// The envelope of every frame: its size, its nonce, and its refusals.

import { bodyBytes, ENVELOPE_OVERHEAD_BYTES, FRAME_BYTES, NONCE_BYTES } from '@sotto/protocol';
import { SeededRandom, systemRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { openEnvelope, plaintextBytes, sealEnvelope, Secret } from '../src/index.ts';
import type { RandomSource } from '../src/index.ts';

const random = new SeededRandom(3);
const key = new Secret(random.bytes(32));
const SEALS = 100_000;

/** @returns how many of `count` seals used a nonce that an earlier one had used. */
function repeatedNonces(count: number, source: RandomSource): number {
  const plaintext = new Uint8Array(0);
  const nonces = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    nonces.add(Buffer.from(sealEnvelope(key, plaintext, source).subarray(0, NONCE_BYTES)).toString('base64'));
  }
  return count - nonces.size;
}

describe('an envelope', () => {
  test('fills a body of every frame size exactly, and opens again', () => {
    for (const length of FRAME_BYTES) {
      const plaintext = random.bytes(plaintextBytes(bodyBytes(length)));
      const body = sealEnvelope(key, plaintext, random.bytes);
      expect(body).toHaveLength(bodyBytes(length));
      expect(openEnvelope(key, body)).toEqual({ ok: true, value: plaintext });
    }
  });

  test('is refused with one bit changed in any byte, nonce and tag included', () => {
    const body = sealEnvelope(key, random.bytes(plaintextBytes(bodyBytes(FRAME_BYTES[0]))), random.bytes);
    for (let index = 0; index < body.length; index += 1) {
      const changed = body.slice();
      changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
      expect(openEnvelope(key, changed), `${index}`).toEqual({ ok: false, code: 'envelope-foreign' });
    }
    expect(openEnvelope(key, body).ok).toBe(true);
  });

  test('is refused under another key, when cut off, and when too short to be an envelope', () => {
    const body = sealEnvelope(key, random.bytes(456), random.bytes);
    const foreign = { ok: false, code: 'envelope-foreign' };
    expect(openEnvelope(new Secret(random.bytes(32)), body)).toEqual(foreign);
    expect(openEnvelope(key, body.slice(0, -1))).toEqual(foreign);
    for (const length of [0, 1, ENVELOPE_OVERHEAD_BYTES - 1, ENVELOPE_OVERHEAD_BYTES]) {
      expect(openEnvelope(key, body.slice(0, length))).toEqual(foreign);
    }
  });

  test('hides its content: equal plaintexts make bodies that have nothing in common', () => {
    const plaintext = new Uint8Array(456).fill(0x41);
    const bodies = [1, 2].map(() => sealEnvelope(key, plaintext, systemRandom));
    const [one = new Uint8Array(0), two = new Uint8Array(0)] = bodies;
    const equal = one.filter((byte, index) => byte === two[index]).length;
    // 496 random bytes agree in two places on average; 30 are beyond chance.
    expect(equal).toBeLessThan(30);
    expect(plaintext.filter((byte, index) => byte === plaintext[index]).length).toBe(456);
  });

  test('never uses a nonce twice', () => {
    expect(repeatedNonces(SEALS, systemRandom)).toBe(0);
  });

  test('control: the same check catches a random source that repeats itself', () => {
    expect(repeatedNonces(100, (length) => new Uint8Array(length))).toBe(99);
    let count = 0;
    const wrapping: RandomSource = (length) => new Uint8Array(length).fill((count += 1) & 0x3f);
    expect(repeatedNonces(100, wrapping)).toBe(36);
  });
});
