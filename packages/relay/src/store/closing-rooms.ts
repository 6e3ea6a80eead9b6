// Rooms that have ended here but perhaps not yet in the store: each is a tombstone, and the store is asked again until it has forgotten the room.

import { toHex } from '@sotto/protocol';
import { CLOSING_ROOMS_MAX, ROOMS_MAX } from '../limits.ts';
import type { RoomStore } from './room-store.ts';

export class ClosingRooms {
  readonly #store: RoomStore;
  readonly #tombstones = new Map<string, Uint8Array>();

  constructor(store: RoomStore) {
    this.#store = store;
  }

  has(roomId: Uint8Array): boolean {
    return this.#tombstones.has(toHex(roomId));
  }

  /** So many that only rooms which are held find a place still. Nobody begins to hold another then, so those always do. */
  get isFull(): boolean {
    return this.#tombstones.size >= CLOSING_ROOMS_MAX - ROOMS_MAX;
  }

  get roomIds(): readonly Uint8Array[] {
    return [...this.#tombstones.values()];
  }

  /**
   * Has the store forget a room, and until it has says so itself. A room that nobody holds has no tombstone when there are too many: its host asks
   * again. Rejects with a RelayError. @returns whether there was such a room.
   */
  async remove(roomId: Uint8Array, isHeld: boolean): Promise<boolean> {
    const known = this.has(roomId);
    if (isHeld || !this.isFull) this.#tombstones.set(toHex(roomId), roomId);
    const wasStored = await this.#store.remove(roomId);
    this.#tombstones.delete(toHex(roomId));
    return known || wasStored;
  }
}
