import { describe, expect, test } from 'vitest';
import { ITERATION_BYTES_MAX } from '../src/limits.ts';
import { FairQueue } from '../src/fair-queue.ts';

const CHUNK_BYTES = 65_536;
const CROWD = 100;

/** Lets one turn of the event loop pass. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A crowd that has all sent at once, and what was heard of it, in order. */
function shout(turns: FairQueue, group: object): { readonly heard: number[]; readonly connections: readonly object[] } {
  const heard: number[] = [];
  const connections = Array.from({ length: CROWD }, () => ({}));
  for (const [index, connection] of connections.entries()) {
    turns.request(group, connection, { bytes: CHUNK_BYTES, process: () => heard.push(index) });
  }
  return { heard, connections };
}

describe('a connection that has sent something', () => {
  test('is read at once, however much others send in another room (control: not in the same)', () => {
    const turns = new FairQueue(ITERATION_BYTES_MAX);
    const [theirs, own] = [{}, {}];
    const { heard } = shout(turns, theirs);
    expect(heard.length * CHUNK_BYTES).toBeLessThanOrEqual(ITERATION_BYTES_MAX);
    expect(turns.request(own, {}, { bytes: 512, process: () => undefined })).toBe('served');
    expect(turns.request(theirs, {}, { bytes: 512, process: () => undefined })).toBe('waits');
  });

  test('is read once and in order, with a bounded amount of each room in each iteration', async () => {
    const turns = new FairQueue(ITERATION_BYTES_MAX);
    const [one, other] = [shout(turns, {}), shout(turns, {})];
    for (
      let count = 1;
      count < (2 * CROWD * CHUNK_BYTES) / ITERATION_BYTES_MAX && one.heard.length < CROWD;
      count += 1
    ) {
      const before = [one.heard.length, other.heard.length] as const;
      await turn();
      expect((one.heard.length - before[0]) * CHUNK_BYTES).toBeLessThanOrEqual(2 * ITERATION_BYTES_MAX);
      expect(one.heard.length).toBe(other.heard.length);
    }
    const all = Array.from({ length: CROWD }, (_, index) => index);
    expect([one.heard, other.heard]).toEqual([all, all]);
  });

  test('is not read any more after it is gone', async () => {
    const turns = new FairQueue(ITERATION_BYTES_MAX);
    const group = {};
    const { heard, connections } = shout(turns, group);
    for (const connection of connections) turns.drop(group, connection);
    const before = heard.length;
    for (let count = 0; count < 5; count += 1) await turn();
    expect(heard.length).toBe(before);
    expect(turns.request(group, {}, { bytes: 512, process: () => undefined })).toBe('served');
  });

  test('is served with all others in one iteration by a queue without a bound (the control)', () => {
    const { heard } = shout(new FairQueue(Number.POSITIVE_INFINITY), {});
    expect(heard.length).toBe(CROWD);
  });

  test('shares the iteration with others if it sends small pieces: a chunk exceeds the bound by at most itself', () => {
    const turns = new FairQueue(ITERATION_BYTES_MAX);
    const group = {};
    let bytes = 0;
    for (let index = 0; index < 1_000; index += 1) {
      turns.request(group, {}, { bytes: 1_000, process: () => (bytes += 1_000) });
    }
    expect(bytes).toBeGreaterThanOrEqual(ITERATION_BYTES_MAX);
    expect(bytes).toBeLessThan(ITERATION_BYTES_MAX + 1_000);
  });
});
