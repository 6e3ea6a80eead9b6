// A relay in memory that programs of a test reach at once, without any network: its host was here
// before anybody.

import { randomBytes } from 'node:crypto';
import { DialError, proveAdmission, registrationOf } from '@sotto/client';
import type { ByteStream, Dial } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import type { Invite, RelayCode } from '@sotto/protocol';
import { ScriptedRelay } from '@sotto/fixtures';
import { useNativeEd25519 } from '@sotto/fixtures/native-ed25519';

useNativeEd25519();

/** The room of most tests. */
export const ROOM: Invite = { onionKey: new Uint8Array(32).fill(1), roomSecret: new Uint8Array(32).fill(2) };

const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));

export class MemoryRelay {
  readonly room: Invite;
  /** While true, a dial fails. */
  down = false;
  /** While true, frames are taken and neither stored nor echoed. */
  mute = false;
  readonly #relay: ScriptedRelay;
  readonly #connections = new Set<Connection>();
  #founding: Promise<void> | undefined;
  #swallowed = 0;
  #swallowing: () => void = () => undefined;

  constructor(room: Invite = ROOM) {
    this.room = room;
    this.#relay = new ScriptedRelay(registrationOf(room), random);
    this.#relay.keeps = () => {
      if (!this.mute) return true;
      this.#swallowed += 1;
      this.#swallowing();
      return false;
    };
  }

  /** Resolves when the room has its group. */
  untilFounded(): Promise<void> {
    const founding = { crypto: nativeCrypto, suite: 'x-wing' } as const;
    this.#founding ??= proveAdmission(this.room, this.open(), random, founding).then(() => undefined);
    return this.#founding;
  }

  /** Resolves when so many frames have been published while it was mute. */
  async untilSwallowed(count: number): Promise<void> {
    while (this.#swallowed < count) await new Promise<void>((resolve) => (this.#swallowing = resolve));
  }

  /** A client's way here. */
  dial(): Dial {
    return async () => {
      if (this.down) throw new DialError('onion-unreachable', 'Tor found no way to the onion: wait');
      await this.untilFounded();
      return this.open();
    };
  }

  open(): ByteStream {
    const line = new Connection();
    this.#connections.add(line);
    this.#relay.accept(line.relayEnd);
    return line.clientEnd;
  }

  cutAll(): void {
    for (const line of this.#connections) line.cut();
    this.#connections.clear();
  }

  closeAll(code: RelayCode): void {
    this.#relay.closeAll(code);
  }
}

/**
 * A connection without delay: what one end writes the other has as soon as the running code lets
 * go.
 */
class Connection {
  readonly clientEnd = new End();
  readonly relayEnd = new End();

  constructor() {
    this.clientEnd.other = this.relayEnd;
    this.relayEnd.other = this.clientEnd;
  }

  cut(): void {
    this.clientEnd.end();
    this.relayEnd.end();
  }
}

class End implements ByteStream {
  other: End | undefined;
  #open = true;
  #flow: 'flowing' | 'paused' = 'paused';
  #waiting: (Uint8Array | 'end')[] = [];
  #onData: (chunk: Uint8Array) => void = () => undefined;
  #onClose: () => void = () => undefined;

  write(bytes: Uint8Array): void {
    const { other } = this;
    if (this.#open) queueMicrotask(() => other?.arrive(bytes));
  }

  close(): void {
    const { other } = this;
    this.#open = false;
    queueMicrotask(() => other?.arrive('end'));
  }

  pause(): void {
    this.#flow = 'paused';
  }

  /**
   * What waits comes when the running code lets go, as from a socket: nobody is called back before
   * the call returns.
   */
  resume(): void {
    this.#flow = 'flowing';
    queueMicrotask(() => this.#deliver());
  }

  onData(take: (chunk: Uint8Array) => void): void {
    this.#onData = take;
    this.resume();
  }

  onClose(take: () => void): void {
    this.#onClose = take;
  }

  arrive(piece: Uint8Array | 'end'): void {
    this.#waiting.push(piece);
    this.#deliver();
  }

  /** Closed from now on, whatever is still on its way; its owner hears of it once. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
  }

  #deliver(): void {
    while (this.#flow === 'flowing' && this.#open) {
      const piece = this.#waiting.shift();
      if (piece === undefined) return;
      if (piece === 'end') this.end();
      else this.#onData(piece);
    }
  }
}
