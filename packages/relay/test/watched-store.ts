// A memory store that a test can hold back, break and count: the store's side of every "only after
// the store has answered".

import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { RelayError } from '../src/errors.ts';
import type { Append, AppendAnswer, Commit } from '../src/store/room-store.ts';

export class WatchedStore extends MemoryRoomStore {
  appends = 0;
  commits = 0;
  /** While it is away, every call fails. */
  away = false;
  /** Appends, commits and creates do what they should, but their answers are lost. */
  losesAnswers = false;
  /** Rooms that it is asked to forget stay, and the request is lost; each is noted. */
  losesRemovals = false;
  readonly removals: Uint8Array[] = [];
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #called: () => void = () => undefined;
  #committing: () => void = () => undefined;

  /** From now on appends and commits wait, before anything is stored, until letGo(). */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  letGo(): void {
    this.#open();
  }

  /** Resolves at the next call of append. */
  nextAppend(): Promise<void> {
    return new Promise((resolve) => (this.#called = resolve));
  }

  /** Resolves at the next call of commit. */
  nextCommit(): Promise<void> {
    return new Promise((resolve) => (this.#committing = resolve));
  }

  override async commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer> {
    this.commits += 1;
    this.#committing();
    await this.#gate;
    this.#failIfAway();
    const answer = await super.commit(roomId, commit);
    if (this.losesAnswers) throw new RelayError('store-unavailable');
    return answer;
  }

  override async append(roomId: Uint8Array, append: Append): Promise<AppendAnswer> {
    this.appends += 1;
    this.#called();
    await this.#gate;
    this.#failIfAway();
    const answer = await super.append(roomId, append);
    if (this.losesAnswers) throw new RelayError('store-unavailable');
    return answer;
  }

  override async load(roomId: Uint8Array): ReturnType<MemoryRoomStore['load']> {
    this.#failIfAway();
    return super.load(roomId);
  }

  override async create(...parameters: Parameters<MemoryRoomStore['create']>): ReturnType<MemoryRoomStore['create']> {
    this.#failIfAway();
    const answer = await super.create(...parameters);
    if (this.losesAnswers) throw new RelayError('store-unavailable');
    return answer;
  }

  override async remove(roomId: Uint8Array): Promise<boolean> {
    this.removals.push(roomId);
    this.#failIfAway();
    if (this.losesRemovals) throw new RelayError('store-unavailable');
    return super.remove(roomId);
  }

  override async touch(roomId: Uint8Array, oldest: number): ReturnType<MemoryRoomStore['touch']> {
    this.#failIfAway();
    return super.touch(roomId, oldest);
  }

  #failIfAway(): void {
    if (this.away) throw new RelayError('store-unavailable');
  }
}
