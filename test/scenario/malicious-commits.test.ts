// A relay that hides commits, refuses them, lies about the commit number and serves wrong
// snapshots: what becomes of the room. Real clients, real relay.

import { expect, test } from 'vitest';
import { alarms, allSend, openThreeMembers, passUntil, untilTogether, warnsOfTalk } from './three-members.ts';
import { committedBy, drop } from './tampering/shapes.ts';
import { entryOf, HONEST } from './tampering/member-view.ts';

test('a member that misses a commit can read nothing more, warns, and joins again', async () => {
  const room = await openThreeMembers();
  const { join, anna, ben, carla, all, viewOfBen } = room;
  viewOfBen.shape = drop(committedBy('dora'), 'renumbered', Number.POSITIVE_INFINITY);
  const dora = await join('dora');
  viewOfBen.shape = HONEST;
  await warnsOfTalk(room, ben, 'room-forked', [anna, carla, dora]);
  await untilTogether(room, [...all, dora]);
});

test('a member that gets a commit as published frames begins no epoch, warns, and joins again', async () => {
  const room = await openThreeMembers();
  const { join, anna, ben, carla, all, viewOfBen } = room;
  const { epoch } = ben;
  const isDoras = committedBy('dora');
  viewOfBen.shape = (entry) => [isDoras(entry) ? entryOf(entry.frame.body) : entry.frame];
  const dora = await join('dora');
  expect(ben.epoch).toBe(epoch);
  viewOfBen.shape = HONEST;
  await warnsOfTalk(room, ben, 'room-forked', [anna, carla, dora]);
  await untilTogether(room, [...all, dora]);
});

test('a newcomer that gets an old snapshot for the present one is warned before it counts as joined, and its texts are not sent', async () => {
  const room = await openThreeMembers();
  const { relay, member, all } = room;
  const emil = await member('emil');
  relay.view('emil').snapshots = 'previous';
  emil.client.start();
  await emil.until('joined', () => emil.told('state').some(({ state }) => state === 'joined'));
  expect(emil.warnings).toEqual(['nobody-answers']);
  emil.send('can anybody read this?');
  // Before it asks once more.
  await room.pass(15_000);
  expect(emil.told('sent')).toEqual([]);
  // When the relay becomes honest, what waited is said to those who can read it.
  relay.view('emil').snapshots = 'honest';
  for (const member of all) {
    await passUntil(room, 'heard', member, () => member.texts.includes('can anybody read this?'));
  }
  await untilTogether(room, [...all, emil]);
});

test('a newcomer that got an old snapshot reaches the others in the end, and so does the next', async () => {
  const room = await openThreeMembers();
  const { relay, join, member, all } = room;
  const emil = await member('emil');
  const view = relay.view('emil');
  view.snapshots = 'previous';
  emil.client.start();
  await passUntil(room, 'an epoch of its own', emil, () => emil.epoch > 0);
  view.snapshots = 'honest';
  await untilTogether(room, [...all, emil]);
  const dora = await join('dora');
  await untilTogether(room, [...all, emil, dora]);
});

test('a newcomer that gets junk for a snapshot does not join, is told, and disturbs no member', async () => {
  const room = await openThreeMembers();
  const { relay, member, all } = room;
  const emil = await member('emil');
  relay.view('emil').snapshots = 'junk';
  emil.client.start();
  await passUntil(room, 'closed', emil, () => emil.told('state').at(-1)?.state === 'closed');
  expect(emil.told('error').map(({ code }) => code)).toEqual(['join-timeout']);
  await allSend(all);
  expect(alarms(all)).toEqual([]);
});

test('a newcomer whose commits are always refused is told that it cannot join, and disturbs no member', async () => {
  const room = await openThreeMembers();
  const { relay, member, all } = room;
  const emil = await member('emil');
  relay.view('emil').commits = 'refuse';
  emil.client.start();
  await passUntil(room, 'closed', emil, () => emil.told('state').at(-1)?.state === 'closed');
  expect(emil.told('error').map(({ code }) => code)).toEqual(['join-timeout']);
  await allSend(all);
  expect(alarms(all)).toEqual([]);
});

test('a frame of a commit that is shown again changes nothing', async () => {
  const { join, all, viewOfBen } = await openThreeMembers();
  viewOfBen.repeatCommitted();
  viewOfBen.repeatCommitted();
  await allSend(all);
  const dora = await join('dora');
  await allSend([...all, dora]);
  expect(alarms([...all, dora])).toEqual([]);
});

test('commit numbers that one member is told with an offset everywhere silence nobody, and are told when members compare the log', async () => {
  const { relay, join, carla, all } = await openThreeMembers();
  relay.view('carla').commitNumberOffset = 7;
  relay.view('carla').cut();
  await allSend(all);
  const dora = await join('dora');
  await allSend([...all, dora]);
  await carla.warns('log-differs');
});

test.each(['when it attaches', 'out of the blue'])(
  'a commit number that was made up does not silence a member: %s',
  async (when) => {
    const { ben, all, viewOfBen } = await openThreeMembers();
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
      await ben.until('another connection', () => viewOfBen.connections > connections);
    }
    const { published } = viewOfBen;
    ben.send('hello?');
    await Promise.all(all.filter((member) => member !== ben).map((member) => member.hears('hello?')));
    // And does not make it repeat itself without end.
    expect(viewOfBen.published - published).toBeLessThan(20);
    await allSend(all);
  },
);
