// Members go over to other circuits in the middle of a conversation, on real sockets of a real
// relay: nobody misses a word, and nobody notices.

import { SeededRandom } from '@sotto/fixtures';
import { expect, test } from 'vitest';
import { openRoom } from './room.ts';
import type { ScenarioMember } from './member.ts';

const ROUNDS = 120;
/** More texts in a row than wait for an echo at a time. */
const SPEECH_TEXTS = 55;
/** How much faster the clocks run than real time: an echo still has seconds of real time. */
const SPEED = 4;

test.each([1, 2])(
  'renewed circuits lose and repeat nothing, and no member sees a trace of them (seed %i)',
  async (seed) => {
    const room = await openRoom({ speed: SPEED, relaySpeed: SPEED });
    const chance = new SeededRandom(seed);
    const members = [await room.join('anna'), await room.join('ben'), await room.join('carla')] as const;
    const said = new Map<ScenarioMember, string[]>(members.map((member) => [member, []]));
    const say = (member: ScenarioMember, length: number): void => {
      const own = said.get(member) ?? [];
      const text = `${member.name} ${own.length} `.padEnd(length, 'x');
      said.set(member, [...own, text]);
      member.send(text);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const member = chance.pick(members);
      const texts = chance.onceIn(30) ? SPEECH_TEXTS : chance.between(0, 4);
      for (let count = 0; count < texts; count += 1) say(member, chance.pick([20, 20, 9_000]));
      if (chance.onceIn(2)) chance.pick(members).client.renew();
      if (chance.onceIn(4)) await member.until('sent', () => member.told('sent').length === said.get(member)?.length);
    }
    for (const member of members) {
      await member.until('every answer', () => member.told('sent').length === said.get(member)?.length);
      for (const other of members) if (other !== member) await member.hears(said.get(other)?.at(-1) ?? '');
    }
    let renewed = 0;
    for (const member of members) {
      for (const other of members.filter((each) => each !== member)) {
        const heard = member.texts.filter((text) => text.startsWith(`${other.name} `));
        expect(heard).toEqual(said.get(other));
      }
      expect(member.told('sent').map(({ ref }) => ref)).toEqual(said.get(member));
      expect([member.told('gap'), member.warnings, member.told('error'), member.told('left')]).toEqual([
        [],
        [],
        [],
        [],
      ]);
      expect(member.told('arrived').length).toBeLessThanOrEqual(members.length - 1);
      expect(member.told('state').filter(({ state }) => state === 'reconnecting' || state === 'joined')).toHaveLength(
        1,
      );
      renewed += member.told('circuit').filter(({ state }) => state === 'renewed').length;
    }
    expect(renewed).toBeGreaterThan(10);
    process.stdout.write(`   seed ${seed}: ${renewed} circuits renewed\n`);
  },
);
