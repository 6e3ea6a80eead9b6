// A commit is bound to the leave proofs and orders of its upload. A relay that holds the connection
// string can seal other bundles around it, and no member takes one. PROTOCOL.md §5.8.

import type { GroupPlaintext, SignedOrder } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { inhabited, named, readAll, room, viewOf } from './group-room.ts';
import type { GroupLog, GroupReader } from './group-room.ts';
import { post, readFrames, withRogue } from './group-rogue.ts';

type Frames = readonly GroupPlaintext[];
type Change = (frames: Frames, log: GroupLog) => Frames;
const isOrder = ({ kind }: GroupPlaintext): boolean => kind === 'order';
const isLeave = ({ kind }: GroupPlaintext): boolean => kind === 'leave';
const isInfo = ({ kind }: GroupPlaintext): boolean => kind === 'group-info';
const orderFrame = (order: SignedOrder): GroupPlaintext => ({ kind: 'order', order });

/** Puts a frame before the GroupInfo, where the bundle's other frames are. */
function insert(frames: Frames, frame: GroupPlaintext): Frames {
  return frames.flatMap((other) => (isInfo(other) ? [frame, other] : [other]));
}

/** Anna, ben and carla after the goodbye of dora, whom the next commit removes. */
async function leftByDora(seed: number): Promise<{ log: GroupLog; anna: GroupReader; members: GroupReader[] }> {
  const { log, members, person } = await inhabited(seed, ['anna', 'ben', 'carla', 'dora']);
  await person('dora').leave();
  const others = members.filter(({ name }) => name !== 'dora');
  await readAll(others);
  return { log, anna: named(others, 'anna'), members: others };
}

/** The frames of a commit of anna's that removes dora and carries an access order. */
async function orderFrames(log: GroupLog, anna: GroupReader): Promise<GroupPlaintext[]> {
  const made = await anna.membership.order([log.moderator.access('knock')]);
  if (!made.ok) throw new Error(made.code);
  return readFrames(log, made.value.bodies);
}

describe('a commit', () => {
  test.each<readonly [string, Change]>([
    ['without its order', (frames) => frames.filter((frame) => !isOrder(frame))],
    ['without its leave proof', (frames) => frames.filter((frame) => !isLeave(frame))],
    ['without both', (frames) => frames.filter((frame) => !isOrder(frame) && !isLeave(frame))],
    ['with both in another order', (frames) => frames.filter((frame) => !isLeave(frame)).flatMap(swapFor(frames))],
    ['with its order twice', (frames) => frames.flatMap((frame) => (isOrder(frame) ? [frame, frame] : [frame]))],
    ['with a later order', (frames, log) => insert(frames, orderFrame(log.moderator.access('locked')))],
    [
      'with the order of another commit in place of its own',
      (frames, log) => frames.map((frame) => (isOrder(frame) ? orderFrame(log.moderator.access('locked')) : frame)),
    ],
    [
      'with an order that does not hold',
      (frames, log) => insert(frames, orderFrame({ ...log.moderator.access('open'), signature: new Uint8Array(64) })),
    ],
    [
      'with the leave proof of a stranger',
      (frames) => insert(frames, { kind: 'leave', memberId: new Uint8Array(16), signature: new Uint8Array(64) }),
    ],
  ])('is refused by all members, its maker included, and begins no epoch: %s', async (_what, change) => {
    const { log, anna, members } = await leftByDora(900);
    const before = viewOf(anna);
    post(log, change(await orderFrames(log, anna), log));
    await readAll(members);
    for (const member of members) {
      expect(viewOf(member)).toEqual(before);
      expect(member.news).toEqual({
        kind: 'refused',
        by: member === anna ? 'own' : 'other',
        code: 'bundle-differs',
      });
    }
  });

  test.each<readonly [string, Change]>([
    ['as it was made', (frames) => frames],
    ['with another dummy in front', (frames) => [{ kind: 'dummy' }, ...frames]],
  ])('control: begins an epoch for all if a string holder seals it again %s', async (_what, change) => {
    const { log, anna, members } = await leftByDora(901);
    post(log, change(await orderFrames(log, anna), log));
    await readAll(members);
    expect(anna.view).toMatchObject({ access: 'knock', members: { length: 3 } });
    for (const member of members) expect(viewOf(member)).toEqual(viewOf(anna));
  });

  test('is refused again with a leave proof that has come since; control: bound to it, it is taken', async () => {
    const { log, members, person, rogue } = await withRogue(902, ['anna', 'ben', 'carla']);
    const { memberId } = person('carla').membership;
    const others = members.filter(({ name }) => name !== 'carla');
    const before = log.entries.length;
    await rogue.remove([memberId]);
    const refused = await readFrames(log, log.entries.slice(before));
    await readAll(members);
    for (const { news } of members) expect(news).toMatchObject({ kind: 'refused', code: 'policy-remove' });
    await person('carla').leave();
    await readAll(others);
    const [proof] = named(others, 'anna').membership.view?.leavers ?? [];
    expect(proof).toEqual(memberId);
    const made = await named(others, 'anna').membership.rotate();
    if (!made.ok) throw new Error(made.code);
    const frames = await readFrames(log, made.value.bodies);
    const [leave] = frames.filter(isLeave);
    if (leave === undefined) throw new Error('no leave proof');
    post(log, insert(refused, leave));
    await readAll(others);
    for (const { news } of others) expect(news).toMatchObject({ kind: 'refused', code: 'bundle-differs' });
    post(log, frames);
    await readAll(others);
    for (const { view } of others) expect(view.members).toHaveLength(3);
  });

  test('is refused with an order that a relay puts into a join, by the joiner too', async () => {
    const { log, members } = await room(903, ['anna', 'ben']);
    const carla = await log.member('carla');
    const made = await carla.membership.join(log.snapshot?.bytes ?? new Uint8Array(0), false);
    if (!made.ok) throw new Error(made.code);
    const frames = await readFrames(log, made.value.bodies);
    post(log, insert(frames, orderFrame(log.moderator.access('knock'))));
    await readAll([...members, carla]);
    for (const member of members) expect(member.news).toEqual({ kind: 'refused', by: 'other', code: 'bundle-differs' });
    expect(carla.news).toEqual({ kind: 'refused', by: 'own', code: 'bundle-differs' });
    expect(carla.membership.view).toBeUndefined();
    // Control: without it.
    post(log, frames);
    await readAll(members);
    for (const member of members) expect(member.view.members).toHaveLength(4);
  });
});

/** Puts the leave proof behind the order. */
function swapFor(frames: Frames): (frame: GroupPlaintext) => Frames {
  return (frame) => (isOrder(frame) ? [frame, ...frames.filter(isLeave)] : [frame]);
}
