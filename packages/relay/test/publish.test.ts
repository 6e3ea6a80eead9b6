import { describe, expect, test } from 'vitest';
import { COMMIT_PLACE_BYTES, encodeCommittedBody, SILENCE_LIMIT_MS } from '@sotto/protocol';
import {
  FLUSH_BYTES_MAX,
  INBOUND_BURST_BYTES,
  INBOUND_BYTES_PER_SECOND,
  OUTBOUND_BYTES_MAX,
  ROOM_PENDING_BYTES_MAX,
} from '../src/limits.ts';
import { systemClock } from '@sotto/machine/system-clock';
import { fingerprint, makeBody, publishFrame, TestMember } from '@sotto/fixtures/relay-member';
import { BOUNDLESS } from './boundless.ts';
import { fullRoom, iterations, makeBodies, numbered, openRelay } from './relay-fixture.ts';

describe('a published frame', () => {
  test('comes back to every member of the room, the sender included, with the same body and size', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = [await fixture.join(room), await fixture.join(room), await fixture.join(room)];
    const bodies = [makeBody(0), makeBody(1), makeBody(2), makeBody(3)];
    members[0]?.publish(...bodies);
    for (const member of members) expect(await member.entries(4)).toEqual(numbered(bodies));
  });

  test('is echoed only after the store has answered', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    const body = makeBody();
    member.publish(body);
    await called;
    expect(await member.ping()).toEqual([]);
    fixture.store.letGo();
    expect(await member.entries(1)).toEqual(numbered([body]));
  });

  test('never crosses into another room', async () => {
    const fixture = await openRelay();
    const [room, other] = [await fixture.room(), await fixture.room()];
    const [member, stranger] = [await fixture.join(room), await fixture.join(other)];
    const [ours, theirs] = [makeBodies(3), makeBodies(2)];
    member.publish(...ours);
    stranger.publish(...theirs);
    expect(await member.entries(3)).toEqual(numbered(ours));
    expect(await stranger.entries(2)).toEqual(numbered(theirs));
    expect([await member.ping(), await stranger.ping()]).toEqual([[], []]);
    // Control: within the room it does arrive.
    expect(await (await fixture.join(room, 1)).entries(3)).toEqual(numbered(ours));
  });

  test('under another commit number is refused to its sender alone, by its nonce, and delays no other frame', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    const [stale, fresh] = [makeBody(2), makeBody()];
    member.send(publishFrame(stale, 5), publishFrame(fresh, 0));
    const refused = await member.expect('refused');
    expect([refused.code, refused.number]).toEqual(['stale', 0]);
    expect([...refused.body.subarray(0, 24)]).toEqual([...stale.subarray(0, 24)]);
    expect(refused.body.subarray(24).every((byte) => byte === 0)).toBe(true);
    expect(await member.entries(1)).toEqual(numbered([fresh]));
    expect(await other.entries(1)).toEqual(numbered([fresh]));
    expect(await other.ping()).toEqual([]);
  });

  test('under a commit number that only the store knows to be old is refused; the room goes on with the new one', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    const [before, after] = [makeBody(), makeBody()];
    const behind = makeBody().subarray(COMMIT_PLACE_BYTES);
    await fixture.store.commit(room.roomId, {
      commitNumber: 0,
      first: 1,
      bodies: [encodeCommittedBody({ commitNumber: 1, index: 0, count: 1, envelope: behind })],
      snapshot: makeBody(),
      oldest: 1,
    });
    member.publish(before);
    const seen = [await member.next(), await member.next()];
    expect(seen.map((frame) => [frame?.operation, frame?.number]).sort()).toEqual([
      ['committed', 1],
      ['refused', 1],
    ]);
    expect(await other.committed()).toEqual({ commitNumber: 1, first: 1, last: 1, entries: numbered([behind]) });
    member.send(publishFrame(after, 1));
    expect(await member.entries(1)).toEqual(numbered([after], 2));
    expect(await other.entries(1)).toEqual(numbered([after], 2));
  });

  test('is stored and shown once even if the store’s answer to it was lost', async () => {
    const fixture = await openRelay({ clock: systemClock });
    const room = await fixture.room();
    const member = await fixture.join(room);
    fixture.store.losesAnswers = true;
    const called = fixture.store.nextAppend();
    const bodies = makeBodies(3);
    member.publish(...bodies);
    await called;
    await fixture.store.nextAppend();
    fixture.store.losesAnswers = false;
    expect(await member.entries(3)).toEqual(numbered(bodies));
    expect((await fixture.store.read(room.roomId, 1, 1_000_000)).length).toBe(3);
    expect(fixture.store.appends).toBe(2);
    expect(await member.ping()).toEqual([]);
  });
});

describe('a flush', () => {
  test('is one call of the store and one write to each member, for any mix of senders', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = [await fixture.join(room), await fixture.join(room), await fixture.join(room)];
    const chunks = members.map(() => 0);
    members.forEach((member, index) => member.socket.on('data', () => (chunks[index] = (chunks[index] ?? 0) + 1)));

    fixture.store.hold();
    const called = fixture.store.nextAppend();
    members[0]?.publish(makeBody());
    await called;
    for (const member of members) member.publish(...makeBodies(4));
    for (const member of members) await member.ping();
    const appends = fixture.store.appends;
    chunks.fill(0);
    fixture.store.letGo();
    for (const member of members) await member.entries(13);
    // One flush was on its way; twelve frames of three members waited for it, and went together in
    // the next.
    expect(fixture.store.appends - appends).toBe(1);
    expect(Math.max(...chunks)).toBeLessThanOrEqual(2);
  });

  test('takes a bounded amount, and leaves the rest to the next one, in order', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const member = await fixture.join(await fixture.room());
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    const bodies = [makeBody(), ...makeBodies(100, 3)];
    member.publish(bodies[0] ?? makeBody());
    await called;
    member.publish(...bodies.slice(1));
    await member.ping();
    const before = fixture.store.appends;
    fixture.store.letGo();
    expect(await member.entries(101)).toEqual(numbered(bodies));
    expect(fixture.store.appends - before).toBe(Math.ceil((100 * 4_080) / FLUSH_BYTES_MAX));
  });
});

describe('a flood', () => {
  test('is paused, not dropped: frames over the burst wait unread until their time has come', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [flooder, other] = [await fixture.join(room), await fixture.join(room)];
    const bodies = makeBodies((INBOUND_BURST_BYTES + 8 * INBOUND_BYTES_PER_SECOND) / 4_096, 3);
    flooder.publish(...bodies);
    const burst = INBOUND_BURST_BYTES / 4_096;
    const first = await flooder.entries(burst);
    await iterations(50);
    await other.ping();
    const early = flooder.received.filter(({ operation }) => operation === 'entry').length;
    // The burst, and what one read may go over it.
    expect(early).toBeLessThanOrEqual(burst + 65_536 / 4_096 + 1);
    // Others are read from as ever: the flooder's own debt is its own.
    const theirs = makeBody();
    other.publish(theirs);
    await other.ping();
    const rest = (async () => flooder.entries(bodies.length + 1 - burst))();
    while (flooder.received.filter(({ operation }) => operation === 'entry').length <= bodies.length) {
      fixture.clock.tick(250);
      await iterations(5);
    }
    const all = [...first, ...(await rest)];
    expect(all.map((entry) => Number(entry.split(' ')[0]))).toEqual(
      bodies.map((_, index) => index + 1).concat(all.length),
    );
    const prints = all.map((entry) => entry.split(' ')[1]).filter((print) => print !== fingerprint(theirs));
    expect(prints).toEqual(bodies.map(fingerprint));
  });

  test('against a slow store makes the room take a bounded amount, and all of it arrives', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const members = [await fixture.join(room), await fixture.join(room), await fixture.join(room)];
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    members[0]?.publish(makeBody());
    await called;
    const count = 240;
    for (const member of members) member.publish(...makeBodies(count, 3));
    await iterations(200);
    const unread = members.reduce((bytes, { socket }) => bytes + socket.writableLength, 0);
    const sent = 3 * count * 4_096;
    const held = sent - unread;
    // The queue, what one read of each may go over it, and what the kernel holds between us: far
    // below what was sent.
    expect(held).toBeLessThan(ROOM_PENDING_BYTES_MAX + 3 * (65_536 + 2 * 262_144));
    expect(unread).toBeGreaterThan(0);
    fixture.store.letGo();
    for (const member of members) expect((await member.entries(3 * count + 1)).length).toBe(3 * count + 1);
  });
});

describe('a slow member', () => {
  /** Publishes until the log has gone round, as fast as the writer's quota lets it. */
  async function fillLog(
    fixture: Awaited<ReturnType<typeof openRelay>>,
    writer: TestMember,
    frames: number,
    commitNumber = 0,
  ): Promise<void> {
    for (let sent = 0; sent < frames; sent += 16) {
      writer.send(...makeBodies(16, 3).map((body) => publishFrame(body, commitNumber)));
      await writer.entries(16);
      fixture.clock.tick(300);
    }
  }

  test('delays no other member, makes the relay hold a bounded amount, and misses nothing when it reads on', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [writer, slow] = [await fixture.join(room), await fixture.join(room)];
    slow.socket.pause();
    const frames = (3 * 1_048_576) / 4_096;
    await fillLog(fixture, writer, frames);
    const held = fixture.relay.outboundBytes();
    expect(Math.max(...held)).toBeGreaterThan(OUTBOUND_BYTES_MAX);
    expect(Math.max(...held)).toBeLessThanOrEqual(OUTBOUND_BYTES_MAX + FLUSH_BYTES_MAX + 65_536);
    slow.socket.resume();
    const numbers = (await slow.entries(frames)).map((entry) => Number(entry.split(' ')[0]));
    expect(numbers).toEqual(Array.from({ length: frames }, (_, index) => index + 1));
    // It is live again.
    writer.publish(makeBody());
    expect((await slow.entries(1))[0]).toMatch(new RegExp(`^${frames + 1} `));
  });

  test('sees everything in order if it catches up while others go on publishing', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [writer, slow] = [await fixture.join(room), await fixture.join(room)];
    slow.socket.pause();
    await fillLog(fixture, writer, 512);
    const entries = slow.entries(1_024);
    let count = 0;
    slow.socket.on('data', () => {
      // It reads in fits and starts, so that live entries find it behind again and again.
      count += 1;
      if (count % 4 !== 0) return;
      slow.socket.pause();
      setImmediate(() => slow.socket.resume());
    });
    slow.socket.resume();
    await fillLog(fixture, writer, 512);
    const numbers = (await entries).map((entry) => Number(entry.split(' ')[0]));
    expect(numbers).toEqual(Array.from({ length: 1_024 }, (_, index) => index + 1));
  });

  test('is closed as too slow if the log has dropped its place when it reads on', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const { room, mirror } = await fullRoom(fixture);
    const slow = await fixture.join(room, mirror.oldest);
    slow.socket.pause();
    await iterations(5);
    const writer = await fixture.join(room);
    await fillLog(fixture, writer, 256, mirror.commitNumber);
    slow.socket.resume();
    let last = await slow.next();
    const numbers: number[] = [];
    while (last?.operation === 'entry' || last?.operation === 'committed') {
      numbers.push(last.number);
      last = await slow.next();
    }
    expect(last?.code).toBe('too-slow');
    expect(numbers).toEqual(numbers.map((_, index) => mirror.oldest + index));
    await writer.ping();
  });

  test('is closed if it does not catch up in time, and the relay holds nothing more for it', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const room = await fixture.room();
    const [writer, slow] = [await fixture.join(room), await fixture.join(room)];
    slow.socket.pause();
    await fillLog(fixture, writer, 256);
    let pings = 1;
    for (let passed = 0; passed < 130_000; passed += SILENCE_LIMIT_MS / 3) {
      fixture.clock.tick(SILENCE_LIMIT_MS / 3);
      await writer.ping((pings += 1));
    }
    await iterations(5);
    expect(Math.max(...fixture.relay.outboundBytes())).toBe(0);
    slow.socket.resume();
    while ((await slow.next()) !== undefined);
    await writer.ping();
  });

  test('is not read on if it asks and never reads, so answers do not pile up', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [mute, other] = [await fixture.join(room), await fixture.join(room)];
    mute.socket.pause();
    // Stale frames are answered one by one, to their sender alone.
    for (let second = 0; second < 12; second += 1) {
      mute.send(...Array.from({ length: 256 }, () => publishFrame(makeBody(), 9)));
      await iterations(5);
      fixture.clock.tick(1_000);
      await iterations(5);
    }
    // The answers to the read that reached the limit and to the one that found it reached.
    expect(Math.max(...fixture.relay.outboundBytes())).toBeLessThanOrEqual(OUTBOUND_BYTES_MAX + 2 * 65_536);
    expect(mute.socket.writableLength).toBeGreaterThan(0);
    await other.ping();
  });
});
