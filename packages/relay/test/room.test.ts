import { describe, expect, test } from 'vitest';
import { COMMITS_WAITING_MAX, encodeCommittedBody } from '@sotto/protocol';
import {
  FLUSH_BYTES_MAX,
  ROOM_PENDING_BYTES_MAX,
  STORE_OUTAGE_LIMIT_MS,
  STORE_RETRY_FIRST_MS,
  STORE_RETRY_MAX_MS,
} from '../src/limits.ts';
import { openRoom, stepRoom } from '../src/room-machine.ts';
import type { PendingCommit, Published, RoomEffect, RoomEvent, RoomState } from '../src/room-machine.ts';
import { makeBody } from '@sotto/fixtures/relay-member';

function frame(publisher = 1, commitNumber = 0, body = makeBody()): Published {
  return { publisher, commitNumber, body };
}

/** @returns where the events lead from a fresh room, and what the last of them asks for. */
function play(
  events: readonly RoomEvent[],
  from: RoomState = openRoom(0, 1),
): { state: RoomState; effects: readonly RoomEffect[] } {
  let effects: readonly RoomEffect[] = [];
  let state = from;
  for (const event of events) ({ state, effects } = stepRoom(state, event));
  return { state, effects };
}

function asked(committer: number, commitNumber = 0): PendingCommit {
  return { committer, commitNumber, uploadId: makeBody(), envelopes: [makeBody(), makeBody()], snapshot: makeBody(2) };
}

/** A room with these connections in it. */
function roomOf(...connections: readonly number[]): RoomState {
  return play(connections.map((connection) => ({ type: 'entered', connection, now: 0 }))).state;
}

function types(effects: readonly RoomEffect[]): string[] {
  return effects.map(({ type }) => type);
}

describe('a room', () => {
  test('asks for one slot, stores at the slot, and delivers after the store', () => {
    const [one, two] = [frame(1), frame(2)];
    const first = play([{ type: 'published', frames: [one] }]);
    expect(first.effects).toEqual([{ type: 'schedule-flush' }]);
    const second = play([{ type: 'published', frames: [two] }], first.state);
    expect(second.effects).toEqual([]);
    const slot = play([{ type: 'flush-due', now: 0 }], second.state);
    expect(slot.effects).toEqual([{ type: 'append', commitNumber: 0, first: 1, bodies: [one.body, two.body] }]);
    const stored = play([{ type: 'stored', oldest: 1, now: 0 }], slot.state);
    expect(stored.effects).toEqual([{ type: 'deliver', bodies: [one.body, two.body], oldest: 1 }]);
    expect([stored.state.next, stored.state.phase.kind]).toEqual([3, 'idle']);
  });

  test('keeps later frames for the next slot, in order', () => {
    const frames = [frame(), frame(), frame()];
    const busy = play([
      { type: 'published', frames: frames.slice(0, 1) },
      { type: 'flush-due', now: 0 },
    ]);
    const waiting = play(
      [
        { type: 'published', frames: frames.slice(1, 2) },
        { type: 'published', frames: frames.slice(2) },
        { type: 'stored', oldest: 1, now: 0 },
      ],
      busy.state,
    );
    expect(types(waiting.effects)).toEqual(['deliver', 'schedule-flush']);
    const next = play([{ type: 'flush-due', now: 0 }], waiting.state);
    expect(next.effects).toMatchObject([{ type: 'append', first: 2, bodies: [frames[1]?.body, frames[2]?.body] }]);
  });

  test('repeats exactly the same append after a failure, at growing intervals, whatever has come meanwhile', () => {
    const batch = [frame(), frame()];
    let { state, effects } = play([
      { type: 'published', frames: batch },
      { type: 'flush-due', now: 0 },
    ]);
    const [append] = effects;
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      ({ state, effects } = play(
        [
          { type: 'published', frames: [frame()] },
          { type: 'failed', now: 0 },
        ],
        state,
      ));
      const [rest] = effects;
      if (rest?.type !== 'schedule-retry') throw new Error('it does not rest');
      pauses.push(rest.milliseconds);
      ({ state, effects } = play([{ type: 'retry-due' }], state));
      expect(effects).toEqual([append]);
    }
    expect(pauses[0]).toBe(STORE_RETRY_FIRST_MS);
    expect(pauses.at(-1)).toBe(STORE_RETRY_MAX_MS);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  });

  test('gives up after the store was away for too long, and not before', () => {
    const failing = play([
      { type: 'published', frames: [frame()] },
      { type: 'flush-due', now: 0 },
      { type: 'failed', now: 1_000 },
      { type: 'retry-due' },
    ]);
    const early = play([{ type: 'failed', now: 1_000 + STORE_OUTAGE_LIMIT_MS - 1 }], failing.state);
    expect(types(early.effects)).toEqual(['schedule-retry']);
    const late = play([{ type: 'failed', now: 1_000 + STORE_OUTAGE_LIMIT_MS }], failing.state);
    expect(types(late.effects)).toEqual(['give-up']);
    expect([late.state.phase.kind, late.state.queue.length, late.state.queuedBytes]).toEqual(['idle', 0, 0]);
  });

  test('restores a room that the store has lost, and then appends the same again', () => {
    const storing = play([
      { type: 'published', frames: [frame()] },
      { type: 'flush-due', now: 0 },
    ]);
    const lost = play([{ type: 'room-unknown', now: 0 }], storing.state);
    expect(lost.effects).toEqual([{ type: 'restore' }]);
    expect(play([{ type: 'restored', now: 0 }], lost.state).effects).toEqual(storing.effects);
  });

  test('does not loop with a store that loses the room again and again', () => {
    const { effects } = play([
      { type: 'published', frames: [frame()] },
      { type: 'flush-due', now: 0 },
      { type: 'room-unknown', now: 0 },
      { type: 'restored', now: 0 },
      { type: 'room-unknown', now: 0 },
      { type: 'restored', now: 0 },
    ]);
    expect(types(effects)).toEqual(['schedule-retry']);
  });

  test('refuses stale frames at once, and newly stale ones as soon as it learns the number', () => {
    const [old, current] = [frame(1, 0), frame(2, 1)];
    const early = play([{ type: 'published', frames: [current] }]);
    expect(early.effects).toEqual([
      { type: 'refuse', publisher: 2, commitNumber: 0, nonce: current.body.subarray(0, 24) },
    ]);
    const reloading = play([
      { type: 'published', frames: [old, old] },
      { type: 'flush-due', now: 0 },
      { type: 'store-ahead' },
    ]);
    expect(types(reloading.effects)).toEqual(['reload']);
    const learnt = play([{ type: 'reloaded', commitNumber: 1, next: 9 }], reloading.state);
    expect(types(learnt.effects)).toEqual(['refuse', 'refuse']);
    expect([learnt.state.commitNumber, learnt.state.next, learnt.state.phase.kind]).toEqual([1, 9, 'idle']);
  });

  test('holds connections that publish into a full queue, and releases all at half of it', () => {
    const many = Math.ceil(ROOM_PENDING_BYTES_MAX / 4_080) + 1;
    const frames = Array.from({ length: many }, (_, index) => frame(index % 2, 0, makeBody(3)));
    let { state, effects } = play([
      { type: 'published', frames: [frame(9)] },
      { type: 'flush-due', now: 0 },
    ]);
    ({ state, effects } = play([{ type: 'published', frames: frames.slice(0, -2) }], state));
    expect(effects).toEqual([]);
    ({ state, effects } = play([{ type: 'published', frames: frames.slice(-2) }], state));
    expect(effects.map((effect) => (effect.type === 'hold' ? effect.publisher : -1)).sort()).toEqual([0, 1]);
    ({ state, effects } = play([{ type: 'published', frames: [frame(0)] }], state));
    expect(effects).toEqual([]);
    let releases = 0;
    while (state.queue.length > 0) {
      const before = state.queuedBytes;
      ({ state, effects } = play([{ type: 'stored', oldest: 1, now: 0 }], state));
      const released = effects.filter(({ type }) => type === 'release').length;
      releases += released;
      if (released === 1) expect(before).toBeLessThanOrEqual(ROOM_PENDING_BYTES_MAX / 2);
      ({ state, effects } = play([{ type: 'flush-due', now: 0 }], state));
      const [append] = effects;
      const bytes = append?.type === 'append' ? append.bodies.reduce((sum, body) => sum + body.length, 0) : 0;
      expect(bytes).toBeLessThanOrEqual(FLUSH_BYTES_MAX);
    }
    expect([releases, state.held.size]).toEqual([1, 0]);
  });

  test('does nothing more after it is closed, whatever still arrives', () => {
    const closed = play([{ type: 'published', frames: [frame()] }, { type: 'flush-due', now: 0 }, { type: 'closed' }]);
    const events: RoomEvent[] = [
      { type: 'published', frames: [frame()] },
      { type: 'flush-due', now: 0 },
      { type: 'stored', oldest: 1, now: 0 },
      { type: 'room-unknown', now: 0 },
      { type: 'failed', now: 0 },
      { type: 'retry-due' },
    ];
    for (const event of events) expect(play([event], closed.state)).toEqual({ state: closed.state, effects: [] });
  });
});

describe('a commit in a room', () => {
  test('waits for frames that came before it, and later frames do not wait for it', () => {
    const [before, behind] = [frame(1), frame(2)];
    const commit = asked(1);
    const busy = play(
      [
        { type: 'published', frames: [before] },
        { type: 'commit-asked', commit },
        { type: 'published', frames: [behind] },
        { type: 'flush-due', now: 0 },
      ],
      roomOf(1, 2),
    );
    expect(busy.effects).toEqual([{ type: 'append', commitNumber: 0, first: 1, bodies: [before.body] }]);
    const next = play(
      [
        { type: 'stored', oldest: 1, now: 0 },
        { type: 'flush-due', now: 0 },
      ],
      busy.state,
    );
    const { envelopes, snapshot } = commit;
    const bodies = envelopes.map((envelope, index) =>
      encodeCommittedBody({ commitNumber: 1, index, count: 2, envelope }),
    );
    expect(next.effects).toEqual([{ type: 'commit', commitNumber: 0, first: 2, bodies, snapshot }]);
    const done = play([{ type: 'stored', oldest: 1, now: 0 }], next.state);
    expect(done.effects).toEqual([
      { type: 'deliver-commit', commitNumber: 1, first: 2, bodies, snapshot, oldest: 1, committer: 1 },
      { type: 'refuse', publisher: 2, commitNumber: 1, nonce: behind.body.subarray(0, 24) },
    ]);
    expect([done.state.commitNumber, done.state.next, done.state.phase.kind]).toEqual([1, 4, 'idle']);
  });

  test('is one of those that are requested: the others conflict, also with one that only the store knew of', () => {
    const commits = [asked(1), asked(2), asked(3)] as const;
    const storing = play(
      [...commits.map((commit) => ({ type: 'commit-asked', commit }) as const), { type: 'flush-due', now: 0 }],
      roomOf(1, 2, 3),
    );
    const stored = play([{ type: 'stored', oldest: 1, now: 0 }], storing.state);
    expect(types(stored.effects)).toEqual(['deliver-commit', 'conflict', 'conflict']);
    const overtaken = play([{ type: 'store-ahead' }, { type: 'reloaded', commitNumber: 4, next: 9 }], storing.state);
    expect(overtaken.effects).toEqual(
      commits.map(({ committer, uploadId }) => ({ type: 'conflict', committer, commitNumber: 4, uploadId })),
    );
    // Control: if the store had only other entries, but no other commit, all of them are still
    // asked for.
    const again = play([{ type: 'store-ahead' }, { type: 'reloaded', commitNumber: 0, next: 9 }], storing.state);
    expect(again.effects).toMatchObject([{ type: 'commit', commitNumber: 0, first: 9 }]);
    expect(again.state.commits.length).toBe(2);
  });

  test('waits with seven others at most, and the one that would be chosen last is refused', () => {
    const connections = Array.from({ length: COMMITS_WAITING_MAX + 1 }, (_, index) => index);
    const commits = connections.map((connection) => asked(connection));
    const storing = play(
      [
        { type: 'published', frames: [frame()] },
        { type: 'flush-due', now: 0 },
      ],
      roomOf(...connections),
    );
    // The last to come asks first, and all the others after it.
    const full = play(
      [...commits]
        .reverse()
        .slice(0, -1)
        .map((commit) => ({ type: 'commit-asked', commit })),
      storing.state,
    );
    expect([full.effects, full.state.commits.length]).toEqual([[], COMMITS_WAITING_MAX]);
    const [oldest, latest] = [commits[0], commits.at(-1)];
    if (oldest === undefined || latest === undefined) throw new Error('no commits');
    const over = play([{ type: 'commit-asked', commit: oldest }], full.state);
    const { committer, uploadId } = latest;
    expect(over.effects).toEqual([{ type: 'no-place', committer, commitNumber: 0, uploadId }]);
    expect(over.state.commits.length).toBe(COMMITS_WAITING_MAX);
  });

  test('is repeated exactly after a failure, and after a restore', () => {
    const storing = play(
      [
        { type: 'commit-asked', commit: asked(1) },
        { type: 'flush-due', now: 0 },
      ],
      roomOf(1),
    );
    const rested = play(
      [{ type: 'failed', now: 0 }, { type: 'published', frames: [frame()] }, { type: 'retry-due' }],
      storing.state,
    );
    expect(rested.effects).toEqual(storing.effects);
    const lost = play([{ type: 'room-unknown', now: 0 }], storing.state);
    expect(lost.effects).toEqual([{ type: 'restore' }]);
    expect(play([{ type: 'restored', now: 0 }], lost.state).effects).toEqual(storing.effects);
  });

  test('is dropped if its connection is gone, unless the store has it', () => {
    const waiting = play([{ type: 'commit-asked', commit: asked(1) }], roomOf(1, 2));
    const left = play(
      [
        { type: 'left', connection: 1 },
        { type: 'flush-due', now: 0 },
      ],
      waiting.state,
    );
    expect([left.effects, left.state.phase.kind]).toEqual([[], 'idle']);
    expect(play([{ type: 'commit-asked', commit: asked(1) }], left.state).effects).toEqual([]);
    const storing = play(
      [
        { type: 'flush-due', now: 0 },
        { type: 'left', connection: 1 },
      ],
      waiting.state,
    );
    expect(types(play([{ type: 'stored', oldest: 1, now: 0 }], storing.state).effects)).toEqual(['deliver-commit']);
  });

  test('is refused by the room itself if its commit number is not the room’s', () => {
    const commit = asked(1, 2);
    const { effects } = play([{ type: 'commit-asked', commit }], roomOf(1));
    expect(effects).toEqual([{ type: 'conflict', committer: 1, commitNumber: 0, uploadId: commit.uploadId }]);
  });
});
