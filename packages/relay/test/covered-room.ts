// A covered room of the whole relay on a clock that stands still, with lines in memory that note
// when how many bytes were written to each member.

import { Duplex } from 'node:stream';
import { decodeChallenge, decodeFrame, encodeAttach, FrameSplitter } from '@sotto/protocol';
import type { Cover, Frame } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { silentLog } from '../src/log.ts';
import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { Connection } from '../src/connection.ts';
import { FairReads } from '../src/fair-reads.ts';
import { Rooms } from '../src/rooms.ts';
import { flushImmediately } from '../src/room.ts';
import { ManualClock } from './manual-clock.ts';
import { makeRoom, publishFrame, signAttach } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';

/** One member's line, seen from the relay: the test is who pushes and who reads. */
export class Line extends Duplex {
  /** `at`: the clock's time; a write is noted with its bytes. */
  readonly departures: { readonly at: number; readonly bytes: number }[] = [];
  readonly frames: Frame[] = [];
  /** Whether the other side takes what is written. */
  takes = true;
  readonly #clock: ManualClock;
  readonly #splitter = new FrameSplitter();
  #untaken: (() => void)[] = [];

  constructor(clock: ManualClock) {
    super();
    this.#clock = clock;
  }

  override _read(): void {
    // The test pushes when it likes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.departures.push({ at: this.#clock.now(), bytes: chunk.length });
    const frames = this.#splitter.push(chunk);
    if (!frames.ok) throw new Error('the relay wrote something that is no frame');
    for (const bytes of frames.value) {
      const frame = decodeFrame(bytes);
      if (!frame.ok) throw new Error(frame.code);
      this.frames.push(frame.value);
    }
    if (this.takes) done();
    else this.#untaken.push(done);
  }

  /** Takes what waits, and goes on taking. */
  drain(): void {
    this.takes = true;
    for (const done of this.#untaken.splice(0)) done();
  }

  of(operation: Frame['operation']): Frame[] {
    return this.frames.filter((frame) => frame.operation === operation);
  }

  publish(body: Uint8Array, commitNumber = 0): void {
    this.push(publishFrame(body, commitNumber));
  }
}

export class CoveredRoom {
  readonly clock = new ManualClock();
  readonly room: TestRoom = makeRoom();
  readonly #random = new SeededRandom(7);
  readonly #rooms: Rooms;
  readonly #turns = new FairReads();
  readonly #cover: Cover;
  readonly #peers: Connection[] = [];

  constructor(cover: Cover) {
    this.#cover = cover;
    this.#rooms = new Rooms({
      store: new MemoryRoomStore({ clock: this.clock }),
      clock: this.clock,
      flushSchedule: flushImmediately,
      log: silentLog,
    });
  }

  /** @returns the line of a member that has attached. */
  async join(from = 0): Promise<Line> {
    if (this.#peers.length === 0) await this.#rooms.create(this.room.roomId, { ...this.room, cover: this.#cover }, 1);
    const line = new Line(this.clock);
    // The dice are four bytes; of the rest only the length counts here.
    const random = (length: number): Uint8Array => (length === 4 ? this.#random.bytes(4) : new Uint8Array(length));
    this.#peers.push(
      new Connection(this.#peers.length + 1, line, {
        rooms: this.#rooms,
        fairReads: this.#turns,
        clock: this.clock,
        random,
        log: silentLog,
      }),
    );
    await settle();
    const [frame] = line.frames;
    const challenge = frame === undefined ? undefined : decodeChallenge(frame);
    if (challenge?.ok !== true) throw new Error('no challenge');
    const signature = signAttach(this.room, challenge.value, from);
    line.push(encodeAttach({ roomId: this.room.roomId, from, signature }));
    await settle();
    return line;
  }

  /** Moves on, and lets what was begun come to its end. */
  async pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await settle();
  }
}

/** Reading, storing and writing each take a turn of the event loop or two. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
