// The way to another room rides in the commit itself, under the key of the epoch that it begins.
// PROTOCOL.md §5.8, §5.9.

import { openEnvelope } from '@sotto/crypto';
import { createGroupIdentity, memberIdOf, proveLeave } from '@sotto/crypto/mls';
import type { Access, Move } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { OrderSigner } from '@sotto/fixtures';
import { EMPTY_BUNDLE } from '../src/group/commit-bundle.ts';
import { validateCommit } from '../src/group/commit-policy.ts';
import { expectOneView, GroupLog, inhabited, keysOf, readAll, removals, idOf, without } from './group-room.ts';
import type { GroupReader } from './group-room.ts';
import { Rogue, withRogue } from './group-rogue.ts';

const THERE = {
  onionKey: new Uint8Array(32).fill(1),
  roomSecret: new Uint8Array(32).fill(2),
  cover: 'jitter',
} as const;

/** The move that the member's last epoch began with. */
function moveOf(member: GroupReader): Move | undefined {
  return member.news?.kind === 'epoch' ? member.news.move : undefined;
}

function evict(committer: GroupReader, evicted: GroupReader): Promise<boolean> {
  const { moderator } = committer.log;
  const order = committer.evictionOf(evicted.membership.memberId);
  return committer.commit(committer.membership.order([order], moderator.move(THERE)));
}

describe('a move', () => {
  test('is read by the members of the epoch that it rides with, the committer too, and not by the evicted', async () => {
    const { log, members, person } = await inhabited(700, ['anna', 'ben', 'carla']);
    await evict(person('anna'), person('ben'));
    await readAll(members);
    const staying = without(members, person('ben'));
    for (const member of staying) {
      expect(moveOf(member)).toEqual(log.moderator.move(THERE));
      expect(removals(member).at(-1)).toEqual([idOf(person('ben').membership), 'evicted']);
    }
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'evicted' });
    expectOneView(staying);
  });

  test('can be made with nobody evicted', async () => {
    const { log, members, person } = await inhabited(701, ['anna', 'ben']);
    await person('anna').commit(person('anna').membership.order([], log.moderator.move(THERE)));
    await readAll(members);
    expect(members.map(moveOf)).toEqual(Array(2).fill(log.moderator.move(THERE)));
  });

  test('is made anew under another key when another commit came first', async () => {
    const { log, members, person } = await inhabited(702, ['anna', 'ben', 'carla']);
    const [anna, carla] = [person('anna'), person('carla')];
    const order = anna.evictionOf(person('ben').membership.memberId);
    const late = anna.membership.order([order], log.moderator.move(THERE));
    await late;
    await carla.rotate();
    expect(await anna.commit(late)).toBe(false);
    expect(moveOf(anna)).toBeUndefined();
    await evict(anna, person('ben'));
    await readAll(members);
    expect([moveOf(anna), moveOf(carla)]).toEqual(Array(2).fill(log.moderator.move(THERE)));
  });

  test('is found by a member that reads the log later, whatever commits follow', async () => {
    const { log, members, person } = await inhabited(703, ['anna', 'ben', 'carla', 'dora']);
    const away = person('dora');
    const [anna, carla] = [person('anna'), person('carla')];
    await evict(anna, person('ben'));
    await carla.read();
    for (const member of [anna, carla, anna]) {
      await member.rotate();
      await readAll([anna, carla]);
    }
    await away.read();
    const moves = away.opened.flatMap((opened) => (opened.kind === 'epoch' && opened.move ? [opened.move] : []));
    expect(moves).toEqual([log.moderator.move(THERE)]);
    expectOneView(without(members, person('ben')));
  });

  test('opens under no key of a stranger that joins behind it, of any later epoch', async () => {
    const { log, members, person } = await inhabited(704, ['anna', 'ben', 'carla']);
    const before = log.entries.length;
    await evict(person('anna'), person('ben'));
    const upload = log.entries.slice(before);
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    expect(person('anna').names).toBe(3);
    const opensOne = (): boolean => {
      const key = rogue.envelopeKey;
      if (key === undefined) throw new Error('a rogue outside');
      return upload.some((body) => rogue.envelopes.openMove(body, key) !== undefined);
    };
    expect(opensOne()).toBe(false);
    for (let epoch = 0; epoch < 3; epoch += 1) {
      await person('carla').rotate();
      await readAll(members);
      await rogue.follow();
      expect(opensOne()).toBe(false);
    }
    // Nor does the join key, which every string holder has, and which opens the rest of the commit.
    const { joinKey } = keysOf(log);
    const opened = upload
      .map((body) => openEnvelope(joinKey, body))
      .flatMap((frame) => (frame.ok ? [frame.value] : []));
    expect(opened.length).toBeGreaterThan(2);
    expect(opened.some((bytes) => Buffer.from(bytes).includes(Buffer.from(THERE.roomSecret)))).toBe(false);
  });

  test('control: a rogue that is a member of that epoch opens it', async () => {
    const { log, members, person, rogue } = await withRogue(705, ['anna', 'ben', 'carla']);
    const before = log.entries.length;
    await person('anna').rotate();
    await readAll(members);
    await rogue.follow();
    await evict(person('anna'), person('ben'));
    await rogue.follow();
    const key = rogue.envelopeKey;
    const found = log.entries.slice(before).flatMap((body) => (key && rogue.envelopes.openMove(body, key)) ?? []);
    expect(found).toEqual([log.moderator.move(THERE)]);
  });

  test.each([
    ['nobody has signed', () => ({ ...new GroupLog(1).moderator.move(THERE), signature: new Uint8Array(64) })],
    ['another key has signed', (log: GroupLog) => new OrderSigner(new Uint8Array(32).fill(3), log.roomId).move(THERE)],
    ['was signed for another room', () => new GroupLog(1).moderator.move(THERE)],
    ['was signed for another cover mode', (log: GroupLog) => ({ ...log.moderator.move(THERE), cover: 'off' as const })],
  ] as const)('moves nobody if it is one that %s, of a member or of a stranger', async (_what, forge) => {
    const { log, members, rogue } = await withRogue(706, ['anna', 'ben']);
    await rogue.rotate({ move: { order: forge(log), under: 'next' } });
    await readAll(members);
    for (const member of members) expect(member.news).toMatchObject({ kind: 'epoch', by: 'other', move: undefined });
    const stranger = await Rogue.open(log);
    await stranger.join(false, { move: { order: forge(log), under: 'next' } });
    await readAll(members);
    for (const member of members) expect(member.news).toMatchObject({ kind: 'epoch', by: 'other', move: undefined });
    expectOneView(members);
  });

  test('moves nobody if it is under the key of the epoch that its commit ends, and the commit counts', async () => {
    const { log, members, rogue } = await withRogue(707, ['anna', 'ben']);
    await rogue.rotate({ move: { order: log.moderator.move(THERE), under: 'present' } });
    await readAll(members);
    for (const member of members) expect(member.news).toMatchObject({ kind: 'epoch', by: 'other', move: undefined });
    expect(members.map(({ opened }) => opened.some((one) => 'code' in one && one.code === 'content-kind'))).toEqual([
      true,
      true,
    ]);
    // Control: the same move under the next key is followed.
    await rogue.rotate({ move: { order: log.moderator.move(THERE), under: 'next' } });
    await readAll(members);
    expect(members.map(moveOf)).toEqual(Array(2).fill(log.moderator.move(THERE)));
  });

  test('moves nobody if the commit that it rides with is refused', async () => {
    const { log, members, person, rogue } = await withRogue(708, ['anna', 'ben']);
    const move = { order: log.moderator.move(THERE), under: 'next' } as const;
    await rogue.remove([person('ben').membership.memberId], { move });
    await readAll(members);
    for (const member of members) expect(member.news).toMatchObject({ kind: 'refused', code: 'policy-remove' });
  });

  test('moves nobody if it is in the log without a commit', async () => {
    const { log, members, rogue } = await withRogue(709, ['anna', 'ben']);
    const key = rogue.envelopeKey;
    if (key === undefined) throw new Error('a rogue outside');
    const [body] = rogue.envelopes.sealFrames([{ kind: 'move', move: log.moderator.move(THERE) }], key);
    if (body === undefined) throw new Error('no frame');
    log.publish(body, log.commitNumber);
    log.commitFrames([body]);
    await readAll(members);
    for (const member of members) expect(member.news).toMatchObject({ kind: 'epoch', move: undefined });
  });
});

describe('a listed room', () => {
  /** A room that takes `anna`, `ben` and `carla`; anna and ben are in it. */
  async function listedRoom(seed: number): Promise<{ log: GroupLog; carla: GroupReader; members: GroupReader[] }> {
    const log = new GroupLog(seed);
    const people = await Promise.all(['anna', 'ben', 'carla'].map((name) => log.member(name)));
    const [anna, ben, carla] = people;
    if (anna === undefined || ben === undefined || carla === undefined) throw new Error('nobody');
    await log.founded(log.moderator.listed(people.map(({ membership }) => membership.memberId)));
    for (const member of [anna, ben]) {
      await member.join();
      await anna.read();
    }
    await anna.rotate();
    await ben.read();
    return { log, carla, members: [anna, ben] };
  }

  test('takes the joins of its list alone, and refuses a forced one at every member', async () => {
    const { log, carla, members } = await listedRoom(720);
    const stranger = await log.member('stranger');
    await expect(stranger.join()).rejects.toThrow('policy-knock');
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    const refused = { kind: 'refused', by: 'other', code: 'policy-knock' };
    for (const member of members) expect(member.news).toEqual(refused);
    await members[0]?.putSnapshot(members[0].membership.republishSnapshot());
    await readAll(members);
    await carla.join();
    await readAll(members);
    expectOneView([...members, carla]);
    expect(carla.view).toMatchObject({ access: 'listed', members: { length: 3 } });
  });

  test('lets a member admit a stranger that knocks', async () => {
    const { log, members } = await listedRoom(721);
    const stranger = await log.member('stranger');
    await stranger.knock();
    await readAll(members);
    expect(members.map(({ news }) => news?.kind)).toEqual(['knock', 'knock']);
    await members[1]?.admit(stranger);
    await stranger.read();
    await stranger.enter();
    await readAll(members);
    expectOneView([...members, stranger]);
  });

  test('takes the resync of a member, listed or admitted', async () => {
    const { log, carla, members } = await listedRoom(722);
    await carla.join();
    await readAll(members);
    await members[0]?.rotate();
    await members[1]?.read();
    log.entries.fill(new Uint8Array(496));
    await carla.read();
    await carla.join(true);
    await readAll(members);
    expectOneView([...members, carla]);
  });

  test('is what its access order says until another holds', async () => {
    const { log, members } = await listedRoom(723);
    const [anna, ben] = members;
    await anna?.order(log.moderator.access('open'));
    await ben?.read();
    const stranger = await log.member('stranger');
    await stranger.join();
    await readAll(members);
    expectOneView([...members, stranger]);
  });

  test('is not joined by a stranger before its members have come', async () => {
    const log = new GroupLog(724);
    const anna = await log.member('anna');
    await log.founded(log.moderator.listed([anna.membership.memberId]));
    const stranger = await log.member('stranger');
    await expect(stranger.join()).rejects.toThrow('policy-knock');
    await anna.join();
    expect(anna.names).toBe(2);
  });

  test('takes any joiner when all have left, but not when it was just founded', () => {
    const identity = createGroupIdentity((length) => new Uint8Array(length).fill(3));
    const { memberKey } = identity;
    const gone = { memberId: memberIdOf(memberKey), memberKey, leafIndex: 0 };
    const stranger = { memberId: new Uint8Array(16).fill(9), memberKey: new Uint8Array(32).fill(9), leafIndex: -1 };
    const roomId = new Uint8Array(16);
    const evidence = { roomId, authorizations: EMPTY_BUNDLE, rollCall: undefined };
    const judge = (access: Access, epoch: bigint): string =>
      validateCommit(
        { ...evidence, access, leaveProofs: [proveLeave(identity, roomId)] },
        { kind: 'join', epoch, committer: stranger, added: [], removed: [], roster: [gone] },
      );
    const listed: Access = { mode: 'listed', listed: [new Uint8Array(16).fill(7)] };
    expect([judge(listed, 0n), judge(listed, 1n)]).toEqual(['policy-knock', 'accept']);
    expect(judge({ mode: 'locked' }, 0n)).toBe('accept');
  });
});
