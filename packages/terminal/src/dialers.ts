// The dialers of one client: one, or two while the room moves to another onion.

import type { Dial } from '@sotto/client';
import { equalBytes } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import type { OnionPath } from '@sotto/tor';
import type { Dialer } from './onion-dial.ts';

interface OpenDialer {
  /** Two rooms of a session never share it: a room that moves gets another one. */
  readonly onionKey: Uint8Array;
  readonly dialer: Dialer;
}

export class Dialers {
  readonly #open: (invite: Invite) => Dialer;
  /** The newest last. */
  #dialers: OpenDialer[] = [];

  constructor(open: (invite: Invite) => Dialer) {
    this.#open = open;
  }

  /** The dialer of this room: the same one at each call. */
  dialFor(invite: Invite): Dial {
    const known = this.#dialers.find(({ onionKey }) => equalBytes(onionKey, invite.onionKey));
    if (known !== undefined) return known.dialer.dial;
    const owner = this.#open(invite);
    this.#dialers.push({ onionKey: invite.onionKey.slice(), dialer: owner });
    return owner.dial;
  }

  /** @returns the state of the newest dialer's path through Tor */
  async path(): Promise<OnionPath | undefined> {
    return this.#dialers.at(-1)?.dialer.path?.();
  }

  /** Closes all but the newest. */
  closeFormer(): void {
    for (const { dialer: owner } of this.#dialers.splice(0, this.#dialers.length - 1)) owner.close();
  }

  closeAll(): void {
    for (const { dialer: owner } of this.#dialers.splice(0)) owner.close();
  }
}
