import { memberIdOf, proveLeave } from '@sotto/crypto/mls';
import { describe, expect, test } from 'vitest';
import {
  GroupLog,
  readAll,
  viewOf,
  expectOneView,
  idOf,
  inhabited,
  refusedRemoval,
  removals,
  without,
} from './group-room.ts';
import { Rogue, withRogue } from './group-rogue.ts';

describe('an eviction', () => {
  test('by the moderator’s order removes the member for all members, with its reason', async () => {
    const { members, person } = await inhabited(50, ['anna', 'ben', 'carla']);
    const [anna, ben, carla] = [person('anna'), person('ben'), person('carla')];
    await anna.order(anna.evictionOf(ben.membership.memberId));
    await readAll(members);
    expect(ben.news).toEqual({ kind: 'removed', reason: 'evicted' });
    expect(ben.membership.view).toBeUndefined();
    for (const member of [anna, carla]) expect(removals(member).at(-1)).toEqual([idOf(ben.membership), 'evicted']);
    expectOneView([anna, carla]);
    await carla.send('without ben');
    await readAll(members);
    expect([anna.heard, ben.heard]).toEqual([['without ben'], []]);
  });

  test('without an order, or with an order for another member, is refused by all', async () => {
    const { log, members, person, rogue } = await withRogue(51, ['anna', 'ben', 'carla']);
    const { memberId } = person('ben').membership;
    const before = members.map(viewOf);
    const { moderator } = log;
    const ids = [memberIdOf(rogue.identity.memberKey), ...members.map(({ membership }) => membership.memberId)];
    const [own = memberId, annas = memberId] = ids;
    const cases = [
      [[], 'policy-remove'],
      [[moderator.evict(log.random.bytes(16), ids)], 'policy-remove'],
      [[moderator.evict(person('carla').membership.memberId, [own, annas, memberId])], 'policy-evict'],
    ] as const;
    for (const [orders, code] of cases) {
      await rogue.remove([memberId], { orders });
      await readAll(members);
      for (const member of members) expect(member.news).toEqual({ ...refusedRemoval, code });
      expect(members.map(viewOf)).toEqual(before);
      // The rogue is alone in the epoch of its refused commit, so it resyncs.
      await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
      await rogue.join(true);
      await readAll(members);
      before.splice(0, before.length, ...members.map(viewOf));
    }
    // Control: with the order for ben, the same commit is accepted.
    const carlas = person('carla').membership.memberId;
    await rogue.remove([memberId], { orders: [moderator.evict(memberId, [own, annas, carlas])] });
    await readAll(members);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'evicted' });
    expectOneView(without(members, person('ben')));
  });

  test('does not count if its order is in another commit, or before it in the log', async () => {
    const { log, members, person, rogue } = await withRogue(52, ['anna', 'ben']);
    const { memberId } = person('ben').membership;
    const stay = [memberIdOf(rogue.identity.memberKey), person('anna').membership.memberId];
    await rogue.rotate({ orders: [log.moderator.evict(memberId, stay)] });
    await readAll(members);
    for (const member of members) expect(member.news).toEqual({ ...refusedRemoval, code: 'policy-evict' });
    await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
    await rogue.join(true);
    await readAll(members);
    await rogue.remove([memberId]);
    await readAll(members);
    for (const member of members) expect(member.news).toEqual(refusedRemoval);
  });

  test('is carried out by the first listed member alone', async () => {
    const { log, members, person, rogue } = await withRogue(53, ['anna', 'ben', 'carla']);
    const [anna, carla] = [person('anna'), person('carla')];
    const { memberId } = person('ben').membership;
    const order = anna.evictionOf(memberId);
    expect(await carla.membership.order([order])).toEqual({ ok: false, code: 'policy-evict' });
    const none = log.moderator.evict(memberId, []);
    expect(await anna.membership.order([none])).toEqual({ ok: false, code: 'policy-evict' });
    await rogue.remove([memberId], { orders: [order] });
    await readAll(members);
    for (const member of members) expect(member.news).toEqual({ ...refusedRemoval, code: 'policy-evict' });
    // Control: of its first member the same order is taken.
    await anna.order(order);
    await readAll(members);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'evicted' });
    expectOneView([anna, carla]);
  });

  test('removes each member that its list leaves out, and is refused if one of them stays', async () => {
    const { log, members, person, rogue } = await withRogue(56, ['anna', 'ben', 'carla']);
    const { memberId } = person('ben').membership;
    const stay = [memberIdOf(rogue.identity.memberKey), person('anna').membership.memberId];
    const order = log.moderator.evict(memberId, [...stay, person('carla').membership.memberId]);
    const dora = await log.member('dora');
    await dora.join();
    await readAll(members);
    await rogue.follow();
    const before = viewOf(dora);
    await rogue.remove([memberId], { orders: [order] });
    await readAll([...members, dora]);
    for (const member of [...members, dora]) {
      expect(member.news).toEqual({ ...refusedRemoval, code: 'policy-evict' });
      expect(viewOf(member)).toEqual(before);
    }
    await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
    await rogue.join(true);
    await readAll([...members, dora]);
    await rogue.remove([memberId, dora.membership.memberId], { orders: [order] });
    await readAll([...members, dora]);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'evicted' });
    expect(dora.news).toEqual({ kind: 'removed', reason: 'unlisted' });
    const stayed = [person('anna'), person('carla')];
    for (const member of stayed)
      expect(removals(member).slice(-2)).toEqual([
        [idOf(person('ben').membership), 'evicted'],
        [idOf(dora.membership), 'unlisted'],
      ]);
    expectOneView(stayed);
  });

  test('removes a listed member for another reason alone', async () => {
    const { log, members, person, rogue } = await withRogue(57, ['anna', 'ben', 'carla']);
    const { memberId } = person('ben').membership;
    const ids = [rogue.identity.memberKey].map(memberIdOf);
    const order = log.moderator.evict(memberId, [
      ...ids,
      person('anna').membership.memberId,
      person('carla').membership.memberId,
    ]);
    await rogue.remove([memberId, person('carla').membership.memberId], { orders: [order] });
    await readAll(members);
    for (const member of members) expect(member.news).toEqual(refusedRemoval);
    await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
    await rogue.join(true);
    await readAll(members);
    await person('carla').leave();
    await readAll(without(members, person('carla')));
    await rogue.follow();
    // Control: after its goodbye it is removed beside the evicted.
    await rogue.remove([memberId, person('carla').membership.memberId], { orders: [order], leaves: rogue.proofs });
    await readAll(without(members, person('carla')));
    expect(removals(person('anna')).slice(-2)).toEqual([
      [idOf(person('ben').membership), 'evicted'],
      [idOf(person('carla').membership), 'left'],
    ]);
  });

  test('leaves the evicted member with keys that open nothing of the next epoch', async () => {
    const { log, members, person, rogue } = await withRogue(54, ['anna', 'ben']);
    const [anna, ben] = [person('anna'), person('ben')];
    const key = rogue.envelopeKey;
    const read = (body: Uint8Array | undefined): string =>
      rogue.envelopes.open(body ?? new Uint8Array(0), key).sealedBy;
    await anna.send('while it is in the group');
    expect(read(log.entries.at(-1))).toBe('member');
    await anna.order(anna.evictionOf(memberIdOf(rogue.identity.memberKey)));
    await readAll(members);
    await ben.send('when it is out');
    expect(read(log.entries.at(-1))).toBe('nobody');
    // The evicted member processes the commit with its real state, which ends that state. It gets
    // no key of the next epoch.
    await rogue.follow();
    expect(rogue.envelopeKey).toBeUndefined();
    await anna.read();
    expect(anna.heard).toEqual(['when it is out']);
  });

  test('from an open room does not keep a string holder out, so the room has to move', async () => {
    const { members, person } = await inhabited(55, ['anna', 'ben']);
    const [anna, ben] = [person('anna'), person('ben')];
    await anna.order(anna.evictionOf(ben.membership.memberId));
    await readAll(members);
    await ben.join(true);
    await anna.read();
    expectOneView([anna, ben]);
    expect(anna.names).toBe(2);
  });
});

describe('a removed member', () => {
  test('as silent rejoins as itself, under its key and id', async () => {
    const { members, person } = await inhabited(70, ['anna', 'ben', 'carla']);
    const [anna, ben] = [person('anna'), person('ben')];
    const { memberId } = ben.membership;
    await anna.callRoll();
    await person('carla').publish(() => ({ type: 'receipt' }));
    await readAll(without(members, ben));
    await anna.removeSilent();
    await readAll(members);
    expect(ben.membership.view).toBeUndefined();
    await ben.join(true);
    await readAll(members);
    expectOneView(members);
    expect(anna.news).toMatchObject({ kind: 'epoch', by: 'other', added: [{ memberId, self: false }], removed: [] });
    await anna.send('back again');
    await readAll(members);
    expect(ben.heard).toEqual(['back again']);
  });

  test('as evicted is not removed by the old order under a new key, which others cannot carry out', async () => {
    const { log, members, person, rogue } = await withRogue(72, ['anna', 'ben']);
    const [anna, ben] = [person('anna'), person('ben')];
    const order = anna.evictionOf(ben.membership.memberId);
    await anna.order(order);
    await readAll(members);
    expect(ben.news).toEqual({ kind: 'removed', reason: 'evicted' });
    const again = await log.member('ben');
    await again.join();
    await anna.read();
    await rogue.follow();
    await rogue.remove([again.membership.memberId], { orders: [order] });
    await readAll([anna, again]);
    for (const member of [anna, again]) expect(member.news).toEqual({ ...refusedRemoval, code: 'policy-evict' });
    expectOneView([anna, again]);
    // Control: its first listed member can, and does not keep orders.
    await anna.putSnapshot(anna.membership.republishSnapshot());
    await again.read();
    await anna.order(order);
    await again.read();
    expect(again.news).toEqual({ kind: 'removed', reason: 'unlisted' });
  });

  test('rejoins by a knock in knock mode', async () => {
    const { log, members, person } = await inhabited(71, ['anna', 'ben', 'carla']);
    const [anna, ben] = [person('anna'), person('ben')];
    await anna.order(log.moderator.access('knock'));
    await readAll(members);
    await anna.callRoll();
    await person('carla').send('here');
    await readAll(without(members, ben));
    await anna.removeSilent();
    await readAll(members);
    await expect(ben.join(true)).rejects.toThrow('policy-knock');
    await ben.knock();
    await readAll(members);
    await person('carla').admit(ben);
    await readAll(members);
    await ben.enter();
    expectOneView(members);
  });
});

describe('a leave proof', () => {
  test('does not remove a member that came back under a new key since', async () => {
    const { log, members, person, rogue } = await withRogue(90, ['anna', 'ben']);
    const [anna, ben] = [person('anna'), person('ben')];
    await ben.leave();
    await readAll(members);
    await anna.rotate();
    await readAll(members);
    await rogue.follow();
    const old = rogue.proofs;
    expect(old.map(idOf)).toEqual([idOf(ben.membership)]);
    const again = await log.member('ben');
    await again.join();
    await anna.read();
    await rogue.follow();
    await rogue.remove([again.membership.memberId], { leaves: old });
    await readAll([anna, again]);
    for (const member of [anna, again]) expect(member.news).toEqual(refusedRemoval);
    expectOneView([anna, again]);
    expect(anna.view.leavers).toEqual([]);
  });

  test('control: a member that came back under the key of its goodbye is removed by the old proof', async () => {
    const { members, person, rogue } = await withRogue(91, ['anna', 'ben']);
    const [anna, ben] = [person('anna'), person('ben')];
    await ben.leave();
    await readAll(members);
    await anna.rotate();
    await readAll(members);
    await ben.join(true);
    await anna.read();
    await rogue.follow();
    await rogue.remove([ben.membership.memberId], { leaves: rogue.proofs });
    await anna.read();
    const left = [idOf(ben.membership), 'left'];
    expect(removals(anna).slice(-2)).toEqual([left, left]);
  });

  test('does not remove a member from the room to which its room has moved', async () => {
    const before = await inhabited(92, ['anna', 'ben']);
    const ben = before.person('ben').membership;
    const { log, members, person, rogue } = await withRogue(93, ['anna']);
    const follower = await log.member('ben', ben.identity);
    await follower.join();
    await readAll(members);
    await rogue.follow();
    expect(idOf(follower.membership)).toBe(idOf(ben));
    const leaves = [proveLeave(ben.identity, before.log.roomId)];
    await rogue.remove([follower.membership.memberId], { leaves });
    await readAll([...members, follower]);
    for (const member of [person('anna'), follower]) expect(member.news).toEqual(refusedRemoval);
    // Control: a proof for this room removes it.
    await follower.leave();
    await readAll([...members, follower]);
    await person('anna').rotate();
    expect(removals(person('anna')).at(-1)).toEqual([idOf(ben), 'left']);
  });

  test('enters the snapshot when a lone member leaves, and the next joiner’s rotation removes the leaf', async () => {
    const { log, person } = await inhabited(80, ['anna']);
    const anna = person('anna');
    await anna.putSnapshot(anna.membership.publishLeave());
    const { memberId } = anna.membership;
    anna.membership.destroy();
    const ben = await log.member('ben');
    await ben.join();
    expect(ben.view.leavers).toEqual([memberId]);
    await ben.rotate();
    expect(removals(ben)).toEqual([[idOf({ memberId }), 'left']]);
    expect(ben.names).toBe(1);
  });

  test('in the snapshot keeps a room from filling up when members visit one by one', async () => {
    const log = await new GroupLog(81).founded();
    for (const name of ['anna', 'ben', 'carla', 'dora']) {
      const visitor = await log.member(name);
      await visitor.join();
      await visitor.rotate();
      expect(visitor.names).toBe(1);
      await visitor.putSnapshot(visitor.membership.publishLeave());
      visitor.membership.destroy();
    }
  });

  test('control: without it the leaf stays', async () => {
    const { log, person } = await inhabited(82, ['anna']);
    person('anna').membership.destroy();
    const ben = await log.member('ben');
    await ben.join();
    expect(ben.view.leavers).toEqual([]);
    await ben.rotate();
    expect(ben.names).toBe(2);
  });

  test('in a forged snapshot removes no member', async () => {
    const { log, person } = await inhabited(83, ['anna']);
    const rogue = await Rogue.open(log);
    const snapshot = rogue.envelopes.openSnapshot(log.snapshot?.bytes ?? new Uint8Array(0));
    if (!snapshot.ok) throw new Error(snapshot.code);
    const { memberId } = person('anna').membership;
    const forged = { memberId, signature: proveLeave(rogue.identity, log.roomId).signature };
    const bytes = rogue.envelopes.sealSnapshot({ ...snapshot.value, proofs: [forged] });
    log.snapshot = { bytes, commitNumber: log.commitNumber, next: log.entries.length };
    const ben = await log.member('ben');
    await ben.join();
    expect(ben.view.leavers).toEqual([]);
    await person('anna').read();
    expectOneView([person('anna'), ben]);
  });

  test('counts only from its own member: a goodbye with another proof removes no member', async () => {
    const { log, members, person } = await inhabited(84, ['anna', 'ben', 'carla']);
    const { signature } = proveLeave(person('carla').membership.identity, log.roomId);
    await person('ben').publish(() => ({ type: 'presence', status: 'leaving', name: 'ben', signature }));
    await readAll(members);
    expect(person('anna').view.leavers).toEqual([]);
    await person('ben').leave();
    await readAll(members);
    expect(person('anna').view.leavers).toEqual([person('ben').membership.memberId]);
    expect(person('ben').view.leavers).toEqual([]);
  });

  test('known to only some members does not fork the room, because the commit has to carry it', async () => {
    const { log, members, person, rogue } = await withRogue(85, ['anna', 'ben', 'carla']);
    const { memberId, identity } = person('ben').membership;
    await person('ben').leave();
    const dora = await log.member('dora');
    // Dora's snapshot is older than ben's goodbye, so she does not know of it.
    await dora.join();
    await readAll(members);
    await rogue.follow();
    expect([person('anna').view.leavers.length, dora.view.leavers.length]).toEqual([1, 0]);
    await rogue.remove([memberId]);
    await readAll([...members, dora]);
    for (const member of [...members, dora]) expect(member.news).toEqual(refusedRemoval);
    // Control: with the proof, all members accept the commit.
    await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
    await rogue.join(true);
    await readAll([...members, dora]);
    await rogue.remove([memberId], { leaves: [proveLeave(identity, log.roomId)] });
    await readAll([...members, dora]);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'left' });
    expectOneView([person('anna'), person('carla'), dora]);
  });

  test('waits for a later commit if one commit has no room for all leavers', async () => {
    const names = ['anna', 'b', 'c', 'd', 'e', 'f', 'g'];
    const { members, person } = await inhabited(86, names);
    const leavers = members.slice(1);
    for (const leaver of leavers) {
      await leaver.read();
      await leaver.leave();
    }
    await readAll(members);
    expect(person('anna').view.leavers).toHaveLength(6);
    await person('anna').rotate();
    expect(person('anna').view.leavers).toHaveLength(2);
    await person('anna').rotate();
    expect(person('anna').names).toBe(1);
  });
});

describe('a room that has moved', () => {
  test('is joined with the same id and key, which outlast the old room', async () => {
    const { log, person } = await inhabited(90, ['anna', 'ben']);
    const next = await new GroupLog(91).founded();
    const anna = await next.member('anna', person('anna').membership.identity);
    expect(anna.membership.memberKey).toEqual(person('anna').membership.memberKey);
    person('anna').membership.destroy();
    await anna.join();
    const ben = await next.member('ben', person('ben').membership.identity);
    person('ben').membership.destroy();
    await ben.join();
    await anna.read();
    await ben.send('here we are');
    await anna.read();
    expect(anna.heard).toEqual(['here we are']);
    // A leave proof of the old room is void in the new one.
    const old = proveLeave(ben.membership.identity, log.roomId);
    await ben.publish(() => ({ type: 'presence', status: 'leaving', name: 'ben', signature: old.signature }));
    await anna.read();
    expect(anna.view.leavers.map((memberId) => idOf({ memberId }))).not.toContain(idOf(ben.membership));
  });
});
