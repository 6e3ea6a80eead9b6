// The thin edge around a session: performs its effects with the streams, timers and random numbers it is handed.

import type { Clock } from '@sotto/machine';
import { message } from '@sotto/messages';
import { fingerprint, moveToSecretMemory } from '@sotto/crypto';
import type { RandomSource } from '@sotto/crypto';
import { createGroupIdentity, safetyNumber } from '@sotto/crypto/mls';
import type { GroupCrypto, GroupIdentity } from '@sotto/crypto/mls';
import { ByteReader, coverOf, encodeInvite } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import type { ClientEvent, ClientStatus, ListedMember } from './events.ts';
import { ACCESS_AFTER_MOVE_MS } from './limits.ts';
import type { RosterMember } from './group/membership.ts';
import { WorkerQueue } from './group/worker-queue.ts';
import { ModeratorError } from './moderator.ts';
import type { AccessMode, Moderator, Move, SignedOrder } from './moderator.ts';
import { GroupWorker } from './group/worker.ts';
import type { Draft } from './session/outbox.ts';
import type { GroupWork } from './group/worker.ts';
import { Connections } from './connections.ts';
import type { Dial } from './connections.ts';
import { step } from './session/session-machine.ts';
import { createSession } from './session/state.ts';
import type { Effect, Session, SessionEvent, TimerName } from './session/state.ts';
import { listMembers, statusOf } from './session/notifications.ts';

export interface ClientOptions {
  readonly invite: Invite;
  readonly name: string;
  /** For the room of the connection string, and for every room that it moves to. */
  readonly dialFor: (invite: Invite) => Dial;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The primitives: native ones in Node, pure JavaScript in a browser. */
  readonly crypto: GroupCrypto;
  /** Of the host's own client alone. */
  readonly moderator?: Moderator;
  /** The circuit is renewed about so often, at random times; undefined: only when it is asked for. */
  readonly renewEveryMs?: number | undefined;
  readonly emit: (event: ClientEvent) => void;
}

/** A member of one room, until `leave` or the room's end. `ended` resolves once, when nothing more will be told. */
export class Client {
  readonly ended: Promise<void>;
  readonly #options: ClientOptions;
  #identity: GroupIdentity;
  #invite: Invite;
  readonly #timers = new Map<TimerName, () => void>();
  readonly #abort = new AbortController();
  #worker: GroupWorker;
  /** All whose keys are not zero yet: the one in use, and former ones that work is still under way with. */
  readonly #workers = new Set<GroupWorker>();
  #session: Session;
  readonly #connections: Connections;
  readonly #workerQueue = new WorkerQueue({
    full: () => this.#connections.pause(),
    ready: () => this.#connections.resume(),
  });
  /** The events that wait their turn; undefined while nothing happens. */
  #pending: SessionEvent[] | undefined;
  /** After a move: the rule of who may come in is given to the new room too, when people have had time to follow. */
  #cancelAccess: () => void = () => undefined;
  #resolveEnded: () => void = () => undefined;
  #status: 'calm' | 'panicked' = 'calm';

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#invite = holdInvite(options.invite);
    this.#identity = createGroupIdentity(options.random);
    this.#worker = this.#openWorker();
    this.#connections = new Connections(options.dialFor(this.#invite), (event) => this.#step(event));
    this.#session = createSession(options.name, [], [], coverOf(options.invite), options.renewEveryMs);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get fingerprint(): string {
    return this.#worker.access.fingerprint;
  }

  /** Whether keys are at work: what was asked of them is still to come. */
  get isBusy(): boolean {
    return this.#workerQueue.isBusy;
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Sends a text of 1 to 65,536 bytes; `ref` comes back with `sent` or `error`. */
  send(text: string, ref?: string): void {
    this.#step({ type: 'send', text, ref });
  }

  members(): readonly ListedMember[] {
    return listMembers(this.#session, this.#worker.access);
  }

  /** @returns the 60 digits that both sides see alike if nobody stands between them; undefined if there is no such member. PROTOCOL.md §5.10. */
  verify(who: string): { readonly number: string } | undefined {
    const member = this.#memberOf(who);
    return member === undefined ? undefined : { number: safetyNumber(this.#worker.access, member) };
  }

  /** @returns six words that are the same for all members of the present epoch; undefined outside. */
  roomCode(): readonly string[] | undefined {
    return this.#session.view?.roomCode;
  }

  status(): ClientStatus {
    return statusOf(this.#session, this.#options.clock.now());
  }

  /** Goes over to another circuit, without a break; `circuit` tells what became of it. */
  renew(): void {
    this.#step({ type: 'renew' });
  }

  /** Lets somebody in who has knocked. */
  admit(who: string): void {
    this.#step({ type: 'admit', fingerprint: who });
  }

  /** Who may come in from now on. For the host's own client. */
  setAccess(mode: AccessMode): void {
    void this.#order(async (moderator) => ({ order: await moderator.setAccess(mode), move: undefined }));
  }

  /** Removes a member, and moves the room where it cannot follow. For the host's own client. */
  evict(who: string): void {
    const member = this.#memberOf(who);
    if (member === undefined) this.#refuse('member-unknown');
    else void this.#order((moderator) => moderator.evict(member.memberId));
  }

  /** Says goodbye and ends; a second call ends at once. */
  leave(): void {
    this.#step({ type: 'leave' });
  }

  /**
   * Zeroes all keys and cuts the connection, now, in whatever state this is: without a word to the room, which sees a member fall silent. Nothing is
   * told any more. What keys are in the middle of comes to nothing.
   */
  panic(): void {
    this.#status = 'panicked';
    this.#abort.abort();
    this.#connections.disconnect();
    for (const worker of this.#workers) worker.destroy();
    this.#identity.secret.destroy();
    this.#invite.roomSecret.fill(0);
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#cancelAccess();
    this.#pending?.splice(0);
    // Texts that waited, and what was heard in part, are not held on to either.
    this.#session = { ...createSession(''), link: { phase: 'closed' } };
    this.#resolveEnded();
  }

  #openWorker(): GroupWorker {
    const worker = new GroupWorker(this.#invite, this.#identity, this.#options);
    this.#workers.add(worker);
    return worker;
  }

  #memberOf(who: string): RosterMember | undefined {
    return this.#session.view?.members.find(({ memberKey, self }) => !self && fingerprint(memberKey) === who);
  }

  async #order(
    ask: (moderator: Moderator) => Promise<{ readonly order: SignedOrder; readonly move: Move | undefined }>,
  ): Promise<void> {
    const { moderator } = this.#options;
    if (moderator === undefined) {
      this.#refuse('moderator-missing');
      return;
    }
    try {
      this.#step({ type: 'ordered', ...(await ask(moderator)) });
    } catch (error) {
      if (!(error instanceof ModeratorError)) throw error;
      this.#step({ type: 'order-failed', code: error.code, message: error.message });
    }
  }

  #refuse(code: 'member-unknown' | 'moderator-missing'): void {
    this.#step({ type: 'order-failed', code, message: message(`error.client.${code}`) });
  }

  /** One event at a time: what a front end does from within `tell` waits until all effects before it are performed, or frames would overtake. */
  #step(event: SessionEvent): void {
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

  #process(event: SessionEvent): void {
    if (!this.#isCalm()) return;
    const inputs = { room: this.#worker.access, now: this.#options.clock.now(), chance: () => this.#chance() };
    const { state, effects } = step(this.#session, event, inputs);
    this.#session = state;
    for (const effect of effects) {
      // Whoever is told something may panic over it.
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
      case 'seal':
      case 'run-task':
      case 'clear-commit':
        this.#ask(effect);
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
        this.#options.moderator?.moved();
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

  /** Keys work in the order in which they are asked; a place that was left is not worked for any more. */
  #ask(work: GroupWork): void {
    const worker = this.#worker;
    const session = (): Session | undefined =>
      worker === this.#worker && !this.#abort.signal.aborted ? this.#session : undefined;
    this.#workerQueue.push(async () => {
      const answer = await this.#unlessPanicked(worker.work(work, session));
      if (answer !== undefined && session() !== undefined) this.#step(answer);
    });
  }

  /** Work that loses its keys in the middle fails, and nobody waits for it. */
  async #unlessPanicked<Result>(work: Promise<Result>): Promise<Result | undefined> {
    try {
      return await work;
    } catch (error) {
      if (this.#status === 'panicked') return undefined;
      throw error;
    }
  }

  /** The same member, with the same key, in the room that goes on elsewhere. */
  #move({ invite, texts, awaited }: Extract<Effect, { type: 'move' }>): void {
    this.#options.emit({ type: 'moved', invite: encodeInvite(invite) });
    this.#keepAccess(this.#session.view?.access);
    this.#invite.roomSecret.fill(0);
    this.#invite = holdInvite(invite);
    this.#connections.redirect(this.#options.dialFor(this.#invite));
    this.#restart(texts, awaited);
  }

  /** The same room, with another key: nobody else is in its group who could miss the old one. */
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
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#putAway();
    this.#worker = this.#openWorker();
    const { name, renewEveryMs } = this.#options;
    this.#session = createSession(name, texts, awaited, coverOf(this.#invite), renewEveryMs);
    this.#step({ type: 'start' });
  }

  /** The new room is open, or those who follow could not come in. */
  #keepAccess(mode: AccessMode | undefined): void {
    const { moderator, clock } = this.#options;
    if (moderator === undefined || mode === undefined || mode === 'open') return;
    this.#cancelAccess = clock.after(ACCESS_AFTER_MOVE_MS, () => this.setAccess(mode));
  }

  /** Behind the work that is still under way with its keys. */
  #putAway(): void {
    const worker = this.#worker;
    this.#workerQueue.push(() => {
      worker.destroy();
      this.#workers.delete(worker);
      return Promise.resolve();
    });
  }

  #setTimer(name: TimerName, afterMs: number): void {
    this.#timers.get(name)?.();
    const cancel = this.#options.clock.after(afterMs, () => {
      this.#timers.delete(name);
      this.#step({ type: 'timer', name });
    });
    this.#timers.set(name, cancel);
  }

  #end(): void {
    this.#abort.abort();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#cancelAccess();
    this.#putAway();
    this.#workerQueue.push(() => {
      this.#identity.secret.destroy();
      this.#invite.roomSecret.fill(0);
      return Promise.resolve();
    });
    this.#resolveEnded();
  }

  /** A number in [0, 1) with 32 random bits. */
  #chance(): number {
    return new ByteReader(this.#options.random(4)).u32() / 2 ** 32;
  }
}

/** A copy of its own, with the room's secret where secrets lie; what was handed in stays its owner's. */
function holdInvite({ roomSecret, ...others }: Invite): Invite {
  return { ...others, roomSecret: moveToSecretMemory(Uint8Array.from(roomSecret)) };
}
