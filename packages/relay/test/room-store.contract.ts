// The contract of RoomStore as tests: whatever keeps rooms must pass all of it.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bodyBytes, FRAME_BYTES } from '@sotto/protocol';
import type { LogFrame, LogOperation } from '@sotto/protocol';
import type {
  Append,
  AppendAnswer,
  Commit,
  LogEntry,
  RoomRecord,
  RoomStore,
  RoomTerms,
  StoreLimits,
} from '../src/store/room-store.ts';

export interface StoreUnderTest {
  readonly store: RoomStore;
  /** Lets time pass for the rooms' lifetimes only. */
  elapse(milliseconds: number): Promise<void>;
}

const LIMITS: StoreLimits = { roomTtlMs: 60_000 };
const SMALL = bodyBytes(FRAME_BYTES[0]);
const LARGE = bodyBytes(FRAME_BYTES[3]);

function makeBody(length = SMALL): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

function bytes(...values: readonly Uint8Array[]): number[][] {
  return values.map((value) => [...value]);
}

function snapshots({ snapshot, previousSnapshot }: RoomRecord): [number[], number, number][] {
  return [snapshot, previousSnapshot].map((kept) => [[...kept.bytes], kept.first, kept.last]);
}

/** Frames with these bodies, every other of a commit: a store does not look at them. */
function mixed(bodies: readonly Uint8Array[]): LogFrame[] {
  return bodies.map((body, index) => ({ operation: index % 2 === 0 ? 'entry' : 'committed', body }));
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
      patienceSeconds: 600,
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

    /** The operations of the log's frames, in their order. */
    async function operations(): Promise<LogOperation[]> {
      return (await store.read(roomId, 1, 4_194_304)).map(({ operation }) => operation);
    }

    /** Where the test does not say what is to stay, all of it is. */
    function append(what: Omit<Append, 'oldest'> & Partial<Append>): Promise<AppendAnswer> {
      return store.append(roomId, { oldest: 1, ...what });
    }

    function commit(what: Omit<Commit, 'oldest'> & Partial<Commit>): Promise<AppendAnswer> {
      return store.commit(roomId, { oldest: 1, ...what });
    }

    async function logged(from = 1, maxBytes = 1_000_000): Promise<[number, number[]][]> {
      const entries = await store.read(roomId, from, maxBytes);
      return entries.map(({ number, body }) => [number, [...body]]);
    }

    test('makes a room with commit number 0, no snapshot and an empty log that begins at 1', async () => {
      expect(await store.create(roomId, lock)).toBe('created');
      const record = await loaded();
      expect(bytes(record.capabilityKey, record.roomTag)).toEqual(bytes(lock.capabilityKey, lock.roomTag));
      expect(record.cover).toBe('stealth-8');
      expect(record.patienceSeconds).toBe(600);
      expect(snapshots(record)).toEqual([
        [[], 0, 0],
        [[], 0, 0],
      ]);
      expect([record.commitNumber, record.oldest, record.next]).toEqual([0, 1, 1]);
      expect(await logged()).toEqual([]);
    });

    test('answers a repeated create as the first time, as long as nothing was stored in the room', async () => {
      for (let time = 0; time < 3; time += 1) expect(await store.create(roomId, lock)).toBe('created');
      expect((await loaded()).next).toBe(1);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      expect(await store.create(roomId, lock)).toBe('room-exists');
      expect((await logged()).length).toBe(1);
    });

    test('leaves an untouched room unchanged if another is to be made under its id', async () => {
      await store.create(roomId, lock);
      const others: readonly RoomTerms[] = [
        { ...lock, capabilityKey: makeBody(32) },
        { ...lock, roomTag: makeBody(16) },
        { ...lock, cover: 'off' },
        { ...lock, patienceSeconds: 601 },
      ];
      for (const other of others) expect(await store.create(roomId, other)).toBe('room-exists');
      const { capabilityKey, roomTag, cover } = await loaded();
      expect([...bytes(capabilityKey, roomTag), cover]).toEqual([
        ...bytes(lock.capabilityKey, lock.roomTag),
        lock.cover,
      ]);
    });

    test('leaves a room with only a commit unchanged if it is made again', async () => {
      await store.create(roomId, lock);
      await commit({ commitNumber: 0, first: 1, bodies: [makeBody()], snapshot: makeBody() });
      expect(await store.create(roomId, lock)).toBe('room-exists');
      expect((await loaded()).commitNumber).toBe(1);
    });

    test('does not know a room that was never made', async () => {
      const body = makeBody();
      expect(await store.load(roomId)).toBeUndefined();
      expect(await append({ commitNumber: 0, first: 1, bodies: [body] })).toEqual({ kind: 'room-unknown' });
      expect(await commit({ commitNumber: 0, first: 1, bodies: [body], snapshot: body })).toEqual({
        kind: 'room-unknown',
      });
      expect(await store.read(roomId, 1, 1_000)).toEqual([]);
      expect(await store.touch(roomId, 1)).toEqual({ kind: 'room-unknown' });
      expect(await store.remove(roomId)).toBe(false);
    });

    test('appends in order and reads back the exact bytes', async () => {
      await store.create(roomId, lock);
      const every = Uint8Array.from({ length: SMALL }, (_, index) => index % 256);
      const zeros = new Uint8Array(LARGE);
      const lineEnds = new Uint8Array(SMALL).fill(13).fill(10, 1, 2);
      const answer = await append({ commitNumber: 0, first: 1, bodies: [every, zeros] });
      expect(answer).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect(await append({ commitNumber: 0, first: 3, bodies: [lineEnds] })).toEqual({
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

    test('reads from the requested number, as much as it may and at least one entry', async () => {
      await store.create(roomId, lock);
      const bodies = Array.from({ length: 20 }, () => makeBody());
      await append({ commitNumber: 0, first: 1, bodies });
      expect((await logged(5, 3 * SMALL)).map(([number]) => number)).toEqual([5, 6, 7]);
      expect((await logged(5, 3 * SMALL + SMALL - 1)).map(([number]) => number)).toEqual([5, 6, 7]);
      expect((await logged(20, 1)).map(([number]) => number)).toEqual([20]);
      expect(await logged(21)).toEqual([]);
      expect((await logged(0)).length).toBe(20);
    });

    test('refuses an append under another commit number, and stores none of it', async () => {
      await store.create(roomId, lock);
      expect(await append({ commitNumber: 1, first: 1, bodies: [makeBody()] })).toEqual({
        kind: 'stale',
        commitNumber: 0,
      });
      expect(await logged()).toEqual([]);
    });

    test('refuses an append at another number than the next, and gives the next', async () => {
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody(), makeBody()] });
      for (const first of [1, 2, 4]) {
        const answer = await append({ commitNumber: 0, first, bodies: [makeBody(), makeBody()] });
        expect(answer).toEqual({ kind: 'out-of-step', next: 3 });
      }
      expect((await logged()).length).toBe(2);
    });

    test('answers a repeated append as the first time, and stores it once', async () => {
      await store.create(roomId, lock);
      const again = { commitNumber: 0, first: 1, bodies: [makeBody(), makeBody(LARGE)] };
      expect(await append(again)).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect(await append(again)).toEqual({ kind: 'stored', first: 1, oldest: 1 });
      expect((await logged()).length).toBe(2);
      expect((await append({ commitNumber: 0, first: 3, bodies: [makeBody()] })).kind).toBe('stored');
    });

    test('replaces the snapshot, keeps the previous one, and counts up', async () => {
      await store.create(roomId, lock);
      const [one, two, body] = [makeBody(3_000), makeBody(70_000), makeBody()];
      const more = [makeBody(), makeBody(LARGE)];
      expect(await commit({ commitNumber: 0, first: 1, bodies: [body], snapshot: one })).toEqual({
        kind: 'stored',
        first: 1,
        oldest: 1,
      });
      expect((await commit({ commitNumber: 1, first: 2, bodies: more, snapshot: two })).kind).toBe('stored');
      const record = await loaded();
      expect([record.commitNumber, record.next]).toEqual([2, 4]);
      expect(snapshots(record)).toEqual([
        [[...two], 2, 3],
        [[...one], 1, 1],
      ]);
      expect(await logged()).toEqual([body, ...more].map((content, index) => [index + 1, [...content]]));
      for (const commitNumber of [0, 1, 3]) {
        const stale = { kind: 'stale', commitNumber: 2 };
        expect(await append({ commitNumber, first: 4, bodies: [body] })).toEqual(stale);
        expect(await commit({ commitNumber, first: 4, bodies: [body], snapshot: one })).toEqual(stale);
      }
      expect((await append({ commitNumber: 2, first: 4, bodies: [makeBody()] })).kind).toBe('stored');
    });

    test.each([2, 100])('lets exactly one of %i committers at once succeed', async (committers) => {
      await store.create(roomId, lock);
      const candidates = Array.from({ length: committers }, () => makeBody(100));
      const answers = await Promise.all(
        candidates.map((snapshot) => commit({ commitNumber: 0, first: 1, bodies: [snapshot], snapshot })),
      );
      const winners = answers.flatMap((answer, index) => (answer.kind === 'stored' ? [index] : []));
      expect(winners.length).toBe(1);
      expect(answers.filter((answer) => answer.kind === 'stale' && answer.commitNumber === 1).length).toBe(
        committers - 1,
      );
      const winning = [...(candidates[winners[0] ?? -1] ?? [])];
      expect([...(await loaded()).snapshot.bytes]).toEqual(winning);
      expect(await logged()).toEqual([[1, winning]]);
    });

    test('lets one of 100 committers succeed in each of ten rounds, and loses no commit', async () => {
      await store.create(roomId, lock);
      const won: number[][] = [];
      for (let round = 0; round < 10; round += 1) {
        const candidates = Array.from({ length: 100 }, () => makeBody(100));
        const answers = await Promise.all(
          candidates.map((snapshot) => commit({ commitNumber: round, first: round + 1, bodies: [snapshot], snapshot })),
        );
        const winners = candidates.filter((_, index) => answers[index]?.kind === 'stored');
        expect(winners.length).toBe(1);
        won.push(...bytes(...winners));
      }
      expect(await logged()).toEqual(won.map((content, index) => [index + 1, content]));
      expect(snapshots(await loaded())).toEqual([
        [won[9], 10, 10],
        [won[8], 9, 9],
      ]);
    });

    test('refuses a commit at another number than the next, and changes nothing', async () => {
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      const before = await loaded();
      for (const first of [1, 3]) {
        const other = { commitNumber: 0, first, bodies: [makeBody(), makeBody()], snapshot: makeBody() };
        expect(await commit(other)).toEqual({ kind: 'out-of-step', next: 2 });
      }
      expect(await loaded()).toEqual(before);
      expect((await logged()).length).toBe(1);
    });

    test('answers a repeated commit as the first time, and counts it once', async () => {
      await store.create(roomId, lock);
      const [zeroth, one] = [makeBody(), makeBody(9_000)];
      await commit({ commitNumber: 0, first: 1, bodies: [makeBody()], snapshot: zeroth });
      const again = { commitNumber: 1, first: 2, bodies: [makeBody(), makeBody(LARGE)], snapshot: one };
      for (let time = 0; time < 3; time += 1) {
        expect(await commit(again)).toEqual({ kind: 'stored', first: 2, oldest: 1 });
      }
      const record = await loaded();
      expect([record.commitNumber, record.next, (await logged()).length]).toEqual([2, 4, 3]);
      // Control: the previous snapshot is the one before, not the repeated one.
      expect(snapshots(record)).toEqual([
        [[...one], 2, 3],
        [[...zeroth], 1, 1],
      ]);
      // What differs in anything is another commit.
      const others = [
        { ...again, snapshot: makeBody(9_000) },
        { ...again, bodies: [makeBody(), makeBody(LARGE)] },
        { ...again, bodies: again.bodies.slice(0, 1) },
        { ...again, first: 3 },
        { ...again, commitNumber: 0 },
      ];
      for (const other of others) expect((await commit(other)).kind).toBe('stale');
      // And a repetition that comes when the log has gone on is too late: the room never asks for
      // one.
      await append({ commitNumber: 2, first: 4, bodies: [makeBody()] });
      expect(await commit(again)).toEqual({ kind: 'stale', commitNumber: 2 });
    });

    test.each(['append', 'commit'] as const)(
      'drops with an %s the entries before the oldest that stays',
      async (operation) => {
        await store.create(roomId, lock);
        const bodies = Array.from({ length: 40 }, () => makeBody());
        await append({ commitNumber: 0, first: 1, bodies: bodies.slice(0, 30) });
        const named = { commitNumber: 0, first: 31, bodies: bodies.slice(30), oldest: 18 };
        const answer = operation === 'append' ? append(named) : commit({ ...named, snapshot: makeBody() });
        expect(await answer).toEqual({ kind: 'stored', first: 31, oldest: 18 });
        const kept = bodies.slice(17).map((body, index): [number, number[]] => [18 + index, [...body]]);
        expect(await logged()).toEqual(kept);
        expect([(await loaded()).oldest, (await loaded()).next]).toEqual([18, 41]);
        // Again, as if the answer had been lost.
        const again =
          operation === 'append' ? append(named) : commit({ ...named, snapshot: (await loaded()).snapshot.bytes });
        expect(await again).toEqual({ kind: 'stored', first: 31, oldest: 18 });
        expect(await logged()).toEqual(kept);
      },
    );

    test('never brings back dropped entries, and can drop all entries but no number', async () => {
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody(), makeBody()], oldest: 2 });
      const answer = await append({ commitNumber: 0, first: 3, bodies: [makeBody()], oldest: 1 });
      expect(answer).toEqual({ kind: 'stored', first: 3, oldest: 2 });
      expect((await logged()).map(([number]) => number)).toEqual([2, 3]);
      const all = await append({ commitNumber: 0, first: 4, bodies: [makeBody()], oldest: 5 });
      expect(all).toEqual({ kind: 'stored', first: 4, oldest: 5 });
      expect(await logged()).toEqual([]);
      expect((await append({ commitNumber: 0, first: 5, bodies: [makeBody()] })).kind).toBe('stored');
      expect((await logged()).map(([number]) => number)).toEqual([5]);
    });

    test('forgets a room after its lifetime, snapshot and log included', async () => {
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      await under.elapse(LIMITS.roomTtlMs - 5_000);
      expect((await loaded()).next).toBe(2);
      await under.elapse(5_000);
      expect(await store.load(roomId)).toBeUndefined();
      expect(await logged()).toEqual([]);
      expect(await store.create(roomId, lock)).toBe('created');
      expect(await logged()).toEqual([]);
    });

    test.each(['append', 'commit', 'touch'] as const)('lives on with each %s', async (operation) => {
      await store.create(roomId, lock);
      await under.elapse(LIMITS.roomTtlMs - 5_000);
      if (operation === 'append') await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      if (operation === 'commit') {
        await commit({ commitNumber: 0, first: 1, bodies: [makeBody()], snapshot: makeBody() });
      }
      if (operation === 'touch') expect((await store.touch(roomId, 1)).kind).toBe('present');
      const before = await logged();
      await under.elapse(LIMITS.roomTtlMs - 5_000);
      expect(await store.load(roomId)).toBeDefined();
      expect(await logged()).toEqual(before);
      await under.elapse(5_000);
      expect(await store.load(roomId)).toBeUndefined();
    });

    test('keeps with each frame the operation that brought it, whatever is dropped before it', async () => {
      await store.create(roomId, lock);
      const bodies = [makeBody(), makeBody()];
      await append({ commitNumber: 0, first: 1, bodies });
      await commit({ commitNumber: 0, first: 3, bodies, snapshot: makeBody() });
      await append({ commitNumber: 1, first: 5, bodies: [makeBody()] });
      expect(await operations()).toEqual(['entry', 'entry', 'committed', 'committed', 'entry']);
      await commit({ commitNumber: 1, first: 6, bodies: [makeBody()], snapshot: makeBody(), oldest: 4 });
      expect(await operations()).toEqual(['committed', 'entry', 'committed']);
    });

    test('does not take published frames for the repetition of a commit with the same bodies, nor the reverse', async () => {
      await store.create(roomId, lock);
      const [bodies, snapshot] = [[makeBody(), makeBody()], makeBody()];
      await append({ commitNumber: 0, first: 1, bodies });
      expect(await commit({ commitNumber: 0, first: 1, bodies, snapshot })).toEqual({ kind: 'out-of-step', next: 3 });
      await commit({ commitNumber: 0, first: 3, bodies, snapshot });
      expect(await append({ commitNumber: 1, first: 3, bodies })).toEqual({ kind: 'out-of-step', next: 5 });
      // Control: each is a repetition of its own kind.
      expect((await commit({ commitNumber: 0, first: 3, bodies, snapshot })).kind).toBe('stored');
      await append({ commitNumber: 1, first: 5, bodies });
      expect((await append({ commitNumber: 1, first: 5, bodies })).kind).toBe('stored');
      expect(await operations()).toEqual(['entry', 'entry', 'committed', 'committed', 'entry', 'entry']);
    });

    test('restores a lost room exactly as it was, and continues from there', async () => {
      const bodies = [makeBody(), makeBody(LARGE), makeBody()];
      const mirror = {
        ...lock,
        commitNumber: 7,
        snapshot: { bytes: makeBody(5_000), first: 1_000_000_000_040, last: 1_000_000_000_042 },
        previousSnapshot: { bytes: makeBody(524_288), first: 38, last: 1_000_000_000_039 },
        oldest: 1_000_000_000_041,
        next: 1_000_000_000_044,
        frames: mixed(bodies),
      };
      expect(await store.restore(roomId, mirror)).toBe('restored');
      const record = await loaded();
      expect([record.commitNumber, record.oldest, record.next]).toEqual([7, mirror.oldest, mirror.next]);
      expect(record.patienceSeconds).toBe(mirror.patienceSeconds);
      expect(bytes(record.capabilityKey, record.roomTag)).toEqual(bytes(lock.capabilityKey, lock.roomTag));
      expect(snapshots(record)).toEqual(snapshots(mirror));
      expect(await logged()).toEqual(bodies.map((body, index) => [mirror.oldest + index, [...body]]));
      expect(await operations()).toEqual(mirror.frames.map(({ operation }) => operation));
      expect(await append({ commitNumber: 7, first: mirror.next, bodies: [makeBody(LARGE)] })).toEqual({
        kind: 'stored',
        first: mirror.next,
        oldest: mirror.oldest,
      });
    });

    test('restores a whole room with a full log and both snapshots of the largest size', async () => {
      const bodies = Array.from({ length: 700 }, (_, index) => makeBody(index % 3 === 0 ? LARGE : SMALL));
      const mirror = {
        ...lock,
        commitNumber: 2,
        snapshot: { bytes: makeBody(524_288), first: 600, last: 640 },
        previousSnapshot: { bytes: makeBody(524_287), first: 2, last: 3 },
        oldest: 12,
        next: 712,
        frames: mixed(bodies),
      };
      expect(await store.restore(roomId, mirror)).toBe('restored');
      expect(snapshots(await loaded())).toEqual(snapshots(mirror));
      const entries: readonly LogEntry[] = await store.read(roomId, 1, 4_194_304);
      expect(entries.map(({ number }) => number)).toEqual(bodies.map((_, index) => 12 + index));
      expect(entries.every(({ body }, index) => Buffer.compare(body, bodies[index] ?? new Uint8Array(0)) === 0)).toBe(
        true,
      );
      expect(await operations()).toEqual(mirror.frames.map(({ operation }) => operation));
      // Once more is no harm.
      expect(await store.restore(roomId, mirror)).toBe('present');
    });

    test('never overwrites a room that is not behind', async () => {
      await store.create(roomId, lock);
      const body = makeBody();
      await commit({ commitNumber: 0, first: 1, bodies: [body], snapshot: makeBody() });
      const record = await loaded();
      const mirrors = [
        { ...record, frames: mixed([makeBody()]) },
        { ...record, oldest: 1, next: 1, frames: [] },
        { ...record, commitNumber: 0, oldest: 1, next: 3, frames: mixed([body, body]) },
      ];
      for (const mirror of mirrors) expect(await store.restore(roomId, mirror)).toBe('present');
      expect(await loaded()).toEqual(record);
      expect(await logged()).toEqual([[1, [...body]]]);
    });

    test('replaces a room that is behind, or that is another under the same id', async () => {
      const bodies = [makeBody(), makeBody(), makeBody()];
      const mirror = {
        ...lock,
        commitNumber: 1,
        snapshot: { bytes: makeBody(), first: 1, last: 1 },
        previousSnapshot: { bytes: new Uint8Array(0), first: 0, last: 0 },
        oldest: 1,
        next: 4,
        frames: mixed(bodies),
      };
      const whole = bodies.map((body, index): [number, number[]] => [index + 1, [...body]]);
      const behind: readonly (() => Promise<unknown>)[] = [
        () => store.create(roomId, lock),
        () => store.restore(roomId, { ...mirror, next: 3, frames: mirror.frames.slice(0, 2) }),
        () => store.create(roomId, { ...lock, roomTag: makeBody(16) }),
        () => store.restore(roomId, { ...mirror, capabilityKey: makeBody(32), commitNumber: 9 }),
      ];
      for (const make of behind) {
        await make();
        expect(await store.restore(roomId, mirror)).toBe('restored');
        expect(snapshots(await loaded())).toEqual(snapshots(mirror));
        expect(await logged()).toEqual(whole);
        await store.remove(roomId);
      }
    });

    test('does not restore a room after the attempt was aborted', async () => {
      await store.create(roomId, lock);
      const mirror = { ...(await loaded()), frames: [] };
      await store.remove(roomId);
      const unwanted = AbortSignal.abort();
      await expect(store.restore(roomId, mirror, unwanted)).rejects.toMatchObject({ code: 'store-unavailable' });
      expect(await store.load(roomId)).toBeUndefined();
      expect(await store.restore(roomId, mirror, new AbortController().signal)).toBe('restored');
    });

    test('answers a touch with the position of a room', async () => {
      await store.create(roomId, lock);
      expect(await store.touch(roomId, 1)).toEqual({ kind: 'present', commitNumber: 0, oldest: 1, next: 1 });
      await commit({ commitNumber: 0, first: 1, bodies: [makeBody(), makeBody()], snapshot: makeBody() });
      expect(await store.touch(roomId, 1)).toEqual({ kind: 'present', commitNumber: 1, oldest: 1, next: 3 });
    });

    test('drops with a touch the entries before the named one, and none that is there no more', async () => {
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody(), makeBody(), makeBody()] });
      expect(await store.touch(roomId, 3)).toEqual({ kind: 'present', commitNumber: 0, oldest: 3, next: 4 });
      expect((await logged()).map(([number]) => number)).toEqual([3]);
      expect(await store.touch(roomId, 1)).toMatchObject({ oldest: 3 });
      expect(await store.touch(roomId, 9)).toMatchObject({ oldest: 4, next: 4 });
      expect(await logged()).toEqual([]);
      expect((await append({ commitNumber: 0, first: 4, bodies: [makeBody()] })).kind).toBe('stored');
    });

    test('forgets a room after its patience, if that is shorter than the lifetime', async () => {
      await store.close();
      under = await open({ roomTtlMs: 1_000_000 });
      store = under.store;
      await store.create(roomId, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      await under.elapse(1_000 * lock.patienceSeconds - 5_000);
      expect((await loaded()).next).toBe(2);
      expect((await store.touch(roomId, 1)).kind).toBe('present');
      await under.elapse(1_000 * lock.patienceSeconds - 5_000);
      expect((await logged()).length).toBe(1);
      await under.elapse(5_000);
      expect(await store.load(roomId)).toBeUndefined();
      expect(await logged()).toEqual([]);
    });

    test('removes a room, and only that one', async () => {
      const other = new Uint8Array(randomBytes(16));
      await store.create(roomId, lock);
      await store.create(other, lock);
      await append({ commitNumber: 0, first: 1, bodies: [makeBody()] });
      expect(await store.remove(roomId)).toBe(true);
      expect(await store.load(roomId)).toBeUndefined();
      expect(await logged()).toEqual([]);
      expect(await store.remove(roomId)).toBe(false);
      expect((await store.touch(other, 1)).kind).toBe('present');
    });
  });
}
