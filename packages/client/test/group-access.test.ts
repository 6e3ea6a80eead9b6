import { describe, expect, test } from 'vitest';
import type { GroupOpened } from '../src/group/membership.ts';
import { GroupLog, named, readAll, room, viewOf, expectOneView, restricted } from './group-room.ts';
import { Rogue, keyPackageOf } from './group-rogue.ts';

const nothing = (code: string, sealedBy: string): unknown => ({ kind: 'nothing', code, sealedBy });

function last(opened: readonly GroupOpened[]): GroupOpened | undefined {
  return opened.at(-1);
}

describe('an access order', () => {
  test('holds from the epoch of its commit on, for all members and later joiners', async () => {
    const { log, members } = await room(20, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    expect(anna.view.access).toBe('open');
    await anna.order(log.moderator.access('locked'));
    await ben.read();
    expect([anna.view.access, ben.view.access]).toEqual(['locked', 'locked']);
    await ben.order(log.moderator.access('open'));
    await anna.read();
    const carla = await log.member('carla');
    await carla.join();
    await readAll([anna, ben]);
    expect(carla.view.access).toBe('open');
    // Carla's commit is validated like any other, and its snapshot carries the order on.
    await carla.order(log.moderator.access('knock'));
    await readAll([anna, ben]);
    expectOneView([anna, ben, carla]);
    expect(anna.view.access).toBe('knock');
  });

  test('is not committed if it is foreign to the moderator or the room, and is ignored in a rogue’s commit', async () => {
    const { log, members } = await room(21, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const other = new GroupLog(210).moderator.access('locked');
    expect(await anna.membership.order([other])).toEqual({ ok: false, code: 'order-invalid' });
    const order = log.moderator.access('locked');
    expect(await anna.membership.order([{ ...order, mode: 'knock' }])).toEqual({ ok: false, code: 'order-invalid' });
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    await rogue.rotate({ orders: [other, { ...order, mode: 'knock' }] });
    await readAll(members);
    // The rotation holds, and the orders do not.
    expect([anna.news?.kind, anna.view.access, ben.view.access]).toEqual(['epoch', 'open', 'open']);
    expect(anna.opened).toContainEqual(nothing('order-invalid', 'joiner'));
    // Control: sent in the same way, a valid order takes effect.
    await rogue.rotate({ orders: [order], access: order });
    await readAll(members);
    expect([anna.view.access, ben.view.access]).toEqual(['locked', 'locked']);
  });

  test('cannot unlock a room if it is older than the order that holds', async () => {
    const { log, members } = await room(22, ['anna', 'ben']);
    const anna = named(members, 'anna');
    const unlock = log.moderator.access('open');
    await anna.order(unlock);
    await anna.order(log.moderator.access('locked'));
    await readAll(members);
    expect(await anna.membership.order([unlock])).toEqual({ ok: false, code: 'order-old' });
    // An order of the same number has no effect either.
    expect(await anna.membership.order([log.moderator.access('open', 2)])).toEqual({ ok: false, code: 'order-old' });
    await (await Rogue.open(log)).join();
    await readAll(members);
    expect(anna.news).toEqual({ kind: 'refused', by: 'other', code: 'policy-locked' });
  });

  test('is ignored in a member’s commit if it is older than the order that holds', async () => {
    const { log, members } = await room(23, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    const unlock = log.moderator.access('open');
    await anna.order(log.moderator.access('locked'));
    await ben.read();
    await rogue.follow();
    await rogue.rotate({ orders: [unlock], access: unlock });
    await readAll(members);
    expect(anna.opened).toContainEqual(nothing('order-old', 'joiner'));
    expect([anna.news?.kind, anna.view.access, ben.view.access]).toEqual(['epoch', 'locked', 'locked']);
  });

  test('is not part of another member’s commit that follows it in the log', async () => {
    const { log, members } = await room(24, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const made = await anna.membership.order([log.moderator.access('locked')]);
    if (!made.ok) throw new Error(made.code);
    // A rogue publishes only the frame with the order, and nothing after it.
    const orderFrame = made.value.bodies.at(-3);
    if (orderFrame === undefined) throw new Error('no order');
    anna.membership.clear();
    log.publish(orderFrame, log.commitNumber);
    await readAll(members);
    expect(last(ben.opened)).toEqual(nothing('content-kind', 'joiner'));
    // A rogue commits it, and nothing behind it.
    log.commitFrames([orderFrame]);
    await readAll(members);
    expect(last(ben.opened)).toEqual(nothing('noted', 'joiner'));
    await ben.rotate();
    await anna.read();
    expect([anna.view.access, ben.view.access]).toEqual(['open', 'open']);
  });
});

describe('a restricted room', () => {
  test('refuses a joiner at once if it is locked, from the snapshot alone', async () => {
    const { log } = await restricted(30, 'locked');
    const carla = await log.member('carla');
    expect(await carla.membership.join(log.snapshot?.bytes ?? new Uint8Array(0), false)).toEqual({
      ok: false,
      code: 'policy-locked',
    });
  });

  test.each([
    ['locked', 'policy-locked'],
    ['knock', 'policy-knock'],
  ] as const)('in mode %s refuses a forced join at every member, and goes on', async (mode, code) => {
    const { log, anna, ben, both } = await restricted(31, mode);
    const before = viewOf(anna);
    await (await Rogue.open(log)).join();
    await readAll(both);
    for (const member of both) expect(member.news).toEqual({ kind: 'refused', by: 'other', code });
    expect([viewOf(anna), viewOf(ben)]).toEqual([before, before]);
    await anna.send('among us');
    await ben.read();
    expect(ben.heard).toEqual(['among us']);
  });

  test('control: the same join is accepted in an open room', async () => {
    const { log, anna, both } = await restricted(31, 'open');
    await (await Rogue.open(log)).join();
    await readAll(both);
    expect(anna.names).toBe(3);
  });

  test.each(['locked', 'knock'] as const)('in mode %s lets its members resync', async (mode) => {
    const { log, anna, ben } = await restricted(32, mode);
    await anna.rotate();
    log.entries.fill(new Uint8Array(496));
    await ben.read();
    await ben.join(true);
    await anna.read();
    expectOneView([anna, ben]);
    expect(ben.names).toBe(2);
    expect(ben.view.access).toBe(mode);
  });

  test('accepts no Add, and neither does an open room', async () => {
    for (const [mode, code] of [
      ['locked', 'policy-locked'],
      ['open', 'policy-add'],
    ] as const) {
      const { log, members } = await room(33, ['anna']);
      const rogue = await Rogue.open(log);
      await rogue.join();
      await readAll(members);
      const anna = named(members, 'anna');
      await anna.order(log.moderator.access(mode));
      await rogue.follow();
      const carla = await log.member('carla');
      await rogue.add(await keyPackageOf(carla));
      await readAll(members);
      expect(anna.news).toEqual({ kind: 'refused', by: 'other', code });
    }
  });

  test('can be joined after all members have left', async () => {
    const log = await new GroupLog(34).founded(new GroupLog(34).moderator.access('locked'));
    const anna = await log.member('anna');
    await anna.join();
    expect([anna.view.access, anna.view.leavers.length]).toEqual(['locked', 1]);
    const ben = await log.member('ben');
    await expect(ben.join()).rejects.toThrow('policy-locked');
    await anna.rotate();
    await anna.order(log.moderator.access('open', 7));
    await ben.join();
    await anna.read();
    expectOneView([anna, ben]);
  });
});
