// The ways to the rooms of one stay: usually one; two while the room moves to another onion and both are in use.

import type { Dial } from '@sotto/client';
import { equalBytes } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import type { OnionPath } from '@sotto/tor';
import type { DialOwner } from './onion-dial.ts';

interface Way {
  /** No two rooms of a stay share it: a room that moves gets another one. */
  readonly onionKey: Uint8Array;
  readonly owner: DialOwner;
}

export class DialOwners {
  readonly #open: (invite: Invite) => DialOwner;
  /** The newest last. */
  #ways: Way[] = [];

  constructor(open: (invite: Invite) => DialOwner) {
    this.#open = open;
  }

  /** The way to this room: the same one however often it is asked for. */
  dialFor(invite: Invite): Dial {
    const known = this.#ways.find(({ onionKey }) => equalBytes(onionKey, invite.onionKey));
    if (known !== undefined) return known.owner.dial;
    const owner = this.#open(invite);
    this.#ways.push({ onionKey: invite.onionKey.slice(), owner });
    return owner.dial;
  }

  /** @returns what is known of the newest way through Tor. */
  async path(): Promise<OnionPath | undefined> {
    return this.#ways.at(-1)?.owner.path?.();
  }

  /** Closes all but the newest. */
  closeFormer(): void {
    for (const { owner } of this.#ways.splice(0, this.#ways.length - 1)) owner.close();
  }

  closeAll(): void {
    for (const { owner } of this.#ways.splice(0)) owner.close();
  }
}
