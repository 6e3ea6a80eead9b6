import { describe, expect, test } from 'vitest';
import {
  encodeFrame,
  SNAPSHOT_BYTES_MAX,
  ROOM_COMMIT_BURST,
  ROOM_COMMIT_INTERVAL_MS,
  STAGE_DATA_BYTES,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';
import { systemClock } from '@sotto/machine/system-clock';
import { fingerprint, makeBody, makeCommit, publishFrame, refusalOf, TestMember } from '@sotto/fixtures/relay-member';
import type { TestCommit } from '@sotto/fixtures/relay-member';
import { BOUNDLESS } from './boundless.ts';
import { iterations, joinMany, numbered, openRelay, receiveCommit } from './relay-fixture.ts';

describe('a commit', () => {
  test.each([
    { frames: 1, size: 0, snapshotBytes: 1 },
    { frames: 3, size: 1, snapshotBytes: 4_096 },
    { frames: 16, size: 3, snapshotBytes: SNAPSHOT_BYTES_MAX },
    { frames: 132, size: 0, snapshotBytes: 2 * STAGE_DATA_BYTES - ((132 * 484) % STAGE_DATA_BYTES) },
  ] as const)(
    'with $frames frames of size $size and a snapshot of $snapshotBytes reaches all members as COMMITTED frames',
    async (shape) => {
      const fixture = await openRelay();
      const room = await fixture.room();
      const members = await joinMany(fixture, room, 3);
      const made = makeCommit(shape);
      const before = makeBody();
      members[0]?.publish(before);
      for (const member of members) expect(await member.entries(1)).toEqual(numbered([before]));
      members[0]?.commit(made, 0);
      for (const member of members) expect(await receiveCommit(member, made, 2)).toBe(1);
      const record = await fixture.store.load(room.roomId);
      expect([record?.commitNumber, record?.snapshot.first, record?.snapshot.last]).toEqual([
        1,
        2,
        made.bodies.length + 1,
      ]);
      expect(fingerprint(record?.snapshot.bytes ?? made.uploadId)).toBe(fingerprint(made.snapshot));
      // It is known to who comes now.
      expect((await fixture.member().attach(room)).commitNumber).toBe(1);
    },
  );

  test('makes the old commit number stale, also for waiting frames, and the new one valid', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    const made = makeCommit();
    fixture.store.hold();
    const called = fixture.store.nextCommit();
    member.commit(made, 0);
    await called;
    const [waiting, late, fresh] = [makeBody(), makeBody(), makeBody()];
    other.send(publishFrame(waiting, 0));
    expect(await other.ping()).toEqual([]);
    fixture.store.letGo();
    expect(await receiveCommit(other, made, 1)).toBe(1);
    other.send(publishFrame(late, 0), publishFrame(fresh, 1));
    for (const body of [waiting, late]) {
      const refused = await other.expect('refused');
      expect([refused.code, refused.number]).toEqual(['stale', 1]);
      expect(fingerprint(refused.body.subarray(0, 24))).toBe(fingerprint(body.subarray(0, 24)));
    }
    expect(await other.entries(1)).toEqual(numbered([fresh], 3));
    expect(await receiveCommit(member, made, 1)).toBe(1);
    expect(await member.entries(1)).toEqual(numbered([fresh], 3));
  });

  test('follows the frames that its committer published before it, even if both were read at once', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const made = makeCommit();
    const [before, after] = [makeBody(), makeBody()];
    member.send(...made.stages, publishFrame(before), made.commit(0), publishFrame(after));
    expect(await member.entries(1)).toEqual(numbered([before]));
    expect(await receiveCommit(member, made, 2)).toBe(1);
    expect((await member.expect('refused')).code).toBe('stale');
  });

  test('is the only one of its commit number: the other committers get a conflict, and may try again', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = await joinMany(fixture, room, UPLOADS_PER_ROOM_MAX);
    let first = 1;
    for (let commitNumber = 0; commitNumber < 6; commitNumber += 1) {
      const made = members.map(() => makeCommit());
      members.forEach((member, index) => member.commit(made[index] ?? makeCommit(), commitNumber));
      let won: TestCommit | undefined;
      for (const [index, member] of members.entries()) {
        const received = await member.committed();
        won ??= made.find(({ bodies }) => numbered(bodies, first)[0] === received.entries[0]);
        expect(received.entries).toEqual(numbered(won?.bodies ?? [], first));
        expect(received.commitNumber).toBe(commitNumber + 1);
        const own = made[index];
        if (own === undefined || own === won) continue;
        expect(await member.refusal()).toBe(refusalOf('conflict', commitNumber + 1, own.uploadId));
      }
      first += 2;
      for (const member of members) expect(await member.ping()).toEqual([]);
    }
    expect((await fixture.store.load(room.roomId))?.commitNumber).toBe(6);
    expect((await fixture.store.read(room.roomId, 1, 1_000_000)).length).toBe(12);
  });

  test('under a commit number that is not the room’s is a conflict at once, and its upload is dropped', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const [early, good] = [makeCommit(), makeCommit()];
    member.commit(early, 3);
    expect(await member.refusal()).toBe(refusalOf('conflict', 0, early.uploadId));
    member.send(early.commit(0));
    expect(await member.ping()).toEqual([]);
    member.commit(good, 0);
    expect(await receiveCommit(member, good, 1)).toBe(1);
  });

  test('is one call of the store and one write to each member', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = await joinMany(fixture, room, 3);
    const made = makeCommit({ frames: 8 });
    members[0]?.send(...made.stages);
    await members[0]?.ping();
    const chunks = members.map(() => 0);
    members.forEach((member, index) => member.socket.on('data', () => (chunks[index] = (chunks[index] ?? 0) + 1)));
    members[0]?.send(made.commit(0));
    for (const member of members) expect(await receiveCommit(member, made, 1)).toBe(1);
    expect([fixture.store.commits, fixture.store.appends]).toEqual([1, 0]);
    expect(chunks).toEqual([1, 1, 1]);
  });

  test('is stored and announced once even if the store’s answer to it was lost', async () => {
    const fixture = await openRelay({ clock: systemClock });
    const room = await fixture.room();
    const member = await fixture.join(room);
    const made = makeCommit();
    fixture.store.losesAnswers = true;
    const called = fixture.store.nextCommit();
    member.commit(made, 0);
    await called;
    await fixture.store.nextCommit();
    fixture.store.losesAnswers = false;
    expect(await receiveCommit(member, made, 1)).toBe(1);
    expect([fixture.store.commits, (await fixture.store.load(room.roomId))?.commitNumber]).toEqual([2, 1]);
    expect(await member.ping()).toEqual([]);
  });

  test('into a store that came back empty builds on the relay’s memory, snapshots included', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const made = [makeCommit(), makeCommit(), makeCommit()] as const;
    member.commit(made[0], 0);
    await receiveCommit(member, made[0], 1);
    member.commit(made[1], 1);
    await receiveCommit(member, made[1], 3);
    fixture.store.empty();
    member.commit(made[2], 2);
    expect(await receiveCommit(member, made[2], 5)).toBe(3);
    const record = await fixture.store.load(room.roomId);
    expect([record?.snapshot.last, record?.previousSnapshot.last]).toEqual([6, 4]);
    expect([...(record?.previousSnapshot.bytes ?? [])]).toEqual([...made[1].snapshot]);
    expect(fixture.events).toContain('room-reseeded');
  });

  test('reaches a member that was behind, in its place between the entries', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [writer, slow] = [await fixture.join(room), await fixture.join(room)];
    slow.socket.pause();
    const expected: string[] = [];
    let next = 1;
    for (let commitNumber = 0; commitNumber < 5; commitNumber += 1) {
      const bodies = Array.from({ length: 40 }, () => makeBody(3));
      writer.send(...bodies.map((body) => publishFrame(body, commitNumber)));
      await writer.entries(40);
      const made = makeCommit();
      writer.commit(made, commitNumber);
      await receiveCommit(writer, made, next + 40);
      expected.push(...numbered(bodies, next), `committed ${commitNumber + 1}`);
      next += 42;
      fixture.clock.tick(2_000);
    }
    slow.socket.resume();
    const seen: string[] = [];
    for (let commitNumber = 0; commitNumber < 5; commitNumber += 1) {
      seen.push(...(await slow.entries(40)), `committed ${(await slow.committed()).commitNumber}`);
    }
    expect(seen).toEqual(expected);
  });
});

describe('a commit number', () => {
  test('is refused for good to a connection that guessed it too early, and its frames keep their order', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    const [first, second, theirs] = [makeBody(), makeBody(), makeBody()];
    const made = makeCommit();
    member.send(...made.stages, publishFrame(first, 1), made.commit(0));
    expect((await member.expect('refused')).number).toBe(0);
    expect(await receiveCommit(member, made, 1)).toBe(1);
    member.send(publishFrame(second, 1));
    expect((await member.expect('refused')).code).toBe('stale');
    // Control: from a connection that has not guessed it is taken.
    await receiveCommit(other, made, 1);
    other.send(publishFrame(theirs, 1));
    expect(await member.entries(1)).toEqual(numbered([theirs], 3));
  });
});

describe('the commit queue of a room', () => {
  /** Commits until the room has made all that it may at once. @returns the commit number. */
  async function exhaust(members: readonly TestMember[]): Promise<number> {
    for (let commitNumber = 0; commitNumber < ROOM_COMMIT_BURST; commitNumber += 1) {
      const made = makeCommit({ frames: 1, size: 0, snapshotBytes: 1 });
      members[commitNumber % members.length]?.commit(made, commitNumber);
      for (const member of members) expect(await receiveCommit(member, made, commitNumber + 1)).toBe(commitNumber + 1);
    }
    return ROOM_COMMIT_BURST;
  }

  test('bounds a flood of commits, delays no frame, and serves the connection with the oldest last commit', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const modest = await fixture.join(room);
    const greedy = await joinMany(fixture, room, 5);
    let commitNumber = await exhaust(greedy);
    await modest.committed();
    while (modest.received.filter(({ operation }) => operation === 'committed').length < commitNumber)
      await iterations(1);
    let next = commitNumber + 1;
    for (let round = 0; round < 3; round += 1) {
      const [theirs, own] = [greedy.map(() => makeCommit()), makeCommit()];
      // The greedy ask first; nobody has a turn before the time.
      greedy.forEach((member, index) => member.commit(theirs[index] ?? own, commitNumber));
      for (const member of greedy) expect(await member.ping()).toEqual([]);
      if (round === 0) modest.commit(own, commitNumber);
      await iterations(5);
      const body = makeBody();
      greedy[0]?.send(publishFrame(body, commitNumber));
      for (const member of greedy) expect(await member.entries(1)).toEqual(numbered([body], next));
      fixture.clock.tick(ROOM_COMMIT_INTERVAL_MS - 100);
      for (const member of greedy) expect(await member.ping(9)).toEqual([]);
      fixture.clock.tick(100);
      const received = await greedy[4]?.committed();
      commitNumber += 1;
      // Once the modest one has had its turn, they come to each other's: each in its own, beginning
      // with the first.
      const winner =
        round === 0 ? own : theirs.find(({ bodies }) => numbered(bodies, next + 1)[0] === received?.entries[0]);
      expect(received?.entries).toEqual(numbered(winner?.bodies ?? [], next + 1));
      for (const [index, member] of greedy.entries()) {
        const { commitNumber: told } = index < 4 ? await member.committed() : (received ?? { commitNumber: 0 });
        expect(told).toBe(commitNumber);
        const asked = theirs[index];
        if (asked === undefined || asked === winner) continue;
        expect(await member.refusal()).toBe(refusalOf('conflict', commitNumber, asked.uploadId));
      }
      next += 3;
    }
  });

  test('does not wait for a connection that is gone', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = await joinMany(fixture, room, 5);
    const commitNumber = await exhaust(members);
    const [gone, made] = [makeCommit(), makeCommit()];
    members[2]?.commit(gone, commitNumber);
    await members[2]?.ping();
    await members[2]?.leave();
    members[3]?.commit(made, commitNumber);
    await members[3]?.ping();
    fixture.clock.tick(ROOM_COMMIT_INTERVAL_MS);
    for (const index of [0, 1, 3, 4])
      await receiveCommit(members[index] ?? new TestMember(fixture.relay.address), made, commitNumber + 1);
  });
});

describe('a string holder', () => {
  test('changes only the commit number and snapshots by committing junk twice; others go on and replace the snapshot', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, intruder] = [await fixture.join(room), await fixture.join(room)];
    const good = makeCommit({ snapshotBytes: 10_000 });
    member.commit(good, 0);
    for (const each of [member, intruder]) await receiveCommit(each, good, 1);
    const junk = [makeCommit({ snapshotBytes: 7 }), makeCommit({ snapshotBytes: SNAPSHOT_BYTES_MAX })] as const;
    intruder.commit(junk[0], 1);
    for (const each of [member, intruder]) await receiveCommit(each, junk[0], 3);
    // After one, the good snapshot is the previous one; after two, nobody at the relay has it.
    expect([...(await member.fetchSnapshot('previous-snapshot')).bytes]).toEqual([...good.snapshot]);
    intruder.commit(junk[1], 2);
    for (const each of [member, intruder]) await receiveCommit(each, junk[1], 5);
    expect([...(await member.fetchSnapshot('previous-snapshot')).bytes]).toEqual([...junk[0].snapshot]);
    const said = makeBody();
    member.send(publishFrame(said, 3));
    for (const each of [member, intruder]) expect(await each.entries(1)).toEqual(numbered([said], 7));
    const again = makeCommit({ snapshotBytes: 10_000, frames: 1 });
    member.commit(again, 3);
    expect(await receiveCommit(member, again, 8)).toBe(4);
    const newcomer = await fixture.join(room);
    const snapshot = await newcomer.fetchSnapshot();
    expect([snapshot.commitNumber, snapshot.last, fingerprint(snapshot.bytes)]).toEqual([
      4,
      8,
      fingerprint(again.snapshot),
    ]);
  });

  test.each([
    ['a STAGE of 512 bytes', encodeFrame({ operation: 'stage', number: 0, body: makeBody() })],
    ['a STAGE of nothing', encodeFrame({ operation: 'stage', number: 0, body: new Uint8Array(4_080) })],
    ['a COMMIT of no frames', makeCommit().commit(0, { frameCount: 0 })],
    ['a COMMIT of too many', makeCommit().commit(0, { frameCount: 66, frameSize: 1 })],
    ['a COMMIT without a snapshot', makeCommit().commit(0, { snapshotBytes: 0 })],
    ['a FETCH of nothing that there is', encodeFrame({ operation: 'fetch', number: 0, body: makeBody() })],
  ])('is closed as malformed if it sends %s', async (_name, frame) => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const body = makeBody();
    member.send(publishFrame(body), frame, publishFrame(makeBody()));
    const frames = [await member.next(), await member.next()];
    expect(frames.map((one) => one?.code ?? one?.operation)).toContain('frame-malformed');
  });
});
