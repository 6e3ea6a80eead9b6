import { describe, expect, test } from 'vitest';
import {
  encodeFetch,
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_DATA_BYTES,
  LARGEST_FRAME_BYTES,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import {
  FETCH_BURST,
  FETCH_INTERVAL_MS,
  SNAPSHOT_BURST_BYTES,
  SNAPSHOT_BYTES_PER_SECOND,
  SNAPSHOT_CHUNK_BYTES,
  STORE_REFRESH_INTERVAL_MS,
} from '../src/limits.ts';
import { fingerprint, makeBody, makeCommit, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestSnapshot, TestMember } from '@sotto/fixtures/relay-member';
import { BOUNDLESS } from './boundless.ts';
import { fullRoom, iterations, openRelay } from './relay-fixture.ts';
import type { RelayFixture } from './relay-fixture.ts';

/**
 * Commits a snapshot of this length, which everybody hears of.
 * @returns the snapshot's fingerprint.
 */
async function setSnapshot(
  members: readonly TestMember[],
  commitNumber: number,
  snapshotBytes: number,
): Promise<string> {
  const made = makeCommit({ snapshotBytes, frames: 1, size: 0 });
  members[0]?.commit(made, commitNumber);
  for (const member of members) {
    expect((await member.committed()).commitNumber).toBe(commitNumber + 1);
  }
  return fingerprint(made.snapshot);
}

function outline({ commitNumber, last, bytes }: TestSnapshot): [number, number, string] {
  return [commitNumber, last, fingerprint(bytes)];
}

const NONE = [0, 0, fingerprint(new Uint8Array(0))];

describe('a snapshot', () => {
  test('does not exist before the first commit, nor does a previous one before the second', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    expect(outline(await member.fetchSnapshot())).toEqual(NONE);
    expect(outline(await member.fetchSnapshot('previous-snapshot'))).toEqual(NONE);
    const snapshot = await setSnapshot([member], 0, 100);
    expect(outline(await member.fetchSnapshot())).toEqual([1, 1, snapshot]);
    expect(outline(await member.fetchSnapshot('previous-snapshot'))).toEqual(NONE);
  });

  test.each([
    1,
    SNAPSHOT_DATA_BYTES - 1,
    SNAPSHOT_DATA_BYTES,
    SNAPSHOT_DATA_BYTES + 1,
    8 * SNAPSHOT_DATA_BYTES,
    100_000,
    SNAPSHOT_BYTES_MAX,
  ])(
    'with %i bytes arrives as it was committed, whole, as the snapshot and then as the previous one',
    async (snapshotBytes) => {
      const fixture = await openRelay();
      const room = await fixture.room();
      const [member, other] = [await fixture.join(room), await fixture.join(room)];
      const one = await setSnapshot([member, other], 0, snapshotBytes);
      expect(outline(await other.fetchSnapshot())).toEqual([1, 1, one]);
      const two = await setSnapshot([member, other], 1, 5);
      expect(outline(await other.fetchSnapshot('previous-snapshot'))).toEqual([1, 1, one]);
      expect(outline(await other.fetchSnapshot())).toEqual([2, 2, two]);
      // Nothing comes behind, and nobody else got a piece.
      expect([await other.ping(), await member.ping()]).toEqual([[], []]);
    },
  );

  test('is sent once if it is requested many times before its first piece; the other one follows it', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const one = await setSnapshot([member], 0, 50_000);
    const two = await setSnapshot([member], 1, 60_000);
    const [snapshot, previous] = [encodeFetch({ what: 'snapshot' }), encodeFetch({ what: 'previous-snapshot' })];
    member.send(snapshot, snapshot, previous, snapshot, previous, previous);
    expect(outline(await member.snapshot())).toEqual([2, 2, two]);
    expect(outline(await member.snapshot('previous-snapshot'))).toEqual([1, 1, one]);
    expect(await member.ping()).toEqual([]);
    // Control: wanted again when it is on its way, it comes once more.
    const before = member.received.length;
    member.send(snapshot);
    while (member.received.length === before) await iterations(1);
    member.send(snapshot);
    for (let time = 0; time < 2; time += 1) expect(outline(await member.snapshot())).toEqual([2, 2, two]);
    expect(await member.ping(2)).toEqual([]);
  });

  test('is continued while the relay has it after a replacement on its way, and else begun anew', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, slow] = [await fixture.join(room), await fixture.join(room)];
    const first = await setSnapshot([member, slow], 0, SNAPSHOT_BYTES_MAX);
    slow.socket.pause();
    slow.send(encodeFetch({ what: 'snapshot' }));
    await iterations(20);
    fixture.clock.tick(3_000);
    await setSnapshot([member], 1, SNAPSHOT_BYTES_MAX - 1);
    fixture.clock.tick(3_000);
    slow.socket.resume();
    expect(outline(await slow.snapshot())).toEqual([1, 1, first]);
    expect(slow.received.filter(({ operation }) => operation === 'committed').map(({ number }) => number)).toEqual([
      1, 2,
    ]);

    slow.socket.pause();
    slow.send(encodeFetch({ what: 'snapshot' }));
    await iterations(20);
    await setSnapshot([member], 2, SNAPSHOT_BYTES_MAX - 2);
    fixture.clock.tick(3_000);
    const last = await setSnapshot([member], 3, SNAPSHOT_BYTES_MAX - 3);
    slow.socket.resume();
    expect(outline(await slow.snapshot())).toEqual([4, 4, last]);
    const begun = slow.received.filter(({ operation, number }) => operation === 'snapshot' && number === 2);
    expect(begun.length).toBeGreaterThan(0);
    expect(begun.length).toBeLessThan(Math.floor(SNAPSHOT_BYTES_MAX / SNAPSHOT_DATA_BYTES));
  });

  test('lets live entries pass on its way, and a slow reader delays no other member', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = [await fixture.join(room), await fixture.join(room), await fixture.join(room)] as const;
    const [writer, slow, reader] = members;
    const snapshot = await setSnapshot(members, 0, SNAPSHOT_BYTES_MAX);
    slow.socket.pause();
    slow.send(encodeFetch({ what: 'snapshot' }));
    await iterations(50);
    const held = Math.max(...fixture.relay.outboundBytes());
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(SNAPSHOT_CHUNK_BYTES);
    // The others talk as ever, and one of them fetches too.
    const bodies = Array.from({ length: 10 }, () => makeBody());
    reader.send(encodeFetch({ what: 'snapshot' }));
    for (const body of bodies) writer.send(publishFrame(body, 1));
    const seen = await reader.snapshot();
    expect(outline(seen)).toEqual([1, 1, snapshot]);
    await writer.entries(10);
    while (reader.received.filter(({ operation }) => operation === 'entry').length < 10) await iterations(1);
    // What the slow one was written meanwhile waits behind one chunk of the snapshot at most.
    slow.socket.resume();
    const late = await slow.snapshot();
    expect(outline(late)).toEqual([1, 1, snapshot]);
    expect(late.between.map(({ operation }) => operation)).toEqual(bodies.map(() => 'entry'));
  });

  test('is paced, not refused, if it is fetched again and again; entries are not paced', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, greedy] = [await fixture.join(room), await fixture.join(room)];
    const snapshot = await setSnapshot([member, greedy], 0, SNAPSHOT_BYTES_MAX);
    const pieces = Math.ceil(SNAPSHOT_BYTES_MAX / SNAPSHOT_DATA_BYTES);
    const atOnce = Math.floor(SNAPSHOT_BURST_BYTES / (pieces * LARGEST_FRAME_BYTES));
    for (let count = 0; count < atOnce; count += 1)
      expect(outline(await greedy.fetchSnapshot())).toEqual([1, 1, snapshot]);
    const before = greedy.received.length;
    greedy.send(encodeFetch({ what: 'snapshot' }));
    await greedy.ping();
    await iterations(50);
    const early = greedy.received.slice(before).filter(({ operation }) => operation === 'snapshot').length;
    expect(early).toBeLessThan(pieces);
    const body = makeBody();
    member.send(publishFrame(body, 1));
    await member.entries(1);
    while (greedy.received.at(-1)?.operation !== 'entry') await iterations(1);
    fixture.clock.tick(500);
    await iterations(20);
    const later = greedy.received.slice(before).filter(({ operation }) => operation === 'snapshot').length;
    expect((later - early) * LARGEST_FRAME_BYTES).toBeLessThanOrEqual(
      SNAPSHOT_BYTES_PER_SECOND / 2 + SNAPSHOT_CHUNK_BYTES,
    );
    for (let second = 0; second < 10; second += 1) {
      fixture.clock.tick(1_000);
      await iterations(5);
    }
    expect(greedy.received.slice(before).filter(({ operation }) => operation === 'snapshot').length).toBe(pieces);
  });

  test('is there again, like the commit number, after a restart of the relay and after a loss of the store', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const one = await setSnapshot([member], 0, 70_000);
    const two = await setSnapshot([member], 1, 80_000);
    fixture.store.empty();
    fixture.clock.tick(STORE_REFRESH_INTERVAL_MS);
    await iterations(5);
    expect(fixture.events).toContain('room-reseeded');
    await fixture.relay.close();
    const next = await openRelay({ store: fixture.store });
    const back = next.member();
    expect(await back.attach(room, 1)).toMatchObject({ commitNumber: 2, oldest: 1, next: 3 });
    // The log’s own commits are there too, each under its commit number.
    expect(await back.committed()).toMatchObject({ commitNumber: 1, first: 1, last: 1 });
    expect(await back.committed()).toMatchObject({ commitNumber: 2, first: 2, last: 2 });
    expect(outline(await back.fetchSnapshot())).toEqual([2, 2, two]);
    expect(outline(await back.fetchSnapshot('previous-snapshot'))).toEqual([1, 1, one]);
    await setSnapshot([back], 2, 10);
    expect(outline(await back.fetchSnapshot('previous-snapshot'))).toEqual([2, 2, two]);
  });
});

describe('going back in the log', () => {
  async function numbers(member: TestMember, last: number): Promise<number[]> {
    const seen: number[] = [];
    while (seen.at(-1) !== last) seen.push((await member.expect('entry')).number);
    return seen;
  }

  function range(from: number, to: number): number[] {
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  }

  async function fillLog(fixture: RelayFixture, writer: TestMember, frames: number): Promise<void> {
    for (let sent = 0; sent < frames; sent += 16) {
      writer.publish(...Array.from({ length: 16 }, () => makeBody(3)));
      await writer.entries(16);
      fixture.clock.tick(300);
    }
  }

  test.each([
    { from: 0, sees: range(1, 5) },
    { from: 1, sees: range(1, 5) },
    { from: 4, sees: [4, 5] },
    { from: 6, sees: [] },
    { from: Number.MAX_SAFE_INTEGER, sees: [] },
  ])('from $from shows $sees of five entries again, then the next', async ({ from, sees }) => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    member.publish(...Array.from({ length: 5 }, () => makeBody()));
    await member.entries(5);
    member.send(encodeFetch({ what: 'log', from }));
    await iterations(5);
    member.publish(makeBody());
    expect(await numbers(member, 6)).toEqual([...sees, 6]);
  });

  test('below the oldest entry of the log begins at the oldest', async () => {
    const fixture = await openRelay();
    const { room, mirror } = await fullRoom(fixture);
    const member = await fixture.join(room);
    member.send(publishFrame(makeBody(3), mirror.commitNumber), publishFrame(makeBody(3), mirror.commitNumber));
    await member.entries(2);
    // The two commits that have set the snapshots went first.
    const oldest = (await fixture.store.load(room.roomId))?.oldest ?? 0;
    expect(oldest).toBe(mirror.oldest + 2);
    member.send(encodeFetch({ what: 'log', from: 1 }));
    expect(await numbers(member, mirror.next + 1)).toEqual(range(oldest, mirror.next + 1));
  });

  test('leaves nothing out and shows nothing twice while others go on publishing', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [writer, member] = [await fixture.join(room), await fixture.join(room)];
    await fillLog(fixture, writer, 320);
    await member.entries(320);
    member.send(encodeFetch({ what: 'log', from: 11 }));
    await fillLog(fixture, writer, 160);
    member.publish(makeBody());
    const seen = await numbers(member, 481);
    // It may have heard live entries before the relay read its FETCH; from 11 on, all comes once
    // and in order.
    const again = seen.lastIndexOf(11);
    expect(seen.slice(again)).toEqual(range(11, 481));
    expect(seen.slice(0, again)).toEqual(range(321, 320 + again));
  });

  test('is the path of a joiner: snapshot first, then the log behind it, commit numbers in their places', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const writer = await fixture.join(room);
    writer.publish(makeBody(), makeBody());
    await writer.entries(2);
    const snapshot = await setSnapshot([writer], 0, 30_000);
    const bodies = Array.from({ length: 3 }, () => makeBody());
    writer.send(...bodies.map((body) => publishFrame(body, 1)));
    await writer.entries(3);
    const newcomer = await fixture.join(room);
    const fetched = await newcomer.fetchSnapshot();
    expect(outline(fetched)).toEqual([1, 3, snapshot]);
    newcomer.send(encodeFetch({ what: 'log', from: fetched.last + 1 }));
    expect(await numbers(newcomer, 6)).toEqual([4, 5, 6]);
    newcomer.send(encodeFetch({ what: 'log', from: fetched.last }));
    expect(await newcomer.committed()).toMatchObject({ commitNumber: 1, first: 3, last: 3 });
    expect(await numbers(newcomer, 6)).toEqual([4, 5, 6]);
  });

  test('too often is done at its rate, and the connection is not read for a while; others are', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [writer, greedy] = [await fixture.join(room), await fixture.join(room)];
    writer.publish(makeBody());
    for (const member of [writer, greedy]) await member.entries(1);
    const fetch = encodeFetch({ what: 'log', from: 1 });
    for (let count = 0; count < FETCH_BURST; count += 1) {
      greedy.send(fetch);
      await greedy.entries(1);
      await greedy.ping(count);
    }
    greedy.send(fetch);
    await greedy.entries(1);
    const body = makeBody();
    greedy.publish(body);
    await iterations(20);
    writer.publish(makeBody());
    expect(await writer.entries(1)).toHaveLength(1);
    expect((await fixture.store.load(room.roomId))?.next).toBe(3);
    fixture.clock.tick(FETCH_INTERVAL_MS);
    expect(await greedy.entries(2)).toHaveLength(2);
    await writer.entries(1);
    // However many come at once, it is let in again before long, and is not taken for silent
    // meanwhile.
    await writer.ping(2);
    greedy.send(...Array.from({ length: 100 }, () => fetch));
    await iterations(10);
    fixture.clock.tick(SILENCE_LIMIT_MS - 1_000);
    await writer.ping(3);
    await iterations(10);
    const answered = greedy.ping(77);
    await iterations(10);
    expect((await answered).every(({ operation }) => operation === 'entry')).toBe(true);
  });
});
