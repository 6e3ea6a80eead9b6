// A client that keeps count of what it said, so that a test can tell what is on the way, what was acknowledged and what the other heard.

import { setTimeout as delay } from 'node:timers/promises';
import type { RoomClient } from '../../scripts/room-client.ts';

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

  /** What was heard of another member, as its refs; a text that it never said as a complaint. */
  receivedFrom(other: CountingMember): string[] {
    const heard = this.client.messages().filter((line) => senderOf(line) === other.client.name);
    return heard.map(
      (line) => other.#refs.get(String(line['text'])) ?? `never said: ${String(line['text']).slice(0, 80)}`,
    );
  }

  /** The client has read everything that was said up to here: behind it an empty text is refused at once. */
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
