// The thin edge around a session: performs its effects with the streams, timers and random numbers it is handed.

import { fingerprint, moveToSecretMemory } from '@sotto/crypto';
import type { RandomSource } from '@sotto/crypto';
import { createGroupIdentity, safetyNumber } from '@sotto/crypto/group';
import type { GroupCrypto, GroupIdentity } from '@sotto/crypto/group';
import { ByteReader, coverOf, encodeInvite, FrameSplitter } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { CLIENT_CODES } from './errors.ts';
import type { ClientEvent, ClientStatus, ListedMember, StateEvent } from './events.ts';
import { ACCESS_AFTER_MOVE_MS } from './limits.ts';
import type { GroupSeat } from './group-membership.ts';
import { KeyQueue } from './key-queue.ts';
import { ModeratorError } from './moderator.ts';
import type { AccessMode, Moderator, Move, SignedOrder } from './moderator.ts';
import { Keyring } from './keyring.ts';
import type { Draft } from './outbox.ts';
import type { KeyWork } from './keyring.ts';
import { step } from './session.ts';
import { createSession } from './session-state.ts';
import type { Effect, Session, SessionEvent, TimerName } from './session-state.ts';
import { listMembers, statusOf } from './telling.ts';

/** A connection to the relay, whatever carries it. Bytes come in any pieces, none while it is paused; `onClose` is called once, for any reason. */
export interface ByteStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(take: (chunk: Uint8Array) => void): void;
  onClose(take: () => void): void;
}

/** Why a dial failed. `final`: trying again cannot help. */
export class DialError extends Error {
  readonly code: string;
  readonly final: boolean;

  constructor(code: string, message: string, options: { final?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.final = options.final ?? false;
  }
}

/** Opens a new stream to the room's relay, telling its stages. Rejects with a DialError. */
export type Dial = (tell: (stage: StateEvent) => void, signal: AbortSignal) => Promise<ByteStream>;

/** Time as the client needs it; `after` returns what cancels. */
export interface Clock {
  now(): number;
  after(milliseconds: number, run: () => void): () => void;
}

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
  readonly tell: (event: ClientEvent) => void;
}

/** A member of one room, until `leave` or the room's end. `ended` resolves once, when nothing more will be told. */
export class Client {
  readonly ended: Promise<void>;
  readonly #options: ClientOptions;
  #identity: GroupIdentity;
  #invite: Invite;
  readonly #timers = new Map<TimerName, () => void>();
  readonly #abort = new AbortController();
  #keyring: Keyring;
  /** All whose keys are not zero yet: the one in use, and former ones that work is still under way with. */
  readonly #keyrings = new Set<Keyring>();
  #session: Session;
  #dial: Dial;
  #stream: ByteStream | undefined;
  readonly #keyQueue = new KeyQueue({ full: () => this.#stream?.pause(), ready: () => this.#stream?.resume() });
  /** The events that wait their turn; undefined while nothing happens. */
  #turn: SessionEvent[] | undefined;
  /** After a move: the rule of who may come in is given to the new room too, when people have had time to follow. */
  #cancelAccess: () => void = () => undefined;
  #resolveEnded: () => void = () => undefined;
  #standing: 'calm' | 'panicked' = 'calm';

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#invite = holdInvite(options.invite);
    this.#identity = createGroupIdentity(options.random);
    this.#keyring = this.#openKeyring();
    this.#dial = options.dialFor(this.#invite);
    this.#session = createSession(options.name, [], [], coverOf(options.invite));
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get fingerprint(): string {
    return this.#keyring.access.fingerprint;
  }

  /** Whether keys are at work: what was asked of them is still to come. */
  get isBusy(): boolean {
    return this.#keyQueue.isBusy;
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Sends a text of 1 to 65,536 bytes; `ref` comes back with `sent` or `error`. */
  say(text: string, ref?: string): void {
    this.#step({ type: 'say', text, ref });
  }

  members(): readonly ListedMember[] {
    return listMembers(this.#session, this.#keyring.access);
  }

  /** @returns the 60 digits that both sides see alike if nobody stands between them; undefined if there is no such member. PROTOCOL.md §5.10. */
  verify(who: string): { readonly number: string } | undefined {
    const member = this.#seatOf(who);
    return member === undefined ? undefined : { number: safetyNumber(this.#keyring.access, member) };
  }

  /** @returns six words that are the same for all members of the present epoch; undefined outside. */
  roomCode(): readonly string[] | undefined {
    return this.#session.view?.roomCode;
  }

  status(): ClientStatus {
    return statusOf(this.#session, this.#options.clock.now());
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
    const member = this.#seatOf(who);
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
    this.#standing = 'panicked';
    this.#abort.abort();
    this.#hangUp();
    for (const keyring of this.#keyrings) keyring.destroy();
    this.#identity.secret.destroy();
    this.#invite.roomSecret.fill(0);
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#cancelAccess();
    this.#turn?.splice(0);
    // Texts that waited, and what was heard in part, are not held on to either.
    this.#session = { ...createSession(''), link: { phase: 'closed' } };
    this.#resolveEnded();
  }

  #openKeyring(): Keyring {
    const keyring = new Keyring(this.#invite, this.#identity, this.#options);
    this.#keyrings.add(keyring);
    return keyring;
  }

  #seatOf(who: string): GroupSeat | undefined {
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
    this.#step({ type: 'order-failed', code, message: CLIENT_CODES[code] });
  }

  /** One event at a time: what a front end does from within `tell` waits until all effects before it are performed, or frames would overtake. */
  #step(event: SessionEvent): void {
    if (this.#turn !== undefined) {
      this.#turn.push(event);
      return;
    }
    this.#turn = [event];
    try {
      for (const next of this.#turn) this.#take(next);
    } finally {
      this.#turn = undefined;
    }
  }

  #take(event: SessionEvent): void {
    if (!this.#isCalm()) return;
    const context = { room: this.#keyring.access, now: this.#options.clock.now(), chance: () => this.#chance() };
    const { session, effects } = step(this.#session, event, context);
    this.#session = session;
    for (const effect of effects) {
      // Whoever is told something may panic over it.
      if (this.#isCalm()) this.#perform(effect);
    }
  }

  #isCalm(): boolean {
    return this.#standing === 'calm';
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        void this.#connect();
        return;
      case 'write':
        this.#stream?.write(effect.bytes);
        return;
      case 'open':
      case 'pass':
      case 'seal':
      case 'make':
      case 'discard':
        this.#ask(effect);
        return;
      case 'hang-up':
        this.#hangUp();
        return;
      case 'set-timer':
        this.#setTimer(effect.name, effect.afterMs);
        return;
      case 'clear-timer':
        this.#timers.get(effect.name)?.();
        this.#timers.delete(effect.name);
        return;
      case 'emit':
        this.#options.tell(effect.event);
        return;
      case 'moved':
        this.#options.moderator?.moved();
        return;
      case 'move':
        this.#move(effect);
        return;
      case 'begin-anew':
        this.#beginAnew(effect.texts);
        return;
      case 'end':
        this.#end();
        return;
    }
  }

  /** Keys work in the order in which they are asked; a place that was left is not worked for any more. */
  #ask(work: KeyWork): void {
    const keyring = this.#keyring;
    const session = (): Session | undefined =>
      keyring === this.#keyring && !this.#abort.signal.aborted ? this.#session : undefined;
    this.#keyQueue.push(async () => {
      const answer = await this.#unlessPanicked(keyring.work(work, session));
      if (answer !== undefined && session() !== undefined) this.#step(answer);
    });
  }

  /** Work that loses its keys in the middle fails, and nobody waits for it. */
  async #unlessPanicked<Result>(work: Promise<Result>): Promise<Result | undefined> {
    try {
      return await work;
    } catch (error) {
      if (this.#standing === 'panicked') return undefined;
      throw error;
    }
  }

  /** The same member, with the same key, in the room that goes on elsewhere. */
  #move({ invite, texts, awaited }: Extract<Effect, { type: 'move' }>): void {
    this.#options.tell({ type: 'moved', invite: encodeInvite(invite) });
    this.#keepAccess(this.#session.view?.access);
    this.#invite.roomSecret.fill(0);
    this.#invite = holdInvite(invite);
    this.#dial = this.#options.dialFor(this.#invite);
    this.#restart(texts, awaited);
  }

  /** The same room, with another key: nobody else is in its group who could miss the old one. */
  #beginAnew(texts: readonly Draft[]): void {
    const old = this.#identity;
    this.#identity = createGroupIdentity(this.#options.random);
    this.#restart(texts);
    this.#keyQueue.push(() => {
      old.secret.destroy();
      return Promise.resolve();
    });
  }

  #restart(texts: readonly Draft[], awaited: readonly Uint8Array[] = []): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#putAway();
    this.#keyring = this.#openKeyring();
    this.#session = createSession(this.#options.name, texts, awaited, coverOf(this.#invite));
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
    const keyring = this.#keyring;
    this.#keyQueue.push(() => {
      keyring.destroy();
      this.#keyrings.delete(keyring);
      return Promise.resolve();
    });
  }

  async #connect(): Promise<void> {
    const keyring = this.#keyring;
    const tell = (stage: StateEvent): void => this.#step({ type: 'stage', stage });
    try {
      const stream = await this.#dial(tell, this.#abort.signal);
      if (keyring === this.#keyring) this.#listen(stream);
      else stream.close();
    } catch (error) {
      // It was told to stop: however it does, nobody waits for it any more.
      if (this.#abort.signal.aborted) return;
      if (!(error instanceof DialError)) throw error;
      this.#step({ type: 'dial-failed', code: error.code, message: error.message, final: error.final });
    }
  }

  /** Only the current stream is heard: what an earlier one still has to say is void. */
  #listen(stream: ByteStream): void {
    if (this.#abort.signal.aborted) {
      stream.close();
      return;
    }
    this.#stream = stream;
    const splitter = new FrameSplitter();
    stream.onData((chunk) => {
      if (this.#stream === stream) this.#takeChunk(stream, splitter, chunk);
    });
    stream.onClose(() => {
      if (this.#stream === stream) this.#step({ type: 'cut', code: 'relay-unreachable' });
    });
    if (this.#keyQueue.isFull) stream.pause();
    this.#step({ type: 'connected' });
  }

  #takeChunk(stream: ByteStream, splitter: FrameSplitter, chunk: Uint8Array): void {
    const frames = splitter.push(chunk);
    if (!frames.ok) {
      this.#step({ type: 'cut', code: frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved' });
      return;
    }
    for (const bytes of frames.value) if (this.#stream === stream) this.#step({ type: 'frame', bytes });
  }

  #hangUp(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
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
    this.#keyQueue.push(() => {
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
