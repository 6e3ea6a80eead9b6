// The edge of room-machine.ts: carries out its effects with the store, the log's tail and the
// members' connections.

import { encodePresence, encodeRefused, equalBytes, HEADER_BYTES, isStealth, LOG_BYTES_MAX } from '@sotto/protocol';
import type { CommitRequest, Cover, Frame, LogOperation, SnapshotName, RelayCode, StagedPiece } from '@sotto/protocol';
import { makeRoomCapability } from './authorise.ts';
import type { RoomCapability } from './authorise.ts';
import type { Allowance, Clock } from '@sotto/machine';
import { packSlot } from './downlink.ts';
import type { PackedSlot, SlotOrder } from './downlink.ts';
import { cutSnapshot } from './snapshots.ts';
import type { SnapshotCut, SnapshotPosition } from './snapshots.ts';
import { CATCH_UP_CHUNK_BYTES } from './limits.ts';
import { loadRoom } from './store/load-room.ts';
import { LogTrimmer } from './store/log-trimmer.ts';
import type { Member } from './member.ts';
import type { FlushSchedule } from './flush-schedule.ts';
import type { Log } from './log.ts';
import { FairShare } from './fair-share.ts';
import type { Allowances } from './fair-share.ts';
import type { BudgetedLog } from './log-budget.ts';
import type { LogTail, Run } from './log-tail.ts';
import { openRoom, stepRoom } from './room-machine.ts';
import type { Published, RoomEffect, RoomEvent, RoomState } from './room-machine.ts';
import { isBehind, isSameTerms } from './store/room-store.ts';
import type { AppendAnswer, RoomRecord, RoomStore, RoomTerms } from './store/room-store.ts';
import { Uploads } from './uploads.ts';
import type { UploadRefusal } from './uploads.ts';

export interface RoomDependencies {
  readonly store: RoomStore;
  readonly clock: Clock;
  readonly flushSchedule: FlushSchedule;
  readonly log: Log;
  readonly allowances: Allowances;
  /** Makes the logs of all rooms fit, when that of one has grown. */
  readonly fitLogs: () => void;
}

export class Room implements BudgetedLog {
  /** The queue of connections that wait for their share. */
  readonly share: FairShare;
  readonly #roomId: Uint8Array;
  readonly #dependencies: RoomDependencies;
  readonly #members = new Map<number, Member>();
  readonly #capability: RoomCapability;
  readonly #uploads = new Uploads();
  readonly #trimmer: LogTrimmer;
  #record: RoomRecord;
  #tail: LogTail;
  #state: RoomState;
  #whenIdle: (() => void)[] = [];
  #cancelRetry: () => void = () => undefined;
  #cancelCommitTimer: () => void = () => undefined;
  /** One restore at a time, whichever caller found that the store needs it. */
  #restoring: Promise<'restored' | 'present'> | undefined;
  readonly #ended = new AbortController();
  #wasEntered = false;

  /**
   * @returns the room as the store has it, or undefined if it has none. Rejects with a RelayError.
   */
  static async load(roomId: Uint8Array, dependencies: RoomDependencies): Promise<Room | undefined> {
    const { store, clock } = dependencies;
    const found = await loadRoom(roomId, store, { now: () => clock.now() });
    return found === undefined ? undefined : new Room(roomId, dependencies, found.record, found.tail);
  }

  private constructor(roomId: Uint8Array, dependencies: RoomDependencies, record: RoomRecord, tail: LogTail) {
    this.#roomId = roomId;
    this.#dependencies = dependencies;
    this.#record = record;
    this.#tail = tail;
    this.#capability = makeRoomCapability(record);
    this.share = new FairShare(dependencies.allowances.ofRoom(record.cover), dependencies.clock);
    this.#trimmer = new LogTrimmer(dependencies.store, roomId);
    this.#state = openRoom(record.commitNumber, tail.next);
  }

  get capability(): RoomCapability {
    return this.#capability;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  get isClosed(): boolean {
    return this.#state.phase.kind === 'closed';
  }

  get cover(): Cover {
    return this.#record.cover;
  }

  /** The allowance of each connection. */
  get uplink(): Allowance | undefined {
    return this.#dependencies.allowances.ofConnection(this.cover);
  }

  get patienceSeconds(): number {
    return this.#record.patienceSeconds;
  }

  get commitNumber(): number {
    return this.#state.commitNumber;
  }

  get oldest(): number {
    return this.#tail.oldest;
  }

  get logBytes(): number {
    return this.#tail.bodyBytes;
  }

  get next(): number {
    return this.#tail.next;
  }

  /**
   * @returns whether it is still as a `create` on these terms makes it, and no member has attached.
   */
  isFresh(terms: RoomTerms): boolean {
    return isSameTerms(this.#record, terms) && this.commitNumber === 0 && this.next === 1 && !this.#wasEntered;
  }

  join(number: number, member: Member): void {
    this.#wasEntered = true;
    this.#members.set(number, member);
    this.#uploads.enter(number);
    this.#dispatch({ type: 'entered', connection: number, now: this.#dependencies.clock.now() });
  }

  leave(number: number): void {
    this.#members.delete(number);
    this.#uploads.drop(number);
    this.share.drop(number);
    this.#dispatch({ type: 'left', connection: number });
  }

  publish(frames: readonly Published[]): void {
    this.#dispatch({ type: 'published', frames });
  }

  /** Sends a presence to every member, the sender too, and keeps nothing of it. */
  passOn({ number: commitNumber, body }: Frame): void {
    if (commitNumber !== this.commitNumber || this.isClosed) return;
    const frame = encodePresence('present', commitNumber, body);
    for (const member of this.#members.values()) member.present(frame);
  }

  stage(number: number, piece: StagedPiece): void {
    this.#answerUpload(number, piece.uploadId, this.#uploads.stage(number, piece, this.#dependencies.clock.now()));
  }

  askCommit(number: number, request: CommitRequest): void {
    const { commitNumber, uploadId } = request;
    const claim = this.#uploads.claim(number, request, this.#dependencies.clock.now());
    if (claim.kind !== 'claimed') {
      this.#answerUpload(number, uploadId, claim);
      return;
    }
    const { envelopes, snapshot } = claim;
    const commit = { committer: number, commitNumber, uploadId, envelopes, snapshot };
    this.#dispatch({ type: 'commit-asked', commit });
  }

  /** @returns the next pieces of a snapshot for a member that has it up to this position. */
  cutSnapshot(which: SnapshotName, position: SnapshotPosition | undefined): SnapshotCut {
    return cutSnapshot(this.#record, which, position);
  }

  /** @returns the place in the log that comes closest to this number. */
  locate(from: number): number {
    return Math.min(Math.max(from, this.oldest), this.next);
  }

  /** Frees uploads whose leases have ended. */
  sweep(): void {
    this.#uploads.sweep(this.#dependencies.clock.now());
  }

  /**
   * @returns the next bytes for a member at this cursor; undefined if the log does not reach back
   *   so far.
   */
  readLog(cursor: number): Run | undefined {
    return this.#tail.read(cursor, CATCH_UP_CHUNK_BYTES);
  }

  /** @returns the bytes of a slot; undefined if the log does not reach back to its cursor. */
  packSlot(order: SlotOrder, random: (length: number) => Uint8Array): PackedSlot | undefined {
    return packSlot(order, (from, maxBytes) => this.#tail.read(from, maxBytes), random);
  }

  /** @returns the bytes that wait for a member at this cursor. */
  backlogBytes(cursor: number): number {
    return this.#tail.bytesFrom(cursor);
  }

  giveUp(bytes: number): void {
    this.#tail.trim(this.#tail.oldestWith([], this.#tail.bodyBytes - bytes));
    void this.#trimmer.trim(() => (this.isClosed ? undefined : this.oldest));
  }

  /** Ends every connection. The store is the caller's. */
  close(code: RelayCode): void {
    this.#dispatch({ type: 'closed' });
    this.#ended.abort();
    this.#cancelRetry();
    this.#cancelCommitTimer();
    this.#uploads.clear();
    this.share.close();
    this.#endMembers(code);
    this.#settleIdle();
  }

  /** Resolves when nothing that was taken waits for the store any more. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /**
   * Drops what is older than the room's patience, keeps the room alive in the store, and brings it
   * back if the store has lost it meanwhile. Never rejects.
   */
  async refresh(): Promise<void> {
    const { store, log } = this.#dependencies;
    this.#tail.trim(this.#oldestInTime());
    const position = { commitNumber: this.commitNumber, next: this.next };
    try {
      const answer = await store.touch(this.#roomId, this.oldest);
      if (answer.kind === 'present' && !isBehind(answer, position)) return;
      if (this.isClosed || this.#restoring !== undefined) return;
      if ((await this.#restore()) === 'restored') log('room-reseeded');
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
      // A bug: this room ends, the others do not. Its members resume from what the store has.
      this.#dependencies.log('room-failed');
      this.close('store-unavailable');
    }
    if (this.#isIdle()) this.#settleIdle();
  }

  #perform(effect: RoomEffect): void {
    const { clock, flushSchedule, log } = this.#dependencies;
    switch (effect.type) {
      case 'schedule-flush':
        flushSchedule.scheduleFlush(() => this.#dispatch({ type: 'flush-due', now: clock.now() }));
        return;
      case 'schedule-commit':
        this.#cancelCommitTimer();
        this.#cancelCommitTimer = clock.after(effect.milliseconds, () => this.#dispatch({ type: 'commit-due' }));
        return;
      case 'append':
      case 'commit':
        this.#ask(() => this.#store(effect));
        return;
      case 'restore':
        this.#ask(() => this.#reseed());
        return;
      case 'reload':
        this.#ask(() => this.#reload());
        return;
      case 'schedule-retry':
        if (this.#attempts() === 1) log('store-lost');
        this.#cancelRetry = clock.after(effect.milliseconds, () => this.#dispatch({ type: 'retry-due' }));
        return;
      case 'deliver':
        this.#deliver('entry', effect.bodies, effect.oldest);
        return;
      case 'deliver-commit':
        this.#deliverCommit(effect);
        return;
      case 'refuse':
        this.#members.get(effect.publisher)?.refused(encodeRefused('stale', effect.commitNumber, effect.nonce));
        return;
      case 'conflict':
      case 'no-place': {
        const code = effect.type === 'conflict' ? 'conflict' : 'upload-full';
        this.#uploads.release(effect.committer);
        this.#members.get(effect.committer)?.refused(encodeRefused(code, effect.commitNumber, effect.uploadId));
        return;
      }
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
      () => this.#dispatch({ type: 'failed', now: this.#dependencies.clock.now() }),
    );
  }

  async #store(effect: Extract<RoomEffect, { type: 'append' | 'commit' }>): Promise<RoomEvent> {
    const { store } = this.#dependencies;
    const { commitNumber, first } = effect;
    const oldest = Math.max(this.#tail.oldestWith(effect.bodies, LOG_BYTES_MAX), this.#oldestInTime());
    const answer: AppendAnswer =
      effect.type === 'append'
        ? await store.append(this.#roomId, { ...effect, oldest })
        : await store.commit(this.#roomId, { ...effect, oldest });
    const now = this.#dependencies.clock.now();
    switch (answer.kind) {
      case 'stored':
        if (this.#attempts() > 0) this.#dependencies.log('store-back');
        return { type: 'stored', oldest: answer.oldest, now };
      case 'room-unknown':
        return { type: 'room-unknown', now };
      case 'stale':
        return answer.commitNumber > commitNumber ? { type: 'store-ahead' } : { type: 'store-behind', now };
      case 'out-of-step':
        return answer.next > first ? { type: 'store-ahead' } : { type: 'store-behind', now };
    }
  }

  async #reseed(): Promise<RoomEvent> {
    await this.#restore();
    this.#dependencies.log('room-reseeded');
    return { type: 'restored', now: this.#dependencies.clock.now() };
  }

  /** Nothing is stored before the restore is done, so the mirror stays true. */
  #restore(): Promise<'restored' | 'present'> {
    const { oldest, next } = this.#tail;
    const mirror = { ...this.#record, commitNumber: this.commitNumber, oldest, next, frames: this.#tail.frames() };
    this.#restoring ??= this.#dependencies.store.restore(this.#roomId, mirror, this.#ended.signal).finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  /**
   * The store knows more: frames that were given up here and stored after all. They come behind
   * those that the room has.
   */
  async #reload(): Promise<RoomEvent> {
    const { store, clock } = this.#dependencies;
    const found = await loadRoom(this.#roomId, store, { now: () => clock.now(), known: this.#tail });
    if (found === undefined) return { type: 'room-unknown', now: this.#dependencies.clock.now() };
    if (!equalBytes(found.record.capabilityKey, this.#record.capabilityKey)) {
      // Another room under our room's id: ours is the one whose members are here.
      return { type: 'store-behind', now: this.#dependencies.clock.now() };
    }
    this.#record = found.record;
    if (found.tail.oldest === this.#tail.next) this.#tail.join(found.tail);
    else this.#tail = found.tail;
    this.#tail.trim(found.record.oldest);
    this.#dependencies.fitLogs();
    this.#dependencies.log('room-reloaded');
    for (const member of this.#members.values()) member.logReloaded();
    return { type: 'reloaded', commitNumber: found.record.commitNumber, next: this.#tail.next };
  }

  /** The snapshot first, so that the mirror and FETCH are never behind what members were sent. */
  #deliverCommit(commit: Extract<RoomEffect, { type: 'deliver-commit' }>): void {
    const { commitNumber, first, bodies, snapshot: bytes, oldest, committer } = commit;
    const snapshot = { bytes, first, last: first + bodies.length - 1 };
    this.#record = { ...this.#record, commitNumber, snapshot, previousSnapshot: this.#record.snapshot };
    this.#uploads.release(committer);
    if (!isStealth(this.cover)) this.share.charge(bytesOf(bodies));
    this.#deliver('committed', bodies, oldest);
  }

  #deliver(operation: LogOperation, bodies: readonly Uint8Array[], oldest: number): void {
    const run = this.#tail.append(
      bodies.map((body) => ({ operation, body })),
      this.#dependencies.clock.now(),
    );
    this.#tail.trim(oldest);
    for (const member of this.#members.values()) member.entries(run);
    this.#dependencies.fitLogs();
  }

  #oldestInTime(): number {
    return this.#tail.oldestAfter(this.#dependencies.clock.now() - 1_000 * this.#record.patienceSeconds);
  }

  #answerUpload(number: number, uploadId: Uint8Array, answer: UploadRefusal): void {
    if (answer.kind === 'ignored') return;
    this.#members.get(number)?.refused(encodeRefused(answer.code, this.commitNumber, uploadId));
  }

  #endMembers(code: RelayCode): void {
    for (const member of [...this.#members.values()]) member.end(code);
  }

  #attempts(): number {
    const { phase } = this.#state;
    return 'outage' in phase ? (phase.outage?.attempts ?? 0) : 0;
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

function bytesOf(bodies: readonly Uint8Array[]): number {
  return bodies.reduce((bytes, { length }) => bytes + HEADER_BYTES + length, 0);
}
