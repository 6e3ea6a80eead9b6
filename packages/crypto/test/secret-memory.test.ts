// The memory of secrets: locked where the system allows it, and reported as unlocked where it does
// not.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { platform } from 'node:process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lockSecrets, makeArenaMemory } from '../src/locked-memory.ts';
import type { AllocateArena } from '../src/locked-memory.ts';
import { Secret, useSecretMemory } from '../src/secret.ts';

const ARENA_BYTES = 32 * 1024;
const ordinary: AllocateArena = (bytes) => new Uint8Array(bytes);

/** A system that reports as locked the memory that it allocates, up to `limit`. */
function systemThatLocks(limit: number): { allocate: AllocateArena; locked: () => number } {
  let locked = 0;
  return {
    allocate: (bytes) => {
      if (locked + bytes <= limit) locked += bytes;
      return new Uint8Array(bytes);
    },
    locked: () => locked,
  };
}

describe('memory in arenas', () => {
  test('is locked while the system locks all of it, and unlocked after the first failure', () => {
    const system = systemThatLocks(2 * ARENA_BYTES);
    const memory = makeArenaMemory(system.allocate, system.locked);
    for (let arena = 0; arena < 2; arena += 1) {
      memory.allocate(ARENA_BYTES);
      expect(memory.status).toBe('locked');
    }
    memory.allocate(1);
    expect(memory.status).toBe('unlocked');
    expect(memory.allocate(32)).toEqual(new Uint8Array(32));
    expect(memory.status).toBe('unlocked');
  });

  test.each<[string, AllocateArena, () => number | undefined]>([
    ['a system that locks nothing', ordinary, () => 0],
    ['a system that locks less than was asked for', ordinary, () => ARENA_BYTES / 2],
    ['a system that does not say', ordinary, () => undefined],
    [
      'an addon that has no memory to give',
      () => {
        throw new Error('ENOMEM');
      },
      () => 0,
    ],
  ])('is unlocked, reports it and works with %s', (_what, allocate, locked) => {
    const memory = makeArenaMemory(allocate, locked);
    expect(memory.status).toBe('unlocked');
    expect(memory.allocate(64)).toEqual(new Uint8Array(64));
  });

  test('gives each holder bytes of its own, zero at first, and reuses no place', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2 * ARENA_BYTES), fc.boolean()), { maxLength: 200 }), (wishes) => {
        const memory = makeArenaMemory(ordinary, () => 0);
        const held = wishes.map(([bytes, ends], index) => {
          const place = memory.allocate(bytes);
          expect(place.length).toBe(bytes);
          expect(place.every((byte) => byte === 0)).toBe(true);
          place.fill((index % 255) + 1);
          if (ends) memory.release(place.fill(0));
          return { place, byte: ends ? 0 : (index % 255) + 1 };
        });
        for (const { place, byte } of held) expect(place.every((each) => each === byte)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

interface Mapping {
  readonly from: number;
  readonly to: number;
  readonly flags: readonly string[];
}

/** Memory of this process that is locked and left out of dumps: `lo` and `dd` in proc(5). */
function lockedMappings(): readonly Mapping[] {
  const parts = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return parts
    .map((part): Mapping => {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(part) ?? [];
      const flags = /^VmFlags: (.*)$/m.exec(part)?.[1]?.trim().split(' ') ?? [];
      return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16), flags };
    })
    .filter(({ flags }) => flags.includes('lo') && flags.includes('dd'));
}

/**
 * @returns the number of copies of a secret in locked memory. The caller gives it xor 255, so that
 * the search finds no copy of its own.
 */
function countLocked(inverted: Uint8Array): number {
  const memory = openSync('/proc/self/mem', 'r');
  let count = 0;
  for (const { from, to } of lockedMappings()) {
    const bytes = Buffer.alloc(to - from);
    readSync(memory, bytes, 0, bytes.length, from);
    for (let at = 0; at + inverted.length <= bytes.length; at += 1)
      if (inverted.every((byte, index) => (bytes[at + index] ?? 0) === (byte ^ 255))) count += 1;
  }
  closeSync(memory);
  return count;
}

describe.runIf(platform === 'linux')('a program that locks its secrets', () => {
  const lockedBytes = (): number =>
    1024 * Number(/^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0);

  test('reports the status that the system confirms, keeps one locked copy of a secret, and leaves none', async () => {
    const inverted = Uint8Array.from({ length: 32 }, (_, index) => 100 + index * 3);
    const before = lockedBytes();
    const memory = await lockSecrets();
    expect(memory.status).toBe(lockedBytes() - before >= ARENA_BYTES ? 'locked' : 'unlocked');

    const ordinaryCopy = inverted.map((byte) => byte ^ 255);
    const expected = memory.status === 'locked' ? 1 : 0;
    expect(countLocked(inverted)).toBe(0);
    const secret = new Secret(ordinaryCopy);
    expect(countLocked(inverted)).toBe(expected);
    expect(secret.use((bytes) => Uint8Array.from(bytes, (byte) => byte ^ 255))).toEqual(inverted);
    secret.destroy();
    expect(countLocked(inverted)).toBe(0);
  });

  test('cannot choose other memory after its first secret', () => {
    const memory = makeArenaMemory(ordinary, () => 0);
    expect(() => useSecretMemory(memory)).toThrow('after the first secret');
  });
});
