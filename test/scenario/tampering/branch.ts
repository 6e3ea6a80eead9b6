// A real relay over a store that can be copied: one branch of a room's history, and the beginning
// of others.

import { join } from 'node:path';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import type { Clock, Relay, RoomMirror } from '@sotto/relay';
import { TestHost } from '@sotto/fixtures/relay-host';
import type { TestRoom } from '@sotto/fixtures/relay-member';

export interface BranchPlace {
  readonly directory: string;
  /** Unique in the directory. */
  readonly name: string;
  readonly clock?: Clock;
}

export class Branch {
  /** The Unix socket of its members. */
  readonly path: string;
  readonly #room: TestRoom;
  readonly #store: MemoryRoomStore;
  readonly #relay: Relay;
  readonly #host: TestHost;

  private constructor(room: TestRoom, parts: { store: MemoryRoomStore; relay: Relay; host: TestHost; path: string }) {
    this.#room = room;
    this.#store = parts.store;
    this.#relay = parts.relay;
    this.#host = parts.host;
    this.path = parts.path;
  }

  /**
   * A room without a past, or one that goes on from `mirror`. The room's lock is the caller's: a
   * relay may ask for whatever key it likes.
   */
  static async open(room: TestRoom, { directory, name, clock }: BranchPlace, mirror?: RoomMirror): Promise<Branch> {
    const store = new MemoryRoomStore();
    const path = join(directory, `${name}.sock`);
    const admin = { path: join(directory, `${name}-admin.sock`) };
    const relay = await startRelay({ listen: { path }, admin, store, ...(clock === undefined ? {} : { clock }) });
    const host = new TestHost(admin);
    if (mirror !== undefined) await store.restore(room.roomId, mirror);
    const reply = await (mirror === undefined
      ? host.create(room)
      : host.ask({ operation: 'resume', roomId: room.roomId }));
    if (reply?.ok !== true) throw new Error('the branch has no room');
    return new Branch(room, { store, relay, host, path });
  }

  /** The whole room as it is stored now: log, snapshots, commit number. */
  async snapshot(): Promise<RoomMirror> {
    const record = await this.#store.load(this.#room.roomId);
    if (record === undefined) throw new Error('the branch has lost its room');
    const entries = await this.#store.read(this.#room.roomId, record.oldest, Number.POSITIVE_INFINITY);
    return { ...record, frames: entries.map(({ operation, body }) => ({ operation, body })) };
  }

  async close(): Promise<void> {
    await this.#relay.close();
    await this.#host.leave();
  }
}
