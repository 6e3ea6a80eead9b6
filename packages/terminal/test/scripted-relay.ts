// A relay in memory for tests of the program: it admits everybody, orders frames and commits and echoes them to all, as PROTOCOL.md §4 says.

import { randomBytes } from 'node:crypto';
import { DialError, proveAdmission } from '@sotto/client';
import type { ByteStream, Dial } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  bodyBytes,
  concatBytes,
  decodeCommit,
  decodeFetch,
  decodeFrame,
  decodeStage,
  encodeAttached,
  encodeBeat,
  encodeChallenge,
  encodeClosing,
  encodeCounter,
  encodeFrame,
  encodeHead,
  encodeRefused,
  FRAME_BYTES,
  FrameSplitter,
  HEAD_DATA_BYTES,
  NONCE_BYTES,
} from '@sotto/protocol';
import type { CommitNotice, Frame, Invite, RelayCode } from '@sotto/protocol';

interface Connection {
  attached: boolean;
  /** The pieces of its upload. */
  staged: Uint8Array[];
  readonly send: (bytes: Uint8Array) => void;
  readonly cut: () => void;
}

interface Head {
  readonly bytes: Uint8Array;
  readonly counter: number;
  readonly last: number;
}

const NO_HEAD: Head = { bytes: new Uint8Array(0), counter: 0, last: 0 };

/** The room of most tests. */
export const ROOM: Invite = { onionKey: new Uint8Array(32).fill(1), roomSecret: new Uint8Array(32).fill(2) };

export class ScriptedRelay {
  readonly room: Invite;
  /** ENTRY frames. */
  readonly #log: Uint8Array[] = [];
  /** COUNTER has its place in the log: behind this entry. */
  readonly #notices = new Map<number, CommitNotice>();
  readonly #connections = new Set<Connection>();
  #counter = 0;
  #heads: { readonly head: Head; readonly previous: Head } = { head: NO_HEAD, previous: NO_HEAD };
  #founding: Promise<void> | undefined;
  /** While true, frames are taken and neither stored nor echoed. */
  mute = false;
  /** While true, a dial fails. */
  down = false;

  #swallowed = 0;
  #swallowing: () => void = () => undefined;

  constructor(room: Invite = ROOM) {
    this.room = room;
  }

  /** Resolves when the room has its group: its host was here first. */
  founded(): Promise<void> {
    const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
    this.#founding ??= proveAdmission(this.room, this.open(), random, { crypto: nativeCrypto, suite: 'x-wing' });
    return this.#founding;
  }

  /** Resolves when so many frames have been published while it was mute. */
  async untilSwallowed(count: number): Promise<void> {
    while (this.#swallowed < count) await new Promise<void>((resolve) => (this.#swallowing = resolve));
  }

  /** A client's way here, without any network. */
  dial(): Dial {
    return async () => {
      if (this.down) throw new DialError('onion-unreachable', 'Tor found no way to the onion: wait');
      await this.founded();
      return this.open();
    };
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
      staged: [],
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
    switch (frame.value.operation) {
      case 'attach':
        this.#attach(connection, frame.value.number);
        return;
      case 'beat':
        connection.send(encodeBeat('beaten', frame.value.number));
        return;
      case 'publish':
        this.#publish(connection, frame.value);
        return;
      case 'stage':
        this.#stage(connection, frame.value);
        return;
      case 'commit':
        this.#commit(connection, frame.value);
        return;
      case 'fetch':
        this.#fetch(connection, frame.value);
        return;
      default:
        throw new Error(`the client wrote ${frame.value.operation}`);
    }
  }

  #attach(connection: Connection, from: number): void {
    connection.attached = true;
    connection.send(encodeAttached({ counter: this.#counter, oldest: 1, next: this.#log.length + 1 }));
    for (let sequence = from; from > 0 && sequence <= this.#log.length; sequence += 1) this.#send(connection, sequence);
  }

  #publish(connection: Connection, { number, body }: Frame): void {
    if (this.mute) {
      this.#swallowed += 1;
      this.#swallowing();
    } else if (number === this.#counter) this.#append([body]);
    else connection.send(encodeRefused('stale', this.#counter, body.subarray(0, NONCE_BYTES)));
  }

  #stage(connection: Connection, frame: Frame): void {
    const piece = decodeStage(frame);
    if (!piece.ok) throw new Error('the client staged no piece');
    connection.staged = [...connection.staged.slice(0, piece.value.index), piece.value.data.slice()];
  }

  #commit(connection: Connection, frame: Frame): void {
    const request = decodeCommit(frame);
    if (!request.ok) throw new Error('the client wrote no commit');
    const { counter, uploadId, frameSize, frameCount, headBytes } = request.value;
    if (counter !== this.#counter) {
      connection.send(encodeRefused('conflict', this.#counter, concatBytes(uploadId, new Uint8Array(8))));
      return;
    }
    const bytes = concatBytes(...connection.staged);
    const size = bodyBytes(FRAME_BYTES[frameSize] ?? 0);
    const bodies = Array.from({ length: frameCount }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    const first = this.#log.length + 1;
    const last = this.#log.length + frameCount;
    this.#counter += 1;
    const head = { bytes: bytes.slice(frameCount * size), counter: this.#counter, last };
    this.#heads = { head, previous: this.#heads.head };
    this.#notices.set(last, { counter: this.#counter, first, last, headBytes });
    this.#append(bodies);
  }

  #fetch(connection: Connection, frame: Frame): void {
    const request = decodeFetch(frame);
    if (!request.ok) throw new Error('the client fetched something that is no request');
    if (request.value.what === 'log') {
      for (let { from } = request.value; from <= this.#log.length; from += 1) this.#send(connection, from);
      return;
    }
    const which = request.value.what;
    const { bytes, counter, last } = which === 'head' ? this.#heads.head : this.#heads.previous;
    for (let offset = 0; offset === 0 || offset < bytes.length; offset += HEAD_DATA_BYTES) {
      const data = bytes.subarray(offset, offset + HEAD_DATA_BYTES);
      connection.send(encodeHead({ which, counter, last, headBytes: bytes.length, offset, data }));
    }
  }

  #append(bodies: readonly Uint8Array[]): void {
    for (const body of bodies) {
      const number = this.#log.length + 1;
      this.#log.push(encodeFrame({ operation: 'entry', number, body }));
      for (const connection of this.#connections) if (connection.attached) this.#send(connection, number);
    }
  }

  #send(connection: Connection, sequence: number): void {
    const entry = this.#log[sequence - 1];
    if (entry === undefined) throw new RangeError('an entry that the log does not have');
    connection.send(entry);
    const notice = this.#notices.get(sequence);
    if (notice !== undefined) connection.send(encodeCounter(notice));
  }
}
