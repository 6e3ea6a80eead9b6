// While one or two rooms are attacked, others keep their latency: the same echoes in one run,
// before the attack and in it.

import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeBody } from '@sotto/fixtures/relay-member';
import type { TestMember } from '@sotto/fixtures/relay-member';
import { openAttackedRelay } from './attacked-relay.ts';
import type { Attack } from './attacked-relay.ts';

const ATTACKS: readonly Attack[] = ['frame flood', 'slow readers', 'unheard answers', 'connection flood'];
const ECHOES = 80;
const GAP_MS = 10;
/**
 * Attackers, relay and members share two processors here. Through Tor an echo takes hundreds of
 * milliseconds.
 */
const TIMES_AS_LONG_MAX = 20;
const MEDIAN_MAX_MS = 50;
const P95_MAX_MS = 400;

/** @returns how long (ms) each of so many frames takes to reach both of them. */
async function echoes(member: TestMember, other: TestMember): Promise<readonly number[]> {
  const times: number[] = [];
  while (times.length < ECHOES) {
    const started = performance.now();
    member.publish(makeBody());
    await Promise.all([member.expect('entry'), other.expect('entry')]);
    times.push(performance.now() - started);
    await pause(GAP_MS);
  }
  return times.sort((a, b) => a - b);
}

function shown(times: readonly number[]): string {
  return `p50 ${at(times, 0.5).toFixed(2)} ms, p95 ${at(times, 0.95).toFixed(2)} ms`;
}

function at(times: readonly number[], share: number): number {
  return times[Math.floor(times.length * share)] ?? Number.POSITIVE_INFINITY;
}

test.each(ATTACKS)('a room beside two under attack by %s goes on as before', async (attack) => {
  const relay = await openAttackedRelay();
  const [own, ...attacked] = [await relay.room(), await relay.room(), await relay.room()];
  const [anna, ben] = [await relay.join(own), await relay.join(own)];
  await echoes(anna, ben);
  const quiet = await echoes(anna, ben);
  const stop = await relay.attack(attack, attacked);
  const loud = await echoes(anna, ben);
  await stop();
  const [median, p95] = [at(loud, 0.5) / at(quiet, 0.5), at(loud, 0.95) / at(quiet, 0.95)];
  process.stdout.write(
    `   ${attack}: without ${shown(quiet)}; with ${shown(loud)}; ratio ${median.toFixed(1)} and ${p95.toFixed(1)}\n`,
  );
  expect(at(loud, 0.5)).toBeLessThan(Math.max(MEDIAN_MAX_MS, TIMES_AS_LONG_MAX * at(quiet, 0.5)));
  expect(at(loud, 0.95)).toBeLessThan(Math.max(P95_MAX_MS, TIMES_AS_LONG_MAX * at(quiet, 0.95)));
});
