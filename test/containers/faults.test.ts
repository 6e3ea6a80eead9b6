// What dies comes back: nothing acknowledged is lost, nothing is shown twice, nothing changes its order.

import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { afterEach, describe, expect, inject, test } from 'vitest';
import type { RoomClient } from '../../scripts/room-client.ts';
import { eventually, Stack } from './stack.ts';

const HEAL_LIMIT_MS = 240_000;
const TEXTS = 60;
const TALK_EVERY_MS = 150;
const FAULT_AFTER = 20;
/** Longer than the 45 s after which both sides of a silent connection give it up. */
const CUT_MS = 50_000;

const stack = new Stack(inject('project'));
afterEach(() => stack.dismiss());

/** Both talk all the time, while `fault` happens in the middle. */
async function talkThrough(fault: (alice: RoomClient) => Promise<void>): Promise<void> {
  const invite = await stack.inviteWithin();
  const [alice, bob] = await Promise.all([stack.join('alice', invite), stack.join('bob', invite)]);
  const said = (who: string): string[] => Array.from({ length: TEXTS }, (_, index) => `${who} ${index}`);
  const [fromAlice, fromBob] = [said('alice'), said('bob')];
  let happening: Promise<void> = Promise.resolve();
  for (let index = 0; index < TEXTS; index += 1) {
    alice.send(`alice ${index}`, `a${index}`);
    bob.send(`bob ${index}`, `b${index}`);
    if (index === FAULT_AFTER) happening = fault(alice);
    await delay(TALK_EVERY_MS);
  }
  await happening;
  await expectAll(alice, 'a', bob, fromAlice);
  await expectAll(bob, 'b', alice, fromBob);
}

/** Every text was acknowledged once, and the other side heard every one once, in order. */
async function expectAll(from: RoomClient, mark: string, to: RoomClient, texts: readonly string[]): Promise<void> {
  const lastRef = `${mark}${TEXTS - 1}`;
  await from.until((line) => line.type === 'sent' && line['ref'] === lastRef, HEAL_LIMIT_MS);
  await to.until((line) => line.type === 'message' && line['text'] === texts.at(-1), HEAL_LIMIT_MS);
  expect(from.lines.filter((line) => line.type === 'sent').map((line) => line['ref'])).toEqual(
    texts.map((_, index) => `${mark}${index}`),
  );
  expect(to.messages().map((line) => line['text'])).toEqual(texts);
  expect(to.lines.filter((line) => line.type === 'gap')).toEqual([]);
}

async function restart(service: 'relay' | 'tor' | 'tor-client' | 'redis'): Promise<void> {
  await stack.kill(service);
  await delay(1_000);
  await stack.start(service);
}

describe('a conversation goes on, with nothing lost or repeated,', () => {
  test('when the relay is killed', () => talkThrough(() => restart('relay')));

  test('when Redis is killed and comes back empty', () => talkThrough(() => restart('redis')));

  test("when the guests' Tor is killed", () => talkThrough(() => restart('tor-client')));

  test("when the onion's Tor is killed, and the connection string stays the same", async () => {
    const before = await stack.inviteWithin();
    await talkThrough(() => restart('tor'));
    expect(await stack.inviteWithin()).toBe(before);
  });

  test('when a client is cut off from its network for a while', () =>
    talkThrough(async () => {
      const docker = new Docker();
      const network = docker.getNetwork(`${stack.project}_socks`);
      const [container] = await stack.clientContainers();
      if (container === undefined) throw new Error('no client container');
      await network.disconnect({ Container: container.id, Force: true });
      await delay(CUT_MS);
      await network.connect({ Container: container.id });
    }));
});

describe('a client that was killed', () => {
  test('joins anew, as somebody else, and talks', async () => {
    const invite = await stack.inviteWithin();
    const [witness, victim] = await Promise.all([stack.join('witness', invite), stack.join('victim', invite)]);
    victim.send('my last words', 'last');
    const first = await witness.until((line) => line['text'] === 'my last words', HEAL_LIMIT_MS);
    const containers = await stack.clientContainers();
    const names = await Promise.all(
      containers.map(async (each) => ({ each, args: (await each.inspect()).Args.join(' ') })),
    );
    await names.find(({ args }) => args.includes('victim'))?.each.kill();
    await victim.ended;
    const again = await stack.join('victim', invite);
    again.send('I am back', 'back');
    const second = await witness.until((line) => line['text'] === 'I am back', HEAL_LIMIT_MS);
    expect(fingerprintOf(second)).not.toBe(fingerprintOf(first));
  });
});

function fingerprintOf(line: Readonly<Record<string, unknown>>): unknown {
  return (line['from'] as { readonly fingerprint: string }).fingerprint;
}

describe('after all that', () => {
  test('every service is healthy', async () => {
    for (const service of ['tor', 'tor-client', 'gate', 'relay', 'redis', 'host'] as const) {
      await eventually(`${service} is healthy`, () => stack.isHealthy(service), 30_000);
    }
  });
});
