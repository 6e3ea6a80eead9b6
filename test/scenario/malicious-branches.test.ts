// A relay that forks the log, or goes back in it: who notices, and by what. Real clients, real
// relays; each attack with its control.

import { expect, test } from 'vitest';
import { PATIENCE_SECONDS_LEAST } from '@sotto/protocol';
import {
  alarms,
  allWarn,
  allSend,
  epochsWithTwoCodes,
  openThreeMembers,
  passUntil,
  untilTogether,
  warnsOfTalk,
} from './three-members.ts';
import type { ThreeMembers } from './three-members.ts';
import type { ScenarioMember } from './member.ts';
import { entryOf, noise } from './tampering/member-view.ts';

/**
 * The relay tells a patience that is as short as it may be, where somebody is to be removed as
 * silent.
 */
const MISSING = { patienceSeconds: PATIENCE_SECONDS_LEAST };
/** A roll call and its commit take less. */
const ROLL_CALL_MS = 160_000;

test('two halves of a room that the relay forks and joins again notice it', async () => {
  const { relay, anna, ben, carla, all } = await openThreeMembers();
  const { next } = await relay.snapshot();
  await relay.fork(['ben']);
  await anna.sendConfirmed('on the left');
  await carla.hears('on the left');
  await ben.sendConfirmed('on the right');
  expect(alarms(all)).toEqual([]);
  await relay.lead(['ben'], relay.trunk, { log: 'goes-on', cursor: next - 1 });
  await allSend(all);
  await allWarn(all, 'log-differs');
  expect([anna.texts, carla.texts].flat()).not.toContain('on the right');
});

/** Ben is led apart; a newcomer commits on either side: dora on the trunk, emil on the branch. */
async function openTwoBranches() {
  const room = await openThreeMembers(MISSING);
  const { relay, join, member, anna, ben, carla, all } = room;
  const { next } = await relay.snapshot();
  const branch = await relay.fork(['ben']);
  const dora = await join('dora');
  const emil = await member('emil');
  relay.view('emil').branch = branch;
  await emil.join();
  await allSend([anna, carla, dora]);
  await allSend([ben, emil]);
  // The control of what the honest life of a room is judged by: keys that forked are found.
  expect(await epochsWithTwoCodes([...all, dora, emil])).not.toEqual([]);
  const rejoinTrunk = (names: readonly string[]): Promise<void> =>
    relay.lead(names, relay.trunk, { log: 'goes-on', cursor: next - 1 });
  return { ...room, dora, emil, rejoinTrunk };
}

test('a member forked off with commits on both branches can read no other, warns, and joins again', async () => {
  const room = await openTwoBranches();
  const { anna, ben, carla, emil, dora, all, rejoinTrunk } = room;
  emil.client.leave();
  await emil.client.ended;
  await rejoinTrunk(['ben']);
  await warnsOfTalk(room, ben, 'room-forked', [anna, carla, dora]);
  await untilTogether(room, [...all, dora]);
});

test('two halves with commits on both branches notice the fork and come together again', async () => {
  const room = await openTwoBranches();
  const { anna, ben, emil, dora, all, rejoinTrunk } = room;
  await rejoinTrunk(['ben', 'emil']);
  await untilTogether(room, [...all, dora, emil]);
  expect([...ben.warnings, ...emil.warnings, ...anna.warnings]).toContain('room-forked');
});

/** Resolves when `member` was told that all of them were removed as silent. */
async function putsOut(room: ThreeMembers, member: ScenarioMember, others: readonly ScenarioMember[]): Promise<void> {
  const isOut = ({ name }: ScenarioMember): boolean =>
    member.told('removed').some(({ member, reason }) => member.name === name && reason === 'silent');
  await passUntil(room, 'the others are out', member, () => others.every(isOut));
}

test('halves that have removed each other as silent come together when the relay joins them again', async () => {
  const room = await openTwoBranches();
  const { anna, ben, carla, emil, dora, all, rejoinTrunk } = room;
  await putsOut(room, anna, [ben]);
  await putsOut(room, ben, [anna, carla]);
  await rejoinTrunk(['ben', 'emil']);
  await untilTogether(room, [...all, dora, emil]);
});

test('control: while the relay passes everything on, nobody is missed for as long', async () => {
  const room = await openThreeMembers(MISSING);
  await room.pass(2_000 * PATIENCE_SECONDS_LEAST);
  for (const member of room.all) {
    expect(member.client.members().filter(({ present }) => !present)).toEqual([]);
    expect(member.told('removed')).toEqual([]);
    expect(member.told('state').at(-1)?.state).toBe('joined');
  }
  await allSend(room.all);
  expect(alarms(room.all)).toEqual([]);
});

test('in a fork that lasts each half sees that the other is silent, and goes on without it', async () => {
  const room = await openThreeMembers(MISSING);
  const { relay, anna, ben, carla } = room;
  await relay.fork(['ben']);
  await putsOut(room, anna, [ben]);
  await putsOut(room, carla, [ben]);
  await putsOut(room, ben, [anna, carla]);
  await allSend([anna, carla]);
});

test('a member that the relay kept from answering is not shut out of a locked room', async () => {
  const room = await openThreeMembers(MISSING);
  const { anna, ben, carla, all, viewOfBen } = room;
  anna.client.setAccess('locked');
  for (const member of all) {
    await member.until('locked', () => member.told('access').some(({ mode }) => mode === 'locked'));
  }
  viewOfBen.publishing = 'hold';
  for (const member of [anna, carla]) {
    const isMissed = (): boolean => member.client.members().some(({ name, present }) => name === 'ben' && !present);
    await passUntil(room, 'ben is missed', member, isMissed);
  }
  // As long as a roll call would take: in an open room he would be out by then.
  await room.pass(1_000 * PATIENCE_SECONDS_LEAST + ROLL_CALL_MS);
  expect(anna.told('removed')).toEqual([]);
  viewOfBen.releasePublished();
  await untilTogether(room, all);
  expect(ben.told('error')).toEqual([]);
});

test('a member warns of a log that is shorter than before', async () => {
  const { relay, anna, ben, carla, all } = await openThreeMembers();
  const then = await relay.snapshot();
  await anna.sendConfirmed('forget this');
  await Promise.all([ben.hears('forget this'), carla.hears('forget this')]);
  await relay.rollBack(['anna', 'ben', 'carla'], then, 'cut');
  await allWarn(all, 'log-rolled-back');
  for (const member of all) expect(member.told('gap').length).toBeGreaterThan(0);
  await allSend(all);
});

test('control: connections that end and are made again raise no warning', async () => {
  const { relay, anna, all } = await openThreeMembers();
  for (let round = 0; round < 3; round += 1) {
    for (const { name } of all) relay.view(name).cut();
    await anna.sendConfirmed(`after the cut ${round}`);
    await allSend(all);
  }
  expect(alarms(all)).toEqual([]);
});

test('a member warns of a log that went back and grew again while it was away', async () => {
  const { relay, anna, ben, carla, all, viewOfBen } = await openThreeMembers();
  const then = await relay.snapshot();
  viewOfBen.dialing = 'shut';
  viewOfBen.cut();
  await anna.sendConfirmed('only carla hears this');
  await carla.hears('only carla hears this');
  // For ben the log has gone another way since: as long, and with something else in it.
  const branch = await relay.branchFrom({ ...then, next: then.next + 1, frames: [...then.frames, entryOf(noise(0))] });
  viewOfBen.moveTo(branch, { log: 'starts-over' });
  viewOfBen.dialing = 'open';
  await ben.until('back', () => ben.told('state').at(-1)?.state === 'joined' && viewOfBen.isConnected);
  await relay.settle();
  const { next } = await relay.trunk.snapshot();
  await relay.lead(['ben'], relay.trunk, { log: 'goes-on', cursor: next - 1 });
  await allSend(all);
  await allWarn(all, 'log-differs');
});

test('all members warn of entries under numbers that were used before on the same connection', async () => {
  const { relay, anna, carla, all } = await openThreeMembers();
  const then = await relay.snapshot();
  await allSend(all);
  await relay.rollBack(['anna', 'ben', 'carla'], then, 'kept');
  anna.send('is anybody there?');
  for (let verse = 0; verse < 12; verse += 1) carla.send(`la ${verse}`);
  await Promise.all(all.map((member) => member.until('an alarm', () => alarms([member]).length > 0)));
});
