// A stealth room as it ships: what is said comes in its slots, and the wire between a client and its Tor carries as much as when nobody talks.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runCompose } from '../../scripts/compose.ts';
import { printFigure } from './figure.ts';
import { eventually, Stack } from './stack.ts';
import { CountingMember } from './counting-member.ts';

const COVER = 'stealth-4';
const LINES = 15;
/** A line a second is what a member of this mode may say; the rest is for those that wait. */
const WINDOW_MS = 20_000;
const HOST_LIMIT_MS = 240_000;
/** First words wait up to 20 s after joining; a line takes its turn behind those before it. */
const HEAR_LIMIT_MS = 90_000;
/** Of a window of 20 slots: one slot at either end, and what TCP acknowledges on its way. */
const ALIKE = 0.15;

const stack = new Stack(inject('project'));

/** The room of a host that starts anew; nothing else of the stack is touched. */
async function openRoom(cover: string): Promise<string> {
  const [before, fromMs] = [stack.invite(), performance.now()];
  process.env['SOTTO_ROOM_COVER'] = cover;
  const opened = runCompose(stack.project, ['up', '--detach', '--no-deps', '--force-recreate', 'host']);
  delete process.env['SOTTO_ROOM_COVER'];
  if (opened.code !== 0) throw new Error(opened.stderr);
  await eventually('another room', () => ![undefined, before].includes(stack.invite()), HOST_LIMIT_MS);
  printFigure(`a room with cover ${cover} after ${((performance.now() - fromMs) / 1_000).toFixed(1)} s`);
  return stack.inviteWithin();
}

async function bytesSent(client: string): Promise<number> {
  const container = await stack.clientContainer(client);
  const { networks } = await container.stats({ stream: false, 'one-shot': true });
  return Object.values(networks).reduce((sum, { tx_bytes: bytes }) => sum + bytes, 0);
}

/** @returns how many bytes a client sends to its Tor in a window in which `happens` begins. */
async function bytesWhile(client: string, happens: () => void): Promise<number> {
  const before = await bytesSent(client);
  happens();
  await delay(WINDOW_MS);
  return (await bytesSent(client)) - before;
}

/** Two in the room, past the first words; then a window in which nobody talks, and one in which both do. */
async function observe(
  invite: string,
): Promise<{ alice: CountingMember; bob: CountingMember; idle: number; talking: number }> {
  const alice = new CountingMember(await stack.join('alice', invite));
  const bob = new CountingMember(await stack.join('bob', invite));
  for (const member of [alice, bob]) member.sendShort(1);
  await Promise.all([alice.hasReceived(bob, HEAR_LIMIT_MS), bob.hasReceived(alice, HEAR_LIMIT_MS)]);
  const idle = await bytesWhile('alice', () => undefined);
  const talking = await bytesWhile('alice', () => [alice, bob].map((member) => member.sendShort(LINES)));
  return { alice, bob, idle, talking };
}

beforeAll(() => stack.dismiss());
afterAll(async () => {
  await stack.dismiss();
  await openRoom('off');
});

test('two talk in stealth: everything comes once and in order, and the wire carries the same as before', async () => {
  const { alice, bob, idle, talking } = await observe(await openRoom(COVER));
  await Promise.all([alice.hasReceived(bob, HEAR_LIMIT_MS), bob.hasReceived(alice, HEAR_LIMIT_MS)]);
  expect(bob.receivedFrom(alice)).toEqual(alice.submitted());
  expect(alice.receivedFrom(bob)).toEqual(bob.submitted());
  expect(alice.client.lines.find(({ type }) => type === 'cover')).toMatchObject({ mode: COVER });
  printFigure(
    `${COVER}: a client sends ${idle} bytes in ${WINDOW_MS / 1_000} s while nobody talks, ${talking} while two do`,
  );
  expect(Math.abs(talking / idle - 1)).toBeLessThan(ALIKE);
});

test('control: without cover the same lines show on the wire', async () => {
  await stack.dismiss();
  const { idle, talking } = await observe(await openRoom('off'));
  printFigure(
    `off: a client sends ${idle} bytes in ${WINDOW_MS / 1_000} s while nobody talks, ${talking} while two do`,
  );
  expect(talking / idle).toBeGreaterThan(1 + 2 * ALIKE);
});
