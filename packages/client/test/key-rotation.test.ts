// Members of a stealth room rotate their keys in turn. First a model of many members, then clients
// on a fake clock. PROTOCOL.md §12.5.

import { KEY_CYCLE_MS, KEY_GRACE_MS, KEYS_OLDEST_MS, PATIENCE_SECONDS_LEAST, stealthShape } from '@sotto/protocol';
import type { StealthCover } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GroupView } from '../src/group/membership.ts';
import { COVERED_MEMBER_SILENT_MS, ROTATE_AFTER_TEXT_MS } from '../src/limits.ts';
import {
  noteEpoch,
  noteText,
  noteView,
  placeOf,
  resumeRotation,
  startRotation,
  rotationDueAt,
} from '../src/session/slices/key-rotation.ts';
import type { Rotation } from '../src/session/slices/key-rotation.ts';
import { hostOf } from '@sotto/fixtures/memory-host';
import { gapsOf, Room, statesOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

const COVER: StealthCover = 'stealth-32';
const { keyRotationMs } = stealthShape(COVER);

interface Member {
  readonly id: Uint8Array;
  rotation: Rotation;
  /** Whether it is connected and can rotate. */
  present: boolean;
}

/** A model room: members see every commit at once, and rotate by `key-rotation.ts` alone. */
class Model {
  now = 0;
  readonly members: Member[] = [];
  readonly commits: { readonly by: Member; readonly at: number }[] = [];
  #ids = 0;

  /** A new member takes any free place in the tree. */
  join(at: number = this.members.length): Member {
    this.#ids += 1;
    const member: Member = {
      id: Uint8Array.of(this.#ids >> 8, this.#ids),
      rotation: startRotation(this.now),
      present: true,
    };
    this.members.splice(at, 0, member);
    this.#begin(member, true);
    return member;
  }

  leave(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1);
    for (const other of this.members) other.rotation = noteView(other.rotation, this.view(other), this.now);
  }

  view(self: Member, departing: readonly Member[] = []): GroupView {
    const members = this.members.map((member) => ({
      memberId: member.id,
      memberKey: member.id,
      self: member === self,
    }));
    return {
      epoch: 1,
      members,
      leavers: departing.map(({ id }) => id),
      silent: [],
      rollCalled: false,
      access: 'open',
      order: 0,
      logStart: new Uint8Array(64),
    };
  }

  place(member: Member): number {
    return placeOf(member.rotation, this.view(member));
  }

  /**
   * The next present member commits.
   * @returns all members that would have committed had they not seen it.
   */
  turn(): readonly Member[] {
    const present = this.members.filter((member) => member.present);
    const due = (member: Member): number => rotationDueAt(COVER, member.rotation, this.view(member)) ?? Infinity;
    const first = Math.min(...present.map(due));
    const ready = present.filter((member) => due(member) < first + KEY_GRACE_MS);
    const by = ready.find((member) => due(member) === first);
    if (by === undefined) throw new Error('nobody is there');
    this.now = Math.max(this.now, first);
    this.commits.push({ by, at: this.now });
    this.#begin(by, false);
    return ready;
  }

  #begin(committer: Member, joins: boolean): void {
    const seat = (self: Member) => ({ memberId: committer.id, memberKey: committer.id, self: self === committer });
    for (const member of this.members) {
      const by = member === committer ? 'own' : 'other';
      const added = joins ? [seat(member)] : [];
      const epoch = { kind: 'epoch', by, committer: seat(member), added, removed: [], move: undefined } as const;
      member.rotation = noteView(noteEpoch(member.rotation, epoch, this.now), this.view(member), this.now);
    }
  }
}

const places = fc.array(fc.nat(), { minLength: 1, maxLength: 32 });

function gathered(seats: readonly number[]): Model {
  const model = new Model();
  for (const seat of seats) {
    model.join(seat % (model.members.length + 1));
    model.now += 1_000;
  }
  return model;
}

describe('scheduled rotations', () => {
  test('reach every member within one cycle, one after another, in any order of the tree', () => {
    fc.assert(
      fc.property(places, (seats) => {
        const model = gathered(seats);
        const { members } = model;
        expect(members.map((member) => model.place(member)).sort((a, b) => a - b)).toEqual(
          members.map((_, index) => index + 1),
        );
        for (let count = 0; count < 3 * members.length; count += 1) expect(model.turn()).toHaveLength(1);
        const { commits } = model;
        for (const [index, { at, by }] of commits.entries()) {
          if (index > 0) expect(at - (commits[index - 1]?.at ?? 0)).toBe(keyRotationMs);
          const earlier = commits[index - members.length];
          if (earlier !== undefined)
            expect([earlier.by, at - earlier.at]).toEqual([by, members.length * keyRotationMs]);
        }
        expect(members.length * keyRotationMs).toBeLessThanOrEqual(KEY_CYCLE_MS);
      }),
    );
  });

  test('pass over an absent member after the same time each, and no two collide', () => {
    fc.assert(
      fc.property(places, fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }), (seats, absent) => {
        const model = gathered([0, ...seats.slice(0, 31)]);
        for (const [index, member] of model.members.entries()) member.present = index === 0 || absent[index] !== true;
        const here = model.members.filter(({ present }) => present).length;
        // After every present member has rotated, all absent members come first in the order.
        for (let count = 0; count < here; count += 1) expect(model.turn()).toHaveLength(1);
        const gap = keyRotationMs + (model.members.length - here) * KEY_GRACE_MS;
        fc.pre(here * gap < KEYS_OLDEST_MS);
        for (let count = 0; count < here; count += 1) {
          const before = model.now;
          expect(model.turn()).toHaveLength(1);
          expect(model.now - before).toBe(gap);
        }
      }),
    );
  });

  test('happen even if a string holder joins and leaves without end', () => {
    const model = gathered([0, 1, 2, 3]);
    const first = [...model.members];
    for (let second = 0; second < 600; second += 10) {
      const stranger = model.join();
      stranger.present = false;
      model.now += 5_000;
      while (first.some((member) => (rotationDueAt(COVER, member.rotation, model.view(member)) ?? 0) <= model.now))
        model.turn();
      model.leave(stranger);
      model.now += 5_000;
    }
    for (const member of first) {
      expect(model.commits.filter(({ by }) => by === member).length).toBeGreaterThanOrEqual(3);
    }
  });

  test('limit the age of a member’s keys even if another member takes every rotation', () => {
    const model = gathered([0, 1]);
    const [greedy, other] = model.members;
    if (greedy === undefined || other === undefined) throw new Error('nobody came');
    const due = (): number => rotationDueAt(COVER, other.rotation, model.view(other)) ?? Infinity;
    const since = model.now;
    while (due() > model.now) {
      model.now += 20_000;
      const seat = { memberId: greedy.id, memberKey: greedy.id, self: false };
      const epoch = { kind: 'epoch', by: 'other', committer: seat, added: [], removed: [], move: undefined } as const;
      other.rotation = noteEpoch(other.rotation, epoch, model.now);
    }
    expect(model.now - since).toBeGreaterThan(KEYS_OLDEST_MS - 20_000);
    expect(model.now - since).toBeLessThanOrEqual(KEYS_OLDEST_MS + 20_000);
  });

  test.each(['off', 'jitter'] as const)(
    'in %s come to a member although another one commits before each turn',
    (cover) => {
      const model = gathered([0, 1]);
      const [greedy, other] = model.members;
      if (greedy === undefined || other === undefined) throw new Error('nobody came');
      const due = (): number => rotationDueAt(cover, other.rotation, model.view(other)) ?? Infinity;
      const seat = { memberId: greedy.id, memberKey: greedy.id, self: false };
      const epoch = { kind: 'epoch', by: 'other', committer: seat, added: [], removed: [], move: undefined } as const;
      const since = model.now;
      other.rotation = noteText(other.rotation, model.now);
      while (due() > model.now) {
        model.now += ROTATE_AFTER_TEXT_MS - 60_000;
        other.rotation = noteText(noteEpoch(other.rotation, epoch, model.now), model.now);
        expect(model.now - since).toBeLessThan(4 * ROTATE_AFTER_TEXT_MS);
        // Control: the first commit of another member is a turn, and ends it.
        if (model.now - since < ROTATE_AFTER_TEXT_MS) expect(due()).toBe(model.now + ROTATE_AFTER_TEXT_MS);
      }
    },
  );

  test('do not wait for leavers, and do not exist outside of stealth', () => {
    const model = gathered([0, 1, 2]);
    const [anna, ben, carla] = model.members;
    if (anna === undefined || ben === undefined || carla === undefined) throw new Error('nobody came');
    expect([anna, ben, carla].map((member) => model.place(member))).toEqual([1, 2, 3]);
    expect(placeOf(carla.rotation, model.view(carla, [ben]))).toBe(2);
    for (const cover of ['off', 'jitter'] as const) {
      expect(rotationDueAt(cover, anna.rotation, model.view(anna))).toBeUndefined();
    }
    expect(rotationDueAt(COVER, anna.rotation, undefined)).toBeUndefined();
  });

  test('happen one after another if they are long overdue when members come back together', () => {
    const model = gathered([0, 1, 2, 3]);
    // The second time, even the maximum age of keys has passed long ago.
    for (const awayMs of [500_000, 2 * KEYS_OLDEST_MS]) {
      const back = model.now + awayMs;
      const due = model.members.map((member) => {
        const rotation = resumeRotation(COVER, member.rotation, back);
        return (rotationDueAt(COVER, rotation, model.view(member)) ?? 0) - back;
      });
      expect(due).toEqual([0, 1, 2, 3].map((place) => place * KEY_GRACE_MS));
    }
  });
});

// With clients

const SIZE = 'stealth-8';
const TURN_MS = stealthShape(SIZE).keyRotationMs;
/**
 * The time that a commit takes to the relay and back, and the moment before it. A member's wait
 * begins when it sees a commit.
 */
const SLACK_MS = 2_000;
const slow = { conditions: () => ({ latencyMs: () => 300 }) };

/**
 * Random choices take four bytes each from a source of their own. So two runs choose alike,
 * whatever else they do.
 */
function twoSources(seed: number): (length: number) => Uint8Array {
  const [dice, keys] = [new SeededRandom(seed), new SeededRandom(seed + 1_000)];
  return (length) => (length === 4 ? dice : keys).bytes(length);
}

async function gather(
  names: readonly string[],
  cover: StealthCover = SIZE,
  restMs = 30_000,
): Promise<{ room: Room; seats: RoomMember[] }> {
  const room = new Room({ seed: 3, cover });
  room.relay.patienceSeconds = PATIENCE_SECONDS_LEAST;
  const seats: RoomMember[] = [];
  for (const [index, name] of names.entries()) {
    seats.push(await room.join(name, { random: twoSources(index + 1), ...slow }));
    await room.clock.advance(restMs);
  }
  return { room, seats };
}

/** A silent member is noticed within 75 s; the roll call and the removal take 45 s, if alone. */
const SILENT_NOTICED_MS: number = COVERED_MEMBER_SILENT_MS + 150_000;

interface Commit {
  readonly by: string;
  readonly at: number;
}

/** Uploads with their times: only they use frames of 4096 bytes. */
function commitsOf(seats: readonly RoomMember[], since = 0): Commit[] {
  const all = seats.flatMap(({ name, writes }) => {
    const times = writes.flatMap(({ at, bytes }) => (bytes === 4_096 && at >= since ? [at] : []));
    return [...new Set(times)].map((at) => ({ by: name, at }));
  });
  return all.sort((one, other) => one.at - other.at);
}

function expectSpaced(commits: readonly Commit[], gapMs: number): void {
  for (const [index, { at }] of commits.entries()) {
    const before = commits[index - 1];
    if (before === undefined) continue;
    expect(at - before.at).toBeGreaterThanOrEqual(gapMs);
    expect(at - before.at).toBeLessThan(gapMs + SLACK_MS);
  }
}

describe('clients in stealth', () => {
  test('rotate in turns for half an hour, at even intervals, and no two collide', { timeout: 240_000 }, async () => {
    const { room, seats } = await gather(['anna', 'ben', 'carla']);
    const begun = room.clock.now();
    for (let second = 0; second < 1_800; second += 10) {
      if (second % 30 === 0) seats[second % 4]?.client.send(`${second}`);
      await room.clock.advance(10_000);
    }
    const commits = commitsOf(seats, begun);
    expect(commits.length).toBeGreaterThanOrEqual(14);
    expectSpaced(commits, TURN_MS);
    const order = commits.slice(0, 3).map(({ by }) => by);
    expect(new Set(order).size).toBe(3);
    expect(commits.map(({ by }) => by)).toEqual(commits.map((_, index) => order[index % 3]));
    // This relay keeps no slots, and there is no other warning.
    expect(new Set(seats.flatMap((seat) => told(seat, 'warning').map(({ code }) => code)))).toEqual(
      new Set(['cover-thin']),
    );
    expect(seats.flatMap(gapsOf)).toEqual([]);
  });

  test('pass over a member that is cut off, and that member has the next rotation', async () => {
    const { room, seats } = await gather(['anna', 'ben', 'carla']);
    await room.clock.advance(3 * TURN_MS);
    const [next, second, last] = commitsOf(seats).slice(-3);
    if (next === undefined || second === undefined || last === undefined) throw new Error('nobody had a turn');
    const absent = seats.find(({ name }) => name === next.by);
    await room.clock.advance(last.at + TURN_MS - 20_000 - room.clock.now());
    room.unreachable = true;
    absent?.streams.at(-1)?.cut();
    const begun = room.clock.now();
    await room.clock.advance(20_000 + KEY_GRACE_MS - 1_000);
    expect(commitsOf(seats, begun)).toEqual([]);
    await room.clock.advance(1_000 + SLACK_MS);
    expect(commitsOf(seats, begun).map(({ by }) => by)).toEqual([second.by]);
    room.unreachable = false;
    await room.clock.advance(3 * (TURN_MS + KEY_GRACE_MS));
    const after = commitsOf(seats, begun);
    for (const { name } of seats) expect(after.map(({ by }) => by)).toContain(name);
    expect(after[2]?.at).toBeLessThan(begun + 4 * TURN_MS);
  });

  test('go on in turns after a silent member was removed', async () => {
    const { room, seats } = await gather(['anna', 'ben', 'carla']);
    const [anna, ben, carla] = seats;
    if (anna === undefined || ben === undefined || carla === undefined) throw new Error('nobody came');
    anna.client.panic();
    await room.clock.advance(1_000 * PATIENCE_SECONDS_LEAST + SILENT_NOTICED_MS);
    expect(told(ben, 'removed').map(({ reason }) => reason)).toEqual(['silent']);
    const since = room.clock.now();
    await room.clock.advance(4 * (TURN_MS + SLACK_MS));
    const after = commitsOf([ben, carla], since);
    expect(after.length).toBeGreaterThanOrEqual(4);
    expectSpaced(after, TURN_MS);
    expect(new Set(after.slice(0, 2).map(({ by }) => by)).size).toBe(2);
  });

  test('leave a roll call the time that it needs, however short their cycle is', async () => {
    const names = Array.from({ length: 5 }, (_, index) => `member ${index}`);
    const { room, seats } = await gather(names, COVER, 5_000);
    const last = commitsOf(seats).at(-1)?.by;
    const silent = seats.find(({ name }) => name === last);
    const others = seats.filter((seat) => seat !== silent);
    // Its keys are the newest, so no other member waits for its rotation meanwhile.
    silent?.client.panic();
    const gone = room.clock.now();
    // Every commit ends a roll call.
    const waitedMs = 1_000 * PATIENCE_SECONDS_LEAST + SILENT_NOTICED_MS;
    await room.clock.advance(waitedMs);
    for (const seat of others) expect(told(seat, 'removed').map(({ reason }) => reason)).toEqual(['silent']);
    const turns = commitsOf(seats, gone).length;
    expect(turns).toBeGreaterThanOrEqual(waitedMs / (keyRotationMs + KEY_GRACE_MS) - 2);
  });

  test('rotate within seconds after a member admits them, and do not wait for a turn', async () => {
    const { room, seats } = await gather(['anna'], COVER);
    const [anna] = seats;
    const host = await room.join('host', { moderator: hostOf(room) });
    await room.clock.advance(30_000);
    host.client.setAccess('knock');
    await room.clock.advance(2 * keyRotationMs);
    const ben = await room.join('ben', slow);
    await room.clock.advance(5_000);
    const begun = room.clock.now();
    anna?.client.admit(ben.client.fingerprint);
    await room.clock.advance(20_000);
    expect(statesOf(ben).at(-1)).toBe('joined');
    expect(commitsOf([ben], begun)).toHaveLength(1);
  });

  test('rotate even alone in the room', async () => {
    const { room, seats } = await gather(['anna']);
    await room.clock.advance(5 * TURN_MS);
    // The first two commits admitted her and removed the founder.
    const commits = commitsOf(seats).slice(1);
    expect(commits.length).toBeGreaterThanOrEqual(5);
    expectSpaced(commits, TURN_MS);
  });

  test('rotate one after another if they were away together', async () => {
    const { room, seats } = await gather(['anna', 'ben', 'carla']);
    await room.clock.advance(3 * TURN_MS);
    const [next, second] = commitsOf(seats).slice(-3);
    room.unreachable = true;
    for (const { streams } of seats) streams.at(-1)?.cut();
    const gone = room.clock.now();
    await room.clock.advance(3 * TURN_MS);
    expect(commitsOf(seats, gone)).toEqual([]);
    const begun = room.clock.now();
    room.unreachable = false;
    await room.clock.advance(60_000);
    expect(seats.map((seat) => statesOf(seat).at(-1))).toEqual(['joined', 'joined', 'joined']);
    // The first member in order rotates at once. No other rotates before a whole interval is over.
    expect(commitsOf(seats, begun).map(({ by }) => by)).toEqual([next?.by]);
    await room.clock.advance(TURN_MS);
    expect(commitsOf(seats, begun).map(({ by }) => by)).toEqual([next?.by, second?.by]);
  });
});
