// Makes the store drop what a room's log has given up, without waiting for the next frame.

import type { RoomStore } from './room-store.ts';

export class LogTrimmer {
  readonly #store: RoomStore;
  readonly #roomId: Uint8Array;
  #isAsking = false;

  constructor(store: RoomStore, roomId: Uint8Array) {
    this.#store = store;
    this.#roomId = roomId;
  }

  /**
   * Asks the store, one call at a time, until it has dropped all that comes before `oldest`. Never
   * rejects.
   *
   * @param oldest the oldest number that stays by now; undefined once the room is closed.
   */
  async trim(oldest: () => number | undefined): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      let dropped = 0;
      for (let named = oldest(); named !== undefined && named > dropped; named = oldest()) {
        await this.#store.touch(this.#roomId, named);
        dropped = named;
      }
    } catch {
      // The store is away: the next frame names the oldest, or the next refresh does.
    } finally {
      this.#isAsking = false;
    }
  }
}
