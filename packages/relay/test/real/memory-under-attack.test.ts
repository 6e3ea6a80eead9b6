// How much the relay holds under attack, measured as the kernel counts it: never more than the sum
// of its limits.

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { HELD_BYTES_MAX } from '../../src/limits.ts';
import { makeBody } from '@sotto/fixtures/relay-member';
import { openAttackedRelay } from './attacked-relay.ts';
import type { Attack, AttackedRelay } from './attacked-relay.ts';

const ATTACKS: readonly Attack[] = ['frame flood', 'slow readers', 'unheard answers', 'slowloris', 'uploads'];
const ATTACK_MS = 1_500;
/** The control has as long as it takes: its attackers have the least of the processor. */
const CONTROL_MS = 60_000;
const LOOK_MS = 50;

/** @returns bytes that the process has grown by at most, at its peak. */
async function growth(relay: AttackedRelay, attack: Attack, milliseconds = ATTACK_MS): Promise<number> {
  const [own, ...attacked] = [await relay.room(), await relay.room(), await relay.room()];
  const member = await relay.join(own);
  member.publish(...Array.from({ length: 200 }, () => makeBody()));
  await member.entries(200);
  const before = relay.memory().now;
  const stop = await relay.attack(attack, attacked);
  let peak = before;
  for (let passed = 0; passed < milliseconds && peak - before <= HELD_BYTES_MAX; passed += LOOK_MS) {
    await pause(LOOK_MS);
    peak = relay.memory().peak;
  }
  await stop();
  return peak - before;
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

describe('the relay’s process', () => {
  test.each(ATTACKS)('under attack by %s grows by no more than its limits say', async (attack) => {
    const grown = await growth(await openAttackedRelay(), attack);
    process.stdout.write(`   ${attack}: grown by ${inMebibytes(grown)} (bound ${inMebibytes(HELD_BYTES_MAX)})\n`);
    expect(grown).toBeLessThanOrEqual(HELD_BYTES_MAX);
  });

  test('would exceed its limits if it held everything that its peers do not read (the control)', async () => {
    const grown = await growth(await openAttackedRelay('boundless-relay-process.ts'), 'unheard answers', CONTROL_MS);
    process.stdout.write(`   control, a relay without limits: grown by ${inMebibytes(grown)} and more\n`);
    expect(grown).toBeGreaterThan(HELD_BYTES_MAX);
  });
});
