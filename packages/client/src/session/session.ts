// The edge of a session: performs its effects with connections, timers, keys and random numbers.

import type { Clock } from '@sotto/machine';
import { moveToSecretMemory } from '@sotto/crypto';
import type { RandomSource } from '@sotto/crypto';
import { createGroupIdentity } from '@sotto/crypto/mls';
import type { GroupCrypto, GroupIdentity } from '@sotto/crypto/mls';
import { ByteReader, coverOf, encodeInvite } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { Connections } from '../connections.ts';
import type { Dial } from '../connections.ts';
import type { ClientEvent } from '../events.ts';
import type { RoomAccess } from '../group/room-keys.ts';
import { GroupWorker } from '../group/worker.ts';
import { WorkerQueue } from '../group/worker-queue.ts';
import type { Effect, QueuedWork, TimerName } from './effects.ts';
import { closeSession } from './ending.ts';
import { step } from './session-machine.ts';
import { isAwaited } from './slices/outbox.ts';
import type { Draft } from './slices/outbox.ts';
import { createSession } from './state.ts';
import type { Session, SessionEvent } from './state.ts';

export interface SessionRunnerOptions {
  readonly invite: Invite;
  readonly name: string;
  readonly dialFor: (invite: Invite) => Dial;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly crypto: GroupCrypto;
  readonly renewEveryMs?: number | undefined;
  readonly emit: (event: ClientEvent) => void;
  /** The offered move is in the log, or never will be. */
  readonly onMoveDecided: (outcome: 'moved' | 'not-moved') => void;
  /** The session has ended, and will emit nothing more. */
  readonly onEnd: () => void;
}

export class SessionRunner {
  readonly #options: SessionRunnerOptions;
  #identity: GroupIdentity;
  #invite: Invite;
  readonly #timers = new Map<TimerName, () => void>();
  readonly #abort = new AbortController();
  #worker: GroupWorker;
  /** All workers with keys: the one in use, and earlier ones with work under way. */
  readonly #workers = new Set<GroupWorker>();
  #session: Session;
  readonly #connections: Connections;
  readonly #workerQueue = new WorkerQueue({
    full: () => this.#connections.pause(),
    ready: () => this.#connections.resume(),
  });
  /** The events that wait to be processed; undefined while none is. */
  #pending: SessionEvent[] | undefined;
  #status: 'calm' | 'panicked' = 'calm';

  constructor(options: SessionRunnerOptions) {
    this.#options = options;
    this.#invite = copyInvite(options.invite);
    this.#identity = createGroupIdentity(options.random);
    this.#worker = this.#openWorker();
    this.#connections = new Connections(options.dialFor(this.#invite), (event) => this.step(event));
    this.#session = this.#createSession();
  }

  get session(): Session {
    return this.#session;
  }

  get access(): RoomAccess {
    return this.#worker.access;
  }

  /** Whether work for the keys waits or is under way. */
  get isBusy(): boolean {
    return this.#workerQueue.isBusy;
  }

  /**
   * Processes one event at a time. An event from within `emit` waits until all effects before it
   * have been performed, so that frames keep their order.
   */
  step(event: SessionEvent): void {
    if (this.#pending !== undefined) {
      this.#pending.push(event);
      return;
    }
    this.#pending = [event];
    try {
      for (const next of this.#pending) this.#process(next);
    } finally {
      this.#pending = undefined;
    }
  }

  /** Zeroes all keys and cuts the connection at once. Emits nothing more. */
  panic(): void {
    this.#status = 'panicked';
    this.#abort.abort();
    this.#connections.disconnect();
    for (const worker of this.#workers) worker.destroy();
    this.#identity.secret.destroy();
    this.#invite.roomSecret.fill(0);
    this.#clearTimers();
    this.#pending?.splice(0);
    // Texts that waited, and contents that were received in part, are dropped, too.
    this.#session = closeSession(createSession({ name: '' }));
    this.#options.onEnd();
  }

  #process(event: SessionEvent): void {
    if (!this.#isCalm()) return;
    const inputs = { room: this.#worker.access, now: this.#options.clock.now(), chance: () => this.#chance() };
    const { state, effects } = step(this.#session, event, inputs);
    this.#session = state;
    for (const effect of effects) {
      // A front end may panic over an event.
      if (this.#isCalm()) this.#perform(effect);
    }
  }

  #isCalm(): boolean {
    return this.#status === 'calm';
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        void this.#connections.dial();
        return;
      case 'write':
        this.#connections.write(effect.bytes);
        return;
      case 'dial-standby':
        void this.#connections.dialStandby();
        return;
      case 'write-standby':
        this.#connections.writeStandby(effect.bytes);
        return;
      case 'promote-standby':
        this.#connections.promoteStandby();
        return;
      case 'close-standby':
        this.#connections.closeStandby();
        return;
      case 'open-entry':
      case 'queue-notice':
      case 'open-presence':
      case 'seal':
      case 'seal-presence':
      case 'run-task':
      case 'clear-commit':
        this.#enqueue(effect);
        return;
      case 'disconnect':
        this.#connections.disconnect();
        return;
      case 'set-timer':
        this.#setTimer(effect.name, effect.afterMs);
        return;
      case 'clear-timer':
        this.#timers.get(effect.name)?.();
        this.#timers.delete(effect.name);
        return;
      case 'emit':
        this.#options.emit(effect.event);
        return;
      case 'moved':
      case 'not-moved':
        this.#options.onMoveDecided(effect.type);
        return;
      case 'move':
        this.#move(effect);
        return;
      case 'restart':
        this.#restartAsNewMember(effect.texts);
        return;
      case 'end':
        this.#end();
        return;
    }
  }

  // Key work

  /**
   * Work is done in the order in which it is asked for. Work for a room that was left is dropped.
   */
  #enqueue(work: QueuedWork): void {
    const worker = this.#worker;
    const isCurrent = (): boolean => worker === this.#worker && !this.#abort.signal.aborted;
    this.#workerQueue.push(async () => {
      const result = await this.#unlessPanicked(this.#work(worker, work, isCurrent));
      if (result !== undefined && isCurrent()) this.step(result);
    });
  }

  async #work(worker: GroupWorker, work: QueuedWork, isCurrent: () => boolean): Promise<SessionEvent | undefined> {
    if (work.type === 'queue-notice') {
      await worker.whenReady();
      return { type: 'notice', notice: work.notice };
    }
    // A frame of an epoch that is over is not awaited any more: it is sealed again in the next one.
    const isWanted = (): boolean =>
      isCurrent() && (work.type !== 'seal' || isAwaited(this.#session.outbox, work.ticket));
    return worker.work(work, isWanted);
  }

  /** Work that loses its keys to a panic fails, and its result is not awaited. */
  async #unlessPanicked<Result>(work: Promise<Result>): Promise<Result | undefined> {
    try {
      return await work;
    } catch (error) {
      if (this.#status === 'panicked') return undefined;
      throw error;
    }
  }

  #openWorker(): GroupWorker {
    const worker = new GroupWorker(this.#invite, this.#identity, this.#options);
    this.#workers.add(worker);
    return worker;
  }

  /** Destroys the worker in use, behind the work that is still under way with its keys. */
  #closeWorker(): void {
    const worker = this.#worker;
    this.#workerQueue.push(() => {
      worker.destroy();
      this.#workers.delete(worker);
      return Promise.resolve();
    });
  }

  // Rooms

  #createSession(texts: readonly Draft[] = [], awaited: readonly Uint8Array[] = []): Session {
    const { name, renewEveryMs } = this.#options;
    return createSession({ name, texts, awaited, cover: coverOf(this.#invite), renewEveryMs });
  }

  /** The same member, with the same key, in the room that goes on elsewhere. */
  #move({ invite, texts, awaited }: Extract<Effect, { type: 'move' }>): void {
    this.#options.emit({ type: 'moved', invite: encodeInvite(invite) });
    this.#invite.roomSecret.fill(0);
    this.#invite = copyInvite(invite);
    this.#connections.redirect(this.#options.dialFor(this.#invite));
    this.#restart(texts, awaited);
  }

  /** The same room, with another key: no other member of its group could miss the old one. */
  #restartAsNewMember(texts: readonly Draft[]): void {
    const old = this.#identity;
    this.#identity = createGroupIdentity(this.#options.random);
    this.#restart(texts);
    this.#workerQueue.push(() => {
      old.secret.destroy();
      return Promise.resolve();
    });
  }

  #restart(texts: readonly Draft[], awaited: readonly Uint8Array[] = []): void {
    this.#clearTimers();
    this.#closeWorker();
    this.#worker = this.#openWorker();
    this.#session = this.#createSession(texts, awaited);
    this.step({ type: 'start' });
  }

  #end(): void {
    this.#abort.abort();
    this.#clearTimers();
    this.#closeWorker();
    this.#workerQueue.push(() => {
      this.#identity.secret.destroy();
      this.#invite.roomSecret.fill(0);
      return Promise.resolve();
    });
    this.#options.onEnd();
  }

  // Timers and random numbers

  #setTimer(name: TimerName, afterMs: number): void {
    this.#timers.get(name)?.();
    const cancel = this.#options.clock.after(afterMs, () => {
      this.#timers.delete(name);
      this.step({ type: 'timer', name });
    });
    this.#timers.set(name, cancel);
  }

  #clearTimers(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** A number in [0, 1) with 32 random bits. */
  #chance(): number {
    return new ByteReader(this.#options.random(4)).u32() / 2 ** 32;
  }
}

/** A copy with the room secret in secret memory. The caller keeps what it handed in. */
function copyInvite({ roomSecret, ...others }: Invite): Invite {
  return { ...others, roomSecret: moveToSecretMemory(Uint8Array.from(roomSecret)) };
}
