// A lid is closed: a client's container stands still, and reads afterwards all that was said.

import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, inject, test } from 'vitest';
import { CountingMember } from './counting-member.ts';
import { printFigure, Stack } from './stack.ts';

const MINUTE_MS = 60_000;
/**
 * Half a minute shows that a client which stood still comes back. P11 takes fifteen, which is more
 * than the four after which a member was once removed: `SOTTO_AWAY_MINUTES=15`, with the wall's
 * minutes. `test/cover/patience.test.ts` has it on a clock of its own.
 */
const AWAY_MS = Number(process.env['SOTTO_AWAY_MINUTES'] ?? 0.5) * MINUTE_MS;
/** One text a minute, and three at least. */
const TEXTS = Math.max(3, Math.ceil(AWAY_MS / MINUTE_MS));
const HEAL_LIMIT_MS = 240_000;

const stack = new Stack(inject('project'));
afterEach(async () => {
  await stack.thaw();
  await stack.dismiss();
});

test(
  'a client that stood still reads all that was said meanwhile, once',
  { timeout: AWAY_MS + 3 * HEAL_LIMIT_MS },
  async () => {
    const invite = await stack.inviteWithin();
    const alice = new CountingMember(await stack.join('alice', invite));
    const carol = new CountingMember(await stack.join('carol', invite));
    const bob = new CountingMember(await stack.join('bob', invite));
    alice.sendShort(1);
    await bob.hasReceived(alice, HEAL_LIMIT_MS);
    const container = await stack.clientContainer('bob');
    await container.pause();
    try {
      for (let text = 0; text < TEXTS; text += 1) {
        (text % 2 === 0 ? alice : carol).sendShort(1);
        await delay(AWAY_MS / TEXTS);
      }
    } finally {
      await container.unpause();
    }
    const fromMs = performance.now();
    await bob.hasReceived(alice, HEAL_LIMIT_MS);
    await bob.hasReceived(carol, HEAL_LIMIT_MS);
    printFigure(
      `away ${AWAY_MS / MINUTE_MS} min: all read ${((performance.now() - fromMs) / 1_000).toFixed(1)} s later`,
    );
    for (const other of [alice, carol]) expect(bob.receivedFrom(other)).toEqual(other.submitted());
    expect(bob.client.lines.filter(({ type }) => type === 'gap')).toEqual([]);
    for (const other of [alice, carol])
      expect(other.client.lines.filter(({ type, change }) => type === 'member' && change === 'removed')).toEqual([]);
    // It goes on with the others.
    bob.sendShort(1);
    await alice.hasReceived(bob, HEAL_LIMIT_MS);
  },
);
