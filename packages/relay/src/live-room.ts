// A room that is in use: carries out what room.ts decides, with the store, the log's tail and the members' connections.

import { encodeRefused, equalBytes } from '@sotto/protocol';
import type { RelayCode } from '@sotto/protocol';
import { makeLock } from './authorise.ts';
import type { Lock } from './authorise.ts';
import type { Clock } from './clock.ts';
import { CATCH_UP_CHUNK_BYTES, LOAD_CHUNK_BYTES } from './limits.ts';
import type { Log } from './log.ts';
import { LogTail } from './log-tail.ts';
import type { Run } from './log-tail.ts';
import { openRoom, stepRoom } from './room.ts';
import type { Published, RoomEffect, RoomEvent, RoomState } from './room.ts';
import type { RoomRecord, RoomStore } from './room-store.ts';
import type { Tick } from './slot.ts';

/** What a room may do to a connection that has attached to it. */
export interface Member {
  /** Entries that the store has accepted: the same buffer for every member. */
  entries(run: Run): void;
  /** The log is not what it was: begin again from the cursor. */
  moved(): void;
  refused(frame: Uint8Array): void;
  hold(): void;
  release(): void;
  end(code: RelayCode): void;
}

export interface RoomSurroundings {
  readonly store: RoomStore;
  readonly clock: Clock;
  readonly tick: Tick;
  readonly log: Log;
}

export class LiveRoom {
  readonly #roomId: Uint8Array;
  readonly #around: RoomSurroundings;
  readonly #members = new Map<number, Member>();
  readonly #lock: Lock;
  #record: RoomRecord;
  #tail: LogTail;
  #state: RoomState;
  #whenIdle: (() => void)[] = [];
  #cancelRest: () => void = () => undefined;

  /** @returns the room as the store has it, or undefined if it has none. Rejects with a RelayError. */
  static async load(roomId: Uint8Array, around: RoomSurroundings): Promise<LiveRoom | undefined> {
    const found = await readRoom(roomId, around.store);
    return found === undefined ? undefined : new LiveRoom(roomId, around, found.record, found.tail);
  }

  private constructor(roomId: Uint8Array, around: RoomSurroundings, record: RoomRecord, tail: LogTail) {
    this.#roomId = roomId;
    this.#around = around;
    this.#record = record;
    this.#tail = tail;
    this.#lock = makeLock(record.capabilityKey, record.roomTag);
    this.#state = openRoom(record.counter, tail.next);
  }

  get lock(): Lock {
    return this.#lock;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  get isClosed(): boolean {
    return this.#state.phase.kind === 'closed';
  }

  get counter(): number {
    return this.#state.counter;
  }

  get oldest(): number {
    return this.#tail.oldest;
  }

  /** The sequence number of the next entry that members will see. */
  get next(): number {
    return this.#tail.next;
  }

  join(number: number, member: Member): void {
    this.#members.set(number, member);
  }

  leave(number: number): void {
    this.#members.delete(number);
  }

  publish(frames: readonly Published[]): void {
    this.#dispatch({ type: 'published', frames });
  }

  /** @returns the next bytes for a member at this cursor; undefined if the log does not reach back so far. */
  take(cursor: number): Run | undefined {
    return this.#tail.take(cursor, CATCH_UP_CHUNK_BYTES);
  }

  /** Ends every connection. The store is the caller's. */
  close(code: RelayCode): void {
    this.#dispatch({ type: 'closed' });
    this.#cancelRest();
    this.#endMembers(code);
    this.#settleIdle();
  }

  /** Resolves when nothing that was taken waits for the store any more. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /** Keeps the room alive in the store, and brings it back if the store has lost it meanwhile. Never rejects. */
  async refresh(): Promise<void> {
    const { store, log } = this.#around;
    try {
      if ((await store.touch(this.#roomId)) === 'present' || this.#state.phase.kind === 'closed') return;
      if ((await this.#restore(false)) === 'restored') log('room-reseeded');
    } catch {
      // The store is away: the next frame or the next refresh finds it again.
    }
  }

  #dispatch(event: RoomEvent): void {
    try {
      const { state, effects } = stepRoom(this.#state, event);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    } catch {
      // A bug of ours: this room ends, the others do not. Its members come back to what the store has.
      this.#around.log('room-failed');
      this.close('store-unavailable');
    }
    if (this.#isIdle()) this.#settleIdle();
  }

  #perform(effect: RoomEffect): void {
    const { clock, tick, log } = this.#around;
    switch (effect.type) {
      case 'ask-slot':
        tick.nextSlot(() => this.#dispatch({ type: 'slot' }));
        return;
      case 'append':
        this.#ask(() => this.#append(effect));
        return;
      case 'restore':
        this.#ask(() => this.#reseed(effect.replace));
        return;
      case 'reload':
        this.#ask(() => this.#reload());
        return;
      case 'rest':
        if (this.#attempts() === 1) log('store-lost');
        this.#cancelRest = clock.after(effect.milliseconds, () => this.#dispatch({ type: 'rested' }));
        return;
      case 'deliver':
        this.#deliver(effect.bodies, effect.oldest);
        return;
      case 'refuse':
        this.#members.get(effect.publisher)?.refused(encodeRefused('stale', effect.counter, effect.nonce));
        return;
      case 'hold':
        this.#members.get(effect.publisher)?.hold();
        return;
      case 'release':
        for (const publisher of effect.publishers) this.#members.get(publisher)?.release();
        return;
      case 'give-up':
        this.#endMembers('store-unavailable');
        return;
    }
  }

  /** One question to the store at a time; its answer, or that there was none, is the next event. */
  #ask(question: () => Promise<RoomEvent>): void {
    question().then(
      (event) => this.#dispatch(event),
      () => this.#dispatch({ type: 'failed', now: this.#around.clock.now() }),
    );
  }

  async #append({ counter, first, bodies }: Extract<RoomEffect, { type: 'append' }>): Promise<RoomEvent> {
    const answer = await this.#around.store.append(this.#roomId, { counter, first, bodies });
    const now = this.#around.clock.now();
    switch (answer.kind) {
      case 'stored':
        if (this.#attempts() > 0) this.#around.log('store-back');
        return { type: 'stored', oldest: answer.oldest };
      case 'room-unknown':
        return { type: 'room-unknown', now };
      case 'stale':
        return answer.counter > counter ? { type: 'store-ahead' } : { type: 'store-behind', now };
      case 'out-of-step':
        return answer.next > first ? { type: 'store-ahead' } : { type: 'store-behind', now };
    }
  }

  async #reseed(replace: boolean): Promise<RoomEvent> {
    await this.#restore(replace);
    this.#around.log('room-reseeded');
    return { type: 'restored', now: this.#around.clock.now() };
  }

  async #restore(replace: boolean): Promise<'restored' | 'present'> {
    const { store } = this.#around;
    if (replace) await store.remove(this.#roomId);
    const { oldest, next } = this.#tail;
    const mirror = { ...this.#record, counter: this.counter, oldest, next, bodies: this.#tail.bodies() };
    return store.restore(this.#roomId, mirror);
  }

  async #reload(): Promise<RoomEvent> {
    const found = await readRoom(this.#roomId, this.#around.store);
    if (found === undefined) return { type: 'room-unknown', now: this.#around.clock.now() };
    if (!equalBytes(found.record.capabilityKey, this.#record.capabilityKey)) {
      // Another room under our room's id: ours is the one whose members are here.
      return { type: 'store-behind', now: this.#around.clock.now() };
    }
    this.#record = found.record;
    this.#tail = found.tail;
    this.#around.log('room-reloaded');
    for (const member of this.#members.values()) member.moved();
    return { type: 'reloaded', counter: found.record.counter, next: found.tail.next };
  }

  #deliver(bodies: readonly Uint8Array[], oldest: number): void {
    const run = this.#tail.append(bodies);
    this.#tail.trim(oldest);
    for (const member of this.#members.values()) member.entries(run);
  }

  #endMembers(code: RelayCode): void {
    for (const member of [...this.#members.values()]) member.end(code);
  }

  #attempts(): number {
    const { phase } = this.#state;
    return 'trouble' in phase ? (phase.trouble?.attempts ?? 0) : 0;
  }

  #isIdle(): boolean {
    return this.#state.phase.kind === 'idle' || this.#state.phase.kind === 'closed';
  }

  #settleIdle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}

async function readRoom(
  roomId: Uint8Array,
  store: RoomStore,
): Promise<{ readonly record: RoomRecord; readonly tail: LogTail } | undefined> {
  const record = await store.load(roomId);
  if (record === undefined) return undefined;
  const tail = new LogTail(record.oldest);
  while (tail.next < record.next) {
    const entries = await store.read(roomId, tail.next, LOAD_CHUNK_BYTES);
    if (entries.length === 0) return undefined;
    tail.append(entries.map(({ body }) => body));
  }
  return { record, tail };
}
