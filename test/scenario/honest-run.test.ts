// A long life of a room over an honest relay, told by a seed: people come, talk, lose connections
// and go. Nobody is ever warned.

import { SeededRandom } from '@sotto/fixtures';
import { expect, test } from 'vitest';
import { epochsWithTwoCodes, untilSameEpoch } from './three-members.ts';
import type { ScenarioMember } from './member.ts';
import { openTamperedRoom } from './room.ts';
import type { TamperedRoom } from './room.ts';

const STEPS = 60;
const TALKERS_MAX = 6;
const TALKERS_LEAST = 2;
/** More texts in a row than wait for an echo at a time. */
const SPEECH_TEXTS = 55;
/**
 * Clients live so much faster than the wall: a rank waits for a fifth of a second. A newcomer still
 * waits for 2 s until it asks again whether a member has heard it. Rotations are in
 * rotation.test.ts.
 */
const SPEED = 5;

type Deed = 'say' | 'say long' | 'speech' | 'join' | 'leave' | 'cut' | 'cut all' | 'listen';
const DEEDS: readonly [Deed, ...Deed[]] = [
  ...(['say', 'say', 'say', 'say', 'say', 'say', 'say long', 'say long'] as const),
  ...(['speech', 'join', 'join', 'leave', 'cut', 'cut', 'cut all', 'listen', 'listen'] as const),
];

/** Everybody who is in the room, and all that was ever said by those who still are. */
class Gathering {
  readonly #room: TamperedRoom;
  readonly #chance: SeededRandom;
  present: ScenarioMember[] = [];
  readonly everybody: ScenarioMember[] = [];
  readonly #said = new Map<ScenarioMember, string[]>();
  #words = 0;

  constructor(room: TamperedRoom, chance: SeededRandom) {
    this.#room = room;
    this.#chance = chance;
  }

  async join(): Promise<void> {
    const member = await this.#room.join(`member ${this.everybody.length}`);
    this.present.push(member);
    this.everybody.push(member);
    this.#said.set(member, []);
  }

  async step(): Promise<void> {
    const member = this.#chance.pick(this.present as [ScenarioMember, ...ScenarioMember[]]);
    switch (this.#chance.pick(DEEDS)) {
      case 'say':
        this.#say(member, 20);
        return;
      case 'say long':
        this.#say(member, this.#chance.between(500, 9_000));
        return;
      case 'speech':
        for (let count = 0; count < SPEECH_TEXTS; count += 1) this.#say(member, 30);
        return;
      case 'join':
        if (this.present.length < TALKERS_MAX) await this.join();
        return;
      case 'leave':
        if (this.present.length > TALKERS_LEAST) await this.#leave(member);
        return;
      case 'cut':
        this.#room.relay.view(member.name).cut();
        return;
      case 'cut all':
        for (const { name } of this.present) this.#room.relay.view(name).cut();
        return;
      case 'listen':
        await this.listen();
        return;
    }
  }

  /**
   * Whoever is here says a word, and all hear it: everything that was said before by those who are
   * here has been heard then, once, in order.
   */
  async listen(): Promise<void> {
    for (const member of this.present) this.#say(member, 20);
    for (const member of this.present) {
      for (const other of this.present.filter((each) => each !== member)) {
        await member.hears(this.#said.get(other)?.at(-1) ?? '');
        const heard = member.texts.filter((text) => text.startsWith(`${other.name}:`));
        const said = this.#said.get(other) ?? [];
        expect(heard).toEqual(said.slice(said.length - heard.length));
      }
    }
  }

  #say(member: ScenarioMember, length: number): void {
    const text = `${member.name}: ${(this.#words += 1)} `.padEnd(length, 'x');
    this.#said.get(member)?.push(text);
    member.send(text);
  }

  async #leave(member: ScenarioMember): Promise<void> {
    this.present = this.present.filter((other) => other !== member);
    member.client.leave();
    await member.client.ended;
  }
}

test.each([1, 2, 3, 4])('an honest life of a room brings no warning and no gap (seed %i)', async (seed) => {
  const room = await openTamperedRoom({ speed: SPEED });
  const gathering = new Gathering(room, new SeededRandom(seed));
  for (let count = 0; count < TALKERS_LEAST; count += 1) await gathering.join();
  for (let step = 0; step < STEPS; step += 1) await gathering.step();
  await gathering.listen();
  for (const member of gathering.everybody) {
    expect(member.told('warning')).toEqual([]);
    expect(member.told('gap')).toEqual([]);
    expect(member.told('error')).toEqual([]);
  }
  await untilSameEpoch(gathering.present);
  expect(await epochsWithTwoCodes(gathering.everybody)).toEqual([]);
  process.stdout.write(
    `   seed ${seed}: ${gathering.everybody.length} came, epoch ${gathering.present[0]?.epoch ?? 0}\n`,
  );
});
