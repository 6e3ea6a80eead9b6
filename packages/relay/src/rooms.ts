// The open rooms and their owners: made, resumed and closed by the host over admin.sock, found
// again in the store after a restart.

import { toHex } from '@sotto/protocol';
import type { AdminCode, AdminReply, RelayCode } from '@sotto/protocol';
import { RelayError } from './errors.ts';
import { ADMIN_GRACE_MS, CLOSING_ROOMS_MAX, ROOMS_MAX } from './limits.ts';
import { fitLogs } from './log-budget.ts';
import { Room } from './room.ts';
import type { RoomDependencies } from './room.ts';
import type { RoomStore, RoomTerms } from './store/room-store.ts';

/**
 * A room lives as long as the admin connection that owns it. Without an owner it waits a while for
 * a `resume`, unless another room needs its place. PROTOCOL.md §6.5.
 */
type Ownership =
  { readonly kind: 'owned'; readonly by: number } | { readonly kind: 'orphaned'; readonly since: number };

interface RoomEntry {
  readonly roomId: Uint8Array;
  readonly room: Room;
  ownership: Ownership;
}

const DONE: AdminReply = { ok: true };

export class Rooms {
  readonly #dependencies: RoomDependencies;
  readonly #rooms = new Map<string, RoomEntry>();
  readonly #closing: ClosingRooms;
  readonly #queues = new Map<string, Promise<void>>();

  constructor(dependencies: Omit<RoomDependencies, 'fitLogs'>) {
    this.#dependencies = { ...dependencies, fitLogs: () => this.#fitLogs() };
    this.#closing = new ClosingRooms(dependencies.store);
  }

  /**
   * @returns the room, loaded from the store if need be; undefined if it is unknown, or if there
   *   are too many rooms. Rejects with a RelayError.
   */
  find(roomId: Uint8Array): Promise<Room | undefined> {
    return this.#inOrder(roomId, () => this.#find(roomId));
  }

  /**
   * The same room again is made, as long as nothing has happened in it: the host may not have heard
   * that it was.
   */
  create(roomId: Uint8Array, terms: RoomTerms, owner: number): Promise<AdminReply> {
    return this.#inOrder(roomId, async () => {
      const open = this.#openRoom(roomId);
      if (open !== undefined) return open.room.isFresh(terms) ? this.#own(roomId, owner) : no('room-exists');
      if (this.#closing.has(roomId)) await this.#closing.remove(roomId, false);
      if (this.#isFull() && this.#longestOrphaned() === undefined) return no('rooms-full');
      if ((await this.#dependencies.store.create(roomId, terms)) === 'room-exists') return no('room-exists');
      return this.#own(roomId, owner);
    });
  }

  /** Also takes a room over from an admin connection that does not know yet that it is dead. */
  resume(roomId: Uint8Array, owner: number): Promise<AdminReply> {
    return this.#inOrder(roomId, () => this.#own(roomId, owner));
  }

  /** Ends the room for every member at once; `ok` says that the store has forgotten it too. */
  close(roomId: Uint8Array): Promise<AdminReply> {
    return this.#inOrder(roomId, async () => ((await this.#end(roomId)) ? DONE : no('room-unknown')));
  }

  /** Asks the store again to forget closed rooms. Never rejects: it stops at the first failure. */
  async finishClosing(): Promise<void> {
    try {
      for (const roomId of this.#closing.roomIds) {
        await this.#inOrder(roomId, async () => {
          if (this.#closing.has(roomId)) await this.#closing.remove(roomId, false);
        });
      }
    } catch {
      // Their tombstones stand.
    }
  }

  disown(owner: number): void {
    for (const entry of this.#rooms.values()) {
      if (entry.ownership.kind === 'owned' && entry.ownership.by === owner) entry.ownership = this.#orphaned();
    }
  }

  /**
   * Closes the rooms that no host has resumed in time, and frees uploads whose leases have ended.
   */
  sweep(): void {
    const now = this.#dependencies.clock.now();
    for (const entry of this.#rooms.values()) {
      const { ownership, roomId, room } = entry;
      room.sweep();
      if (ownership.kind !== 'orphaned' || now - ownership.since <= ADMIN_GRACE_MS) continue;
      entry.ownership = this.#orphaned();
      this.close(roomId).catch(() => {
        // The store is away: the room's tombstone stands.
      });
    }
  }

  async refresh(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map(({ room }) => room.refresh()));
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map(({ room }) => room.idle()));
  }

  /**
   * Ends every connection but leaves the rooms in the store, where a restarted relay finds them.
   */
  end(code: RelayCode): void {
    for (const { room } of this.#rooms.values()) room.close(code);
    this.#rooms.clear();
  }

  /** @returns whether there was such a room */
  async #end(roomId: Uint8Array): Promise<boolean> {
    const entry = this.#rooms.get(toHex(roomId));
    this.#rooms.delete(toHex(roomId));
    entry?.room.close('room-closed');
    const wasKnown = await this.#closing.remove(roomId, entry !== undefined);
    return entry !== undefined || wasKnown;
  }

  async #find(roomId: Uint8Array): Promise<Room | undefined> {
    const open = this.#openRoom(roomId);
    if (open !== undefined) return open.room;
    if (this.#isFull() || this.#closing.has(roomId)) return undefined;
    const room = await Room.load(roomId, this.#dependencies);
    // Others may have come while the store was asked.
    if (room === undefined || this.#isFull()) return undefined;
    this.#refuseWhileClosing();
    this.#rooms.set(toHex(roomId), { roomId, room, ownership: this.#orphaned() });
    this.#fitLogs();
    return room;
  }

  async #own(roomId: Uint8Array, owner: number): Promise<AdminReply> {
    const ownership: Ownership = { kind: 'owned', by: owner };
    const open = this.#openRoom(roomId);
    if (open !== undefined) {
      open.ownership = ownership;
      return DONE;
    }
    if (this.#closing.has(roomId)) return no('room-unknown');
    const room = await Room.load(roomId, this.#dependencies);
    if (room === undefined) return no('room-unknown');
    return (await this.#hold({ roomId, room, ownership })) ? DONE : no('rooms-full');
  }

  /**
   * Opens a room of a host that is connected. If there are too many, rooms without an owner are
   * closed, the one that has waited longest first.
   */
  async #hold(entry: RoomEntry): Promise<boolean> {
    this.#refuseWhileClosing();
    const key = toHex(entry.roomId);
    // No deadlock: only an open room is waited for, and the one that waits is not open yet.
    while (this.#isFull() && !this.#rooms.has(key)) {
      const longest = this.#longestOrphaned();
      if (longest === undefined) return false;
      await this.#inOrder(longest.roomId, () => this.#giveUp(longest));
    }
    this.#rooms.set(key, entry);
    this.#fitLogs();
    return true;
  }

  #fitLogs(): void {
    fitLogs([...this.#rooms.values()].map(({ room }) => room));
  }

  #longestOrphaned(): RoomEntry | undefined {
    let longest: { readonly entry: RoomEntry; readonly since: number } | undefined;
    for (const entry of this.#rooms.values()) {
      if (entry.ownership.kind !== 'orphaned') continue;
      const { since } = entry.ownership;
      if (longest === undefined || since < longest.since) longest = { entry, since };
    }
    return longest?.entry;
  }

  /** Closes a room, unless its host has resumed it or it was closed meanwhile. */
  async #giveUp(entry: RoomEntry): Promise<void> {
    if (entry.ownership.kind === 'orphaned' && this.#rooms.get(toHex(entry.roomId)) === entry)
      await this.#end(entry.roomId);
  }

  /** A room that failed is not used again: the next call loads it anew from the store. */
  #openRoom(roomId: Uint8Array): RoomEntry | undefined {
    const entry = this.#rooms.get(toHex(roomId));
    return entry?.room.isClosed === true ? undefined : entry;
  }

  #orphaned(): Ownership {
    return { kind: 'orphaned', since: this.#dependencies.clock.now() };
  }

  /**
   * A store that has not forgotten so many rooms is not reachable: another room would find no
   * tombstone.
   */
  #refuseWhileClosing(): void {
    if (this.#closing.isFull) throw new RelayError('store-unavailable');
  }

  #isFull(): boolean {
    return this.#rooms.size >= ROOMS_MAX;
  }

  /**
   * One thing at a time for each room id, so that a room is never loaded twice or closed while it
   * is being made.
   */
  async #inOrder<Answer>(roomId: Uint8Array, work: () => Promise<Answer>): Promise<Answer> {
    const key = toHex(roomId);
    const before = this.#queues.get(key) ?? Promise.resolve();
    const answer = before.then(work);
    // The next call does not depend on this one's failure; this one's caller gets it with `answer`.
    const settled = answer.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(key, settled);
    try {
      return await answer;
    } finally {
      if (this.#queues.get(key) === settled) this.#queues.delete(key);
    }
  }
}

function no(code: AdminCode): AdminReply {
  return { ok: false, code };
}

/**
 * Rooms that have ended here but perhaps not yet in the store: each is a tombstone. The store is
 * asked again until it has forgotten the room.
 */
class ClosingRooms {
  readonly #store: RoomStore;
  readonly #tombstones = new Map<string, Uint8Array>();

  constructor(store: RoomStore) {
    this.#store = store;
  }

  has(roomId: Uint8Array): boolean {
    return this.#tombstones.has(toHex(roomId));
  }

  /**
   * So many that the rest is kept for open rooms. No further room is opened then, so each open one
   * finds a tombstone.
   */
  get isFull(): boolean {
    return this.#tombstones.size >= CLOSING_ROOMS_MAX - ROOMS_MAX;
  }

  get roomIds(): readonly Uint8Array[] {
    return [...this.#tombstones.values()];
  }

  /**
   * Makes the store forget a room; the tombstone stands until the store says so. A room that is not
   * open gets no tombstone when there are too many: its host asks again. Rejects with a RelayError.
   * @returns whether there was such a room.
   */
  async remove(roomId: Uint8Array, isHeld: boolean): Promise<boolean> {
    const known = this.has(roomId);
    if (isHeld || !this.isFull) this.#tombstones.set(toHex(roomId), roomId);
    const wasStored = await this.#store.remove(roomId);
    this.#tombstones.delete(toHex(roomId));
    return known || wasStored;
  }
}
