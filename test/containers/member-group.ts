// The members of one room, and what must hold among them after each change of the group.

import { expect } from 'vitest';
import type { ClientLine } from '../../scripts/room-client.ts';
import type { CountingMember } from './counting-member.ts';

const ASK_EVERY_MS = 500;

interface Entered {
  readonly member: CountingMember;
  /** How much of what each other says had been said when this one came. */
  readonly since: ReadonlyMap<CountingMember, number>;
}

export class MemberGroup {
  #entered: readonly Entered[] = [];
  readonly #limitMs: number;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  get members(): CountingMember[] {
    return this.#entered.map(({ member }) => member);
  }

  /** A member that is in the room now. What is said before it is here is not meant for it. */
  add(member: CountingMember): void {
    const since = new Map(this.members.map((other) => [other, other.submitted().length]));
    this.#entered = [...this.#entered, { member, since }];
  }

  remove(member: CountingMember): void {
    this.#entered = this.#entered.filter((each) => each.member !== member);
  }

  /** Each says something, and each hears each other: all that was said since it came, once and in order. */
  async allReceiveFromAll(): Promise<void> {
    for (const member of this.members) member.sendShort(1);
    for (const { member, since } of this.#entered) {
      await member.acknowledged(this.#limitMs);
      for (const other of this.members.filter((each) => each !== member)) {
        await member.hasReceived(other, this.#limitMs);
        expect(member.receivedFrom(other)).toEqual(other.submitted().slice(since.get(other) ?? 0));
      }
      expect(member.acknowledgedRefs()).toEqual(member.submitted());
      expect(member.client.lines.filter((line) => line.type === 'gap')).toEqual([]);
    }
  }

  /** Each lists these and nobody else, by name, and has heard of each. A commit or a move may still be on its way to some. */
  async allListAll(): Promise<void> {
    const names = this.members.map(({ client }) => client.name).sort();
    const seen = async (member: CountingMember): Promise<string[]> => {
      const { members } = await answer(member, 'members', this.#limitMs);
      return (members as readonly Listed[])
        .filter(({ present }) => present)
        .map(({ name }) => name)
        .sort();
    };
    for (const member of this.members) {
      await expect.poll(() => seen(member), { timeout: this.#limitMs, interval: ASK_EVERY_MS }).toEqual(names);
    }
  }

  /** The six words are the same for all, and others than `before`, as soon as the last commit has reached everybody. */
  async allHaveOneCode(before?: string): Promise<string> {
    let codes: string[] = [];
    const isOne = async (): Promise<boolean> => {
      const answers = this.members.map((member) => answer(member, 'code', this.#limitMs));
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
function answer({ client }: CountingMember, command: 'members' | 'code', limitMs: number): Promise<ClientLine> {
  const asked = client.lines.length;
  client.write({ cmd: command });
  return client.until((line) => line.type === command, limitMs, asked);
}
