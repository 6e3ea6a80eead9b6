// The client keys that the gate has given to Tor: one per onion, counted over the connections that
// use it, and revoked with the last of them.

import type { TorControl } from '../control/control.ts';
import type { FetchState } from '../onion/descriptor.ts';
import { FETCH_UNKNOWN, readDescriptorEvent, stepFetch } from '../onion/descriptor.ts';
import type { Decoded } from '../errors.ts';
import { TorError, torErrorCode } from '../errors.ts';
import { ClientAuthKey } from '../onion/onion-key.ts';
import type { ControlMessage } from '../control/reply-parser.ts';

interface HeldKey {
  readonly key: ClientAuthKey;
  holders: number;
  fetch: FetchState;
  /** Settles when Tor has answered the newest attempt to add this key. */
  added: Promise<void>;
}

export type HoldRefusal = 'gate-key-differs' | 'tor-unreachable' | 'tor-refused';

/**
 * The keys of live gate connections. Commands of one control connection keep their order, which
 * makes add and remove safe to overlap.
 */
export class GateKeys {
  readonly #held = new Map<string, HeldKey>();
  #control: TorControl | undefined;

  /** Adds a hold on an onion. The first one gives Tor the key. */
  async hold(onion: string, secret: Uint8Array): Promise<Decoded<undefined, HoldRefusal>> {
    if (this.#control === undefined) return { ok: false, code: 'tor-unreachable' };
    const held = this.#find(onion, secret) ?? this.#create(onion, secret, this.#control);
    if (held === 'other-key') return { ok: false, code: 'gate-key-differs' };
    held.holders += 1;
    try {
      await held.added;
      return { ok: true, value: undefined };
    } catch (error) {
      const refused = torErrorCode(error) === 'control-refused';
      await this.release(onion);
      return { ok: false, code: refused ? 'tor-refused' : 'tor-unreachable' };
    }
  }

  /** Ends a hold. With the last one the key is wiped and removed from Tor. */
  async release(onion: string): Promise<void> {
    const held = this.#held.get(onion);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders > 0) return;
    this.#held.delete(onion);
    held.key.wipe();
    await this.#revoke(onion);
  }

  fetchState(onion: string): FetchState {
    return this.#held.get(onion)?.fetch ?? FETCH_UNKNOWN;
  }

  onEvent(message: ControlMessage): void {
    const event = readDescriptorEvent(message);
    const held = event === undefined ? undefined : this.#held.get(event.address);
    if (event !== undefined && held !== undefined) held.fetch = stepFetch(held.fetch, event);
  }

  /**
   * On a new control connection: removes the keys that an earlier gate left in Tor, and adds the
   * live keys again.
   */
  async restore(control: TorControl): Promise<void> {
    const known = await control.onionClientAuthView();
    // From here to the end of the loops nothing else runs: a release after this is queued behind
    // the adds.
    this.#control = control;
    const work = known.filter((onion) => !this.#held.has(onion)).map((onion) => control.onionClientAuthRemove(onion));
    for (const [onion, held] of this.#held) {
      held.fetch = FETCH_UNKNOWN;
      held.added = control.onionClientAuthAdd(onion, held.key);
      work.push(held.added);
    }
    await Promise.all(work);
  }

  disconnected(): void {
    this.#control = undefined;
  }

  /** Revokes every key, however many connections hold it. */
  async clear(): Promise<void> {
    const onions = [...this.#held.keys()];
    for (const held of this.#held.values()) held.key.wipe();
    this.#held.clear();
    await Promise.all(onions.map((onion) => this.#revoke(onion)));
  }

  #find(onion: string, secret: Uint8Array): HeldKey | 'other-key' | undefined {
    const held = this.#held.get(onion);
    if (held === undefined) return undefined;
    const offered = new ClientAuthKey(secret);
    offered.wipe();
    // Public keys: equal exactly if the secrets do the same, and no secret is compared byte by
    // byte.
    return Buffer.compare(offered.publicKey, held.key.publicKey) === 0 ? held : 'other-key';
  }

  #create(onion: string, secret: Uint8Array, control: TorControl): HeldKey {
    const key = new ClientAuthKey(secret);
    const held: HeldKey = { key, holders: 0, fetch: FETCH_UNKNOWN, added: control.onionClientAuthAdd(onion, key) };
    this.#held.set(onion, held);
    return held;
  }

  async #revoke(onion: string): Promise<void> {
    try {
      await this.#control?.onionClientAuthRemove(onion);
    } catch (error) {
      // The connection broke: `restore` removes the key on the next one. Any other error is a bug.
      if (!(error instanceof TorError)) throw error;
    }
  }
}
