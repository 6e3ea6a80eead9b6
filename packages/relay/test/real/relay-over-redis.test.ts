import type { Frame } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { roomKeys } from '../../src/store/redis-room-store.ts';
import { fingerprint, makeBody, makeCommit, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestCommit, TestMember } from '@sotto/fixtures/relay-member';
import { useRedis } from './redis-server.ts';
import { createRoom, openRelayOverRedis, resumeRoom, storedEntries } from './relay-over-redis.ts';
import type { RelayOverRedis } from './relay-over-redis.ts';

const redis = useRedis();

describe('the relay over a real Redis', () => {
  test.each(['killed and started again, empty', 'emptied'])(
    'loses none of 200 acknowledged messages if Redis is %s in the middle',
    async (how) => {
      const { host, join: enter, events } = await openRelayOverRedis(redis.server);
      const room = await createRoom(host);
      const [writer, reader] = [await enter(room), await enter(room)];
      const bodies = Array.from({ length: 80 }, (_, index) => makeBody((index % 4) as 0 | 1 | 2 | 3));
      writer.publish(...bodies);
      await writer.entries(80);

      // The rest is on its way while Redis goes and comes: each is acknowledged before or after,
      // and none is lost or moved.
      const way = { gone: false };
      const going = (how === 'emptied' ? redis.tester.flushall() : redis.server.restartEmpty()).then(
        () => (way.gone = true),
      );
      while (!way.gone || bodies.length < 200) {
        const body = makeBody();
        bodies.push(body);
        writer.publish(body);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await going;
      const expected = bodies.map((body, index) => `${index + 1} ${fingerprint(body)}`);
      expect(await writer.entries(bodies.length - 80)).toEqual(expected.slice(80));
      expect(await reader.entries(bodies.length)).toEqual(expected);
      expect(await (await enter(room, 1)).entries(bodies.length)).toEqual(expected);
      // The kill was in the middle: frames had to wait for it.
      expect(events.includes('store-lost')).toBe(how !== 'emptied');

      // Once more something is said, so that the room is there again even if the kill came after
      // the last acknowledgement.
      const last = makeBody();
      writer.publish(last);
      await writer.entries(1);
      expect(await storedEntries(redis.tester, room)).toEqual([
        ...expected,
        `${bodies.length + 1} ${fingerprint(last)}`,
      ]);
      expect(events).toContain('room-reseeded');
      expect([writer.closed, reader.closed]).toEqual([false, false]);
    },
  );

  test.each(['killed and started again, empty', 'emptied'])(
    'loses and repeats nothing of 30 commits and the messages between them if Redis is %s in the middle',
    async (how) => {
      const { host, join: enter, events } = await openRelayOverRedis(redis.server);
      const room = await createRoom(host);
      // Each may make 8 at once, the room 32.
      const committers: TestMember[] = [];
      while (committers.length < 5) committers.push(await enter(room));
      const reader = await enter(room);
      const way = { begun: false, gone: false };
      let going: Promise<unknown> = Promise.resolve();
      const expected: string[] = [];
      const made: TestCommit[] = [];
      const say = (body: Uint8Array): number => expected.push(`${expected.length + 1} ${fingerprint(body)}`);
      while (made.length < 30) {
        const commitNumber = made.length;
        if (commitNumber === 5 && !way.begun) {
          way.begun = true;
          going = (how === 'emptied' ? redis.tester.flushall() : redis.server.restartEmpty()).then(
            () => (way.gone = true),
          );
        }
        const committer = committers[commitNumber % committers.length];
        const commit = makeCommit({ frames: 3, snapshotBytes: 60_000 });
        const before = makeBody();
        made.push(commit);
        [before, ...commit.bodies].forEach(say);
        committer?.send(publishFrame(before, commitNumber), ...commit.stages, commit.commit(commitNumber));
        for (const member of committers) {
          const [first] = await member.entries(1);
          const received = await member.committed();
          expect([first, ...received.entries]).toEqual(expected.slice(-4));
          expect(received.commitNumber).toBe(commitNumber + 1);
        }
        // As long as it takes Redis to go and to come, but not all of the commits behind it.
        if (way.begun && !way.gone && made.length > 20) await going;
        await new Promise((resolve) => setTimeout(resolve, 8));
      }
      for (const commit of made) {
        expect(commit.bodies.length).toBe(3);
        await reader.entries(1);
        await reader.committed();
      }
      expect(await storedEntries(redis.tester, room)).toEqual(expected);
      const fields = ['commit-number', 'next', 'snapshot-last', 'previous-last'];
      expect(await redis.tester.hmget(roomKeys(room.roomId)[0], ...fields)).toEqual(['30', '121', '120', '116']);
      expect(
        fingerprint((await redis.tester.hgetBuffer(roomKeys(room.roomId)[0], 'snapshot')) ?? Buffer.alloc(0)),
      ).toBe(fingerprint(made[29]?.snapshot ?? Buffer.alloc(1)));
      const late = await enter(room);
      expect(fingerprint((await late.fetchSnapshot()).bytes)).toBe(fingerprint(made[29]?.snapshot ?? Buffer.alloc(1)));
      expect(fingerprint((await late.fetchSnapshot('previous-snapshot')).bytes)).toBe(
        fingerprint(made[28]?.snapshot ?? Buffer.alloc(1)),
      );
      expect(events).toContain('room-reseeded');
      if (how !== 'emptied') expect(events).toContain('store-lost');
      for (const member of [...committers, reader]) expect(await member.ping()).toEqual([]);
    },
  );

  test('serves every commit, after a restart over the same Redis, exactly as before', async () => {
    const before = await openRelayOverRedis(redis.server);
    const room = await createRoom(before.host);
    const member = await before.join(room);
    for (let commitNumber = 0; commitNumber < 6; commitNumber += 1) {
      const made = makeCommit({ frames: 1 + commitNumber, size: 3 });
      member.send(publishFrame(makeBody(), commitNumber), ...made.stages, made.commit(commitNumber));
      await member.entries(1);
      expect((await member.committed()).commitNumber).toBe(commitNumber + 1);
    }
    const outline = ({ operation, number, body }: Frame): string => `${operation} ${number} ${fingerprint(body)}`;
    const served = async (from: RelayOverRedis): Promise<string[]> => {
      const reader = await from.join(room, 1);
      // Six frames that were published, and commits of one frame to six.
      const frames: Frame[] = [];
      while (frames.length < 6 + 21) {
        const frame = await reader.next();
        if (frame === undefined) throw new Error('closed instead of the log');
        frames.push(frame);
      }
      return frames.map(outline);
    };
    const first = await served(before);
    expect(first.filter((frame) => frame.startsWith('committed')).length).toBe(21);
    await before.relay.close();
    const after = await openRelayOverRedis(redis.server);
    await resumeRoom(after.host, room);
    expect(await served(after)).toEqual(first);
    // And so it does when Redis has lost everything, and has it from the relay again.
    await redis.tester.flushall();
    const late = await after.join(room);
    late.send(publishFrame(makeBody(), 6));
    await late.entries(1);
    expect(after.events).toContain('room-reseeded');
    await after.relay.close();
    const last = await openRelayOverRedis(redis.server);
    await resumeRoom(last.host, room);
    expect(await served(last)).toEqual(first);
  });

  test('makes six EVALSHA of a commit of 64 KiB and a snapshot of 512 KiB, and one of a small commit', async () => {
    const { host, join: enter } = await openRelayOverRedis(redis.server);
    const room = await createRoom(host);
    const member = await enter(room);
    for (let commitNumber = 0; commitNumber < 2; commitNumber += 1) {
      const made = makeCommit({ frames: 16, size: 3, snapshotBytes: 524_288 });
      member.send(...made.stages);
      await member.ping();
      await redis.tester.call('CONFIG', 'RESETSTAT');
      const started = performance.now();
      member.send(made.commit(commitNumber));
      await member.committed();
      if (commitNumber === 0)
        process.stdout.write(`a commit of the largest size: ${(performance.now() - started).toFixed(1)} ms\n`);
    }
    const statistics = await redis.tester.info('commandstats');
    expect(/^cmdstat_evalsha:calls=(\d+)/m.exec(statistics)?.[1]).toBe('6');

    const small = makeCommit({ frames: 4, size: 3, snapshotBytes: 65_536 });
    member.send(...small.stages);
    await member.ping();
    await redis.tester.call('CONFIG', 'RESETSTAT');
    member.send(small.commit(2));
    await member.committed();
    expect(/^cmdstat_evalsha:calls=(\d+)/m.exec(await redis.tester.info('commandstats'))?.[1]).toBe('1');
    expect(fingerprint((await member.fetchSnapshot()).bytes)).toBe(fingerprint(small.snapshot));
  });

  test('continues after a restart with the rooms and numbers that Redis kept', async () => {
    const first = await openRelayOverRedis(redis.server);
    const room = await createRoom(first.host);
    const writer = await first.join(room);
    const bodies = Array.from({ length: 300 }, () => makeBody(2));
    const expected = bodies.map((body, index) => `${index + 1} ${fingerprint(body)}`);
    writer.publish(...bodies);
    expect(await writer.entries(300)).toEqual(expected);
    await first.relay.close();
    expect(await writer.closing()).toBe('relay-stopping');

    const second = await openRelayOverRedis(redis.server);
    while ((await second.host.ask({ operation: 'resume', roomId: room.roomId }))?.ok !== true) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const back = await second.join(room, 101);
    expect(await back.entries(200)).toEqual(expected.slice(100));
    const more = makeBody();
    back.publish(more);
    expect(await back.entries(1)).toEqual([`301 ${fingerprint(more)}`]);
  });

  test('leaves nothing of a closed room in Redis (control: before, it was there)', async () => {
    await redis.tester.flushall();
    const { host, join: enter } = await openRelayOverRedis(redis.server);
    const room = await createRoom(host);
    const member = await enter(room);
    member.publish(makeBody());
    await member.entries(1);
    expect((await redis.tester.keys('*')).length).toBe(2);
    expect(await host.ask({ operation: 'close', roomId: room.roomId })).toEqual({ ok: true });
    expect(await member.closing()).toBe('room-closed');
    expect(await redis.tester.keys('*')).toEqual([]);
  });

  test('makes one EVALSHA of one flush, for any number of members', async () => {
    const { host, join: enter } = await openRelayOverRedis(redis.server);
    const room = await createRoom(host);
    const members = [];
    for (let count = 0; count < 8; count += 1) members.push(await enter(room));
    members[0]?.publish(makeBody());
    for (const member of members) await member.entries(1);
    await redis.tester.call('CONFIG', 'RESETSTAT');
    members[0]?.publish(...Array.from({ length: 8 }, () => makeBody(3)));
    for (const member of members) await member.entries(8);
    const statistics = await redis.tester.info('commandstats');
    const calls = (command: string): number =>
      Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(statistics)?.[1] ?? 0);
    expect(calls('xadd')).toBe(8);
    // These are what a room may say at once. They come in one read or two, so two flushes at most.
    expect(calls('evalsha')).toBeLessThanOrEqual(2);
    expect(calls('eval')).toBe(0);
  });
});
