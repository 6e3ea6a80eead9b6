// A relay in memory for tests of the program: it admits everybody, orders the frames and echoes them to all, as PROTOCOL.md §4 says.

import type { ByteStream, Dial } from '@sotto/client';
import { DialError } from '@sotto/client';
import {
  decodeFrame,
  encodeAttached,
  encodeBeat,
  encodeChallenge,
  encodeClosing,
  encodeFrame,
  FrameSplitter,
} from '@sotto/protocol';
import type { RelayCode } from '@sotto/protocol';

interface Connection {
  attached: boolean;
  readonly send: (bytes: Uint8Array) => void;
  readonly cut: () => void;
}

export class ScriptedRelay {
  readonly #log: Uint8Array[] = [];
  readonly #connections = new Set<Connection>();
  /** While true, frames are taken and neither stored nor echoed. */
  mute = false;
  /** While true, a dial fails. */
  down = false;

  #swallowed = 0;
  #swallowing: () => void = () => undefined;

  /** Resolves when so many frames have been published while it was mute. */
  async untilSwallowed(count: number): Promise<void> {
    while (this.#swallowed < count) await new Promise<void>((resolve) => (this.#swallowing = resolve));
  }

  /** A client's way here, without any network. */
  dial(): Dial {
    return () =>
      this.down
        ? Promise.reject(new DialError('onion-unreachable', 'Tor found no way to the onion: wait'))
        : Promise.resolve(this.open());
  }

  open(): ByteStream {
    let onData: (chunk: Uint8Array) => void = () => undefined;
    let onClose: () => void = () => undefined;
    let held: Uint8Array[] | undefined;
    const deliver = (bytes: Uint8Array): void => {
      if (held === undefined) onData(bytes);
      else held.push(bytes);
    };
    const splitter = new FrameSplitter();
    const connection: Connection = {
      attached: false,
      send: (bytes) => queueMicrotask(() => deliver(bytes)),
      cut: () => {
        this.#connections.delete(connection);
        onClose();
      },
    };
    this.#connections.add(connection);
    return {
      write: (bytes) => {
        const frames = splitter.push(bytes);
        if (!frames.ok) throw new Error('the client wrote no frame');
        for (const frame of frames.value) this.#take(connection, frame);
      },
      close: () => this.#connections.delete(connection),
      pause: () => (held ??= []),
      resume: () => {
        const late = held ?? [];
        held = undefined;
        for (const bytes of late) deliver(bytes);
      },
      onData: (take) => {
        onData = take;
        connection.send(encodeChallenge(new Uint8Array(32).fill(7)));
      },
      onClose: (take) => (onClose = take),
    };
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  closeAll(code: RelayCode): void {
    for (const connection of this.#connections) connection.send(encodeClosing(code));
  }

  #take(connection: Connection, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (!frame.ok) throw new Error(`the client wrote a bad frame: ${frame.code}`);
    const { operation, number, body } = frame.value;
    if (operation === 'attach') {
      connection.attached = true;
      connection.send(encodeAttached({ counter: 1, oldest: 1, next: this.#log.length + 1 }));
      if (number > 0) this.#log.slice(number - 1).forEach((entry) => connection.send(entry));
    } else if (operation === 'beat') connection.send(encodeBeat('beaten', number));
    else if (operation === 'publish') {
      if (this.mute) this.#swallow();
      else this.#publish(body);
    }
  }

  #swallow(): void {
    this.#swallowed += 1;
    this.#swallowing();
  }

  #publish(body: Uint8Array): void {
    const entry = encodeFrame({ operation: 'entry', number: this.#log.length + 1, body });
    this.#log.push(entry);
    for (const connection of this.#connections) if (connection.attached) connection.send(entry);
  }
}
