// Another circuit through a real Tor, in the middle of a conversation: everything goes over it, nothing is lost or doubled, and nobody else notices.

import { setTimeout as delay } from 'node:timers/promises';
import type { ClientLine, RoomClient } from '../../scripts/room-client.ts';
import { afterEach, expect, inject, test } from 'vitest';
import { printFigure } from './figure.ts';
import { eventually, Stack } from './stack.ts';
import { CountingMember } from './counting-member.ts';

const RENEWALS = 4;
const ANSWER_LIMIT_MS = 120_000;
const STATUS_LIMIT_MS = 10_000;
const HEAL_LIMIT_MS = 120_000;
const TALK_EVERY_MS = 50;
/** The first circuit is so old before it is left, so that the next one is seen to be younger. */
const OLD_SECONDS = 20;

const stack = new Stack(inject('project'));
afterEach(() => stack.dismiss());

/** The answer to the command of this name. */
async function ask(client: RoomClient, cmd: 'status' | 'circuit', withinMs: number): Promise<ClientLine> {
  const since = client.lines.length;
  client.write({ cmd });
  return client.until((line) => line.type === cmd, withinMs, since);
}

async function circuitAge(client: RoomClient): Promise<number> {
  return Number((await ask(client, 'status', STATUS_LIMIT_MS))['circuitAgeSeconds']);
}

interface Heard {
  readonly said: readonly string[];
  readonly sent: readonly unknown[];
  readonly heard: readonly string[];
}

/** @returns what is wrong; empty if every text was acknowledged once and heard once, in order. */
function faultsOf({ said, sent, heard }: Heard): string[] {
  return [
    ...(said.join() === sent.join() ? [] : [`${sent.length} acknowledged of ${said.length}, or in another order`]),
    ...(said.join() === heard.join() ? [] : [`${heard.length} heard of ${said.length}, or in another order`]),
  ];
}

test('goes over to other circuits while both talk, and loses and doubles nothing', async () => {
  const invite = await stack.inviteWithin();
  const alice = new CountingMember(await stack.join('alice', invite));
  const bob = new CountingMember(await stack.join('bob', invite));
  await alice.client.until((line) => line.type === 'member' && line['change'] === 'arrived', HEAL_LIMIT_MS);
  const isOld = async (): Promise<boolean> => (await circuitAge(alice.client)) >= OLD_SECONDS;
  await eventually('the first circuit is old', isOld, 3 * OLD_SECONDS * 1_000);
  const [alices, bobs] = [alice.client.lines.length, bob.client.lines.length];

  const talking = { isOver: false };
  const talk = (async (): Promise<void> => {
    while (!talking.isOver) {
      alice.sendShort(1);
      bob.sendShort(1);
      await delay(TALK_EVERY_MS);
    }
  })();
  const tookMs: number[] = [];
  const ages: number[] = [];
  for (let count = 0; count < RENEWALS; count += 1) {
    alice.sendLong(1);
    const fromMs = performance.now();
    const answer = await ask(alice.client, 'circuit', ANSWER_LIMIT_MS);
    tookMs.push(Math.round(performance.now() - fromMs));
    expect(answer).toEqual({ type: 'circuit', state: 'renewed' });
    ages.push(await circuitAge(alice.client));
  }
  talking.isOver = true;
  await talk;

  await Promise.all([alice.acknowledged(HEAL_LIMIT_MS), bob.acknowledged(HEAL_LIMIT_MS)]);
  await Promise.all([alice.hasReceived(bob, HEAL_LIMIT_MS), bob.hasReceived(alice, HEAL_LIMIT_MS)]);
  printFigure(
    `${RENEWALS} circuits renewed among ${alice.submitted().length + bob.submitted().length} texts, in ${tookMs.join(', ')} ms; ages then ${ages.join(', ')} s`,
  );
  // Whatever was asked, the circuit is younger than the question.
  for (const [index, age] of ages.entries()) expect(age).toBeLessThanOrEqual((tookMs[index] ?? 0) / 1_000 + 2);

  const bobHeard: Heard = { said: alice.submitted(), sent: alice.acknowledgedRefs(), heard: bob.receivedFrom(alice) };
  const aliceHeard: Heard = { said: bob.submitted(), sent: bob.acknowledgedRefs(), heard: alice.receivedFrom(bob) };
  expect([faultsOf(bobHeard), faultsOf(aliceHeard)]).toEqual([[], []]);
  const notices = ['gap', 'warning', 'error', 'state', 'member'];
  expect(alice.client.lines.slice(alices).filter(({ type }) => notices.includes(type))).toEqual([]);
  expect(bob.client.lines.slice(bobs).filter(({ type }) => [...notices, 'circuit'].includes(type))).toEqual([]);

  // Control: the same with a text that is missing, and with one that came twice.
  const { heard } = bobHeard;
  expect(faultsOf({ ...bobHeard, heard: heard.slice(1) })).not.toEqual([]);
  expect(faultsOf({ ...bobHeard, heard: [...heard, ...heard.slice(-1)] })).not.toEqual([]);

  const status = await ask(alice.client, 'status', STATUS_LIMIT_MS);
  expect(status['vanguards']).toBe('on');
  expect(status['guardSameSeconds']).toBeGreaterThanOrEqual(OLD_SECONDS);
});
