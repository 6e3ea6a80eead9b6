// The contract of RoomStore as tests: whatever keeps rooms must pass all of it.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bodyBytes, FRAME_BYTES } from '@sotto/protocol';
import type { RoomMirror, RoomRecord, RoomStore, StoreLimits } from '../src/room-store.ts';

export interface StoreUnderTest {
  readonly store: RoomStore;
  /** Lets time pass for the rooms' lifetimes only. */
  elapse(milliseconds: number): Promise<void>;
}

const LIMITS: StoreLimits = { logBytesMax: 10_000, logTtlMs: 60_000 };
const SMALL = bodyBytes(FRAME_BYTES[0]);
const LARGE = bodyBytes(FRAME_BYTES[3]);

function makeBody(length = SMALL): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

function bytes(...values: readonly Uint8Array[]): number[][] {
  return values.map((value) => [...value]);
}

function heads({ head, previousHead }: RoomRecord): [number[], number, number][] {
  return [head, previousHead].map((kept) => [[...kept.bytes], kept.first, kept.last]);
}

export function describeRoomStore(name: string, open: (limits: StoreLimits) => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: RoomStore;
    let roomId: Uint8Array;
    const lock = {
      capabilityKey: new Uint8Array(randomBytes(32)),
      roomTag: new Uint8Array(randomBytes(16)),
      cover: 'stealth-8' as const,
    };

    beforeEach(async () => {
      under = await open(LIMITS);
      store = under.store;
      roomId = new Uint8Array(randomBytes(16));
    });

    afterEach(async () => {
      await store.close();
    });

    async function loaded(): Promise<RoomRecord> {
      const record = await store.load(roomId);
      if (record === undefined) throw new Error('the room is not there');
      return record;
    }

    async function logged(from = 1, maxBytes = 1_000_000): Promise<[number, number[]][]> {
      const entries = await store.read(roomId, from, maxBytes);
      return entries.map(({ number, body }) => [number, [...body]]);
    }

    test('makes a room with counter 0, no head and an empty log that begins at 1', async () => {
      expect(await store.create(roomId, lock)).toBe('created');
      const record = await loaded();
      expect(bytes(record.capabilityKey, record.roomTag)).toEqual(bytes(lock.capabilityKey, lock.roomTag));
      expect(record.cover).toBe('stealth-8');
      expect(heads(record)).toEqual([
        [[], 0, 0],
        [[], 0, 0],
      ]);
      expect([record.counter, record.oldest, record.next]).toEqual([0, 1, 1]);
      expect(await logged()).toEqual([]);
    });

    test('leaves an existing room alone when it is made again', async () => {
      await store.create(roomId, lock);
      await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody()] });
      expect(await store.create(roomId, { ...lock, roomTag: makeBody(16) })).toBe('room-exists');
      const record = await loaded();
      expect(bytes(record.roomTag)).toEqual(bytes(lock.roomTag));
      expect(record.next).toBe(2);
    });

    test('knows nothing of a room that was never made', async () => {
      const body = makeBody();
      expect(await store.load(roomId)).toBeUndefined();
      expect(await store.append(roomId, { counter: 0, first: 1, bodies: [body] })).toEqual({ kind: 'room-unknown' });
      expect(await store.commit(roomId, { counter: 0, first: 1, bodies: [body], head: body })).toEqual({
        kind: 'room-unknown',
      });
      expect(await store.read(roomId, 1, 1_000)).toEqual([]);
      expect(await store.touch(roomId)).toBe('room-unknown');
      expect(await store.remove(roomId)).toBe(false);
    });

    test('appends in order and reads back the very bytes, whatever they are', async () => {
      await store.create(roomId, lock);
      const every = Uint8Array.from({ length: SMALL }, (_, index) => index % 256);
      const zeros = new Uint8Array(LARGE);
      const lineEnds = new Uint8Array(SMALL).fill(13).fill(10, 1, 2);
      const answer = await store.append(roomId, { counter: 0, first: 1, bodies: [every, zeros] });
      expect(answer).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect(await store.append(roomId, { counter: 0, first: 3, bodies: [lineEnds] })).toEqual({
        kind: 'stored',
        first: 3,
        oldest: 1,
      });
      expect(await logged()).toEqual([
        [1, [...every]],
        [2, [...zeros]],
        [3, [...lineEnds]],
      ]);
      expect((await loaded()).next).toBe(4);
    });

    test('reads from the number that it is asked for, as much as it may and at least one', async () => {
      await store.create(roomId, lock);
      const bodies = Array.from({ length: 20 }, () => makeBody());
      await store.append(roomId, { counter: 0, first: 1, bodies });
      expect((await logged(5, 3 * SMALL)).map(([number]) => number)).toEqual([5, 6, 7]);
      expect((await logged(5, 3 * SMALL + SMALL - 1)).map(([number]) => number)).toEqual([5, 6, 7]);
      expect((await logged(20, 1)).map(([number]) => number)).toEqual([20]);
      expect(await logged(21)).toEqual([]);
      expect((await logged(0)).length).toBe(20);
    });

    test('refuses an append under another counter, and stores none of it', async () => {
      await store.create(roomId, lock);
      expect(await store.append(roomId, { counter: 1, first: 1, bodies: [makeBody()] })).toEqual({
        kind: 'stale',
        counter: 0,
      });
      expect(await logged()).toEqual([]);
    });

    test('refuses an append at another number than the next, and says which is', async () => {
      await store.create(roomId, lock);
      await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody(), makeBody()] });
      for (const first of [1, 2, 4]) {
        const answer = await store.append(roomId, { counter: 0, first, bodies: [makeBody(), makeBody()] });
        expect(answer).toEqual({ kind: 'out-of-step', next: 3 });
      }
      expect((await logged()).length).toBe(2);
    });

    test('answers a repeated append as it did the first time, and stores it once', async () => {
      await store.create(roomId, lock);
      const append = { counter: 0, first: 1, bodies: [makeBody(), makeBody(LARGE)] };
      expect(await store.append(roomId, append)).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect(await store.append(roomId, append)).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect((await logged()).length).toBe(2);
      expect((await store.append(roomId, { counter: 0, first: 3, bodies: [makeBody()] })).kind).toBe('stored');
    });

    test('replaces the head, keeps the one before, and counts up', async () => {
      await store.create(roomId, lock);
      const [one, two, body] = [makeBody(3_000), makeBody(70_000), makeBody()];
      const more = [makeBody(), makeBody(LARGE)];
      expect(await store.commit(roomId, { counter: 0, first: 1, bodies: [body], head: one })).toEqual({
        kind: 'stored',
        first: 1,
        oldest: 1,
      });
      expect((await store.commit(roomId, { counter: 1, first: 2, bodies: more, head: two })).kind).toBe('stored');
      const record = await loaded();
      expect([record.counter, record.next]).toEqual([2, 4]);
      expect(heads(record)).toEqual([
        [[...two], 2, 3],
        [[...one], 1, 1],
      ]);
      expect(await logged()).toEqual([body, ...more].map((content, index) => [index + 1, [...content]]));
      for (const counter of [0, 1, 3]) {
        const stale = { kind: 'stale', counter: 2 };
        expect(await store.append(roomId, { counter, first: 4, bodies: [body] })).toEqual(stale);
        expect(await store.commit(roomId, { counter, first: 4, bodies: [body], head: one })).toEqual(stale);
      }
      expect((await store.append(roomId, { counter: 2, first: 4, bodies: [makeBody()] })).kind).toBe('stored');
    });

    test.each([2, 100])('lets exactly one of %i committers at once succeed', async (committers) => {
      await store.create(roomId, lock);
      const candidates = Array.from({ length: committers }, () => makeBody(100));
      const answers = await Promise.all(
        candidates.map((head) => store.commit(roomId, { counter: 0, first: 1, bodies: [head], head })),
      );
      const winners = answers.flatMap((answer, index) => (answer.kind === 'stored' ? [index] : []));
      expect(winners.length).toBe(1);
      expect(answers.filter((answer) => answer.kind === 'stale' && answer.counter === 1).length).toBe(committers - 1);
      const winning = [...(candidates[winners[0] ?? -1] ?? [])];
      expect([...(await loaded()).head.bytes]).toEqual(winning);
      expect(await logged()).toEqual([[1, winning]]);
    });

    test('lets one of 100 committers succeed in each of ten rounds, and loses no commit', async () => {
      await store.create(roomId, lock);
      const won: number[][] = [];
      for (let round = 0; round < 10; round += 1) {
        const candidates = Array.from({ length: 100 }, () => makeBody(100));
        const answers = await Promise.all(
          candidates.map((head) => store.commit(roomId, { counter: round, first: round + 1, bodies: [head], head })),
        );
        const winners = candidates.filter((_, index) => answers[index]?.kind === 'stored');
        expect(winners.length).toBe(1);
        won.push(...bytes(...winners));
      }
      expect(await logged()).toEqual(won.map((content, index) => [index + 1, content]));
      expect(heads(await loaded())).toEqual([
        [won[9], 10, 10],
        [won[8], 9, 9],
      ]);
    });

    test('refuses a commit at another number than the next, and changes nothing', async () => {
      await store.create(roomId, lock);
      await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody()] });
      const before = await loaded();
      for (const first of [1, 3]) {
        const commit = { counter: 0, first, bodies: [makeBody(), makeBody()], head: makeBody() };
        expect(await store.commit(roomId, commit)).toEqual({ kind: 'out-of-step', next: 2 });
      }
      expect(await loaded()).toEqual(before);
      expect((await logged()).length).toBe(1);
    });

    test('answers a repeated commit as it did the first time, and counts it once', async () => {
      await store.create(roomId, lock);
      const [zeroth, one] = [makeBody(), makeBody(9_000)];
      await store.commit(roomId, { counter: 0, first: 1, bodies: [makeBody()], head: zeroth });
      const commit = { counter: 1, first: 2, bodies: [makeBody(), makeBody(LARGE)], head: one };
      for (let time = 0; time < 3; time += 1) {
        expect(await store.commit(roomId, commit)).toEqual({ kind: 'stored', first: 2, oldest: 1 });
      }
      const record = await loaded();
      expect([record.counter, record.next, (await logged()).length]).toEqual([2, 4, 3]);
      // Control: the previous head is the one before, not the repeated one.
      expect(heads(record)).toEqual([
        [[...one], 2, 3],
        [[...zeroth], 1, 1],
      ]);
      // What differs in anything is another commit.
      const others = [
        { ...commit, head: makeBody(9_000) },
        { ...commit, bodies: [makeBody(), makeBody(LARGE)] },
        { ...commit, bodies: commit.bodies.slice(0, 1) },
        { ...commit, first: 3 },
        { ...commit, counter: 0 },
      ];
      for (const other of others) expect((await store.commit(roomId, other)).kind).toBe('stale');
      // And a repetition that comes when the log has gone on is too late: the room never asks for one.
      await store.append(roomId, { counter: 2, first: 4, bodies: [makeBody()] });
      expect(await store.commit(roomId, commit)).toEqual({ kind: 'stale', counter: 2 });
    });

    test('drops the oldest bodies when the log is over its bytes, and never gives a number twice', async () => {
      await store.create(roomId, lock);
      const kept: number[][] = [];
      for (let number = 1; number <= 60; number += 1) {
        const body = makeBody(number % 7 === 0 ? LARGE : SMALL);
        kept.push([...body]);
        const answer = await store.append(roomId, { counter: 0, first: number, bodies: [body] });
        if (answer.kind !== 'stored') throw new Error('not stored');
        const entries = await logged();
        const total = entries.reduce((sum, [, content]) => sum + content.length, 0);
        expect(total).toBeLessThanOrEqual(LIMITS.logBytesMax);
        expect(entries[0]?.[0]).toBe(answer.oldest);
        // What was dropped last would not have fitted any more: the cap is used, not only kept.
        expect(total + (kept[answer.oldest - 2]?.length ?? LIMITS.logBytesMax)).toBeGreaterThan(LIMITS.logBytesMax);
        expect(entries).toEqual(
          kept.slice(answer.oldest - 1).map((content, index) => [answer.oldest + index, content]),
        );
        expect((await loaded()).oldest).toBe(answer.oldest);
      }
    });

    test('forgets a room after its lifetime, head, log and all', async () => {
      await store.create(roomId, lock);
      await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody()] });
      await under.elapse(LIMITS.logTtlMs - 5_000);
      expect((await loaded()).next).toBe(2);
      await under.elapse(5_000);
      expect(await store.load(roomId)).toBeUndefined();
      expect(await logged()).toEqual([]);
      expect(await store.create(roomId, lock)).toBe('created');
      expect(await logged()).toEqual([]);
    });

    test.each(['append', 'commit', 'touch'] as const)('lives on with each %s', async (operation) => {
      await store.create(roomId, lock);
      await under.elapse(LIMITS.logTtlMs - 5_000);
      if (operation === 'append') await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody()] });
      if (operation === 'commit') {
        await store.commit(roomId, { counter: 0, first: 1, bodies: [makeBody()], head: makeBody() });
      }
      if (operation === 'touch') expect(await store.touch(roomId)).toBe('present');
      const before = await logged();
      await under.elapse(LIMITS.logTtlMs - 5_000);
      expect(await store.load(roomId)).toBeDefined();
      expect(await logged()).toEqual(before);
      await under.elapse(5_000);
      expect(await store.load(roomId)).toBeUndefined();
    });

    test('brings a lost room back exactly as it was, and goes on from there', async () => {
      const bodies = [makeBody(), makeBody(LARGE), makeBody()];
      const mirror: RoomMirror = {
        ...lock,
        counter: 7,
        head: { bytes: makeBody(5_000), first: 1_000_000_000_040, last: 1_000_000_000_042 },
        previousHead: { bytes: makeBody(524_288), first: 38, last: 1_000_000_000_039 },
        oldest: 1_000_000_000_041,
        next: 1_000_000_000_044,
        bodies,
      };
      expect(await store.restore(roomId, mirror)).toBe('restored');
      const record = await loaded();
      expect([record.counter, record.oldest, record.next]).toEqual([7, mirror.oldest, mirror.next]);
      expect(bytes(record.capabilityKey, record.roomTag)).toEqual(bytes(lock.capabilityKey, lock.roomTag));
      expect(heads(record)).toEqual(heads(mirror));
      expect(await logged()).toEqual(bodies.map((body, index) => [mirror.oldest + index, [...body]]));
      expect(await store.append(roomId, { counter: 7, first: mirror.next, bodies: [makeBody(LARGE)] })).toEqual({
        kind: 'stored',
        first: mirror.next,
        oldest: mirror.oldest,
      });
      // The bytes were counted too: the next one is over the cap.
      const last = await store.append(roomId, { counter: 7, first: mirror.next + 1, bodies: [makeBody(LARGE)] });
      expect(last).toEqual({ kind: 'stored', first: mirror.next + 1, oldest: mirror.oldest + 2 });
    });

    test('never overwrites a room that is there', async () => {
      await store.create(roomId, lock);
      const body = makeBody();
      await store.append(roomId, { counter: 0, first: 1, bodies: [body] });
      const mirror = { ...(await loaded()), counter: 9, oldest: 1, next: 1, bodies: [] };
      expect(await store.restore(roomId, mirror)).toBe('present');
      expect((await loaded()).counter).toBe(0);
      expect(await logged()).toEqual([[1, [...body]]]);
    });

    test('removes a room, and only that one', async () => {
      const other = new Uint8Array(randomBytes(16));
      await store.create(roomId, lock);
      await store.create(other, lock);
      await store.append(roomId, { counter: 0, first: 1, bodies: [makeBody()] });
      expect(await store.remove(roomId)).toBe(true);
      expect(await store.load(roomId)).toBeUndefined();
      expect(await logged()).toEqual([]);
      expect(await store.remove(roomId)).toBe(false);
      expect(await store.touch(other)).toBe('present');
    });
  });
}
