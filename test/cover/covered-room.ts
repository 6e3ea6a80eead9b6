// A covered room whole: clients, streams of some latency and the relay itself, all on one fake
// clock.

import { Duplex } from 'node:stream';
import { proveAdmission, registrationOf } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { createStreamPair, SeededRandom } from '@sotto/fixtures';
import type { FakeClock, StreamConditions, StreamEnd } from '@sotto/fixtures';
import { MemoryHost } from '@sotto/fixtures/memory-host';
import { RoomFixture, told } from '@sotto/fixtures/room';
import type { MemberOptions, RoomMember, RoomOptions, RoomRelay } from '@sotto/fixtures/room';
import { coverOf, patienceSecondsMax } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { silentLog } from '../../packages/relay/src/log.ts';
import { MemoryRoomStore } from '../../packages/relay/src/store/memory-room-store.ts';
import { Connection } from '../../packages/relay/src/connection.ts';
import { FairQueue } from '../../packages/relay/src/fair-queue.ts';
import { ALLOWANCES } from '../../packages/relay/src/fair-share.ts';
import type { Allowances } from '../../packages/relay/src/fair-share.ts';
import { CATCH_UP_ITERATION_BYTES, ITERATION_BYTES_MAX } from '../../packages/relay/src/limits.ts';
import { Rooms } from '../../packages/relay/src/rooms.ts';
import { flushImmediately } from '../../packages/relay/src/flush-schedule.ts';

/** Through how many rounds of the event loop the relay's work may go before time moves on. */
const ROUNDS = 5;
const LATENCY_MS = 180;
const FOUNDING_LIMIT_S = 20;
/** A room in which every connection may say as much as it likes. */
export const UNSHARED: Allowances = {
  ofRoom: () => ({ burst: 2 ** 40, intervalMs: 2 ** -40 }),
  ofConnection: () => undefined,
};

export interface CoverOptions {
  readonly latencyMs?: number | undefined;
  readonly allowances?: Allowances | undefined;
  /** Absent: the longest that the mode keeps. */
  readonly patienceSeconds?: number | undefined;
}

/**
 * The dice are four bytes: they have a source of their own, so that two runs fall alike whatever
 * else they do.
 */
function twoSources(seed: number): (length: number) => Uint8Array {
  const [dice, keys] = [new SeededRandom(seed), new SeededRandom(seed + 1_000)];
  return (length) => (length === 4 ? dice : keys).bytes(length);
}

/** The relay's end of a stream, as the relay has it from a socket. */
class RelaySocket extends Duplex {
  readonly #stream: StreamEnd;

  constructor(stream: StreamEnd) {
    super();
    this.#stream = stream;
    stream.onData((chunk) => this.push(chunk));
    stream.onClose(() => this.destroy());
  }

  override _read(): void {
    // The stream pushes what comes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#stream.write(chunk);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.close();
    done(error);
  }
}

/** The rooms and connections of the real relay, without its sockets. */
class RelayInMemory implements RoomRelay {
  readonly rooms: Rooms;
  readonly #dependencies: ConstructorParameters<typeof Connection>[2];
  readonly #connections: Connection[] = [];

  constructor(clock: FakeClock, random: (length: number) => Uint8Array, allowances: Allowances) {
    this.rooms = new Rooms({
      store: new MemoryRoomStore({ clock }),
      clock,
      flushSchedule: flushImmediately,
      allowances,
      log: silentLog,
    });
    const [reads, deliveries] = [new FairQueue(ITERATION_BYTES_MAX), new FairQueue(CATCH_UP_ITERATION_BYTES)];
    this.#dependencies = { rooms: this.rooms, reads, deliveries, clock, random, log: silentLog };
  }

  get connections(): number {
    return this.#connections.length;
  }

  accept(stream: StreamEnd): void {
    this.#connections.push(new Connection(this.#connections.length + 1, new RelaySocket(stream), this.#dependencies));
  }
}

export class CoveredRoom extends RoomFixture {
  readonly relay: RelayInMemory;
  readonly members: RoomMember[] = [];
  /** The host, for the client that is its own. */
  readonly host: MemoryHost<CoveredRoom>;
  /** Of every stream to the relay. */
  readonly conditions: StreamConditions;
  /** Work of somebody that is no client: the clock waits for it. */
  readonly work = new Set<Promise<unknown>>();
  readonly #seed: number;
  readonly #patienceSeconds: number;
  #round = 0;

  private constructor({
    latencyMs = LATENCY_MS,
    allowances = ALLOWANCES,
    patienceSeconds,
    ...options
  }: RoomOptions & CoverOptions) {
    super(options);
    this.#seed = options.seed ?? 1;
    this.#patienceSeconds = patienceSeconds ?? patienceSecondsMax(coverOf(this.invite));
    this.conditions = { latencyMs: () => latencyMs };
    this.relay = new RelayInMemory(this.clock, twoSources(2), allowances);
    this.host = new MemoryHost<CoveredRoom>(this, async (destination) => {
      const room = new CoveredRoom({ ...destination, latencyMs, allowances, patienceSeconds });
      await room.#found();
      return room;
    });
  }

  /** The room, made and founded over a connection, as a host does it. */
  static async open(
    cover: Cover,
    { seed = 1, ...options }: CoverOptions & { readonly seed?: number } = {},
  ): Promise<CoveredRoom> {
    const room = new CoveredRoom({ cover, seed, ...options });
    const progress = { isFounded: false };
    const founded = room.#found();
    void founded.then(() => (progress.isFounded = true));
    for (let second = 0; second < FOUNDING_LIMIT_S && !progress.isFounded; second += 1) await room.clock.advance(1_000);
    await founded;
    return room;
  }

  /** Takes the time of the room's clock, which somebody else moves on. */
  async #found(): Promise<void> {
    const { roomId, capabilityKey, roomTag } = registrationOf(this.invite);
    const terms = { capabilityKey, roomTag, cover: coverOf(this.invite), patienceSeconds: this.#patienceSeconds };
    await this.relay.rooms.create(roomId, terms, 1);
    const { near, far } = createStreamPair(this.clock, this.conditions);
    this.relay.accept(far);
    const founding = { crypto: nativeCrypto, suite: 'x-wing', access: this.access } as const;
    await proveAdmission(this.invite, near, twoSources(99), founding);
  }

  /** A client that has started. */
  enter(name: string, options: Omit<MemberOptions, 'conditions' | 'random'>): RoomMember {
    const random = twoSources(this.#seed * 10 + this.members.length);
    const member = this.member(name, { ...options, random, conditions: () => this.conditions });
    this.members.push(member);
    member.client.start();
    return member;
  }

  protected override isBusy(): boolean {
    this.#round = (this.#round + 1) % ROUNDS;
    return this.#round !== 0 || this.work.size > 0 || super.isBusy();
  }
}

/**
 * What the member was told that a quiet room never tells: warnings, errors, reconnections, gaps.
 */
export function troubleOf(member: RoomMember): string[] {
  return [
    ...told(member, 'warning').map(({ code }) => code),
    ...told(member, 'error').map(({ code }) => code),
    ...told(member, 'state').flatMap(({ state, code }) =>
      state === 'reconnecting' ? [`reconnecting ${code ?? ''}`] : [],
    ),
    ...told(member, 'gap').map(({ count }) => `gap ${count}`),
  ];
}
