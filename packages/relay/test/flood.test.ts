// Some flood a room whose members have lines of Tor's speed: the others do not notice. The clock is
// fake, the relay whole. PROTOCOL.md §6.4.

import { stealthShape } from '@sotto/protocol';
import type { Cover, Frame } from '@sotto/protocol';
import type { FakeClock } from '@sotto/fixtures';
import { fingerprint, makeBody, publishFrame } from '@sotto/fixtures/relay-member';
import { expect, test } from 'vitest';
import { ALLOWANCES } from '../src/fair-share.ts';
import type { Allowances } from '../src/fair-share.ts';
import { BOUNDLESS } from './boundless.ts';
import { CoveredRoom, MemberStream } from './covered-room.ts';

const LINE_BYTES_PER_MS = 150;
const LATENCY_MS = 180;
const STEP_MS = 10;
const RUN_MS = 60_000;
const MEMBERS = 3;
/** A stream takes so much that nobody reads. */
const UNREAD_BYTES = 131_072;

/** A line through Tor: each direction has its latency, and the way down its speed. */
class Line extends MemberStream {
  readonly #clock: FakeClock;
  readonly #onFrame: (frame: Frame) => void;

  constructor(clock: FakeClock, onFrame: (frame: Frame) => void = () => undefined) {
    super(clock);
    this.#clock = clock;
    this.#onFrame = onFrame;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The answer to the handshake is awaited by hand.
    if (this.frames.length < 2) {
      this.receive(chunk);
      done();
      return;
    }
    this.#clock.after(chunk.length / LINE_BYTES_PER_MS, () => {
      done();
      this.#clock.after(LATENCY_MS, () => this.receive(chunk));
    });
  }

  protected override receive(chunk: Buffer): void {
    const before = this.frames.length;
    super.receive(chunk);
    for (const frame of this.frames.splice(before)) {
      if (this.frames.length < 2) this.frames.push(frame);
      else this.#onFrame(frame);
    }
  }

  say(body: Uint8Array): void {
    this.#clock.after(LATENCY_MS, () => this.push(publishFrame(body)));
  }

  /** Says as much as the relay reads, of the largest frames. */
  pour(bytes: number): void {
    for (let left = bytes; left > 0 && this.readableLength < UNREAD_BYTES; left -= 4_096) {
      this.push(publishFrame(makeBody(3)));
    }
  }
}

interface Heard {
  /** From its sending until all others have it, for each text that they have; the shortest first. */
  readonly delays: readonly number[];
  readonly said: number;
  /** Bytes of the flooders that reached a member, for each second. */
  readonly floodedPerSecond: number;
  readonly closed: readonly (string | undefined)[];
}

/** The members say something in turns, and so many connections flood. */
async function listen(cover: Cover, flooders: number, allowances: Allowances): Promise<Heard> {
  const room = new CoveredRoom(cover, allowances);
  const { clock } = room;
  const saidAt = new Map<string, { readonly at: number; heard: number; last: number }>();
  let flooded = 0;
  const closed: (string | undefined)[] = [];
  const onFrame = (frame: Frame): void => {
    if (frame.operation === 'closing') closed.push(frame.code);
    if (frame.operation !== 'entry') return;
    const said = saidAt.get(fingerprint(frame.body));
    if (said === undefined) flooded += frame.body.length;
    else Object.assign(said, { heard: said.heard + 1, last: clock.now() });
  };
  const members = Array.from({ length: MEMBERS }, () => new Line(clock, onFrame));
  const vandals = Array.from({ length: flooders }, () => new Line(clock));
  for (const line of [...members, ...vandals]) await room.attach(line);
  const everyMs = cover === 'off' || cover === 'jitter' ? 1_000 : stealthShape(cover).sendEveryMs;
  for (let at = 0; at < RUN_MS; at += STEP_MS) {
    if (at % 200 === 0) for (const vandal of vandals) vandal.pour(52_000);
    for (const [index, member] of members.entries()) {
      if (at % everyMs !== STEP_MS * (7 + 20 * index)) continue;
      const body = makeBody(1);
      saidAt.set(fingerprint(body), { at: clock.now(), heard: 0, last: 0 });
      member.say(body);
    }
    await room.pass(STEP_MS);
  }
  const all = [...saidAt.values()];
  const whole = all.filter(({ heard }) => heard === MEMBERS).map(({ at, last }) => last - at);
  return {
    delays: whole.sort((one, other) => one - other),
    said: all.length,
    floodedPerSecond: flooded / MEMBERS / (RUN_MS / 1_000),
    closed,
  };
}

function median({ delays, said }: Heard): number {
  return delays[said >> 1] ?? Number.POSITIVE_INFINITY;
}

test.each([
  ['off', 11],
  ['jitter', 11],
  ['stealth-8', 1],
] as const)(
  'in %s the others’ median delay is at most twice as long while %i connections flood',
  async (cover, flooders) => {
    const quiet = await listen(cover, 0, ALLOWANCES);
    const loud = await listen(cover, flooders, ALLOWANCES);
    const before = await listen(cover, flooders, BOUNDLESS);
    process.stdout.write(
      `   ${cover}: median delay ${median(quiet)} ms without a flood, ${median(loud)} ms with it, ${median(before)} ms where nothing is shared; ${Math.round(loud.floodedPerSecond)} bytes a second of the flood\n`,
    );
    expect(median(loud)).toBeLessThanOrEqual(2 * median(quiet));
    expect(loud.closed).toEqual([]);
    // The flood is not kept out: it has what is left.
    expect(loud.floodedPerSecond).toBeGreaterThan(200);
    // Control: without shares nobody is heard in time.
    expect(median(before)).toBeGreaterThan(4 * median(quiet));
  },
);
