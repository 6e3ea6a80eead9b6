// Recognises a member's own messages in the log. Their sender cannot open them, but has to count
// them for roll calls as the other members do.

import { digestOf } from '@sotto/crypto';
import { GROUP_SKIPPED_MESSAGES_MAX } from '@sotto/crypto/mls';
import { toHex } from '@sotto/protocol';
import { OWN_MESSAGES_MAX } from '../limits.ts';

interface Sealed {
  /** The others' count of this member's messages in this epoch. */
  readonly generation: number;
  readonly calls: boolean;
}

/** How an own body came back. `unheard`: the others refuse it, because it is out of order. */
export type Echo = 'heard' | 'calls' | 'unheard';

/** Own bodies of one epoch without an echo, by their hash; the oldest is forgotten first. */
export class OwnMessages {
  readonly #sealed = new Map<string, Sealed>();
  #generation = 0;
  #expected = 0;

  /** `calls`: the body is a roll call. */
  add(body: Uint8Array, calls: boolean): void {
    this.#sealed.set(toHex(digestOf(body)), { generation: this.#generation, calls });
    this.#generation += 1;
    const [oldest] = this.#sealed.keys();
    if (this.#sealed.size > OWN_MESSAGES_MAX && oldest !== undefined) this.#sealed.delete(oldest);
  }

  /** @returns undefined for a body that is not awaited */
  acknowledge(body: Uint8Array): Echo | undefined {
    if (this.#sealed.size === 0) return undefined;
    const key = toHex(digestOf(body));
    const sealed = this.#sealed.get(key);
    if (sealed === undefined) return undefined;
    this.#sealed.delete(key);
    const skipped = sealed.generation - this.#expected;
    // As the others count in @sotto/crypto: no message from before, and none too far ahead.
    if (skipped < 0 || skipped > GROUP_SKIPPED_MESSAGES_MAX) return 'unheard';
    this.#expected = sealed.generation + 1;
    return sealed.calls ? 'calls' : 'heard';
  }

  /** Another epoch has begun. */
  clear(): void {
    this.#sealed.clear();
    this.#generation = 0;
    this.#expected = 0;
  }
}
