// A relay that forks the log, or goes back in it: who notices, and by what. Real clients, real relays; each attack with its control.

import { expect, test } from 'vitest';
import { alarms, allWarn, chorus, epochsWithTwoCodes, openScene, untilTogether } from './scene.ts';
import type { Talker } from './talker.ts';
import { noise } from './view.ts';

/** How much faster than the wall's the clock is where somebody has to be missed, which takes 200 s; a join, which may take 240 s, still has 12 s of the wall's. */
const SPEED = 20;
/** Missed, called for, and put out: 15 s of the wall's clock on a machine that does nothing else. */
const MISSED_LIMIT_MS = 60_000;

test('two halves that were led apart and together again notice it', async () => {
  const { relay, anna, ben, carla, all } = await openScene();
  const { next } = await relay.snapshot();
  await relay.fork(['ben']);
  await anna.saySent('on the left');
  await carla.hears('on the left');
  await ben.saySent('on the right');
  expect(alarms(all)).toEqual([]);
  await relay.lead(['ben'], relay.trunk, { log: 'goes-on', cursor: next - 1 });
  await chorus(all);
  await allWarn(all, 'log-differs');
  expect([anna.texts, carla.texts].flat()).not.toContain('on the right');
});

/** Ben is led apart; a newcomer commits on either side: dora on the trunk, emil on the branch. */
async function openTwoBranches() {
  const { relay, join, seat, anna, ben, carla, all } = await openScene({ speed: SPEED });
  const { next } = await relay.snapshot();
  const branch = await relay.fork(['ben']);
  const dora = await join('dora');
  const emil = await seat('emil');
  relay.view('emil').branch = branch;
  await emil.join();
  await chorus([anna, carla, dora]);
  await chorus([ben, emil]);
  // The control of what the honest life of a room is judged by: keys that forked are found.
  expect(epochsWithTwoCodes([...all, dora, emil])).not.toEqual([]);
  const rejoinTrunk = (names: readonly string[]): Promise<void> =>
    relay.lead(names, relay.trunk, { log: 'goes-on', cursor: next - 1 });
  return { anna, ben, carla, dora, emil, all, rejoinTrunk };
}

test('with commits on both sides the one who was led apart can read nobody: it says so, and comes in again', async () => {
  const { ben, emil, dora, all, rejoinTrunk } = await openTwoBranches();
  emil.client.leave();
  await emil.client.ended;
  await rejoinTrunk(['ben']);
  await ben.warns('room-forked');
  await untilTogether([...all, dora]);
});

test('with commits on both sides and two in each half, both notice it and come together again', async () => {
  const { anna, ben, emil, dora, all, rejoinTrunk } = await openTwoBranches();
  await rejoinTrunk(['ben', 'emil']);
  await untilTogether([...all, dora, emil]);
  expect([...ben.warnings, ...emil.warnings, ...anna.warnings]).toContain('room-forked');
});

/** Resolves when `talker` was told that all of them were removed as silent. */
async function putsOut(talker: Talker, others: readonly Talker[]): Promise<void> {
  const isOut = ({ name }: Talker): boolean =>
    talker.told('removed').some(({ member, reason }) => member.name === name && reason === 'silent');
  await talker.until('the others are out', () => others.every(isOut), MISSED_LIMIT_MS);
}

test('halves that have put each other out for silence, and are led together again, come together', async () => {
  const { anna, ben, carla, emil, dora, all, rejoinTrunk } = await openTwoBranches();
  await putsOut(anna, [ben]);
  await putsOut(ben, [anna, carla]);
  await rejoinTrunk(['ben', 'emil']);
  await untilTogether([...all, dora, emil]);
});

test('two halves for ever: each sees that the other is silent, and goes on without it', async () => {
  const { relay, anna, ben, carla } = await openScene({ speed: SPEED });
  await relay.fork(['ben']);
  await putsOut(anna, [ben]);
  await putsOut(carla, [ben]);
  await putsOut(ben, [anna, carla]);
  await chorus([anna, carla]);
});

test('who was kept from answering is not shut out of a locked room', async () => {
  const { anna, ben, carla, all, viewOfBen } = await openScene({ speed: SPEED });
  anna.client.setAccess('locked');
  for (const talker of all) {
    await talker.until('locked', () => talker.told('access').some(({ mode }) => mode === 'locked'));
  }
  viewOfBen.speech = 'hold';
  for (const talker of [anna, carla]) {
    await talker.until(
      'ben is missed',
      () => talker.client.members().some(({ name, present }) => name === 'ben' && !present),
      MISSED_LIMIT_MS,
    );
  }
  // As long as a roll call would take: in an open room he would be out by then.
  expect(await anna.within(8_000, () => anna.told('removed').length > 0)).toBe(false);
  viewOfBen.letSpeak();
  await untilTogether(all);
  expect(ben.told('error')).toEqual([]);
});

test('a log that is shorter than before is said to be', async () => {
  const { relay, anna, ben, carla, all } = await openScene();
  const then = await relay.snapshot();
  await anna.saySent('forget this');
  await Promise.all([ben.hears('forget this'), carla.hears('forget this')]);
  await relay.rollBack(['anna', 'ben', 'carla'], then, 'cut');
  await allWarn(all, 'log-rolled-back');
  for (const talker of all) expect(talker.told('gap').length).toBeGreaterThan(0);
  await chorus(all);
});

test('control: connections that end and come again are no alarm', async () => {
  const { relay, anna, all } = await openScene();
  for (let round = 0; round < 3; round += 1) {
    for (const { name } of all) relay.view(name).cut();
    await anna.saySent(`after the cut ${round}`);
    await chorus(all);
  }
  expect(alarms(all)).toEqual([]);
});

test('a log that went back and grew again while a member was away shows', async () => {
  const { relay, anna, ben, carla, all, viewOfBen } = await openScene();
  const then = await relay.snapshot();
  viewOfBen.door = 'shut';
  viewOfBen.cut();
  await anna.saySent('only carla hears this');
  await carla.hears('only carla hears this');
  // For ben the log has gone another way since: as long, and with something else in it.
  const branch = await relay.branchFrom({ ...then, next: then.next + 1, bodies: [...then.bodies, noise(0)] });
  viewOfBen.moveTo(branch, { log: 'starts-over' });
  viewOfBen.door = 'open';
  await ben.until('back', () => ben.told('state').at(-1)?.state === 'joined' && viewOfBen.isConnected);
  await relay.settle();
  const { next } = await relay.trunk.snapshot();
  await relay.lead(['ben'], relay.trunk, { log: 'goes-on', cursor: next - 1 });
  await chorus(all);
  await allWarn(all, 'log-differs');
});

test('entries under numbers that were told before, on the same connection, show to all', async () => {
  const { relay, anna, carla, all } = await openScene();
  const then = await relay.snapshot();
  await chorus(all);
  await relay.rollBack(['anna', 'ben', 'carla'], then, 'kept');
  anna.say('is anybody there?');
  for (let verse = 0; verse < 12; verse += 1) carla.say(`la ${verse}`);
  await Promise.all(all.map((talker) => talker.until('an alarm', () => alarms([talker]).length > 0)));
});
