// Members go over to other circuits in the middle of a conversation, on real sockets of a real relay: nobody misses a word, and nobody notices.

import { SeededRandom } from '@sotto/fixtures';
import { expect, test } from 'vitest';
import { openStraightRoom } from './straight-room.ts';
import type { Talker } from './talker.ts';

const ROUNDS = 120;
/** Enough texts in a row for new keys. */
const SPEECH_TEXTS = 55;
/** What has to wait is not waited for; an echo still has seconds of the wall's clock. */
const SPEED = 4;

test.each([1, 2])(
  'renewed circuits lose nothing and double nothing, and nobody sees anything of them (seed %i)',
  async (seed) => {
    const room = await openStraightRoom({ speed: SPEED });
    const chance = new SeededRandom(seed);
    const talkers = [await room.join('anna'), await room.join('ben'), await room.join('carla')] as const;
    const said = new Map<Talker, string[]>(talkers.map((talker) => [talker, []]));
    const say = (talker: Talker, length: number): void => {
      const own = said.get(talker) ?? [];
      const text = `${talker.name} ${own.length} `.padEnd(length, 'x');
      said.set(talker, [...own, text]);
      talker.say(text);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const talker = chance.pick(talkers);
      const texts = chance.onceIn(30) ? SPEECH_TEXTS : chance.between(0, 4);
      for (let count = 0; count < texts; count += 1) say(talker, chance.pick([20, 20, 9_000]));
      if (chance.onceIn(2)) chance.pick(talkers).client.renew();
      if (chance.onceIn(4)) await talker.until('sent', () => talker.told('sent').length === said.get(talker)?.length);
    }
    for (const talker of talkers) {
      await talker.until('every answer', () => talker.told('sent').length === said.get(talker)?.length);
      for (const other of talkers) if (other !== talker) await talker.hears(said.get(other)?.at(-1) ?? '');
    }
    let renewed = 0;
    for (const talker of talkers) {
      for (const other of talkers.filter((each) => each !== talker)) {
        const heard = talker.texts.filter((text) => text.startsWith(`${other.name} `));
        expect(heard).toEqual(said.get(other));
      }
      expect(talker.told('sent').map(({ ref }) => ref)).toEqual(said.get(talker));
      expect([talker.told('gap'), talker.warnings, talker.told('error'), talker.told('left')]).toEqual([
        [],
        [],
        [],
        [],
      ]);
      expect(talker.told('arrived').length).toBeLessThanOrEqual(talkers.length - 1);
      expect(talker.told('state').filter(({ state }) => state === 'reconnecting' || state === 'joined')).toHaveLength(
        1,
      );
      renewed += talker.told('circuit').filter(({ state }) => state === 'renewed').length;
    }
    expect(renewed).toBeGreaterThan(10);
    process.stdout.write(`   seed ${seed}: ${renewed} circuits renewed\n`);
  },
);
