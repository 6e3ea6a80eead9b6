// Memory for secrets that the system neither pages out nor writes into a dump, as far as it can be had: for Node only (`@sotto/crypto/locked-memory`).

import { readFileSync } from 'node:fs';
import { useSecretMemory } from './secret.ts';
import type { SecretMemory } from './secret.ts';

export { moveToSecretMemory, useSecretMemory } from './secret.ts';

/** One arena: room for about a thousand keys, and well within the 64 KiB that systems at least let a process lock. */
const ARENA_BYTES = 32 * 1024;
/** Secrets begin at multiples of this, so that two of them are never in one line of the processor's cache. */
const ALIGNMENT_BYTES = 64;

/** What the addon does for us. */
export type AllocateArena = (bytes: number) => Uint8Array;
/** How much memory of this process the system says is locked, in bytes; undefined where it does not say. */
export type ReadLockedBytes = () => number | undefined;

interface Arena {
  readonly bytes: Uint8Array;
  next: number;
}

/**
 * Memory in arenas. A place is used once: who keeps bytes after their end, against the rules, sees zeros and never another's secret.
 * An arena that is full is let go of with its last secret; the addon zeroes, unlocks and unmaps it.
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
    // The bytes are zero already; their arena ends when nobody holds any of it.
  }

  /** The addon locks silently or not at all: whether it did is seen in what the system counts. */
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
      // Neither room for guard pages nor an engine that takes foreign memory is a reason to end: ordinary memory is not locked, and counts as that.
      return new Uint8Array(size);
    }
  }
}

/** Secret memory out of an addon's arenas; separate from `lockSecrets` so that a system which locks nothing can be tested. */
export function makeArenaMemory(allocateArena: AllocateArena, readLockedBytes: ReadLockedBytes): SecretMemory {
  return new ArenaMemory(allocateArena, readLockedBytes);
}

/**
 * Puts all secrets of this program into locked memory, before there is one. Where the addon is missing or the system locks nothing, the
 * program goes on without, and `status` says so for as long as it runs: it is a promise less, not a fault.
 */
export async function lockSecrets(): Promise<Pick<SecretMemory, 'status'>> {
  const allocateArena = await loadAddon();
  if (allocateArena === undefined) return { status: 'unlocked' };
  const memory = makeArenaMemory(allocateArena, readLockedBytes);
  useSecretMemory(memory);
  return memory;
}

/** There is an addon in the package for each of the common systems, and for others none. */
async function loadAddon(): Promise<AllocateArena | undefined> {
  try {
    const { sodium_malloc: allocateArena } = await import('sodium-native');
    return allocateArena;
  } catch {
    // Whatever the reason, the answer is the same: there is no locked memory, and that is said.
    return undefined;
  }
}

/** Linux says it; elsewhere nobody can know. */
function readLockedBytes(): number | undefined {
  try {
    const kib = /^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    // No such file: not Linux, or a system that hides it.
    return undefined;
  }
}
