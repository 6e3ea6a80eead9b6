// A relay that hides commits, refuses them, lies about the commit number and serves wrong snapshots: what becomes of the room. Real clients, real relay.

import { expect, test } from 'vitest';
import { alarms, chorus, openScene, untilTogether } from './scene.ts';
import { committedBy, drop } from './tampering.ts';
import { HONEST } from './view.ts';

test('who is not told of a commit can read nothing more, says so, and comes in again', async () => {
  const { join, ben, all, viewOfBen } = await openScene({ speed: 20 });
  viewOfBen.shape = drop(committedBy('dora'), 'renumbered', Number.POSITIVE_INFINITY);
  viewOfBen.notices = () => [];
  const dora = await join('dora');
  viewOfBen.notices = (notice) => [notice];
  viewOfBen.shape = HONEST;
  await ben.warns('room-forked');
  await untilTogether([...all, dora]);
});

test('a newcomer that is given an old snapshot for the present one is warned before it is told that it is in, and its words are not sent', async () => {
  const { relay, seat, all } = await openScene({ speed: 20 });
  const emil = await seat('emil');
  relay.view('emil').snapshots = 'previous';
  emil.client.start();
  await emil.until('joined', () => emil.told('state').some(({ state }) => state === 'joined'));
  expect(emil.warnings).toEqual(['nobody-answers']);
  emil.say('can anybody read this?');
  expect(await emil.within(2_000, () => emil.told('sent').length > 0)).toBe(false);
  // When the relay becomes honest, what waited is said to those who can read it.
  relay.view('emil').snapshots = 'honest';
  for (const talker of all) await talker.hears('can anybody read this?');
  await untilTogether([...all, emil]);
});

test('a newcomer that was given an old snapshot comes to the others in the end, and so does the next', async () => {
  const { relay, join, seat, all } = await openScene({ speed: 20 });
  const emil = await seat('emil');
  const view = relay.view('emil');
  view.snapshots = 'previous';
  emil.client.start();
  await emil.until('an epoch of its own', () => emil.epoch > 0);
  view.snapshots = 'honest';
  await untilTogether([...all, emil]);
  const dora = await join('dora');
  await untilTogether([...all, emil, dora]);
});

test('a newcomer that is given junk for a snapshot does not get in, is told, and disturbs nobody', async () => {
  const { relay, seat, all } = await openScene({ speed: 50 });
  const emil = await seat('emil');
  relay.view('emil').snapshots = 'junk';
  emil.client.start();
  await emil.until('closed', () => emil.told('state').at(-1)?.state === 'closed');
  expect(emil.told('error').map(({ code }) => code)).toEqual(['join-timeout']);
  await chorus(all);
  expect(alarms(all)).toEqual([]);
});

test('a newcomer whose commits are refused for ever is told that it cannot join, and disturbs nobody', async () => {
  const { relay, seat, all } = await openScene({ speed: 50 });
  const emil = await seat('emil');
  relay.view('emil').commits = 'refuse';
  emil.client.start();
  await emil.until('closed', () => emil.told('state').at(-1)?.state === 'closed');
  expect(emil.told('error').map(({ code }) => code)).toEqual(['join-timeout']);
  await chorus(all);
  expect(alarms(all)).toEqual([]);
});

test('a commit number that is repeated, or told with an offset everywhere, changes nothing', async () => {
  const { relay, join, all, viewOfBen } = await openScene();
  viewOfBen.repeatCommitted();
  viewOfBen.repeatCommitted();
  await chorus(all);
  relay.view('carla').commitNumberOffset = 7;
  relay.view('carla').cut();
  await chorus(all);
  const dora = await join('dora');
  await chorus([...all, dora]);
  expect(alarms([...all, dora])).toEqual([]);
});

test.each(['when it attaches', 'out of the blue'])(
  'a commit number that was made up does not silence a member: %s',
  async (when) => {
    const { ben, all, viewOfBen } = await openScene();
    const { connections } = viewOfBen;
    if (when === 'when it attaches') {
      viewOfBen.attachedLie = 5;
      viewOfBen.cut();
      await ben.until(
        'back',
        () => viewOfBen.connections > connections && ben.told('state').at(-1)?.state === 'joined',
      );
      viewOfBen.attachedLie = 0;
    } else {
      viewOfBen.inventCommitted(5);
    }
    const { published } = viewOfBen;
    ben.say('hello?');
    await Promise.all(all.filter((talker) => talker !== ben).map((talker) => talker.hears('hello?')));
    // And does not make it repeat itself without end.
    expect(viewOfBen.published - published).toBeLessThan(20);
    await chorus(all);
  },
);
