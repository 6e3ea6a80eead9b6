import { describe, expect, test } from 'vitest';
import { withRogue } from './group-rogue.ts';
import {
  NO_LOG_HASH,
  readAll,
  viewOf,
  expectOneView,
  idOf,
  inhabited,
  refusedRemoval,
  removals,
  without,
} from './group-room.ts';

describe('a roll call', () => {
  test('finds silent members, which any member can then remove', async () => {
    const { members, person } = await inhabited(60, ['anna', 'ben', 'carla', 'dora']);
    const dora = person('dora');
    const alive = without(members, dora);
    expect(await person('anna').membership.removeSilent([dora.membership.memberId])).toEqual({
      ok: false,
      code: 'policy-remove',
    });
    await person('anna').callRoll();
    await readAll(alive);
    expect(person('ben').view.rollCalled).toBe(true);
    for (const name of ['ben', 'carla']) await person(name).send(`${name} is here`);
    await readAll(alive);
    for (const member of alive)
      expect(member.view.silent.map((id) => idOf({ memberId: id }))).toEqual([idOf(dora.membership)]);
    await person('carla').removeSilent();
    await readAll(members);
    expect(dora.news).toEqual({ kind: 'removed', reason: 'silent' });
    for (const member of alive) expect(removals(member).at(-1)).toEqual([idOf(dora.membership), 'silent']);
    expectOneView(alive);
    expect(person('anna').view).toMatchObject({ rollCalled: false, silent: [] });
  });

  test('protects members that were heard since: all refuse to remove one', async () => {
    const { members, person, rogue } = await withRogue(61, ['anna', 'ben', 'carla']);
    const ben = person('ben');
    await person('anna').callRoll();
    await ben.publish(() => ({ type: 'receipt' }));
    await readAll(members);
    const before = members.map(viewOf);
    await rogue.remove([ben.membership.memberId]);
    await readAll(members);
    for (const member of members) expect(member.news).toEqual(refusedRemoval);
    expect(members.map(viewOf)).toEqual(before);
  });

  test('control: the same removal is accepted if that member was not heard', async () => {
    const { members, person, rogue } = await withRogue(61, ['anna', 'ben', 'carla']);
    await person('anna').callRoll();
    await person('carla').send('here');
    await readAll(members);
    await rogue.remove([person('ben').membership.memberId]);
    await readAll(members);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'silent' });
    expect(person('anna').news?.kind).toBe('epoch');
  });

  test('does not count messages from before it, or from the epoch before', async () => {
    const { members, person, rogue } = await withRogue(62, ['anna', 'ben', 'carla']);
    await person('ben').send('before');
    await person('anna').callRoll();
    await person('carla').send('here');
    await readAll(members);
    expect(person('anna').view.silent.map((memberId) => idOf({ memberId }))).toContain(idOf(person('ben').membership));
    // A new epoch ends the roll call, and ben no longer counts as silent.
    await person('carla').rotate();
    await readAll(members);
    expect(person('anna').view).toMatchObject({ rollCalled: false, silent: [] });
    await rogue.follow();
    await rogue.remove([person('ben').membership.memberId]);
    await readAll(members);
    for (const member of members) expect(member.news).toEqual(refusedRemoval);
  });

  test('lets a few present members remove many silent ones', async () => {
    const { members, person } = await inhabited(63, ['anna', 'ben', 'carla', 'dora', 'emil']);
    const alive = [person('anna'), person('ben')];
    await person('ben').callRoll();
    await readAll(alive);
    await person('anna').send('here');
    await readAll(alive);
    expect(person('ben').view.silent).toHaveLength(3);
    await person('ben').removeSilent();
    await readAll(members);
    expect(person('anna').names).toBe(2);
    expectOneView(alive);
  });

  test('allows no selection: all refuse a commit after which most members were not heard', async () => {
    const { members, person, rogue } = await withRogue(64, ['anna', 'ben', 'carla', 'dora', 'emil']);
    await person('anna').callRoll();
    await readAll(members);
    // Of the five members that would stay, only anna was heard. The rogue commits.
    await rogue.remove([person('ben').membership.memberId]);
    await readAll(members);
    expect(person('anna').news).toEqual(refusedRemoval);
    // Control: in the same sequence with one more member heard, the commit is accepted.
    await person('anna').putSnapshot(person('anna').membership.republishSnapshot());
    await rogue.join(true);
    await readAll(members);
    await person('anna').callRoll();
    await person('carla').send('here');
    await readAll(members);
    await rogue.remove([person('ben').membership.memberId]);
    await readAll(members);
    expect(person('ben').news).toEqual({ kind: 'removed', reason: 'silent' });
  });

  test('has the same result for a member that joined meanwhile, because its join began an epoch', async () => {
    const { log, members, person } = await inhabited(65, ['anna', 'ben', 'carla']);
    await person('anna').callRoll();
    await person('ben').send('here');
    await readAll(members);
    const emil = await log.member('emil');
    await emil.join();
    members.push(emil);
    await readAll(members);
    for (const member of members) expect(member.view.rollCalled).toBe(false);
    await emil.callRoll();
    await person('ben').send('here again');
    await person('anna').send('here as well');
    await readAll(members);
    // The three heard members count carla as silent. Carla does not, because she could not remove
    // herself.
    expect(members.map(({ view }) => view.silent.length)).toEqual([1, 1, 0, 1]);
    await person('anna').removeSilent();
    await readAll(members);
    expect(person('carla').news).toEqual({ kind: 'removed', reason: 'silent' });
    expectOneView(without(members, person('carla')));
  });

  test('has the same result for a member that was welcomed and entered late', async () => {
    const { log, members, person } = await inhabited(66, ['anna', 'ben', 'carla']);
    await person('anna').order(log.moderator.access('knock'));
    await readAll(members);
    const emil = await log.member('emil');
    await emil.knock();
    await readAll(members);
    await person('anna').admit(emil);
    await readAll(members);
    await person('anna').callRoll();
    await person('ben').send('here');
    await emil.read();
    await emil.enter();
    await emil.send('here too');
    await readAll([...members, emil]);
    expect(emil.view.rollCalled).toBe(true);
    await person('ben').removeSilent();
    await readAll([...members, emil]);
    expectOneView([person('anna'), person('ben'), emil]);
    expect(emil.names).toBe(3);
  });

  test('counts a member for itself as it counts for the others', async () => {
    const { log, members, person } = await inhabited(67, ['anna', 'ben', 'carla']);
    await person('anna').callRoll();
    await person('ben').send('here');
    const ghost = await person('carla').membership.seal({
      type: 'receipt',
      number: 9,
      ...NO_LOG_HASH,
    });
    // The receipt was sealed and never stored, so nobody has heard carla, and neither has she.
    await readAll(members);
    expect(ghost.length).toBeGreaterThan(0);
    expect(person('carla').view.silent).toEqual([]);
    expect(person('anna').view.silent).toHaveLength(1);
    await person('anna').removeSilent();
    await person('ben').read();
    await person('carla').read();
    expect(person('carla').news).toEqual({ kind: 'removed', reason: 'silent' });
    // Control: the relay would have accepted the receipt, and then all members would have counted
    // it.
    expect(log.publish(ghost, log.commitNumber)).toBe('accepted');
  });
});
