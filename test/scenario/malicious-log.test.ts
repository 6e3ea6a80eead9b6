// A relay that tells one member another log than the others: who notices, and by what. Real clients, real relay; each attack with its control.

import { expect, test } from 'vitest';
import { makeRoom, publishFrame } from '../../packages/relay/test/test-member.ts';
import { alarms, allWarn, chorus, LONG_BODY_BYTES, longText, longTexts, openScene } from './scene.ts';
import { drop, everything, publishedBy, repeat, replace, swap } from './tampering.ts';
import { noise } from './view.ts';
import type { View } from './view.ts';

const annasText = publishedBy('anna', LONG_BODY_BYTES);
const carlasText = publishedBy('carla', LONG_BODY_BYTES);

test('control: without tampering nobody is warned', async () => {
  const { all, anna, ben } = await openScene();
  await anna.saySent(longText('a'));
  await ben.saySent(longText('b'));
  await chorus(all);
  expect(alarms(all)).toEqual([]);
});

test('control: noise that everybody gets is no alarm', async () => {
  const { all, onlooker } = await openScene();
  const stranger = await onlooker('stranger');
  const { commitNumber } = await stranger.attach(makeRoom());
  for (const size of [0, 1, 2, 3] as const) stranger.send(publishFrame(noise(size), commitNumber));
  await stranger.entries(4);
  await chorus(all);
  expect(alarms(all)).toEqual([]);
});

test('a text that was dropped without a trace shows at the victim and at the others', async () => {
  const { anna, ben, all, viewOfBen } = await openScene();
  viewOfBen.shape = drop(annasText, 'renumbered');
  await anna.saySent(longText('a'));
  await chorus(all);
  expect([viewOfBen.tampered, longTexts(ben)]).toEqual([1, []]);
  await allWarn(all, 'log-differs');
  expect(ben.told('gap')).toMatchObject([{ count: 1, from: { name: 'anna' } }]);
  expect(anna.told('warning')).toMatchObject([{ code: 'log-differs', from: { name: 'ben' } }]);
});

test('a text that was dropped with its number left out shows as a gap', async () => {
  const { anna, ben, all, viewOfBen } = await openScene();
  viewOfBen.shape = drop(annasText, 'gap');
  await anna.saySent(longText('a'));
  await chorus(all);
  expect([alarms(all), longTexts(ben)]).toEqual([['ben gap 1'], []]);
});

test.each(['gap', 'renumbered'] as const)('a text that was dropped is not told as delivered (%s)', async (trace) => {
  const { anna, ben, carla, all, viewOfBen } = await openScene();
  viewOfBen.shape = drop(annasText, trace);
  await anna.saySent(longText('a'));
  await carla.hears(longText('a'));
  await chorus(all);
  await ben.saySent(longText('b'));
  await chorus(all);
  const id = anna.told('sent').find(({ ref }) => ref === longText('a'))?.id;
  const delivered = anna.told('delivered').filter((event) => event.id === id);
  expect(Math.max(0, ...delivered.map(({ by }) => by))).toBe(1);
});

test('two texts in another order show', async () => {
  const { anna, ben, carla, all, viewOfBen } = await openScene();
  viewOfBen.shape = swap(annasText, carlasText);
  await anna.saySent(longText('a'));
  await carla.saySent(longText('c'));
  await chorus(all);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
});

test('noise in the place of a text shows', async () => {
  const { anna, ben, all, viewOfBen } = await openScene();
  viewOfBen.shape = replace(annasText, () => noise(2));
  await anna.saySent(longText('a'));
  await chorus(all);
  expect(longTexts(ben)).toEqual([]);
  await allWarn(all, 'log-differs');
});

const TRICKS: readonly (readonly [string, (view: View) => void])[] = [
  ['noise', (view) => view.insertNoise()],
  ['an old entry under a new number', (view) => view.replay(view.served.next - 1)],
  ['an entry twice', (view) => (view.shape = repeat(everything))],
];

test.each(TRICKS)('%s shows when one member alone gets it', async (_, trick) => {
  const { all, viewOfBen } = await openScene();
  trick(viewOfBen);
  await chorus(all);
  await allWarn(all, 'log-differs');
});

test('an echo that was kept back shows to its author', async () => {
  const { relay, anna, ben, carla, all } = await openScene();
  relay.view('anna').shape = drop(annasText, 'renumbered');
  anna.say(longText('a'));
  await Promise.all([ben, carla].map((talker) => talker.hears(longText('a'))));
  for (const talker of [ben, carla]) talker.say(`${talker.name} has heard it`);
  await allWarn(all.slice(0, 1), 'log-differs');
  expect(anna.told('sent').some(({ ref }) => ref === longText('a'))).toBe(false);
});

test('a text of which its author alone has got the echo shows to all', async () => {
  const { relay, anna, ben, carla, all } = await openScene();
  for (const name of ['ben', 'carla']) relay.view(name).shape = replace(annasText, () => noise(2));
  await anna.saySent(longText('a'));
  await chorus(all);
  expect([longTexts(ben), longTexts(carla)]).toEqual([[], []]);
  await allWarn(all, 'log-differs');
});

test.each([
  ['before the epoch', 200],
  ['in the epoch', 1_100],
] as const)('shifting a member’s numbers %s by %i hides nothing that is done to it then', async (when, shift) => {
  const { join, anna, ben, carla, all, viewOfBen } = await openScene();
  for (let count = 0; count < shift; count += 1) viewOfBen.insertNoise();
  const others = when === 'before the epoch' ? [await join('dora')] : [];
  await chorus([...all, ...others]);
  viewOfBen.shape = swap(annasText, carlasText);
  await anna.saySent(longText('a'));
  await carla.saySent(longText('c'));
  await chorus([...all, ...others]);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
});

test('what was swapped last in an epoch shows in the next', async () => {
  const { relay, join, anna, ben, carla, all, viewOfBen } = await openScene({ speed: 1 });
  const viewOfCarla = relay.view('carla');
  viewOfBen.shape = swap(annasText, carlasText);
  // Carla speaks before she has heard anna, or her text would say so.
  viewOfCarla.hearing = 'held';
  await anna.saySent(longText('a'));
  // No receipt gets through before somebody new has come: they are stale then, and sealed anew.
  for (const { name } of [anna, ben]) relay.view(name).speech = 'hold';
  carla.say(longText('c'));
  await ben.hears(longText('a'));
  viewOfCarla.speech = 'hold';
  viewOfCarla.letHear();
  const { epoch } = anna;
  const coming = join('dora');
  for (const talker of all) await talker.until('the epoch of dora', () => talker.epoch > epoch);
  expect(alarms(all)).toEqual([]);
  for (const { name } of all) relay.view(name).letSpeak();
  const dora = await coming;
  await chorus([...all, dora]);
  expect(longTexts(ben)).toEqual(['c', 'a']);
  await allWarn(all, 'log-differs');
  expect(alarms([dora])).toEqual([]);
});

test('speech that was held back arrives late and whole, and who was kept deaf hears all in the end', async () => {
  const { anna, ben, carla, all, viewOfBen } = await openScene();
  viewOfBen.speech = 'hold';
  ben.say('yes');
  await viewOfBen.until(() => viewOfBen.heldFrames > 0);
  await chorus([anna, carla]);
  expect(ben.told('sent').some(({ ref }) => ref === 'yes')).toBe(false);
  viewOfBen.letSpeak();
  await Promise.all([anna.hears('yes'), carla.hears('yes')]);
  viewOfBen.hearing = 'held';
  await chorus([anna, carla]);
  viewOfBen.letHear();
  await chorus(all);
  expect(alarms(all)).toEqual([]);
});
