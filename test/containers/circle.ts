// Several talkers in one room, and what has to hold among them after each change of the group.

import { expect } from 'vitest';
import type { ClientLine } from '../../scripts/room-client.ts';
import type { Talker } from './talker.ts';

const ASK_EVERY_MS = 500;

interface Seat {
  readonly talker: Talker;
  /** How much of what each other says had been said when this one came. */
  readonly since: ReadonlyMap<Talker, number>;
}

export class Circle {
  #seats: readonly Seat[] = [];
  readonly #limitMs: number;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  get talkers(): Talker[] {
    return this.#seats.map(({ talker }) => talker);
  }

  /** A talker that is in the room now. What is said before it is here is not meant for it. */
  add(talker: Talker): void {
    const since = new Map(this.talkers.map((other) => [other, other.said().length]));
    this.#seats = [...this.#seats, { talker, since }];
  }

  remove(talker: Talker): void {
    this.#seats = this.#seats.filter((seat) => seat.talker !== talker);
  }

  /** Each says something, and each hears each other: all that was said since it came, once and in order. */
  async everybodyHearsEverybody(): Promise<void> {
    for (const talker of this.talkers) talker.sayShort(1);
    for (const { talker, since } of this.#seats) {
      await talker.acknowledged(this.#limitMs);
      for (const other of this.talkers.filter((each) => each !== talker)) {
        await talker.hasHeard(other, this.#limitMs);
        expect(talker.heardOf(other)).toEqual(other.said().slice(since.get(other) ?? 0));
      }
      expect(talker.sent()).toEqual(talker.said());
      expect(talker.client.lines.filter((line) => line.type === 'gap')).toEqual([]);
    }
  }

  /** Each lists these and nobody else, by name, and has heard of each. A commit or a move may still be on its way to some. */
  async everybodySeesEverybody(): Promise<void> {
    const names = this.talkers.map(({ client }) => client.name).sort();
    const seen = async (talker: Talker): Promise<string[]> => {
      const { members } = await answer(talker, 'members', this.#limitMs);
      return (members as readonly Listed[])
        .filter(({ present }) => present)
        .map(({ name }) => name)
        .sort();
    };
    for (const talker of this.talkers) {
      await expect.poll(() => seen(talker), { timeout: this.#limitMs, interval: ASK_EVERY_MS }).toEqual(names);
    }
  }

  /** The six words are the same for all, and others than `before`, as soon as the last commit has reached everybody. */
  async everybodyHasOneCode(before?: string): Promise<string> {
    let codes: string[] = [];
    const isOne = async (): Promise<boolean> => {
      const answers = this.talkers.map((talker) => answer(talker, 'code', this.#limitMs));
      codes = [...new Set((await Promise.all(answers)).map((line) => JSON.stringify(line['code'])))];
      return codes.length === 1 && codes[0] !== before;
    };
    await expect.poll(isOne, { timeout: this.#limitMs, interval: ASK_EVERY_MS }).toBe(true);
    return codes[0] ?? '';
  }
}

interface Listed {
  readonly name: string;
  readonly present: boolean;
}

/** What a client answers to a command that has the name of its answer. */
function answer({ client }: Talker, command: 'members' | 'code', limitMs: number): Promise<ClientLine> {
  const asked = client.lines.length;
  client.write({ cmd: command });
  return client.until((line) => line.type === command, limitMs, asked);
}
