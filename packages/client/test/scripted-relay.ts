// A relay for client tests: one ordered log, echo, catch-up, in memory. Honest unless a test tells it what to do wrong.

import { createPublicKey, verify } from 'node:crypto';
import {
  capabilityStatement,
  concatBytes,
  decodeAttach,
  decodeFrame,
  encodeAttached,
  encodeBeat,
  encodeChallenge,
  encodeClosing,
  encodeFrame,
  encodeRefused,
  equalBytes,
  FrameSplitter,
  fromHex,
  NONCE_BYTES,
  toHex,
} from '@sotto/protocol';
import type { Frame, RelayCode } from '@sotto/protocol';
import type { StreamEnd } from '@sotto/test-kit';
import type { RoomRegistration } from '../src/index.ts';

export interface Entry {
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A PUBLISH frame as it arrived. */
export interface Arrival {
  readonly connection: number;
  readonly counter: number;
  readonly body: Uint8Array;
}

interface Connection {
  readonly index: number;
  readonly stream: StreamEnd;
  readonly challenge: Uint8Array;
  standing: 'greeting' | 'attached' | 'closed';
}

export class ScriptedRelay {
  log: Entry[] = [];
  /** The log's first sequence number that is still kept. */
  oldest = 1;
  counter = 0;
  readonly arrivals: Arrival[] = [];
  /** What every ATTACH asked for, in turn. */
  readonly attached: number[] = [];
  readonly beats: number[] = [];
  /** What becomes of an entry on its way to one connection; an honest relay passes it on as it is. */
  shape: (entry: Entry, connection: number) => readonly Entry[] = (entry) => [entry];
  /** Whether an arrived frame is put into the log. A frame that is not gets no echo. */
  keeps: (arrival: Arrival) => boolean = () => true;
  /** Refuses with CLOSING instead of CHALLENGE. */
  closingCode: RelayCode | undefined;
  /** Says nothing at all while it is so. */
  mute = false;

  readonly #room: RoomRegistration;
  readonly #random: (length: number) => Uint8Array;
  readonly #connections: Connection[] = [];

  constructor(room: RoomRegistration, random: (length: number) => Uint8Array) {
    this.#room = room;
    this.#random = random;
  }

  get connections(): number {
    return this.#connections.length;
  }

  accept(stream: StreamEnd): void {
    const index = this.#connections.length;
    const connection: Connection = { index, stream, challenge: this.#random(32), standing: 'greeting' };
    this.#connections.push(connection);
    const splitter = new FrameSplitter();
    stream.onData((chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) throw new Error('the client wrote something that is no frame');
      for (const bytes of frames.value) this.#take(connection, bytes);
    });
    stream.onClose(() => {
      connection.standing = 'closed';
    });
    if (this.closingCode === undefined) this.#write(connection, encodeChallenge(connection.challenge));
    else this.#close(connection, this.closingCode);
  }

  /** Puts a body into the log and sends it to everybody: what an honest relay does with a frame, and a dishonest one with any bytes. */
  append(body: Uint8Array): Entry {
    const entry = { sequence: (this.log.at(-1)?.sequence ?? this.oldest - 1) + 1, body: body.slice() };
    this.log.push(entry);
    for (const connection of this.#connections) if (connection.standing === 'attached') this.#send(connection, entry);
    return entry;
  }

  /** Writes any bytes to one connection. */
  inject(connection: number, bytes: Uint8Array): void {
    const target = this.#connections[connection];
    if (target === undefined) throw new Error('no such connection');
    this.#write(target, bytes);
  }

  injectEntry(connection: number, entry: Entry): void {
    this.inject(connection, encodeFrame({ operation: 'entry', number: entry.sequence, body: entry.body }));
  }

  /** The room's counter moves: frames that carry the old one are refused. */
  moveCounter(): void {
    this.counter += 1;
  }

  /** Forgets the end of the log. */
  rollBack(entries: number): void {
    this.log = this.log.slice(0, this.log.length - entries);
  }

  /** Forgets the beginning of the log, as its limits make an honest relay do. */
  trim(entries: number): void {
    this.log = this.log.slice(entries);
    this.oldest += entries;
  }

  closeAll(code: RelayCode): void {
    for (const connection of this.#connections) if (connection.standing !== 'closed') this.#close(connection, code);
  }

  #take(connection: Connection, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (!frame.ok) throw new Error(`the client wrote a bad frame: ${frame.code}`);
    if (connection.standing === 'greeting') this.#attach(connection, frame.value);
    else if (frame.value.operation === 'publish') this.#publish(connection, frame.value);
    else if (frame.value.operation === 'beat') this.#beat(connection, frame.value);
    else throw new Error(`the client wrote ${frame.value.operation} out of turn`);
  }

  #attach(connection: Connection, frame: Frame): void {
    const request = decodeAttach(frame);
    if (frame.operation !== 'attach' || !request.ok) throw new Error('the client did not attach');
    const { roomId, from, signature } = request.value;
    const statement = capabilityStatement(connection.challenge, this.#room.roomTag, this.#room.roomId, from);
    if (!equalBytes(roomId, this.#room.roomId) || !verifySignature(this.#room.capabilityKey, statement, signature)) {
      this.#close(connection, 'not-admitted');
      return;
    }
    this.attached.push(from);
    connection.standing = 'attached';
    const next = (this.log.at(-1)?.sequence ?? this.oldest - 1) + 1;
    this.#write(connection, encodeAttached({ counter: this.counter, oldest: this.oldest, next }));
    if (from > 0) for (const entry of this.log) if (entry.sequence >= from) this.#send(connection, entry);
  }

  #publish(connection: Connection, frame: Frame): void {
    const arrival = { connection: connection.index, counter: frame.number, body: frame.body.slice() };
    this.arrivals.push(arrival);
    if (frame.number !== this.counter) {
      this.#write(connection, encodeRefused('stale', this.counter, frame.body.subarray(0, NONCE_BYTES)));
    } else if (this.keeps(arrival)) {
      this.append(frame.body);
    }
  }

  #beat(connection: Connection, frame: Frame): void {
    this.beats.push(connection.index);
    this.#write(connection, encodeBeat('beaten', frame.number));
  }

  #send(connection: Connection, entry: Entry): void {
    for (const shaped of this.shape(entry, connection.index)) {
      this.#write(connection, encodeFrame({ operation: 'entry', number: shaped.sequence, body: shaped.body }));
    }
  }

  #close(connection: Connection, code: RelayCode): void {
    this.#write(connection, encodeClosing(code));
    connection.standing = 'closed';
    connection.stream.close();
  }

  #write(connection: Connection, bytes: Uint8Array): void {
    if (!this.mute && connection.standing !== 'closed') connection.stream.write(bytes);
  }
}

/** The prefix that turns a raw Ed25519 public key into the form that Node reads (RFC 8410). */
const SPKI_PREFIX = '302a300506032b6570032100';

/** Ed25519 by another implementation than the client's. */
function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const prefix = fromHex(SPKI_PREFIX, SPKI_PREFIX.length / 2) ?? new Uint8Array(0);
  const key = createPublicKey({ key: Buffer.from(concatBytes(prefix, publicKey)), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

/** The nonce by which a body is told from others. */
export function nonceOf(body: Uint8Array): string {
  return toHex(body.subarray(0, NONCE_BYTES));
}
