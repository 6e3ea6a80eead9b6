import { describe, expect, test } from 'vitest';
import {
  COMMIT_BYTES_MAX,
  encodeFrame,
  encodeStage,
  HEAD_BYTES_MAX,
  ROOM_COMMIT_BURST,
  ROOM_COMMIT_INTERVAL_MS,
  STAGE_DATA_BYTES,
  UPLOAD_GUARD_MS,
  UPLOAD_LEASE_MS,
  UPLOAD_LIMIT_MS,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';
import { systemClock } from '../src/clock.ts';
import { openHouse } from './house.ts';
import type { House } from './house.ts';
import { fingerprint, makeBody, makeCommit, publishFrame, refusalOf, TestMember } from './test-member.ts';
import type { TestCommit, TestRoom } from './test-member.ts';

function numbered(bodies: readonly Uint8Array[], first = 1): string[] {
  return bodies.map((body, index) => `${first + index} ${fingerprint(body)}`);
}

async function joinMany(house: House, room: TestRoom, count: number): Promise<TestMember[]> {
  const members: TestMember[] = [];
  while (members.length < count) members.push(await house.join(room));
  return members;
}

/** @returns the commit's notice as this member hears it, after the commit's entries. */
async function hear(member: TestMember, made: TestCommit, first: number): Promise<number> {
  expect(await member.entries(made.bodies.length)).toEqual(numbered(made.bodies, first));
  const notice = await member.counter();
  const last = first + made.bodies.length - 1;
  expect(notice).toEqual({ counter: notice.counter, first, last, headBytes: made.head.length });
  return notice.counter;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass while everybody goes on beating. */
async function pass(house: House, milliseconds: number, members: readonly TestMember[]): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 10_000) {
    house.clock.advance(Math.min(10_000, milliseconds - passed));
    for (const member of members) if ((await member.beat()).length > 0) throw new Error('something came meanwhile');
  }
}

describe('a commit', () => {
  test.each([
    { frames: 1, size: 0, headBytes: 1 },
    { frames: 3, size: 1, headBytes: 4_096 },
    { frames: 16, size: 3, headBytes: HEAD_BYTES_MAX },
    { frames: 132, size: 0, headBytes: 2 * STAGE_DATA_BYTES - ((132 * 496) % STAGE_DATA_BYTES) },
  ] as const)(
    'of $frames frames of size $size and a head of $headBytes comes to everybody, and behind it the counter',
    async (shape) => {
      const house = await openHouse();
      const room = await house.room();
      const members = await joinMany(house, room, 3);
      const made = makeCommit(shape);
      const before = makeBody();
      members[0]?.publish(before);
      for (const member of members) expect(await member.entries(1)).toEqual(numbered([before]));
      members[0]?.commit(made, 0);
      for (const member of members) expect(await hear(member, made, 2)).toBe(1);
      const record = await house.store.load(room.roomId);
      expect([record?.counter, record?.head.first, record?.head.last]).toEqual([1, 2, made.bodies.length + 1]);
      expect(fingerprint(record?.head.bytes ?? made.uploadId)).toBe(fingerprint(made.head));
      // It is known to who comes now.
      expect((await house.member().attach(room)).counter).toBe(1);
    },
  );

  test('makes the old counter stale, for what waited behind it too, and the new one good', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, other] = [await house.join(room), await house.join(room)];
    const made = makeCommit();
    house.store.hold();
    const called = house.store.nextCommit();
    member.commit(made, 0);
    await called;
    const [waiting, late, fresh] = [makeBody(), makeBody(), makeBody()];
    other.send(publishFrame(waiting, 0));
    expect(await other.beat()).toEqual([]);
    house.store.letGo();
    expect(await hear(other, made, 1)).toBe(1);
    other.send(publishFrame(late, 0), publishFrame(fresh, 1));
    for (const body of [waiting, late]) {
      const refused = await other.expect('refused');
      expect([refused.code, refused.number]).toEqual(['stale', 1]);
      expect(fingerprint(refused.body.subarray(0, 24))).toBe(fingerprint(body.subarray(0, 24)));
    }
    expect(await other.entries(1)).toEqual(numbered([fresh], 3));
    expect(await hear(member, made, 1)).toBe(1);
    expect(await member.entries(1)).toEqual(numbered([fresh], 3));
  });

  test('comes behind what its committer published before it, although both were read at once', async () => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const made = makeCommit();
    const [before, after] = [makeBody(), makeBody()];
    member.send(...made.stages, publishFrame(before), made.commit(0), publishFrame(after));
    expect(await member.entries(1)).toEqual(numbered([before]));
    expect(await hear(member, made, 2)).toBe(1);
    expect((await member.expect('refused')).code).toBe('stale');
  });

  test('is the only one of its counter: whoever else asked is told conflict, and may try again', async () => {
    const house = await openHouse();
    const room = await house.room();
    const members = await joinMany(house, room, UPLOADS_PER_ROOM_MAX);
    let first = 1;
    for (let counter = 0; counter < 6; counter += 1) {
      const made = members.map(() => makeCommit());
      members.forEach((member, index) => member.commit(made[index] ?? makeCommit(), counter));
      let won: TestCommit | undefined;
      for (const [index, member] of members.entries()) {
        const entries = await member.entries(2);
        won ??= made.find(({ bodies }) => numbered(bodies, first)[0] === entries[0]);
        expect(entries).toEqual(numbered(won?.bodies ?? [], first));
        expect((await member.counter()).counter).toBe(counter + 1);
        const own = made[index];
        if (own === undefined || own === won) continue;
        expect(await member.refusal()).toBe(refusalOf('conflict', counter + 1, own.uploadId));
      }
      first += 2;
      for (const member of members) expect(await member.beat()).toEqual([]);
    }
    expect((await house.store.load(room.roomId))?.counter).toBe(6);
    expect((await house.store.read(room.roomId, 1, 1_000_000)).length).toBe(12);
  });

  test('under a counter that is not the room’s is a conflict at once, and its upload is gone', async () => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const [early, good] = [makeCommit(), makeCommit()];
    member.commit(early, 3);
    expect(await member.refusal()).toBe(refusalOf('conflict', 0, early.uploadId));
    member.send(early.commit(0));
    expect(await member.beat()).toEqual([]);
    member.commit(good, 0);
    expect(await hear(member, good, 1)).toBe(1);
  });

  test('is one call of the store and one write to each member', async () => {
    const house = await openHouse();
    const room = await house.room();
    const members = await joinMany(house, room, 3);
    const made = makeCommit({ frames: 8 });
    members[0]?.send(...made.stages);
    await members[0]?.beat();
    const chunks = members.map(() => 0);
    members.forEach((member, index) => member.socket.on('data', () => (chunks[index] = (chunks[index] ?? 0) + 1)));
    members[0]?.send(made.commit(0));
    for (const member of members) expect(await hear(member, made, 1)).toBe(1);
    expect([house.store.commits, house.store.appends]).toEqual([1, 0]);
    expect(chunks).toEqual([1, 1, 1]);
  });

  test('is stored and told once although the store’s answer to it was lost', async () => {
    const house = await openHouse({ clock: systemClock });
    const room = await house.room();
    const member = await house.join(room);
    const made = makeCommit();
    house.store.losesAnswers = true;
    const called = house.store.nextCommit();
    member.commit(made, 0);
    await called;
    await house.store.nextCommit();
    house.store.losesAnswers = false;
    expect(await hear(member, made, 1)).toBe(1);
    expect([house.store.commits, (await house.store.load(room.roomId))?.counter]).toEqual([2, 1]);
    expect(await member.beat()).toEqual([]);
  });

  test('into a store that has come back empty is made on what the relay remembers, heads and all', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const made = [makeCommit(), makeCommit(), makeCommit()] as const;
    member.commit(made[0], 0);
    await hear(member, made[0], 1);
    member.commit(made[1], 1);
    await hear(member, made[1], 3);
    house.store.empty();
    member.commit(made[2], 2);
    expect(await hear(member, made[2], 5)).toBe(3);
    const record = await house.store.load(room.roomId);
    expect([record?.head.last, record?.previousHead.last]).toEqual([6, 4]);
    expect([...(record?.previousHead.bytes ?? [])]).toEqual([...made[1].head]);
    expect(house.events).toContain('room-reseeded');
  });

  test('reaches a member that was behind, in its place between the entries', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [writer, slow] = [await house.join(room), await house.join(room)];
    slow.socket.pause();
    const expected: string[] = [];
    let next = 1;
    for (let counter = 0; counter < 5; counter += 1) {
      const bodies = Array.from({ length: 40 }, () => makeBody(3));
      writer.send(...bodies.map((body) => publishFrame(body, counter)));
      await writer.entries(40);
      const made = makeCommit();
      writer.commit(made, counter);
      await hear(writer, made, next + 40);
      expected.push(...numbered([...bodies, ...made.bodies], next), `counter ${counter + 1}`);
      next += 42;
      house.clock.advance(2_000);
    }
    slow.socket.resume();
    const seen: string[] = [];
    while (seen.length < expected.length) {
      const frame = await slow.next();
      seen.push(
        `${frame?.operation === 'entry' ? frame.number : frame?.operation} ${
          frame?.operation === 'entry' ? fingerprint(frame.body) : frame?.number
        }`,
      );
    }
    expect(seen).toEqual(expected);
  });
});

describe('a counter', () => {
  test('that a connection guessed too early is refused to it for good: its frames keep their order', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, other] = [await house.join(room), await house.join(room)];
    const [first, second, theirs] = [makeBody(), makeBody(), makeBody()];
    const made = makeCommit();
    member.send(...made.stages, publishFrame(first, 1), made.commit(0));
    expect((await member.expect('refused')).number).toBe(0);
    expect(await hear(member, made, 1)).toBe(1);
    member.send(publishFrame(second, 1));
    expect((await member.expect('refused')).code).toBe('stale');
    // Control: from a connection that has not guessed it is taken.
    await hear(other, made, 1);
    other.send(publishFrame(theirs, 1));
    expect(await member.entries(1)).toEqual(numbered([theirs], 3));
  });
});

describe('an upload', () => {
  const whole = makeCommit({ headBytes: 20_000 });
  const piece = (index: number): Uint8Array => whole.stages[index] ?? new Uint8Array(0);
  const all = whole.stages;
  const wrongs: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['nothing of it', [whole.commit(0)]],
    ['its first piece missing', [...all.slice(1), whole.commit(0)]],
    ['its last piece missing', [...all.slice(0, -1), whole.commit(0)]],
    ['a piece missing in the middle', [piece(0), ...all.slice(2), whole.commit(0)]],
    ['a piece twice', [piece(0), piece(1), piece(1), ...all.slice(2), whole.commit(0)]],
    ['pieces in another order', [piece(0), piece(2), piece(1), ...all.slice(3), whole.commit(0)]],
    [
      'a piece behind its last',
      [...all, encodeStage({ uploadId: whole.uploadId, index: all.length, data: makeBody() })],
    ],
    ['another digest', [...all, whole.commit(0, { digest: new Uint8Array(32) })]],
    ['a longer head', [...all, whole.commit(0, { headBytes: 20_001 })]],
    ['a frame less', [...all, whole.commit(0, { frameCount: 1 })]],
    ['frames of another size', [...all, whole.commit(0, { frameSize: 0 })]],
    ['another upload’s COMMIT', [...all, whole.commit(0, { uploadId: new Uint8Array(16).fill(9) })]],
  ];
  test.each(wrongs)('with %s is refused once, and nothing of it is in the log', async (_name, frames) => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    member.send(...frames);
    const refused = await member.expect('refused');
    expect([refused.code, refused.number]).toEqual(['upload-incomplete', 0]);
    expect(await member.beat()).toEqual([]);
    const record = await house.store.load(room.roomId);
    expect([record?.counter, record?.next]).toEqual([0, 1]);
    // Control: the same upload, whole and in order, is a commit (under a new id: this one is spent).
    const good = makeCommit({ headBytes: 20_000 });
    member.commit(good, 0);
    expect(await hear(member, good, 1)).toBe(1);
  });

  test('is its connection’s alone, and goes with it', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, thief] = [await house.join(room), await house.join(room)];
    const made = makeCommit();
    member.send(...made.stages);
    await member.beat();
    thief.send(made.commit(0));
    expect(await thief.refusal()).toBe(refusalOf('upload-incomplete', 0, made.uploadId));
    // Control: its own connection commits it.
    member.send(made.commit(0));
    expect(await hear(member, made, 1)).toBe(1);
    const gone = makeCommit();
    member.send(...gone.stages);
    await member.beat();
    await member.leave();
    const back = await house.join(room);
    back.send(gone.commit(1));
    expect(await back.refusal()).toBe(refusalOf('upload-incomplete', 1, gone.uploadId));
  });

  test('is kept for its lease after its last piece, and not longer', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, other] = [await house.join(room), await house.join(room)];
    const [kept, lost] = [makeCommit({ headBytes: 8_000 }), makeCommit()];
    member.send(...kept.stages.slice(0, 1));
    await member.beat();
    await pass(house, UPLOAD_LEASE_MS, [member, other]);
    member.send(...kept.stages.slice(1));
    await member.beat();
    await pass(house, UPLOAD_LEASE_MS, [member, other]);
    member.send(kept.commit(0));
    for (const each of [member, other]) expect(await hear(each, kept, 1)).toBe(1);
    member.send(...lost.stages);
    await member.beat();
    await pass(house, UPLOAD_LEASE_MS + 1, [member, other]);
    member.send(lost.commit(1));
    expect(await member.refusal()).toBe(refusalOf('upload-incomplete', 1, lost.uploadId));
  });

  test('that trickles in does not hold a place for ever', async () => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const made = makeCommit({ headBytes: 40_000 });
    let sent = 0;
    for (let passed = 0; passed <= UPLOAD_LIMIT_MS; passed += 20_000) {
      member.send(...made.stages.slice(sent, sent + 1));
      sent += 1;
      await pass(house, 20_000, [member]);
    }
    member.send(...made.stages.slice(sent));
    expect(await member.refusal()).toBe(refusalOf('upload-incomplete', 0, made.uploadId));
  });

  test('longer than a head and a commit may be is refused at the piece that is too much', async () => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const uploadId = new Uint8Array(16).fill(3);
    const most = Math.floor((COMMIT_BYTES_MAX + HEAD_BYTES_MAX) / STAGE_DATA_BYTES);
    const data = new Uint8Array(STAGE_DATA_BYTES).fill(1);
    for (let index = 0; index < most; index += 1) member.send(encodeStage({ uploadId, index, data }));
    expect(await member.beat()).toEqual([]);
    member.send(encodeStage({ uploadId, index: most, data }), encodeStage({ uploadId, index: most + 1, data }));
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, uploadId));
    expect(await member.beat()).toEqual([]);
  });

  test('finds no place when the room’s are taken, is told so once, and finds one when a lease has ended', async () => {
    const house = await openHouse();
    const room = await house.room();
    const holders = await joinMany(house, room, UPLOADS_PER_ROOM_MAX);
    const member = await house.join(room);
    for (const holder of holders) {
      holder.send(...makeCommit().stages);
      await holder.beat();
    }
    const [late, good] = [makeCommit({ headBytes: 30_000 }), makeCommit()];
    member.commit(late, 0);
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, late.uploadId));
    expect(await member.beat()).toEqual([]);
    await pass(house, UPLOAD_LEASE_MS + 1, [...holders, member]);
    member.commit(good, 0);
    expect(await hear(member, good, 1)).toBe(1);
    // A place is also free when its holder has gone.
    for (const holder of holders) {
      await hear(holder, good, 1);
      holder.send(...makeCommit().stages);
      await holder.beat();
    }
    await holders[0]?.leave();
    const last = makeCommit();
    await turns(5);
    member.commit(last, 1);
    expect(await hear(member, last, 3)).toBe(2);
  });

  test('in a place that others fill again and again gets one by waiting, and keeps it long enough', async () => {
    const house = await openHouse();
    const room = await house.room();
    const member = await house.join(room);
    const holders = await joinMany(house, room, UPLOADS_PER_ROOM_MAX);
    const everybody = [member, ...holders];
    const made = makeCommit({ headBytes: 20_000 });
    let refusals = 0;
    for (let second = 0; second < 60; second += 1) {
      // The holders never let a lease end; they begin anew as soon as they are told anything.
      for (const holder of holders) {
        holder.send(...makeCommit().stages);
        await holder.beat();
      }
      house.clock.advance(100);
      const own = makeCommit();
      member.send(...own.stages.slice(0, 1));
      const [refused] = await member.beat();
      if (refused === undefined) break;
      expect(refused.code).toBe('upload-full');
      refusals += 1;
      house.clock.advance(UPLOAD_GUARD_MS - 50);
      for (const each of everybody) await each.beat();
    }
    // It was refused while the guard lasted (the control), and then found a place although nobody had left one.
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThan(60);
    member.commit(made, 0);
    expect(await hear(member, made, 1)).toBe(1);
  });

  test('of which one connection begins very many hinders nobody else’s commit', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [flooder, member] = [await house.join(room), await house.join(room)];
    for (let count = 0; count < 100; count += 1) flooder.send(...makeCommit().stages);
    const made = makeCommit({ headBytes: 60_000 });
    member.commit(made, 0);
    expect(await hear(member, made, 1)).toBe(1);
    expect(await hear(flooder, made, 1)).toBe(1);
    for (let count = 0; count < 100; count += 1) flooder.send(...makeCommit().stages);
    const more = makeCommit();
    member.commit(more, 1);
    expect(await hear(member, more, 3)).toBe(2);
  });

  test('that is begun while another is being committed has no place', async () => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const [made, early] = [makeCommit(), makeCommit({ headBytes: 20_000 })];
    house.store.hold();
    const called = house.store.nextCommit();
    member.commit(made, 0);
    await called;
    member.commit(early, 0);
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, early.uploadId));
    expect(await member.beat()).toEqual([]);
    house.store.letGo();
    expect(await hear(member, made, 1)).toBe(1);
    expect(await member.beat()).toEqual([]);
  });
});

describe('turns', () => {
  /** Commits until the room has made all that it may at once. @returns the counter. */
  async function exhaust(members: readonly TestMember[]): Promise<number> {
    for (let counter = 0; counter < ROOM_COMMIT_BURST; counter += 1) {
      const made = makeCommit({ frames: 1, size: 0, headBytes: 1 });
      members[counter % members.length]?.commit(made, counter);
      for (const member of members) expect(await hear(member, made, counter + 1)).toBe(counter + 1);
    }
    return ROOM_COMMIT_BURST;
  }

  test('bound a flood of commits, hold up no frame, and go to who has not had one for the longest', async () => {
    const house = await openHouse();
    const room = await house.room();
    const modest = await house.join(room);
    const greedy = await joinMany(house, room, 5);
    let counter = await exhaust(greedy);
    await modest.entries(1);
    await modest.counter();
    while (modest.received.filter(({ operation }) => operation === 'counter').length < counter) await turns(1);
    let next = counter + 1;
    for (let round = 0; round < 3; round += 1) {
      const [theirs, own] = [greedy.map(() => makeCommit()), makeCommit()];
      // The greedy ask first; nobody has a turn before the time.
      greedy.forEach((member, index) => member.commit(theirs[index] ?? own, counter));
      for (const member of greedy) expect(await member.beat()).toEqual([]);
      if (round === 0) modest.commit(own, counter);
      await turns(5);
      const body = makeBody();
      greedy[0]?.send(publishFrame(body, counter));
      for (const member of greedy) expect(await member.entries(1)).toEqual(numbered([body], next));
      house.clock.advance(ROOM_COMMIT_INTERVAL_MS - 100);
      for (const member of greedy) expect(await member.beat(9)).toEqual([]);
      house.clock.advance(100);
      const entries = await greedy[4]?.entries(2);
      counter += 1;
      // Once the modest one has had its turn, they come to each other's: each in its own, beginning with the first.
      const winner = round === 0 ? own : theirs.find(({ bodies }) => numbered(bodies, next + 1)[0] === entries?.[0]);
      expect(entries).toEqual(numbered(winner?.bodies ?? [], next + 1));
      for (const [index, member] of greedy.entries()) {
        if (index < 4) await member.entries(2);
        expect((await member.counter()).counter).toBe(counter);
        const asked = theirs[index];
        if (asked === undefined || asked === winner) continue;
        expect(await member.refusal()).toBe(refusalOf('conflict', counter, asked.uploadId));
      }
      next += 3;
    }
  });

  test('of a connection that has gone are not waited for', async () => {
    const house = await openHouse();
    const room = await house.room();
    const members = await joinMany(house, room, 5);
    const counter = await exhaust(members);
    const [gone, made] = [makeCommit(), makeCommit()];
    members[2]?.commit(gone, counter);
    await members[2]?.beat();
    await members[2]?.leave();
    members[3]?.commit(made, counter);
    await members[3]?.beat();
    house.clock.advance(ROOM_COMMIT_INTERVAL_MS);
    for (const index of [0, 1, 3, 4])
      await hear(members[index] ?? new TestMember(house.relay.address), made, counter + 1);
  });
});

describe('a string holder', () => {
  test('who commits junk twice moves counter and heads only: others go on, and the head can be set again', async () => {
    const house = await openHouse();
    const room = await house.room();
    const [member, intruder] = [await house.join(room), await house.join(room)];
    const good = makeCommit({ headBytes: 10_000 });
    member.commit(good, 0);
    for (const each of [member, intruder]) await hear(each, good, 1);
    const junk = [makeCommit({ headBytes: 7 }), makeCommit({ headBytes: HEAD_BYTES_MAX })] as const;
    intruder.commit(junk[0], 1);
    for (const each of [member, intruder]) await hear(each, junk[0], 3);
    // After one, the good head is the previous one; after two, nobody at the relay has it.
    expect([...(await member.fetchHead('previous-head')).bytes]).toEqual([...good.head]);
    intruder.commit(junk[1], 2);
    for (const each of [member, intruder]) await hear(each, junk[1], 5);
    expect([...(await member.fetchHead('previous-head')).bytes]).toEqual([...junk[0].head]);
    const said = makeBody();
    member.send(publishFrame(said, 3));
    for (const each of [member, intruder]) expect(await each.entries(1)).toEqual(numbered([said], 7));
    const again = makeCommit({ headBytes: 10_000, frames: 1 });
    member.commit(again, 3);
    expect(await hear(member, again, 8)).toBe(4);
    const newcomer = await house.join(room);
    const head = await newcomer.fetchHead();
    expect([head.counter, head.last, fingerprint(head.bytes)]).toEqual([4, 8, fingerprint(again.head)]);
  });

  test.each([
    ['a STAGE of 512 bytes', encodeFrame({ operation: 'stage', number: 0, body: makeBody() })],
    ['a STAGE of nothing', encodeFrame({ operation: 'stage', number: 0, body: new Uint8Array(4_080) })],
    ['a COMMIT of no frames', makeCommit().commit(0, { frameCount: 0 })],
    ['a COMMIT of too many', makeCommit().commit(0, { frameCount: 66, frameSize: 1 })],
    ['a COMMIT without a head', makeCommit().commit(0, { headBytes: 0 })],
    ['a FETCH of nothing that there is', encodeFrame({ operation: 'fetch', number: 0, body: makeBody() })],
  ])('who sends %s is malformed', async (_name, frame) => {
    const house = await openHouse();
    const member = await house.join(await house.room());
    const body = makeBody();
    member.send(publishFrame(body), frame, publishFrame(makeBody()));
    const frames = [await member.next(), await member.next()];
    expect(frames.map((one) => one?.code ?? one?.operation)).toContain('frame-malformed');
  });
});
