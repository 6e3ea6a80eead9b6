// A member's own messages on their way through the log: they cannot be opened by who sealed them, but the others hear them, and that has to be counted alike.

import { digestOf } from '@sotto/crypto';
import { GROUP_SKIPPED_MESSAGES_MAX } from '@sotto/crypto/mls';
import { toHex } from '@sotto/protocol';
import { OWN_MESSAGES_MAX } from '../limits.ts';

interface Sealed {
  /** The others' count of this member's messages in this epoch. */
  readonly generation: number;
  readonly calls: boolean;
}

/** How an own body came back: `unheard` if the others have refused it, being out of its order. */
export type Echo = 'heard' | 'calls' | 'unheard';

/** Own bodies of one epoch that the log has not shown yet, by their hash; the oldest is forgotten first. */
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

  /** @returns undefined for a body that is not awaited. */
  acknowledge(body: Uint8Array): Echo | undefined {
    if (this.#sealed.size === 0) return undefined;
    const key = toHex(digestOf(body));
    const sealed = this.#sealed.get(key);
    if (sealed === undefined) return undefined;
    this.#sealed.delete(key);
    const skipped = sealed.generation - this.#expected;
    // Exactly as the others judge it (group-transitions.ts): nothing from before, and not too far ahead.
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
