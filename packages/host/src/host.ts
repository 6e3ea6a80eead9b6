// The host: one room, and another beside it during a room move. It performs the effects of the room
// move, and answers the moderator.

import { message } from '@sotto/messages';
import type { AccessMode } from '@sotto/protocol';
import type { HoldSecret } from '@sotto/tor';
import type { HostConfig } from './config.ts';
import type { HostCode } from './errors.ts';
import { MOVE_GRACE_MS, MOVE_OFFER_MS, MOVE_OPEN_LIMIT_MS } from './limits.ts';
import type { ModeratorReply } from './moderator-request.ts';
import type { Moderation } from './moderator-socket.ts';
import { SETTLED, stepRoomMove } from './room-move-machine.ts';
import type { RoomMove, RoomMoveEffect, RoomMoveEvent, RoomMoveLimits } from './room-move-machine.ts';
import type { ShownInvite } from './invite-socket.ts';
import { RoomHosting } from './room-hosting.ts';
import type { HostingReport } from './room-hosting.ts';
import { describeMove, describeNotice, describeOtherEnd, renderMoved, renderOpening } from './screen.ts';

const MOVE_LIMITS: RoomMoveLimits = { openMs: MOVE_OPEN_LIMIT_MS, offerMs: MOVE_OFFER_MS, graceMs: MOVE_GRACE_MS };

export interface HostOptions {
  readonly config: HostConfig;
  readonly print: (text: string) => void;
  readonly moveLimits?: RoomMoveLimits;
  /** The allocator of room secrets and onion keys; ordinary memory, if absent. */
  readonly holdSecret?: HoldSecret;
}

/** An eviction that waits for the other room. */
interface PendingEviction {
  readonly memberId: Uint8Array;
  readonly answer: (reply: ModeratorReply) => void;
}

/**
 * A host until its end. `ended` resolves with the code of the failure, or undefined after `stop`.
 */
export class Host implements Moderation {
  readonly ended: Promise<HostCode | undefined>;
  readonly #config: HostConfig;
  readonly #print: (text: string) => void;
  readonly #limits: RoomMoveLimits;
  readonly #holdSecret: HoldSecret;
  /** Every room that has not ended: the present one, and the other one or the one before. */
  readonly #rooms = new Set<RoomHosting>();
  #room: RoomHosting;
  #other: RoomHosting | undefined;
  #before: RoomHosting | undefined;
  #move: RoomMove = SETTLED;
  #pendingEviction: PendingEviction | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stage: 'running' | 'ending' = 'running';
  #resolveEnded: (code: HostCode | undefined) => void = () => undefined;

  constructor(options: HostOptions) {
    this.#config = options.config;
    this.#print = options.print;
    this.#limits = options.moveLimits ?? MOVE_LIMITS;
    this.#holdSecret = options.holdSecret ?? ((bytes) => bytes);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#room = this.#makeRoom(options.config.access);
    void this.#room.opened.then(({ network, time }) => {
      const { inviteText } = this.#room;
      if (inviteText !== undefined) {
        this.#print(renderOpening(inviteText, network, time, options.config.cover));
      }
    });
  }

  /** The connection string, once the room was reached. */
  get invite(): string | undefined {
    return this.#room.inviteText;
  }

  /** The connection string with the kind of its network. */
  get shown(): ShownInvite | undefined {
    const { inviteText, network } = this.#room;
    return inviteText === undefined ? undefined : { invite: inviteText, network };
  }

  start(): void {
    this.#room.start();
  }

  /** Ends all rooms within 5 s. */
  stop(): void {
    for (const room of this.#rooms) room.stop();
  }

  setAccess(mode: AccessMode): ModeratorReply {
    if (this.#room.invite === undefined) return { ok: false, code: 'not-open' };
    // Orders for a room that is about to end would be void before a member could carry them out.
    if (this.#other !== undefined) return { ok: false, code: 'busy' };
    return { ok: true, order: this.#room.orderSigner.access(mode) };
  }

  evict(memberId: Uint8Array): Promise<ModeratorReply> {
    if (this.#room.invite === undefined) return Promise.resolve({ ok: false, code: 'not-open' });
    if (this.#move.stage !== 'settled') return Promise.resolve({ ok: false, code: 'busy' });
    return new Promise((resolve) => {
      this.#pendingEviction = { memberId, answer: resolve };
      this.#step({ type: 'evict' });
    });
  }

  moved(): ModeratorReply {
    if (this.#move.stage !== 'offered') return { ok: false, code: 'nothing-offered' };
    this.#step({ type: 'moved' });
    return { ok: true };
  }

  #step(event: RoomMoveEvent): void {
    if (this.#stage === 'ending') return;
    const { state, effects } = stepRoomMove(this.#move, event, this.#limits);
    this.#move = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: RoomMoveEffect): void {
    switch (effect.type) {
      case 'open-other':
        this.#openOther();
        return;
      case 'offer-other':
        this.#answer(this.#makeOffer());
        return;
      case 'refuse-eviction':
        this.#answer({ ok: false, code: 'room-not-opened' });
        return;
      case 'close-other':
        this.#other?.stop();
        this.#other = undefined;
        return;
      case 'switch-to-other':
        this.#switchToOther();
        return;
      case 'close-before':
        this.#before?.stop();
        return;
      case 'show-invite':
        this.#showMoved();
        return;
      case 'wait':
        this.#wait(effect.forMs);
        return;
      case 'wait-for-nothing':
        clearTimeout(this.#timer);
        return;
      case 'notify':
        this.#print(describeMove(effect.what));
        return;
    }
  }

  #openOther(): void {
    // The other room is open whatever the access of this one. All members have to join at once, and
    // only they have its connection string yet.
    const other = this.#makeRoom('open');
    this.#other = other;
    void other.opened.then(() => {
      if (this.#other === other) this.#step({ type: 'opened' });
    });
    other.start();
  }

  #makeOffer(): ModeratorReply {
    const invite = this.#other?.invite;
    if (invite === undefined || this.#pendingEviction === undefined) return { ok: false, code: 'room-not-opened' };
    const { orderSigner } = this.#room;
    return { ok: true, order: orderSigner.evict(this.#pendingEviction.memberId), move: orderSigner.moveTo(invite) };
  }

  #switchToOther(): void {
    if (this.#other === undefined) return;
    this.#before = this.#room;
    this.#room = this.#other;
    this.#other = undefined;
  }

  #showMoved(): void {
    const { inviteText, network, orderSigner } = this.#room;
    if (inviteText === undefined) return;
    const wasOpen = (this.#before?.orderSigner.mode ?? 'open') === 'open';
    this.#print(renderMoved(inviteText, network, { reopened: !wasOpen && orderSigner.mode === 'open' }));
  }

  #answer(reply: ModeratorReply): void {
    this.#pendingEviction?.answer(reply);
    this.#pendingEviction = undefined;
  }

  #wait(forMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#step({ type: 'time-over' }), forMs);
  }

  #makeRoom(access: AccessMode): RoomHosting {
    const room: RoomHosting = new RoomHosting({
      config: this.#config,
      access,
      emit: (report) => this.#onReport(room, report),
      holdSecret: this.#holdSecret,
    });
    this.#rooms.add(room);
    void room.ended.then((code) => {
      this.#rooms.delete(room);
      this.#onRoomEnded(room, code);
    });
    return room;
  }

  #onRoomEnded(room: RoomHosting, code: HostCode | undefined): void {
    if (room === this.#room) {
      void this.#end(code);
    } else if (room === this.#other) {
      if (code !== undefined) this.#print(describeOtherEnd(code));
      this.#step({ type: 'lost' });
    } else if (room === this.#before) {
      this.#step({ type: 'closed' });
      this.#before = undefined;
    }
  }

  /** The host prints of another room only the problems that keep it from opening. */
  #onReport(room: RoomHosting, report: HostingReport): void {
    if (room === this.#room) this.#print(report.type === 'line' ? report.text : describeNotice(report.notice));
    else if (room === this.#other && report.type === 'notice' && 'cause' in report.notice) {
      this.#print(message('host.other-room', { notice: describeNotice(report.notice) }));
    }
  }

  /** The room has ended, so the host ends. */
  async #end(code: HostCode | undefined): Promise<void> {
    this.#stage = 'ending';
    clearTimeout(this.#timer);
    this.#answer({ ok: false, code: 'room-not-opened' });
    this.stop();
    await Promise.all([...this.#rooms].map((room) => room.ended));
    this.#resolveEnded(code);
  }
}
