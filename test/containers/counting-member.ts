// Clients that keep count of their texts: sent, acknowledged and received. And the members of one
// room, with the checks that must hold after each change of the group.

import { setTimeout as delay } from 'node:timers/promises';
import type { ClientLine, RoomClient } from '../../scripts/room-client.ts';
import { expect } from 'vitest';

/** The largest text: 17 frames of the largest size. */
const LONG_TEXT_BYTES = 65_536;
const LOOK_EVERY_MS = 10;

/** Texts are told apart by their `ref`: the member's name and a number from 0. */
export class CountingMember {
  readonly client: RoomClient;
  readonly #refs = new Map<string, string>();
  #marks = 0;

  constructor(client: RoomClient) {
    this.client = client;
  }

  /** @returns the refs of what it said. */
  sendShort(count: number): string[] {
    return Array.from({ length: count }, () => this.#send((ref) => `text ${ref}`));
  }

  sendLong(count: number): string[] {
    return Array.from({ length: count }, () => this.#send((ref) => `text ${ref} `.padEnd(LONG_TEXT_BYTES, `${ref} `)));
  }

  /** Says long texts until `done`, so that always about `ahead` of them are unacknowledged. */
  async keepSending(ahead: number, done: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const ended = done.finally(() => (state.isDone = true));
    while (!state.isDone) {
      this.sendLong(Math.max(0, ahead - this.unacknowledged().length));
      await Promise.race([ended, delay(LOOK_EVERY_MS)]);
    }
    await ended;
  }

  /** Refs of everything said so far, in order. */
  submitted(): string[] {
    return [...this.#refs.values()];
  }

  /** Refs that were acknowledged, as often and in the order in which they were. */
  acknowledgedRefs(): unknown[] {
    return this.client.lines.filter((line) => line.type === 'sent').map((line) => line['ref']);
  }

  unacknowledged(): string[] {
    const sent = new Set(this.acknowledgedRefs());
    return this.submitted().filter((ref) => !sent.has(ref));
  }

  /**
   * @returns the refs of texts received from another member; a text that it never sent is named as
   * such.
   */
  receivedFrom(other: CountingMember): string[] {
    const heard = this.client.messages().filter((line) => senderOf(line) === other.client.name);
    return heard.map(
      (line) => other.#refs.get(String(line['text'])) ?? `never said: ${String(line['text']).slice(0, 80)}`,
    );
  }

  /**
   * The client has read everything that was said up to here: behind it an empty text is refused at
   * once.
   */
  async hasRead(withinMs: number): Promise<void> {
    this.#marks += 1;
    const mark = `${this.client.name} mark ${this.#marks}`;
    this.client.send('', mark);
    await this.client.until((line) => line.type === 'error' && line['ref'] === mark, withinMs);
  }

  async acknowledgedUpTo(ref: string, withinMs: number): Promise<void> {
    await this.client.until((line) => line.type === 'sent' && line['ref'] === ref, withinMs);
  }

  /** The last text said so far was acknowledged. */
  async acknowledged(withinMs: number): Promise<void> {
    await this.acknowledgedUpTo(this.submitted().at(-1) ?? '', withinMs);
  }

  /** The last text that the other said so far was heard. */
  async hasReceived(other: CountingMember, withinMs: number): Promise<void> {
    const last = other.submitted().at(-1);
    await this.client.until(
      (line) => line.type === 'message' && other.#refs.get(String(line['text'])) === last,
      withinMs,
    );
  }

  #send(compose: (ref: string) => string): string {
    const ref = `${this.client.name} ${this.#refs.size}`;
    const text = compose(ref);
    this.#refs.set(text, ref);
    this.client.send(text, ref);
    return ref;
  }
}

function senderOf(line: Readonly<Record<string, unknown>>): unknown {
  return (line['from'] as { readonly name: string }).name;
}

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

  /** Adds a member that is in the room now. Earlier texts are not meant for it. */
  add(member: CountingMember): void {
    const since = new Map(this.members.map((other) => [other, other.submitted().length]));
    this.#entered = [...this.#entered, { member, since }];
  }

  remove(member: CountingMember): void {
    this.#entered = this.#entered.filter((each) => each.member !== member);
  }

  /**
   * Each member sends a text, and each receives all texts sent since it joined, once and in order.
   */
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

  /**
   * Each member lists exactly these members, by name. A commit or a move may still be on its way to
   * some.
   */
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

  /**
   * The eight words are the same for all, and others than `before`, as soon as the last commit has
   * reached everybody.
   */
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

/** Asks a client a command whose answer has the same name. */
function answer({ client }: CountingMember, command: 'members' | 'code', limitMs: number): Promise<ClientLine> {
  const asked = client.lines.length;
  client.write({ cmd: command });
  return client.until((line) => line.type === command, limitMs, asked);
}
