// The host: one room, and for the time of a move another beside it. Performs the effects of a move, and answers the moderator.

import type { AccessMode } from '@sotto/protocol';
import type { HoldSecret } from '@sotto/tor';
import type { HostConfig } from './config.ts';
import { HOST_CODES } from './errors.ts';
import type { HostCode } from './errors.ts';
import { MOVE_GRACE_MS, MOVE_OFFER_MS, MOVE_OPEN_LIMIT_MS } from './limits.ts';
import type { ModeratorReply } from './moderator-request.ts';
import type { Moderation } from './moderator-socket.ts';
import { SETTLED, stepMoving } from './room-move.ts';
import type { Moving, MovingEffect, MovingEvent, MovingLimits } from './room-move.ts';
import type { ShownInvite } from './invite-socket.ts';
import { RoomHosting } from './room-hosting.ts';
import type { HostingWord } from './room-hosting.ts';
import { describeMove, describeNotice, renderMoved, renderOpening } from './screen.ts';

const MOVING_LIMITS: MovingLimits = { openMs: MOVE_OPEN_LIMIT_MS, offerMs: MOVE_OFFER_MS, graceMs: MOVE_GRACE_MS };

export interface HostOptions {
  readonly config: HostConfig;
  readonly print: (text: string) => void;
  readonly movingLimits?: MovingLimits;
  /** Where room secrets and onion keys lie; in ordinary memory, if absent. */
  readonly holdSecret?: HoldSecret;
}

/** Who waits for an eviction. */
interface Asker {
  readonly memberId: Uint8Array;
  readonly answer: (reply: ModeratorReply) => void;
}

/** A host until its end. `ended` resolves with the code of the failure, or undefined after `stop`. */
export class Host implements Moderation {
  readonly ended: Promise<HostCode | undefined>;
  readonly #config: HostConfig;
  readonly #print: (text: string) => void;
  readonly #limits: MovingLimits;
  readonly #holdSecret: HoldSecret;
  /** Everything that has not ended: the room, and the other one or the one before. */
  readonly #rooms = new Set<RoomHosting>();
  #room: RoomHosting;
  #other: RoomHosting | undefined;
  #before: RoomHosting | undefined;
  #moving: Moving = SETTLED;
  #asker: Asker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stage: 'running' | 'ending' = 'running';
  #resolveEnded: (code: HostCode | undefined) => void = () => undefined;

  constructor(options: HostOptions) {
    this.#config = options.config;
    this.#print = options.print;
    this.#limits = options.movingLimits ?? MOVING_LIMITS;
    this.#holdSecret = options.holdSecret ?? ((bytes) => bytes);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#room = this.#makeRoom(options.config.access);
    void this.#room.opened.then(({ network, time }) => {
      const { connectionString } = this.#room;
      if (connectionString !== undefined) {
        this.#print(renderOpening(connectionString, network, time, options.config.cover));
      }
    });
  }

  /** The connection string, once it is known to work. */
  get invite(): string | undefined {
    return this.#room.connectionString;
  }

  /** The same with the network that it leads over. */
  get shown(): ShownInvite | undefined {
    const { connectionString, network } = this.#room;
    return connectionString === undefined ? undefined : { invite: connectionString, network };
  }

  start(): void {
    this.#room.start();
  }

  /** Ends all rooms: within 5 s nothing is left of them. */
  stop(): void {
    for (const room of this.#rooms) room.stop();
  }

  setAccess(mode: AccessMode): ModeratorReply {
    if (this.#room.invite === undefined) return { ok: false, code: 'not-open' };
    // Orders for a room that is about to end would be void before anybody could carry them out.
    if (this.#other !== undefined) return { ok: false, code: 'busy' };
    return { ok: true, order: this.#room.orders.access(mode) };
  }

  evict(memberId: Uint8Array): Promise<ModeratorReply> {
    if (this.#room.invite === undefined) return Promise.resolve({ ok: false, code: 'not-open' });
    if (this.#moving.stage !== 'settled') return Promise.resolve({ ok: false, code: 'busy' });
    return new Promise((resolve) => {
      this.#asker = { memberId, answer: resolve };
      this.#step({ type: 'evict' });
    });
  }

  moved(): ModeratorReply {
    if (this.#moving.stage !== 'offered') return { ok: false, code: 'nothing-offered' };
    this.#step({ type: 'moved' });
    return { ok: true };
  }

  #step(event: MovingEvent): void {
    if (this.#stage === 'ending') return;
    const { moving, effects } = stepMoving(this.#moving, event, this.#limits);
    this.#moving = moving;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: MovingEffect): void {
    switch (effect.type) {
      case 'open-other':
        this.#openOther();
        return;
      case 'offer-other':
        this.#answer(this.#makeOffer());
        return;
      case 'refuse-asker':
        this.#answer({ ok: false, code: 'room-not-opened' });
        return;
      case 'close-other':
        this.#other?.stop();
        this.#other = undefined;
        return;
      case 'adopt-other':
        this.#adoptOther();
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
      case 'say':
        this.#print(describeMove(effect.what));
        return;
    }
  }

  #openOther(): void {
    // Whatever the access of this room: those who move have to get in, all of them at once, and nobody else has the other room's string yet.
    const other = this.#makeRoom('open');
    this.#other = other;
    void other.opened.then(() => {
      if (this.#other === other) this.#step({ type: 'opened' });
    });
    other.start();
  }

  #makeOffer(): ModeratorReply {
    const invite = this.#other?.invite;
    if (invite === undefined || this.#asker === undefined) return { ok: false, code: 'room-not-opened' };
    const { orders } = this.#room;
    return { ok: true, order: orders.evict(this.#asker.memberId), move: orders.moveTo(invite) };
  }

  #adoptOther(): void {
    if (this.#other === undefined) return;
    this.#before = this.#room;
    this.#room = this.#other;
    this.#other = undefined;
  }

  #showMoved(): void {
    const { connectionString, network, orders } = this.#room;
    if (connectionString === undefined) return;
    const wasOpen = (this.#before?.orders.mode ?? 'open') === 'open';
    this.#print(renderMoved(connectionString, network, { reopened: !wasOpen && orders.mode === 'open' }));
  }

  #answer(reply: ModeratorReply): void {
    this.#asker?.answer(reply);
    this.#asker = undefined;
  }

  #wait(forMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#step({ type: 'time-over' }), forMs);
  }

  #makeRoom(access: AccessMode): RoomHosting {
    const room: RoomHosting = new RoomHosting({
      config: this.#config,
      access,
      tell: (word) => this.#hear(room, word),
      holdSecret: this.#holdSecret,
    });
    this.#rooms.add(room);
    void room.ended.then((code) => {
      this.#rooms.delete(room);
      this.#lose(room, code);
    });
    return room;
  }

  #lose(room: RoomHosting, code: HostCode | undefined): void {
    if (room === this.#room) {
      void this.#end(code);
    } else if (room === this.#other) {
      if (code !== undefined) this.#print(`other room: ended (${code}): ${HOST_CODES[code]}`);
      this.#step({ type: 'lost' });
    } else if (room === this.#before) {
      this.#step({ type: 'closed' });
      this.#before = undefined;
    }
  }

  /** Of another room only what keeps it from opening is told. */
  #hear(room: RoomHosting, word: HostingWord): void {
    if (room === this.#room) this.#print(word.type === 'line' ? word.text : describeNotice(word.notice));
    else if (room === this.#other && word.type === 'notice' && 'cause' in word.notice) {
      this.#print(`other room: ${describeNotice(word.notice)}`);
    }
  }

  /** The room has ended, and with it the host. */
  async #end(code: HostCode | undefined): Promise<void> {
    this.#stage = 'ending';
    clearTimeout(this.#timer);
    this.#answer({ ok: false, code: 'room-not-opened' });
    this.stop();
    await Promise.all([...this.#rooms].map((room) => room.ended));
    this.#resolveEnded(code);
  }
}
