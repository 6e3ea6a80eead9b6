// The host: one room, and another beside it during a room move. It performs the effects of the room
// move, and answers the moderator.

import { message } from '@sotto/messages';
import { coverMembersMax } from '@sotto/protocol';
import type { Access, Cover, PlainMode, SignedOrder } from '@sotto/protocol';
import type { HoldSecret } from '@sotto/tor';
import type { HostConfig } from './config.ts';
import type { HostCode } from './errors.ts';
import { MOVE_CHECK_MS, MOVE_OFFER_MS, MOVE_OPEN_LIMIT_MS, SIGNPOSTS_MAX } from './limits.ts';
import type { ModeratorReply } from './moderator-request.ts';
import type { Moderation } from './moderator-socket.ts';
import { SETTLED, stepRoomMove } from './room-move-machine.ts';
import type { RoomMove, RoomMoveEffect, RoomMoveEvent, RoomMoveLimits } from './room-move-machine.ts';
import type { ShownInvite } from './invite-socket.ts';
import { RoomHosting } from './room-hosting.ts';
import type { HostingReport } from './room-hosting.ts';
import { describeMove, describeNotice, describeOtherEnd, renderMoved, renderOpening } from './screen.ts';

/** `signpostMs`: how long the room before stays; absent, for its patience. */
type MoveLimits = RoomMoveLimits & { readonly signpostMs?: number };

/** The commit number of a room that nobody has joined yet. */
const FOUNDING_COMMIT = 1;

const MOVE_LIMITS: MoveLimits = {
  openMs: MOVE_OPEN_LIMIT_MS,
  offerMs: MOVE_OFFER_MS,
  checkMs: MOVE_CHECK_MS,
};

export interface HostOptions {
  readonly config: HostConfig;
  readonly print: (text: string) => void;
  readonly moveLimits?: MoveLimits;
  /** The allocator of room secrets and onion keys; ordinary memory, if absent. */
  readonly holdSecret?: HoldSecret;
}

/** The room that a move leads to. */
interface Destination {
  /** The members that come in unasked. */
  readonly listed: readonly Uint8Array[];
  readonly cover: Cover;
}

/** A move that waits for the other room. */
interface PendingMove {
  readonly destination: Destination;
  /** The member that is to be evicted. */
  readonly evicted: Uint8Array | undefined;
  readonly answer: (reply: ModeratorReply) => void;
}

/** A room that the present one has moved on from, and the end of its time. */
interface Signpost {
  readonly room: RoomHosting;
  readonly timer: NodeJS.Timeout;
  readonly forMs: number;
}

/**
 * A host until its end. `ended` resolves with the code of the failure, or undefined after `stop`.
 */
export class Host implements Moderation {
  readonly ended: Promise<HostCode | undefined>;
  readonly #config: HostConfig;
  readonly #print: (text: string) => void;
  readonly #limits: MoveLimits;
  readonly #holdSecret: HoldSecret;
  /** Every room that has not ended: the present one, the other one, and the signposts. */
  readonly #rooms = new Set<RoomHosting>();
  #room: RoomHosting;
  #other: RoomHosting | undefined;
  /** The oldest comes first. */
  #signposts: readonly Signpost[] = [];
  #move: RoomMove = SETTLED;
  #pendingMove: PendingMove | undefined;
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
    this.#room = this.#makeRoom({ mode: options.config.access }, options.config.cover);
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

  setAccess(mode: PlainMode): ModeratorReply {
    // Orders for a room that is about to end would be void before a member could carry them out.
    return this.#refuseNow() ?? { ok: true, order: this.#room.orderSigner.access(mode) };
  }

  /** The new room has the cover mode of this one. */
  evict(memberId: Uint8Array, listed: readonly Uint8Array[]): Promise<ModeratorReply> {
    return this.#beginMove({ listed, cover: this.#room.cover }, memberId);
  }

  move(listed: readonly Uint8Array[], cover: Cover): Promise<ModeratorReply> {
    return this.#beginMove({ listed, cover }, undefined);
  }

  moved(): ModeratorReply {
    return this.#decide('moved');
  }

  notMoved(): ModeratorReply {
    return this.#decide('not-moved');
  }

  #refuseNow(): ModeratorReply | undefined {
    if (this.#room.invite === undefined) return { ok: false, code: 'not-open' };
    if (this.#move.stage === 'settled') return undefined;
    return { ok: false, code: this.#move.stage === 'undecided' ? 'move-undecided' : 'busy' };
  }

  async #beginMove(destination: Destination, evicted: Uint8Array | undefined): Promise<ModeratorReply> {
    const refusal = this.#refuseNow();
    if (refusal !== undefined) return refusal;
    if (destination.listed.length > coverMembersMax(destination.cover)) return { ok: false, code: 'cover-too-small' };
    return new Promise((resolve) => {
      this.#pendingMove = { destination, evicted, answer: resolve };
      this.#step({ type: 'begin' });
    });
  }

  /** The moderator's client tells whether its commit with the move is in the log. */
  #decide(outcome: 'moved' | 'not-moved'): ModeratorReply {
    const { stage } = this.#move;
    if (stage !== 'offered' && stage !== 'undecided') return { ok: false, code: 'nothing-offered' };
    this.#step({ type: outcome });
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
      case 'refuse-offer':
        this.#answer({ ok: false, code: 'room-not-opened' });
        return;
      case 'close-other':
        this.#other?.stop();
        this.#other = undefined;
        return;
      case 'switch-to-other':
        this.#switchToOther();
        return;
      case 'check-other':
        void this.#checkOther();
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
    if (this.#pendingMove === undefined) return;
    const { listed, cover } = this.#pendingMove.destination;
    const other = this.#makeRoom({ mode: 'listed', listed }, cover);
    this.#other = other;
    void other.opened.then(() => {
      if (this.#other === other) this.#step({ type: 'opened' });
    });
    other.start();
  }

  #makeOffer(): ModeratorReply {
    const invite = this.#other?.invite;
    if (invite === undefined || this.#pendingMove === undefined) return { ok: false, code: 'room-not-opened' };
    const { orderSigner } = this.#room;
    const { evicted: memberId, destination } = this.#pendingMove;
    const { listed } = destination;
    const order: { order?: SignedOrder } =
      memberId === undefined ? {} : { order: orderSigner.evict({ memberId, listed }) };
    return { ok: true, ...order, move: orderSigner.moveTo(invite) };
  }

  /** Only a member that has read the move knows the other room. */
  async #checkOther(): Promise<void> {
    const other = this.#other;
    const commitNumber = await other?.readCommitNumber();
    if (this.#other === other && (commitNumber ?? 0) > FOUNDING_COMMIT) this.#step({ type: 'joined' });
  }

  #switchToOther(): void {
    if (this.#other === undefined) return;
    const room = this.#room;
    this.#room = this.#other;
    this.#other = undefined;
    const forMs = this.#limits.signpostMs ?? 1_000 * room.patienceSeconds;
    const timer = setTimeout(() => room.stop(), forMs);
    this.#signposts = [...this.#signposts, { room, timer, forMs }];
    if (this.#signposts.length > SIGNPOSTS_MAX) this.#signposts[0]?.room.stop();
  }

  #showMoved(): void {
    const { inviteText, network } = this.#room;
    const forMs = this.#signposts.at(-1)?.forMs ?? 0;
    if (inviteText !== undefined) this.#print(renderMoved(inviteText, network, forMs));
  }

  #answer(reply: ModeratorReply): void {
    this.#pendingMove?.answer(reply);
    this.#pendingMove = undefined;
  }

  #wait(forMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#step({ type: 'time-over' }), forMs);
  }

  #makeRoom(access: Access, cover: Cover): RoomHosting {
    const room: RoomHosting = new RoomHosting({
      config: this.#config,
      access,
      cover,
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
    } else {
      for (const signpost of this.#signposts) if (signpost.room === room) clearTimeout(signpost.timer);
      this.#signposts = this.#signposts.filter((signpost) => signpost.room !== room);
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
