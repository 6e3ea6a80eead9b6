// Nobody can tell talking from silence: on every line of a whole stealth room, in both directions, the same bytes leave at the same times.

import type { Cover } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { CoveredScene, textsOf, troubleOf } from './covered-scene.ts';
import type { Departure, Guest } from './covered-scene.ts';

interface Watched {
  readonly lines: readonly { readonly up: readonly Departure[]; readonly down: readonly Departure[] }[];
  readonly heard: number;
  readonly epochs: number;
  readonly trouble: readonly string[];
}

/** A room of three from its beginning to the goodbye of one, while somebody talks, or nobody. */
async function watch(
  cover: Cover,
  seconds: number,
  talk: (guests: readonly Guest[], second: number) => void,
): Promise<Watched> {
  const scene = new CoveredScene(cover);
  await scene.open();
  for (const name of ['anna', 'ben', 'carla']) {
    scene.join(name);
    await scene.clock.advance(40_000);
  }
  for (let second = 0; second < seconds; second += 1) {
    talk(scene.guests, second);
    await scene.clock.advance(1_000);
  }
  scene.guests[2]?.client.leave();
  await scene.clock.advance(40_000);
  const lines = scene.guests.map(({ up, down }) => ({ up, down }));
  const heard = scene.guests.reduce((sum, guest) => sum + textsOf(guest).length, 0);
  const epochs = scene.guests[0]?.events.filter(({ type }) => type === 'epoch').length ?? 0;
  return { lines, heard, epochs, trouble: scene.guests.flatMap(troubleOf) };
}

const silence = (): void => undefined;

function chatter([anna, ben, carla]: readonly Guest[], second: number): void {
  if (second % 20 < 6) anna?.client.say(`${second}: short`);
  if (second % 45 === 5) ben?.client.say('long '.repeat(900));
  if (second % 50 === 0) carla?.client.say('and you?');
}

test('a whole stealth room writes the same, bit for bit, whether it talks or not', { timeout: 480_000 }, async () => {
  const idle = await watch('stealth-4', 900, silence);
  const busy = await watch('stealth-4', 900, chatter);
  expect([idle.heard, busy.heard > 400, idle.trouble, busy.trouble]).toEqual([0, true, [], []]);
  // Three came, the founder's leaf went, carla's too, and somebody had new keys in between.
  expect(idle.epochs).toBeGreaterThanOrEqual(6);
  expect(busy.lines).toEqual(idle.lines);
});

test.each(['off', 'jitter'] as const)('control: in mode %s it does not', { timeout: 120_000 }, async (cover) => {
  const idle = await watch(cover, 60, silence);
  const busy = await watch(cover, 60, chatter);
  expect(busy.heard).toBeGreaterThan(10);
  expect(busy.lines).not.toEqual(idle.lines);
});
