// A relay that tells one member another log than the others: who notices, and by what. Real clients, real relay; each attack with its control.

import { expect, test } from 'vitest';
import { makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import { alarms, allWarn, allSend, LONG_BODY_BYTES, longText, longTexts, openThreeMembers } from './three-members.ts';
import { drop, everything, publishedBy, repeat, replace, swap } from './tampering/shapes.ts';
import { noise } from './tampering/member-view.ts';
import type { MemberView } from './tampering/member-view.ts';

const annasText = publishedBy('anna', LONG_BODY_BYTES);
const carlasText = publishedBy('carla', LONG_BODY_BYTES);

test('control: without tampering no member warns', async () => {
  const { all, anna, ben } = await openThreeMembers();
  await anna.sendConfirmed(longText('a'));
  await ben.sendConfirmed(longText('b'));
  await allSend(all);
  expect(alarms(all)).toEqual([]);
});

test('control: noise that all members get raises no warning', async () => {
  const { all, connect: onlooker } = await openThreeMembers();
  const stranger = await onlooker('stranger');
  const { commitNumber } = await stranger.attach(makeRoom());
  for (const size of [0, 1, 2, 3] as const) stranger.send(publishFrame(noise(size), commitNumber));
  await stranger.entries(4);
  await allSend(all);
  expect(alarms(all)).toEqual([]);
});

test('the victim and the others warn of a text that was dropped without a trace', async () => {
  const { anna, ben, all, viewOfBen } = await openThreeMembers();
  viewOfBen.shape = drop(annasText, 'renumbered');
  await anna.sendConfirmed(longText('a'));
  await allSend(all);
  expect([viewOfBen.tampered, longTexts(ben)]).toEqual([1, []]);
  await allWarn(all, 'log-differs');
  expect(ben.told('gap')).toMatchObject([{ count: 1, from: { name: 'anna' } }]);
  expect(anna.told('warning')).toMatchObject([{ code: 'log-differs', from: { name: 'ben' } }]);
});

test('a text that was dropped with its number left out shows as a gap', async () => {
  const { anna, ben, all, viewOfBen } = await openThreeMembers();
  viewOfBen.shape = drop(annasText, 'gap');
  await anna.sendConfirmed(longText('a'));
  await allSend(all);
  expect([alarms(all), longTexts(ben)]).toEqual([['ben gap 1'], []]);
});

test.each(['gap', 'renumbered'] as const)(
  'a text that was dropped is not reported as delivered (%s)',
  async (trace) => {
    const { anna, ben, carla, all, viewOfBen } = await openThreeMembers();
    viewOfBen.shape = drop(annasText, trace);
    await anna.sendConfirmed(longText('a'));
    await carla.hears(longText('a'));
    await allSend(all);
    await ben.sendConfirmed(longText('b'));
    await allSend(all);
    const id = anna.told('sent').find(({ ref }) => ref === longText('a'))?.id;
    const delivered = anna.told('delivered').filter((event) => event.id === id);
    expect(Math.max(0, ...delivered.map(({ by }) => by))).toBe(1);
  },
);

test('members warn of two texts in another order', async () => {
  const { anna, ben, carla, all, viewOfBen } = await openThreeMembers();
  viewOfBen.shape = swap(annasText, carlasText);
  await anna.sendConfirmed(longText('a'));
  await carla.sendConfirmed(longText('c'));
  await allSend(all);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
});

test('members warn of noise in the place of a text', async () => {
  const { anna, ben, all, viewOfBen } = await openThreeMembers();
  viewOfBen.shape = replace(annasText, () => noise(2));
  await anna.sendConfirmed(longText('a'));
  await allSend(all);
  expect(longTexts(ben)).toEqual([]);
  await allWarn(all, 'log-differs');
});

const TRICKS: readonly (readonly [string, (view: MemberView) => void])[] = [
  ['noise', (view) => view.insertNoise()],
  ['an old entry under a new number', (view) => view.replay(view.served.next - 1)],
  ['an entry twice', (view) => (view.shape = repeat(everything))],
];

test.each(TRICKS)('members warn of %s that one member alone gets', async (_, trick) => {
  const { all, viewOfBen } = await openThreeMembers();
  trick(viewOfBen);
  await allSend(all);
  await allWarn(all, 'log-differs');
});

test('an author warns of an echo that was kept back', async () => {
  const { relay, anna, ben, carla, all } = await openThreeMembers();
  relay.view('anna').shape = drop(annasText, 'renumbered');
  anna.send(longText('a'));
  await Promise.all([ben, carla].map((member) => member.hears(longText('a'))));
  for (const member of [ben, carla]) member.send(`${member.name} has heard it`);
  await allWarn(all.slice(0, 1), 'log-differs');
  expect(anna.told('sent').some(({ ref }) => ref === longText('a'))).toBe(false);
});

test('all members warn of a text whose echo its author alone has got', async () => {
  const { relay, anna, ben, carla, all } = await openThreeMembers();
  for (const name of ['ben', 'carla']) relay.view(name).shape = replace(annasText, () => noise(2));
  await anna.sendConfirmed(longText('a'));
  await allSend(all);
  expect([longTexts(ben), longTexts(carla)]).toEqual([[], []]);
  await allWarn(all, 'log-differs');
});

test.each([
  ['before the epoch', 200],
  ['in the epoch', 1_100],
] as const)('shifting a member’s numbers %s by %i hides nothing that is done to it then', async (when, shift) => {
  const { join, anna, ben, carla, all, viewOfBen } = await openThreeMembers();
  for (let count = 0; count < shift; count += 1) viewOfBen.insertNoise();
  const others = when === 'before the epoch' ? [await join('dora')] : [];
  await allSend([...all, ...others]);
  viewOfBen.shape = swap(annasText, carlasText);
  await anna.sendConfirmed(longText('a'));
  await carla.sendConfirmed(longText('c'));
  await allSend([...all, ...others]);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
});

test('members warn in the next epoch of the last texts of an epoch that were swapped', async () => {
  const { relay, join, anna, ben, carla, all, viewOfBen } = await openThreeMembers({ speed: 1 });
  const viewOfCarla = relay.view('carla');
  viewOfBen.shape = swap(annasText, carlasText);
  // Carla speaks before she has heard anna, or her text would say so.
  viewOfCarla.delivery = 'held';
  await anna.sendConfirmed(longText('a'));
  // No receipt gets through before somebody new has come: they are stale then, and sealed anew.
  for (const { name } of [anna, ben]) relay.view(name).publishing = 'hold';
  carla.send(longText('c'));
  await ben.hears(longText('a'));
  viewOfCarla.publishing = 'hold';
  viewOfCarla.releaseDelivery();
  const { epoch } = anna;
  const coming = join('dora');
  for (const member of all) await member.until('the epoch of dora', () => member.epoch > epoch);
  expect(alarms(all)).toEqual([]);
  for (const { name } of all) relay.view(name).releasePublished();
  const dora = await coming;
  await allSend([...all, dora]);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
  expect(alarms([dora])).toEqual([]);
});

test('texts that were held back arrive late and whole, and a member that heard nothing hears all in the end', async () => {
  const { anna, ben, carla, all, viewOfBen } = await openThreeMembers();
  viewOfBen.publishing = 'hold';
  ben.send('yes');
  await viewOfBen.until(() => viewOfBen.heldFrames > 0);
  await allSend([anna, carla]);
  expect(ben.told('sent').some(({ ref }) => ref === 'yes')).toBe(false);
  viewOfBen.releasePublished();
  await Promise.all([anna.hears('yes'), carla.hears('yes')]);
  viewOfBen.delivery = 'held';
  await allSend([anna, carla]);
  viewOfBen.releaseDelivery();
  await allSend(all);
  expect(alarms(all)).toEqual([]);
});
