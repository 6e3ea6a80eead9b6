// The GroupInfo of a commit: exactly one, in its place, and that of the epoch which the commit
// begins. Otherwise all members stay in their epoch, the commit's maker included.

import type { GroupPlaintext } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { named, readAll, room, viewOf } from './group-room.ts';
import type { GroupReader } from './group-room.ts';
import { post, readFrames } from './group-rogue.ts';

type Change = (frames: readonly GroupPlaintext[], foreign: GroupPlaintext) => readonly GroupPlaintext[];
const isInfo = ({ kind }: GroupPlaintext): boolean => kind === 'group-info';

/** Commits what anna has made after a change to its frames. */
async function commitChanged(anna: GroupReader, members: readonly GroupReader[], change: Change): Promise<void> {
  const { log } = anna;
  const foreign = await anna.membership.rotate();
  if (!foreign.ok) throw new Error(foreign.code);
  const [other] = (await readFrames(log, foreign.value.bodies)).filter(isInfo);
  const made = await anna.membership.rotate();
  if (!made.ok || other === undefined) throw new Error('no commit');
  post(log, change(await readFrames(log, made.value.bodies), other));
  await readAll(members);
}

describe('a commit', () => {
  test.each<readonly [string, string, Change]>([
    ['without a GroupInfo', 'group-info-missing', (frames) => frames.filter((frame) => !isInfo(frame))],
    [
      'with a GroupInfo before its other authorizations',
      'group-info-missing',
      (frames) => [...frames.filter(isInfo), ...frames.filter((frame) => !isInfo(frame))],
    ],
    [
      'with two GroupInfos',
      'group-info-missing',
      (frames) => frames.flatMap((frame) => (isInfo(frame) ? [frame, frame] : [frame])),
    ],
    [
      'with the GroupInfo of another commit of its maker',
      'group-info-differs',
      (frames, foreign) => frames.map((frame) => (isInfo(frame) ? foreign : frame)),
    ],
  ])('is refused by all members, its maker included, and begins no epoch: %s', async (_what, code, change) => {
    const { members } = await room(120, ['anna', 'ben', 'carla']);
    const anna = named(members, 'anna');
    const before = viewOf(anna);
    await commitChanged(anna, members, change);
    for (const member of members) {
      expect(viewOf(member)).toEqual(before);
      expect(member.news).toEqual({ kind: 'refused', by: member === anna ? 'own' : 'other', code });
    }
    // Control: the frames as they were made begin an epoch for all.
    await commitChanged(anna, members, (frames) => frames);
    const after = viewOf(anna);
    expect(after).not.toEqual(before);
    for (const member of members) expect(viewOf(member)).toEqual(after);
  });

  test('is refused without its GroupInfo if a joiner made it, and the joiner stays outside', async () => {
    const { log, members } = await room(121, ['anna', 'ben']);
    const carla = await log.member('carla');
    const made = await carla.membership.join(log.snapshot?.bytes ?? new Uint8Array(0), false);
    if (!made.ok) throw new Error(made.code);
    const frames = await readFrames(log, made.value.bodies);
    post(
      log,
      frames.filter((frame) => !isInfo(frame)),
    );
    await readAll([...members, carla]);
    for (const member of members)
      expect(member.news).toEqual({ kind: 'refused', by: 'other', code: 'group-info-missing' });
    expect(carla.news).toEqual({ kind: 'refused', by: 'own', code: 'group-info-missing' });
    expect(carla.membership.view).toBeUndefined();
    await carla.join();
    await readAll(members);
    for (const member of members) expect(viewOf(member)).toEqual(viewOf(carla));
  });
});
