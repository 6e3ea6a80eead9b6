// A covered room of the whole relay on a clock that stands still, with streams in memory that note
// when how many bytes were written to each member.

import { Duplex } from 'node:stream';
import { decodeChallenge, decodeFrame, encodeAttach, FrameSplitter } from '@sotto/protocol';
import type { Cover, Frame } from '@sotto/protocol';
import { FakeClock, SeededRandom } from '@sotto/fixtures';
import { silentLog } from '../src/log.ts';
import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { Connection } from '../src/connection.ts';
import { FairQueue } from '../src/fair-queue.ts';
import { ALLOWANCES } from '../src/fair-share.ts';
import type { Allowances } from '../src/fair-share.ts';
import { CATCH_UP_ITERATION_BYTES, ITERATION_BYTES_MAX } from '../src/limits.ts';
import { Rooms } from '../src/rooms.ts';
import { flushImmediately } from '../src/flush-schedule.ts';
import { makeRoom, publishFrame, signAttach } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';

/** One member's stream, seen from the relay: the test is who pushes and who reads. */
export class MemberStream extends Duplex {
  /** `at`: the clock's time; a write is noted with its bytes. */
  readonly writes: { readonly at: number; readonly bytes: number }[] = [];
  readonly frames: Frame[] = [];
  /** Whether the other side takes what is written. */
  accepts = true;
  readonly #clock: FakeClock;
  readonly #splitter = new FrameSplitter();
  #waiting: (() => void)[] = [];

  constructor(clock: FakeClock) {
    super();
    this.#clock = clock;
  }

  override _read(): void {
    // The test pushes when it likes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push({ at: this.#clock.now(), bytes: chunk.length });
    this.receive(chunk);
    if (this.accepts) done();
    else this.#waiting.push(done);
  }

  /** The member has what the relay wrote. */
  protected receive(chunk: Buffer): void {
    const frames = this.#splitter.push(chunk);
    if (!frames.ok) throw new Error('the relay wrote something that is no frame');
    for (const bytes of frames.value) {
      const frame = decodeFrame(bytes);
      if (!frame.ok) throw new Error(frame.code);
      this.frames.push(frame.value);
    }
  }

  /** Takes what waits, and goes on taking. */
  drain(): void {
    this.accepts = true;
    for (const done of this.#waiting.splice(0)) done();
  }

  of(operation: Frame['operation']): Frame[] {
    return this.frames.filter((frame) => frame.operation === operation);
  }

  publish(body: Uint8Array, commitNumber = 0): void {
    this.push(publishFrame(body, commitNumber));
  }
}

export class CoveredRoom {
  readonly clock = new FakeClock();
  readonly room: TestRoom = makeRoom();
  readonly #random = new SeededRandom(7);
  readonly #rooms: Rooms;
  readonly #reads = new FairQueue(ITERATION_BYTES_MAX);
  readonly #deliveries = new FairQueue(CATCH_UP_ITERATION_BYTES);
  readonly #cover: Cover;
  readonly #connections: Connection[] = [];

  constructor(cover: Cover, allowances: Allowances = ALLOWANCES) {
    this.#cover = cover;
    this.#rooms = new Rooms({
      store: new MemoryRoomStore({ clock: this.clock }),
      clock: this.clock,
      flushSchedule: flushImmediately,
      allowances,
      log: silentLog,
    });
  }

  /** @returns the stream of a member that has attached. */
  async join(from = 0): Promise<MemberStream> {
    const stream = new MemberStream(this.clock);
    await this.attach(stream, from);
    return stream;
  }

  /** Attaches a member over this stream. */
  async attach(stream: MemberStream, from = 0): Promise<void> {
    if (this.#connections.length === 0)
      await this.#rooms.create(this.room.roomId, { ...this.room, cover: this.#cover }, 1);
    // The dice are four bytes; of the rest only the length counts here.
    const random = (length: number): Uint8Array => (length === 4 ? this.#random.bytes(4) : new Uint8Array(length));
    this.#connections.push(
      new Connection(this.#connections.length + 1, stream, {
        rooms: this.#rooms,
        reads: this.#reads,
        deliveries: this.#deliveries,
        clock: this.clock,
        random,
        log: silentLog,
      }),
    );
    await settle();
    const [frame] = stream.frames;
    const challenge = frame === undefined ? undefined : decodeChallenge(frame);
    if (challenge?.ok !== true) throw new Error('no challenge');
    const signature = signAttach(this.room, challenge.value, from);
    stream.push(encodeAttach({ roomId: this.room.roomId, from, signature }));
    await settle();
  }

  /** Moves on, and lets what was begun come to its end. */
  async pass(milliseconds: number): Promise<void> {
    this.clock.tick(milliseconds);
    await settle();
  }
}

/** Reading, storing and writing each take a turn of the event loop or two. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
