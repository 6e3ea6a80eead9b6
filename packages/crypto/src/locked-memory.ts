// `@sotto/crypto/locked-memory`, for Node only: memory for secrets that the system neither pages
// out nor dumps, as far as the system allows it.

import { readFileSync } from 'node:fs';
import { useSecretMemory } from './secret.ts';
import type { SecretMemory } from './secret.ts';

export { moveToSecretMemory, useSecretMemory } from './secret.ts';

/**
 * Bytes of one arena. It holds about a thousand keys, and fits well into the 64 KiB that every
 * system lets a process lock.
 */
const ARENA_BYTES = 32 * 1024;
/** Secrets begin at multiples of this, so that no two of them share a cache line. */
const ALIGNMENT_BYTES = 64;

/** Allocates that many bytes, locked if possible. Throws if there is no memory to give. */
export type AllocateArena = (bytes: number) => Uint8Array;
/**
 * @returns the bytes of this process that the system reports as locked; undefined if it does not
 * report them.
 */
export type ReadLockedBytes = () => number | undefined;

interface Arena {
  readonly bytes: Uint8Array;
  next: number;
}

/**
 * Memory in arenas. A place is used once: a caller that keeps bytes after their end, against the
 * rules, sees zeros and never another secret.
 * A full arena is released with its last secret; the addon then zeroes, unlocks and unmaps it.
 */
class ArenaMemory implements SecretMemory {
  readonly #allocateArena: AllocateArena;
  readonly #readLockedBytes: ReadLockedBytes;
  #arena: Arena;
  #status: SecretMemory['status'] = 'locked';

  constructor(allocateArena: AllocateArena, readLockedBytes: ReadLockedBytes) {
    this.#allocateArena = allocateArena;
    this.#readLockedBytes = readLockedBytes;
    this.#arena = this.#open(ARENA_BYTES);
  }

  get status(): SecretMemory['status'] {
    return this.#status;
  }

  allocate(bytes: number): Uint8Array {
    const place = Math.max(1, Math.ceil(bytes / ALIGNMENT_BYTES)) * ALIGNMENT_BYTES;
    if (this.#arena.next + place > this.#arena.bytes.length) this.#arena = this.#open(Math.max(ARENA_BYTES, place));
    const { bytes: arena, next } = this.#arena;
    this.#arena.next += place;
    return new Uint8Array(arena.buffer, arena.byteOffset + next, bytes);
  }

  release(): void {
    // The caller has zeroed the bytes. Their arena ends when no secret refers to it.
  }

  /** The addon reports no failure to lock. The system's count of locked bytes shows it. */
  #open(size: number): Arena {
    const before = this.#readLockedBytes();
    const bytes = this.#allocate(size);
    const after = this.#readLockedBytes();
    if (before === undefined || after === undefined || after - before < size) this.#status = 'unlocked';
    return { bytes, next: 0 };
  }

  #allocate(size: number): Uint8Array {
    try {
      return this.#allocateArena(size).fill(0);
    } catch {
      // The addon found no room for its guard pages, or the engine refuses foreign memory. The
      // program continues in ordinary memory, which counts as unlocked.
      return new Uint8Array(size);
    }
  }
}

/**
 * @returns secret memory in the arenas of an addon. It is separate from `lockSecrets` so that a
 * test can stand in for a system that locks nothing.
 */
export function makeArenaMemory(allocateArena: AllocateArena, readLockedBytes: ReadLockedBytes): SecretMemory {
  return new ArenaMemory(allocateArena, readLockedBytes);
}

/**
 * Puts all later secrets of this program into locked memory. A program calls it once, before its
 * first secret.
 * If the addon is missing or the system locks nothing, the program continues without the
 * protection, and `status` is `unlocked`.
 *
 * @returns the memory's status, which is current at every read (adr/0008).
 * @throws Error if a secret exists already.
 */
export async function lockSecrets(): Promise<Pick<SecretMemory, 'status'>> {
  const allocateArena = await loadAddon();
  if (allocateArena === undefined) return { status: 'unlocked' };
  const memory = makeArenaMemory(allocateArena, readLockedBytes);
  useSecretMemory(memory);
  return memory;
}

/** The package carries an addon for each of the common systems, and none for others. */
async function loadAddon(): Promise<AllocateArena | undefined> {
  try {
    const { sodium_malloc: allocateArena } = await import('sodium-native');
    return allocateArena;
  } catch {
    // Every failure has the same result: no locked memory, which `status` reports.
    return undefined;
  }
}

/** Linux reports locked memory in `/proc/self/status`; other systems do not. */
function readLockedBytes(): number | undefined {
  try {
    const kib = /^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    // The file is missing: this is not Linux, or the system hides it.
    return undefined;
  }
}
