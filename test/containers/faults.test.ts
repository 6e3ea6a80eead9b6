// What dies comes back: nothing acknowledged is lost, nothing is shown twice, nothing changes its order.

import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { printFigure } from './figure.ts';
import { eventually, Stack } from './stack.ts';
import type { Service } from './stack.ts';
import { CountingMember } from './counting-member.ts';

const HEAL_LIMIT_MS = 240_000;
/** Short texts before anything happens, all of them acknowledged. */
const FIRST_TEXTS = 10;
/** Long texts that Alice keeps unacknowledged: together more than what a client lets leave, so that something is always on the way. */
const ALICES_AHEAD = 4;
const BOBS_BURST = 3;
/** From the block to the fault: what the clients let leave is on the way by then. Docker takes a service that is held longer for ill. */
const HELD_MS = 1_000;
const DOWN_MS = 1_000;
/** While the fault happens and heals both talk on. */
const LAST_TEXTS = 40;
const TALK_EVERY_MS = 150;
/** Longer than the 45 s after which both sides of a silent connection give it up. */
const CUT_MS = 50_000;

const stack = new Stack(inject('project'));
afterEach(async () => {
  await stack.thaw();
  await stack.dismiss();
});

/** First something keeps frames from arriving, then comes the fault, and its end. Bob is always hit, Alice by most faults. */
interface Fault {
  readonly what: string;
  readonly hitsAlice: boolean;
  readonly block: () => Promise<unknown>;
  readonly strike: () => Promise<unknown>;
}

/** A service that stands still and is then killed: what came to it meanwhile dies with it. */
function killed(service: Service): Fault {
  const strike = async (): Promise<void> => {
    await stack.kill(service);
    await delay(DOWN_MS);
    await stack.start(service);
  };
  return { what: `${service} was killed`, hitsAlice: true, block: () => stack.pause(service), strike };
}

/** Bob's client without its network for a while. */
function cutOff(): Fault {
  const network = new Docker().getNetwork(`${stack.project}_socks`);
  const bobs = async (): Promise<string> => (await stack.clientContainer('bob')).id;
  const block = async (): Promise<unknown> => network.disconnect({ Container: await bobs(), Force: true });
  const strike = async (): Promise<void> => {
    await delay(CUT_MS);
    await network.connect({ Container: await bobs() });
  };
  return { what: 'Bob was cut off', hitsAlice: false, block, strike };
}

/**
 * Two people talk while `fault` happens, and frames are on the way when it does: Alice is in the middle of a burst when the way is
 * blocked, so that some of her frames have arrived without her knowing; Bob has nothing on the way then and begins behind the block,
 * so that nothing of what he lets leave has arrived.
 */
async function talkThrough(fault: Fault): Promise<void> {
  const invite = await stack.inviteWithin();
  const [alice, bob] = await Promise.all([
    stack.join('alice', invite).then((client) => new CountingMember(client)),
    stack.join('bob', invite).then((client) => new CountingMember(client)),
  ]);
  for (const member of [alice, bob]) member.sendShort(FIRST_TEXTS);
  await Promise.all([alice.acknowledged(HEAL_LIMIT_MS), bob.acknowledged(HEAL_LIMIT_MS)]);
  const [first = ''] = alice.sendLong(ALICES_AHEAD);
  await alice.acknowledgedUpTo(first, HEAL_LIMIT_MS);
  await alice.keepSending(ALICES_AHEAD, fault.block());
  const behindTheBlock = bob.sendLong(BOBS_BURST);
  await bob.hasRead(HEAL_LIMIT_MS);
  await delay(HELD_MS);
  // Without this the test would show nothing: there would be nothing to lose.
  expect(bob.unacknowledged()).toEqual(behindTheBlock);
  if (fault.hitsAlice) expect(alice.unacknowledged()).not.toEqual([]);
  const onTheWay = `${alice.unacknowledged().length} texts of Alice, ${bob.unacknowledged().length} of Bob on the way`;
  const fromMs = performance.now();
  const happening = fault.strike();
  for (let index = 0; index < LAST_TEXTS; index += 1) {
    alice.sendShort(1);
    bob.sendShort(1);
    await delay(TALK_EVERY_MS);
  }
  await happening;
  await Promise.all([alice.acknowledged(HEAL_LIMIT_MS), bob.acknowledged(HEAL_LIMIT_MS)]);
  await Promise.all([alice.hasReceived(bob, HEAL_LIMIT_MS), bob.hasReceived(alice, HEAL_LIMIT_MS)]);
  printFigure(`${fault.what}, ${onTheWay}: healed after ${((performance.now() - fromMs) / 1000).toFixed(1)} s`);
  expectAll(alice, bob);
  expectAll(bob, alice);
}

/** Every text was acknowledged once, in order, and the other heard every one once, in order. */
function expectAll(from: CountingMember, to: CountingMember): void {
  expect(from.acknowledgedRefs()).toEqual(from.submitted());
  expect(to.receivedFrom(from)).toEqual(from.submitted());
  expect(to.client.lines.filter((line) => line.type === 'gap')).toEqual([]);
}

describe('a conversation goes on, with nothing lost or repeated,', () => {
  test('when the relay is killed', () => talkThrough(killed('relay')));

  test('when Redis is killed and comes back empty', () => talkThrough(killed('redis')));

  test("when the guests' Tor is killed", () => talkThrough(killed('tor-client')));

  test("when the onion's Tor is killed, and the connection string stays the same", async () => {
    const before = await stack.inviteWithin();
    await talkThrough(killed('tor'));
    expect(await stack.inviteWithin()).toBe(before);
  });

  test('when a client is cut off from its network for a while', () => talkThrough(cutOff()));
});

describe('a client that was killed', () => {
  test('joins anew, as somebody else, and talks', async () => {
    const invite = await stack.inviteWithin();
    const [witness, victim] = await Promise.all([stack.join('witness', invite), stack.join('victim', invite)]);
    victim.send('my last words', 'last');
    const first = await witness.until((line) => line['text'] === 'my last words', HEAL_LIMIT_MS);
    await (await stack.clientContainer('victim')).kill();
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
