// What leaves the relay for a member of a covered room, and when: the same whether the room talks
// or not. PROTOCOL.md §12.4.

import {
  bodyBytes,
  decodeCommittedBody,
  encodeFiller,
  slotBytes,
  STEALTH_TICK_MS,
  stealthShape,
} from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { OUTBOUND_BYTES_MAX, PRIVATE_FRAMES_MAX } from '../src/limits.ts';
import { BOUNDLESS } from './boundless.ts';
import { CoveredRoom, settle } from './covered-room.ts';
import type { MemberStream } from './covered-room.ts';
import { fingerprint, makeBody, makeCommit } from '@sotto/fixtures/relay-member';

const SLOTS = 10_000;
const STEP_MS = 250;

/**
 * What the relay wrote to each of two members from when both were there, while `talk` happened at
 * each quarter of a second.
 */
async function watch(
  cover: Cover,
  slots: number,
  talk: (streams: readonly [MemberStream, MemberStream], step: number) => void,
): Promise<readonly [MemberStream['writes'], MemberStream['writes']]> {
  const room = new CoveredRoom(cover);
  const streams = [await room.join(), await room.join()] as const;
  const begun = streams.map((stream) => stream.writes.length);
  for (let step = 0; step < (slots * STEALTH_TICK_MS) / STEP_MS; step += 1) {
    talk(streams, step);
    await room.pass(STEP_MS);
  }
  return [streams[0].writes.slice(begun[0]), streams[1].writes.slice(begun[1])];
}

const FILL = encodeFiller('fill', 1_024, (length) => new Uint8Array(length));
const WORDS = makeBody(1);

/** Nobody says anything, nor sends a dummy. */
function idle([one, two]: readonly [MemberStream, MemberStream], step: number): void {
  // A sign of life, as a silent member gives it.
  if (step % 40 === 0) for (const stream of [one, two]) stream.push(FILL);
}

/** Both say as much as the room takes: four frames a second together. */
function busy([one, two]: readonly [MemberStream, MemberStream], step: number): void {
  (step % 2 === 0 ? one : two).publish(WORDS);
}

/** Nobody for a while, then both at once, some of it refused, and a commit now and then. */
function unruly([one, two]: readonly [MemberStream, MemberStream], step: number): void {
  idle([one, two], step);
  if (step % 17 === 0) for (const stream of [one, two]) stream.publish(WORDS, Math.floor((step + 3) / 400));
  if (step % 23 === 0) two.publish(WORDS, 999_999);
  if (step % 400 === 399) {
    const made = makeCommit({ frames: 2, size: 3 });
    for (const frame of [...made.stages, made.commit(Math.floor(step / 400))]) one.push(frame);
  }
}

describe('the relay in stealth', () => {
  test(
    'writes the same slots, bit for bit, to a silent room and to a talking one: 10,000 of them',
    { timeout: 120_000 },
    async () => {
      const [silent, silentToo] = await watch('stealth-4', SLOTS, idle);
      expect(silent).toHaveLength(SLOTS);
      expect(new Set(silent.map(({ bytes }) => bytes))).toEqual(new Set([slotBytes('stealth-4')]));
      expect(await watch('stealth-4', SLOTS, busy)).toEqual([silent, silentToo]);
    },
  );

  test('control: in modes off and jitter, talking is visible', async () => {
    expect(await watch('off', 100, busy)).not.toEqual(await watch('off', 100, idle));
    expect(await watch('jitter', 100, busy)).not.toEqual(await watch('jitter', 100, idle));
  });

  test('keeps its slots through refusals, commits and bursts of texts', async () => {
    const even = await watch('stealth-8', 1_000, idle);
    expect(await watch('stealth-8', 1_000, unruly)).toEqual(even);
  });

  test('gives each member a phase of its own', async () => {
    const [one, two] = await watch('stealth-4', 10, idle);
    expect(one[0]?.at).not.toBe(two[0]?.at);
    expect(one.slice(1).map(({ at }, index) => at - (one[index]?.at ?? 0))).toEqual(Array(9).fill(STEALTH_TICK_MS));
  });

  test('delivers everything in order, and refusals behind the entries stored before them', async () => {
    const room = new CoveredRoom('stealth-4', BOUNDLESS);
    const [one, two] = [await room.join(), await room.join()];
    const bodies = Array.from({ length: 30 }, () => makeBody(1));
    for (const [index, body] of bodies.entries()) {
      one.publish(body);
      if (index === 10) {
        await settle();
        one.publish(makeBody(1), 5);
      }
      await room.pass(300);
    }
    await room.pass(3_000);
    for (const stream of [one, two]) {
      const said = stream.of('entry').map(({ number, body }) => `${number} ${fingerprint(body)}`);
      expect(said).toEqual(bodies.map((body, index) => `${index + 1} ${fingerprint(body)}`));
    }
    const order = one.frames.filter(({ operation }) => operation === 'entry' || operation === 'refused');
    const refusedAt = order.findIndex(({ operation }) => operation === 'refused');
    expect(order[refusedAt]?.code).toBe('stale');
    expect(refusedAt).toBeGreaterThanOrEqual(11);
  });

  test('sends a commit in the slots, frame by frame and in its order', async () => {
    const room = new CoveredRoom('stealth-8');
    const stream = await room.join();
    const made = makeCommit({ frames: 4, size: 3 });
    for (const frame of [...made.stages, made.commit(0)]) stream.push(frame);
    for (let tick = 0; tick < 8; tick += 1) await room.pass(STEALTH_TICK_MS);
    const told = stream.frames.filter(({ operation }) => operation === 'entry' || operation === 'committed');
    const places = told.map(({ operation, number, body }) => {
      const decoded = decodeCommittedBody(body);
      return [operation, number, decoded.ok ? decoded.value.index : decoded.code];
    });
    expect(places).toEqual([0, 1, 2, 3].map((index) => ['committed', index + 1, index]));
    expect(new Set(stream.writes.slice(2).map(({ bytes }) => bytes))).toEqual(new Set([slotBytes('stealth-8')]));
  });

  test('sends a commit of more than four slots at once, and then goes on with its slots', async () => {
    const room = new CoveredRoom('stealth-4');
    const [one, two] = [await room.join(), await room.join()];
    const begun = two.writes.length;
    const { commitFrames: frames, snapshotBytes } = stealthShape('stealth-4');
    const made = makeCommit({ frames, size: 3, snapshotBytes });
    for (const frame of [...made.stages, made.commit(0)]) one.push(frame);
    for (let tick = 0; tick < 6; tick += 1) await room.pass(STEALTH_TICK_MS);
    expect(two.of('committed')).toHaveLength(frames);
    const sizes = two.writes.slice(begun).map(({ bytes }) => bytes);
    expect(sizes.filter((bytes) => bytes === slotBytes('stealth-4'))).toHaveLength(6);
    // One more write: all of the commit that the first slot had no place for.
    expect(sizes.filter((bytes) => bytes !== slotBytes('stealth-4'))).toEqual([(frames - 1) * 4_096]);
  });

  test('skips the slots that a member does not read, and then sends it the log', async () => {
    const room = new CoveredRoom('stealth-4');
    const [slow, other] = [await room.join(), await room.join()];
    slow.accepts = false;
    for (let tick = 0; tick < 60; tick += 1) {
      other.publish(makeBody(1));
      await room.pass(STEALTH_TICK_MS);
    }
    expect(slow.writableLength).toBeLessThanOrEqual(OUTBOUND_BYTES_MAX + slotBytes('stealth-4'));
    const skipped = 60 - Math.floor(slow.writableLength / slotBytes('stealth-4'));
    expect(skipped).toBeGreaterThan(20);
    slow.drain();
    await settle();
    for (let tick = 0; tick < 3; tick += 1) await room.pass(STEALTH_TICK_MS);
    expect(slow.of('entry').map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  test('holds a bounded number of refusals for a member, and closes a member that causes more', async () => {
    const room = new CoveredRoom('stealth-4', BOUNDLESS);
    const [rude, other] = [await room.join(), await room.join()];
    for (let index = 0; index < PRIVATE_FRAMES_MAX; index += 1) rude.publish(WORDS, 7);
    await settle();
    expect(rude.of('closing')).toEqual([]);
    rude.publish(WORDS, 7);
    await settle();
    expect(rude.of('closing').map(({ code }) => code)).toEqual(['too-slow']);
    other.publish(WORDS);
    for (let tick = 0; tick < 2; tick += 1) await room.pass(STEALTH_TICK_MS);
    expect(other.of('entry')).toHaveLength(1);
  });

  test('accepts FILL as a sign of life, and closes the connection in other modes', async () => {
    const room = new CoveredRoom('stealth-4');
    const stream = await room.join();
    for (let second = 0; second < 60; second += 1) {
      stream.push(FILL);
      await room.pass(1_000);
    }
    expect(stream.of('closing')).toEqual([]);
    const elsewhere = await new CoveredRoom('off').join();
    elsewhere.push(FILL);
    await settle();
    expect(elsewhere.of('closing').map(({ code }) => code)).toEqual(['operation-unexpected']);
  });

  test(
    'lets a room of 32 send as much as its slots hold, and no member falls behind',
    { timeout: 60_000 },
    async () => {
      const cover = 'stealth-32';
      const { members, sendEveryMs, shared, spare, commitFrames, snapshotBytes } = stealthShape(cover);
      const room = new CoveredRoom(cover);
      const streams: MemberStream[] = [];
      for (let index = 0; index < members; index += 1) streams.push(await room.join());
      const minutes = 5;
      let said = 0;
      let commits = 0;
      for (let step = 0; step < (minutes * 60_000) / 125; step += 1) {
        // Each in its turn: 32 members, one every 4 s; and every half minute somebody has new keys.
        streams[step % members]?.publish(WORDS, commits);
        said += 1;
        await room.pass(sendEveryMs / members);
        if (step % 240 !== 239) continue;
        const made = makeCommit({ frames: commitFrames, size: 3, snapshotBytes });
        for (const frame of [...made.stages, made.commit(commits)]) streams[step % members]?.push(frame);
        commits += 1;
        await settle();
      }
      expect(said).toBe(minutes * 60 * shared);
      await room.pass(0);
      const entries = said + commitFrames * commits;
      for (const stream of streams) {
        // What is on its way is the last second's, and the commit that was made this moment.
        const received = stream.of('entry').length + stream.of('committed').length;
        expect(entries - received).toBeLessThanOrEqual(2 * (shared + spare) + commitFrames);
        expect(stream.of('refused')).toEqual([]);
      }
    },
  );
});

describe('the relay in jitter', () => {
  test('sends waiting entries after half a second to three, and noise in between', async () => {
    const room = new CoveredRoom('jitter');
    const [one, two] = [await room.join(), await room.join()];
    for (let step = 0; step < 400; step += 1) {
      if (step % 20 === 0) one.publish(makeBody(0));
      await room.pass(STEP_MS);
    }
    await room.pass(3_000);
    for (const stream of [one, two]) {
      expect(stream.of('entry').map(({ number }) => number)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      expect([2, 3, 4]).toContain(stream.of('noise').length);
    }
    expect(one.writes.map(({ at }) => at)).not.toEqual(two.writes.map(({ at }) => at));
  });
});

test('the bodies that these tests publish fill one slot of a member', () => {
  expect(WORDS).toHaveLength(bodyBytes(1_024));
});
