import { encodeGroupPlaintext, encodeSnapshotPlaintext, FRAME_BYTES, toHex, uploadBodyBytes } from '@sotto/protocol';
import { plaintextBytes, sealEnvelope } from '@sotto/crypto';
import { deriveGroupKeys } from '@sotto/crypto/mls';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { GroupLog, readAll, room } from './group-room.ts';
import type { GroupReader } from './group-room.ts';

const COMMIT_BODY_BYTES = uploadBodyBytes(FRAME_BYTES[3]);

function pick<Item>(items: readonly Item[], random: SeededRandom): Item {
  const item = items[(random.bytes(1)[0] ?? 0) % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

describe('a room', () => {
  test('removes its founder with the first rotation', async () => {
    const { members } = await room(1, ['anna']);
    const [anna] = members;
    expect(anna?.names).toBe(2);
    expect(anna?.view.leavers).toHaveLength(1);
    expect(await anna?.rotate()).toBe(true);
    expect(anna?.names).toBe(1);
  });

  test('can be joined with no member online, and all members can read all later texts', async () => {
    const { members } = await room(2, ['anna', 'ben', 'carla']);
    for (const member of members) await member.send(`I am ${member.name}`);
    await readAll(members);
    const all = ['I am anna', 'I am ben', 'I am carla'];
    // A member recognises the echo of its own text by its bytes, and does not open it.
    for (const member of members) expect(member.heard).toEqual(all.filter((text) => text !== `I am ${member.name}`));
    const epochs = new Set(members.map((member) => member.view.epoch));
    expect(epochs.size).toBe(1);
  });

  test('cannot be read by a string holder that did not join, nor by a later joiner', async () => {
    const { log, members } = await room(3, ['anna', 'ben']);
    const listener = await log.member('listener');
    await members[0]?.send('among us');
    await readAll([...members, listener]);
    expect(members[1]?.heard).toEqual(['among us']);
    expect(listener.opened.map(({ kind }) => kind)).toEqual(['nothing']);
    await listener.join();
    await readAll(members);
    expect(listener.heard).toEqual([]);
    await members[0]?.send('welcome');
    await readAll([...members, listener]);
    expect(listener.heard).toEqual(['welcome']);
  });

  test('with the post-quantum suite writes only frames of one size and snapshots of a power of two', async () => {
    const log = await new GroupLog(4, 'x-wing').founded();
    const anna = await log.member('anna');
    await anna.join();
    const ben = await log.member('ben');
    await ben.join();
    await anna.read();
    await ben.send('quantum');
    await anna.read();
    expect(anna.heard).toEqual(['quantum']);
    const commits = log.entries.slice(0, -1);
    expect(new Set(commits.map((body) => body.length))).toEqual(new Set([COMMIT_BODY_BYTES]));
    expect(Math.log2(log.snapshot?.bytes.length ?? 0) % 1).toBe(0);
  });
});

describe('two commits at once', () => {
  test('lead to one epoch: one is accepted, and the other is made again', async () => {
    const { log, members } = await room(5, ['anna', 'ben', 'carla']);
    const uploads = await Promise.all(members.map((member) => member.membership.rotate()));
    const outcomes = uploads.map((upload, index) => {
      if (!upload.ok) throw new Error(upload.code);
      const outcome = log.commit(upload.value, members[index]?.commitNumber ?? -1);
      if (outcome === 'conflict') members[index]?.membership.clear();
      return outcome;
    });
    expect(outcomes).toEqual(['accepted', 'conflict', 'conflict']);
    await readAll(members);
    expect(await members[1]?.rotate()).toBe(true);
    await readAll(members);
    await members[2]?.send('one epoch');
    await readAll(members);
    expect(members.slice(0, 2).map((member) => member.heard)).toEqual([['one epoch'], ['one epoch']]);
  });

  test('lose nothing for a member that reads the accepted one before its own is refused', async () => {
    const { log, members } = await room(6, ['anna', 'ben']);
    const [anna, ben] = members;
    const late = await ben?.membership.rotate();
    await anna?.rotate();
    // Ben reads the accepted commit while his own is still pending.
    await readAll(members);
    if (late?.ok !== true) throw new Error('ben could not rotate');
    expect(log.commit(late.value, 0)).toBe('conflict');
    ben?.membership.clear();
    await ben?.send('still here');
    await readAll(members);
    expect(anna?.heard).toEqual(['still here']);
  });
});

describe('a leaver', () => {
  test('is removed by the next rotation, and can read nothing more', async () => {
    const { members } = await room(7, ['anna', 'ben', 'carla']);
    const [anna, ben, carla] = members;
    await ben?.leave();
    await readAll(members);
    await carla?.rotate();
    await readAll(members);
    expect(ben?.opened.at(-1)).toEqual({ kind: 'removed', reason: 'left' });
    expect(anna?.names).toBe(2);
    await anna?.send('without ben');
    await readAll([anna, carla].filter((member) => member !== undefined));
    expect(carla?.heard).toEqual(['without ben']);
  });

  test('is removed also in the view of a joiner that has not seen its leave proof', async () => {
    const { log, members } = await room(8, ['anna', 'ben']);
    const [anna, ben] = members;
    await ben?.leave();
    await readAll(members);
    const carla = await log.member('carla');
    await carla.join();
    await readAll(members);
    await anna?.rotate();
    await carla.read();
    expect(carla.names).toBe(2);
    await anna?.send('all agree');
    await carla.read();
    expect(carla.heard).toEqual(['all agree']);
  });
});

describe('a hostile string holder', () => {
  test.each(['junk', 'a commit of another room'])(
    'moves only the commit number by %s: the epoch stays, and the snapshot is put back',
    async (what) => {
      const { log, members } = await room(10, ['anna', 'ben']);
      const epoch = members[0]?.view.epoch;
      const junk = { kind: 'piece', index: 0, count: 1, bytes: log.random.bytes(2_000) } as const;
      const keys = deriveGroupKeys({ roomSecret: log.roomSecret, roomId: log.roomId });
      const size = plaintextBytes(COMMIT_BODY_BYTES);
      const other = await (await room(11, ['x'])).members[0]?.membership.rotate();
      const bodies =
        what === 'junk' || other?.ok !== true
          ? [sealEnvelope(keys.joinKey, encodeGroupPlaintext(junk, size), log.random.bytes)]
          : other.value.bodies;
      const snapshot = sealEnvelope(
        keys.snapshotKey,
        encodeSnapshotPlaintext(
          { groupInfo: log.random.bytes(200), tree: log.random.bytes(300), proofs: [], access: undefined },
          40,
        ),
        log.random.bytes,
      );
      expect(log.commit({ id: log.random.bytes(16), frameSize: 3, bodies, snapshot }, log.commitNumber)).toBe(
        'accepted',
      );
      await readAll(members);
      expect(members.map((member) => member.view.epoch)).toEqual([epoch, epoch]);
      const newcomer = await log.member('newcomer');
      await expect(newcomer.join()).rejects.toThrow();
      const again = await members[0]?.membership.republishSnapshot();
      if (again === undefined) throw new Error('nobody to put it back');
      log.commit(again, log.commitNumber);
      await newcomer.join();
      await readAll(members);
      await members[1]?.send('as before');
      await readAll([...members, newcomer]);
      expect(newcomer.heard).toEqual(['as before']);
    },
  );

  test('interrupts the pieces of a commit, and the members stay in one epoch', async () => {
    const { log, members } = await room(12, ['anna', 'ben']);
    const upload = await members[0]?.membership.rotate();
    if (upload?.ok !== true) throw new Error('anna could not rotate');
    const [first, ...others] = upload.value.bodies;
    if (first === undefined) throw new Error('a commit without frames');
    const epoch = members[1]?.view.epoch;
    // Neither a part of it nor all of it is a commit when it is published.
    for (const body of [first, ...others]) log.publish(body, log.commitNumber);
    // Nor is a part of it that is committed.
    log.commitFrames([first, ...others.slice(0, -1)]);
    members[0]?.membership.clear();
    await readAll(members);
    expect(members.map(({ view }) => view.epoch)).toEqual([epoch, epoch]);
    await members[1]?.rotate();
    await readAll(members);
    expect(members[0]?.view.epoch).toBe(members[1]?.view.epoch);
  });
});

describe('a member that has missed a commit for good', () => {
  test('cannot read on, resyncs as itself, and is in the group once', async () => {
    const { log, members } = await room(13, ['anna', 'ben']);
    const [anna, ben] = members;
    await anna?.rotate();
    // The relay has lost the commit that ben missed.
    log.entries.fill(new Uint8Array(496));
    await ben?.read();
    await anna?.send('missed');
    await ben?.read();
    expect(ben?.heard).toEqual([]);
    const key = toHex(ben?.membership.memberKey ?? new Uint8Array(0));
    await ben?.join(true);
    await anna?.read();
    expect(anna?.view.members.map(({ memberKey }) => toHex(memberKey)).filter((other) => other === key)).toHaveLength(
      1,
    );
    await anna?.send('back');
    await ben?.read();
    expect(ben?.heard).toEqual(['back']);
  });
});

describe('members that act in any order', () => {
  const runs = Number(process.env['SOTTO_GROUP_RUNS'] ?? '6');

  test.each(Array.from({ length: runs }, (_, index) => index + 100))(
    'see one epoch and the same texts if they stay (seed %i)',
    async (seed) => {
      const { log, members } = await room(seed, ['anna', 'ben']);
      const random = new SeededRandom(seed);
      const gone: GroupReader[] = [];
      for (let turn = 0; turn < 25; turn += 1) {
        const actor = pick(members, random);
        const deed = pick(['say', 'say', 'say', 'rotate', 'join', 'leave', 'read'], random);
        if (deed === 'say') await actor.send(`${actor.name} ${turn}`);
        if (deed === 'rotate') await actor.rotate();
        if (deed === 'read') await actor.read();
        if (deed === 'join' && members.length < 6) {
          const newcomer = await log.member(`m${turn}`);
          await newcomer.join();
          members.push(newcomer);
        }
        if (deed === 'leave' && members.length > 2) {
          await actor.read();
          await actor.leave();
          gone.push(...members.splice(members.indexOf(actor), 1));
        }
      }
      await readAll(members);
      await members[0]?.rotate();
      await readAll(members);
      const last = `last words of ${seed}`;
      await members[0]?.send(last);
      await readAll(members);
      expect(new Set(members.map((member) => member.view.epoch)).size).toBe(1);
      expect(members.slice(1).map((member) => member.heard.at(-1))).toEqual(members.slice(1).map(() => last));
      expect(members[0]?.names).toBe(members.length);
    },
  );
});
