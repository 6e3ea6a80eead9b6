// The messenger's API: a member of one room, without a screen and without a socket.

import type { Clock } from '@sotto/machine';
import { message } from '@sotto/messages';
import { fingerprint } from '@sotto/crypto';
import type { RandomSource } from '@sotto/crypto';
import { roomCode, safetyNumber } from '@sotto/crypto/mls';
import type { GroupCrypto } from '@sotto/crypto/mls';
import { equalBytes } from '@sotto/protocol';
import type { Cover, Invite } from '@sotto/protocol';
import type { Dial } from './connections.ts';
import type { ClientEvent, ClientStatus, ListedMember, RoomCode } from './events.ts';
import type { RosterMember } from './group/membership.ts';
import { ModeratorError } from './moderator.ts';
import type { Moderator, PlainMode } from './moderator.ts';
import { listMembers, statusOf } from './session/notifications.ts';
import { SessionRunner } from './session/session.ts';
import type { SessionEvent } from './session/state.ts';

/** The client copies what it keeps of the options; the caller zeroes its own room secret. */
export interface ClientOptions {
  /** The decoded connection string: onion key and room secret of 32 bytes each, cover mode. */
  readonly invite: Invite;
  /** 1 to 48 bytes in UTF-8, or the client ends at once with `name-invalid`. PROTOCOL.md §5.4. */
  readonly name: string;
  /**
   * @returns the transport to the room of the invite. Called once at the start, and once for each
   * room that the first one moves to.
   */
  readonly dialFor: (invite: Invite) => Dial;
  /** Time in milliseconds, and timers. */
  readonly clock: Clock;
  /** Cryptographically secure random bytes. */
  readonly random: RandomSource;
  /** The primitives: native ones in Node, pure JavaScript in a browser. */
  readonly crypto: GroupCrypto;
  /** The way to the host, for the host's own client alone. */
  readonly moderator?: Moderator;
  /**
   * The circuit is renewed at random intervals of 75 to 125 % of this (ms). Absent: only `renew`
   * renews it. PROTOCOL.md §4.9.
   */
  readonly renewEveryMs?: number | undefined;
  /**
   * Called with each event, in order and synchronously. It may call the client: such a call takes
   * effect behind the events that are being emitted. It must not throw.
   */
  readonly emit: (event: ClientEvent) => void;
}

/**
 * A member of one room, from `start` to `leave`, to an eviction, or to the room's end.
 *
 * The client dials, joins, reconnects with backoff, and follows the room when it moves. Calls
 * return at once and do not throw: results come as events, and a call that fails emits `error` with
 * a code of `CLIENT_CODES`. The last event is `state: closed`, with a code unless the user has
 * left.
 */
export class Client {
  /** Resolves once, when no event will come any more: after `state: closed`, or after `panic`. */
  readonly ended: Promise<void>;
  readonly #options: ClientOptions;
  readonly #runner: SessionRunner;
  /** The code that was asked for last, and the epoch authenticator that it is of. */
  #roomCode: { readonly of: Uint8Array; readonly words: Promise<readonly string[]> } | undefined;

  /** Opens no connection yet. Makes a new member key. */
  constructor(options: ClientOptions) {
    this.#options = options;
    let resolveEnded: () => void = () => undefined;
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve;
    });
    this.#runner = new SessionRunner({
      ...options,
      onMoveDecided: (outcome) => (outcome === 'moved' ? options.moderator?.moved() : options.moderator?.notMoved()),
      onEnd: resolveEnded,
    });
  }

  /** This member's fingerprint: the same in every room it moves to, until it restarts alone. */
  get fingerprint(): string {
    return this.#runner.access.fingerprint;
  }

  /** Whether key work waits or is under way: its results are still to come. */
  get isBusy(): boolean {
    return this.#runner.isBusy;
  }

  /**
   * Dials the room and joins it; call it once. Emits `state` for each stage, then `state: joined`
   * and `members`. A knock room emits `state: knocking` first. A join that takes longer than 240 s
   * ends the client with `join-timeout`; a knock without an answer after 600 s, with
   * `knock-unanswered`.
   */
  start(): void {
    this.#runner.step({ type: 'start' });
  }

  /**
   * Sends a text of 1 to 65,536 bytes in UTF-8; lone surrogates become U+FFFD. It waits while there
   * is no connection. Emits `sent` with the text's id when the relay holds it, then `delivered` as
   * other members see it; `pace` if it will take 5 s or more to leave.
   * Errors: `text-empty`, `text-too-long`, `outbox-full` (256 texts wait), `not-joined` (after
   * `leave`). `ref` comes back in `sent`, `pace` and `error`.
   */
  send(text: string, ref?: string): void {
    this.#runner.step({ type: 'send', text, ref });
  }

  /** @returns all members that can read, this one first; only this one outside of the group. */
  members(): readonly ListedMember[] {
    return listMembers(this.#runner.session, this.#runner.access);
  }

  /**
   * @returns the safety number with the member of this fingerprint: 60 digits, equal for both
   * unless an attacker stands between them. Undefined if no other member has it. PROTOCOL.md §5.10.
   */
  verify(who: string): { readonly number: string } | undefined {
    const member = this.#memberOf(who);
    return member === undefined ? undefined : { number: safetyNumber(this.#runner.access, member) };
  }

  /**
   * Computes the room code of the epoch in which this is called, beside the key work: no frame
   * waits for it. A later call in that epoch has the same answer.
   *
   * @returns undefined outside of the group
   */
  async roomCode(): Promise<RoomCode | undefined> {
    const { view } = this.#runner.session.membership;
    if (view === undefined) return undefined;
    const { epoch, logStart } = view;
    if (this.#roomCode === undefined || !equalBytes(this.#roomCode.of, logStart))
      this.#roomCode = { of: logStart, words: roomCode(this.#options.crypto, logStart) };
    return { epoch, words: await this.#roomCode.words };
  }

  /** @returns cover mode and its cost, epoch, connection and pace, as they are now. */
  status(): ClientStatus {
    return statusOf(this.#runner.session, this.#options.clock.now());
  }

  /**
   * Moves to another circuit without a break. Emits `circuit`: `renewed`, or `kept` with
   * `circuit-kept` (the new one failed) or `circuit-not-now` (this member is not in the room).
   */
  renew(): void {
    this.#runner.step({ type: 'renew' });
  }

  /**
   * Admits the joiner of this fingerprint, after its `knock`. Emits `epoch`, and `arrived` when it
   * has joined. Error: `member-unknown`, also if its key package is not at hand any more.
   */
  admit(who: string): void {
    this.#runner.step({ type: 'admit', fingerprint: who });
  }

  /**
   * Orders the room's access mode from now on; for the host's own client. Emits `moderated: access`
   * when it holds; in stealth `deferred` before that, with the seconds to wait.
   * Errors: `moderator-missing`, `moderator-busy` (another order is under way), `not-done`, or a
   * code of the host (`ModeratorError`).
   */
  setAccess(mode: PlainMode): void {
    void this.#ask(async (moderator) => ({ type: 'ordered', order: await moderator.setAccess(mode) }));
  }

  /**
   * Removes the member of this fingerprint and moves the room to another onion; for the host's own
   * client. Emits `removed`, `moderated: evicted`, `moved` with the new invite, and the events of a
   * join. The new room is listed: it takes the other members of now, and admits anyone else as in
   * mode knock. A member that has joined meanwhile is removed, too, as `unlisted`.
   * Errors: `member-unknown`, `move-unknown`, and those of `setAccess`.
   */
  evict(who: string): void {
    const member = this.#memberOf(who);
    if (member === undefined) {
      this.#refuse('member-unknown');
      return;
    }
    const { memberId } = member;
    const listed = this.#stayingIds().filter((other) => !equalBytes(other, memberId));
    void this.#ask(async (moderator) => ({ type: 'move-offered', offer: await moderator.evict(memberId, listed) }));
  }

  /**
   * Moves the room to another onion with all its members, who need no new connection string; for
   * the host's own client. `cover`: of the new room; absent: that of this one. Emits
   * `moderated: moved`, `moved` with the new invite, and the events of a join.
   * Errors: `not-joined`, and those of `evict`.
   */
  move(cover: Cover = this.#runner.session.cover.mode): void {
    const listed = this.#stayingIds();
    if (listed.length === 0) this.#refuse('not-joined');
    else void this.#ask(async (moderator) => ({ type: 'move-offered', offer: await moderator.move(listed, cover) }));
  }

  /**
   * Says goodbye and ends. Waits up to 3 s for the echoes of own frames, longer in covered rooms;
   * in stealth emits `state: leaving` and waits a random time before. A second call ends at once.
   */
  leave(): void {
    this.#runner.step({ type: 'leave' });
  }

  /**
   * Zeroes all keys and cuts the connection at once, in any state. It sends no goodbye: the room
   * sees a member fall silent. No event follows, not even `closed`; key work under way is dropped.
   */
  panic(): void {
    this.#roomCode = undefined;
    this.#runner.panic();
  }

  #memberOf(who: string): RosterMember | undefined {
    const { view } = this.#runner.session.membership;
    return view?.members.find(({ memberKey, self }) => !self && fingerprint(memberKey) === who);
  }

  /** The members that have not said goodbye, this one first; empty outside of the group. */
  #stayingIds(): Uint8Array[] {
    const { members = [], leavers = [] } = this.#runner.session.membership.view ?? {};
    const staying = members.filter(({ memberId }) => !leavers.some((leaver) => equalBytes(leaver, memberId)));
    return staying.sort((one, other) => Number(other.self) - Number(one.self)).map(({ memberId }) => memberId);
  }

  async #ask(
    ask: (moderator: Moderator) => Promise<Extract<SessionEvent, { type: 'ordered' | 'move-offered' }>>,
  ): Promise<void> {
    const { moderator } = this.#options;
    if (moderator === undefined) {
      this.#refuse('moderator-missing');
      return;
    }
    try {
      this.#runner.step(await ask(moderator));
    } catch (error) {
      if (!(error instanceof ModeratorError)) throw error;
      this.#runner.step({ type: 'order-failed', code: error.code, message: error.message });
    }
  }

  #refuse(code: 'member-unknown' | 'moderator-missing' | 'not-joined'): void {
    this.#runner.step({ type: 'order-failed', code, message: message(`error.client.${code}`) });
  }
}
