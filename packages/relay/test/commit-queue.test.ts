import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMIT_BURST, COMMIT_INTERVAL_MS, ROOM_COMMIT_BURST, ROOM_COMMIT_INTERVAL_MS } from '@sotto/protocol';
import { choose, enter, EMPTY_COMMIT_QUEUE, commitStored, withdraw } from '../src/commit-queue.ts';
import type { CommitQueue } from '../src/commit-queue.ts';

function entered(...connections: readonly number[]): CommitQueue {
  return connections.reduce((queue, connection) => enter(queue, connection, 0), EMPTY_COMMIT_QUEUE);
}

/** All of them ask without end for so long. @returns who was given a turn, and when. */
function flood(queue: CommitQueue, connections: readonly number[], until: number): [connection: number, at: number][] {
  const given: [number, number][] = [];
  let state = queue;
  let now = 0;
  while (now <= until) {
    const choice = choose(state, connections, now);
    if (choice.kind === 'wait') {
      now += choice.milliseconds;
      continue;
    }
    given.push([choice.connection, now]);
    state = commitStored(state, choice.connection, now);
  }
  return given;
}

describe('the commit queue', () => {
  test('lets one connection commit its burst, and then once per interval', () => {
    const times = flood(entered(1), [1], 10 * COMMIT_INTERVAL_MS).map(([, at]) => at);
    expect(times.slice(0, COMMIT_BURST)).toEqual(new Array(COMMIT_BURST).fill(0));
    expect(times.slice(COMMIT_BURST)).toEqual(
      Array.from({ length: 10 }, (_, index) => (index + 1) * COMMIT_INTERVAL_MS),
    );
  });

  test('lets a room commit no more than its bucket allows, however many connections ask', () => {
    const connections = Array.from({ length: 128 }, (_, index) => index);
    const hour = 3_600_000;
    const given = flood(entered(...connections), connections, hour);
    expect(given.length).toBe(ROOM_COMMIT_BURST + hour / ROOM_COMMIT_INTERVAL_MS);
  });

  test('serves connections in turn: of n that always ask, each gets every n-th commit, in whatever order they ask', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 20 }), fc.func(fc.nat()), (count, shuffle) => {
        const connections = Array.from({ length: count }, (_, index) => index);
        const asking = [...connections].sort((a, b) => shuffle(a) - shuffle(b));
        const given = flood(entered(...connections), asking, 600_000).map(([connection]) => connection);
        for (let index = count; index < given.length; index += 1) expect(given[index]).toBe(given[index - count]);
        expect(new Set(given.slice(0, count)).size).toBe(count);
      }),
    );
  });

  test('gives no advantage to a connection that reconnects (control: one without a commit goes first)', () => {
    let queue = entered(1, 2);
    const given: number[] = [];
    let now = 0;
    for (let newcomer = 100; given.length < 60; newcomer += 1) {
      // The intruder takes a fresh connection after each turn; 1 and 2 ask all the time.
      queue = enter(queue, newcomer, now);
      const choice = choose(queue, [1, 2, newcomer], now);
      if (choice.kind === 'wait') now += choice.milliseconds;
      else {
        given.push(choice.connection);
        queue = commitStored(queue, choice.connection, now);
      }
      queue = withdraw(queue, newcomer);
    }
    // It has the turns that the others may not have yet, and never one that they could have had.
    const before = given.slice(0, 2 * COMMIT_BURST);
    expect(before.every((connection) => connection < 100)).toBe(true);
    expect([...queue.committers.keys()].sort()).toEqual([1, 2]);
  });

  test('chooses no connection that is gone', () => {
    expect(choose(withdraw(entered(1), 1), [1], 0).kind).toBe('wait');
    expect(choose(entered(1), [1], 0)).toEqual({ kind: 'chosen', connection: 1 });
  });
});
