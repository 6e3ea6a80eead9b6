// A relay in memory for tests of the client and of the terminal: one ordered log, echo, catch-up, in memory. Honest unless a test tells it what to do wrong.

import { createPublicKey, verify } from 'node:crypto';
import {
  bodyBytes,
  capabilityStatement,
  concatBytes,
  decodeAttach,
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
  equalBytes,
  FRAME_BYTES,
  FrameSplitter,
  fromHex,
  HEAD_DATA_BYTES,
  LARGEST_FRAME_BYTES,
  NONCE_BYTES,
  toHex,
} from '@sotto/protocol';
import type { CommitNotice, CommitRequest, Frame, RelayCode } from '@sotto/protocol';
import type { StreamEnd } from './stream-pair.ts';

/** What a relay is told of a room. */
interface RegisteredRoom {
  readonly roomId: Uint8Array;
  readonly capabilityKey: Uint8Array;
  readonly roomTag: Uint8Array;
}

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
  /** The pieces of its upload, and its id. */
  staged: Uint8Array[];
}

/** What the relay keeps for newcomers. */
interface Head {
  readonly bytes: Uint8Array;
  readonly counter: number;
  readonly last: number;
}

const NO_HEAD: Head = { bytes: new Uint8Array(0), counter: 0, last: 0 };

export class ScriptedRelay {
  log: Entry[] = [];
  /** The log's first sequence number that is still kept. */
  oldest = 1;
  counter = 0;
  head: Head = NO_HEAD;
  previousHead: Head = NO_HEAD;
  /** COUNTER, by the last sequence number of its commit: it has its place in the log. */
  readonly notices = new Map<number, CommitNotice>();
  /** Whether a commit is taken that could be. */
  takes: (request: CommitRequest, connection: number) => boolean = () => true;
  readonly arrivals: Arrival[] = [];
  /** What every ATTACH asked for, in turn. */
  readonly attached: number[] = [];
  readonly beats: number[] = [];
  /** FILL frames that came. */
  fills = 0;
  /** What becomes of an entry on its way to one connection; an honest relay passes it on as it is. */
  shape: (entry: Entry, connection: number) => readonly Entry[] = (entry) => [entry];
  /** Whether an arrived frame is put into the log. A frame that is not gets no echo. */
  keeps: (arrival: Arrival) => boolean = () => true;
  /** Refuses with CLOSING instead of CHALLENGE. */
  closingCode: RelayCode | undefined;
  /** Says nothing at all while it is so. */
  mute = false;

  readonly #room: RegisteredRoom;
  readonly #random: (length: number) => Uint8Array;
  readonly #connections: Connection[] = [];

  constructor(room: RegisteredRoom, random: (length: number) => Uint8Array) {
    this.#room = room;
    this.#random = random;
  }

  get connections(): number {
    return this.#connections.length;
  }

  accept(stream: StreamEnd): void {
    const index = this.#connections.length;
    const connection: Connection = { index, stream, challenge: this.#random(32), standing: 'greeting', staged: [] };
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

  /** A string holder's commit of junk moves the counter: frames that carry the old one are refused. The head stays if none is given. */
  moveCounter(head?: Uint8Array): void {
    this.#store([this.#random(bodyBytes(LARGEST_FRAME_BYTES))], head);
  }

  /** Puts an upload into the log and sends it to everybody, with its COUNTER. */
  commit(bodies: readonly Uint8Array[], head: Uint8Array): void {
    this.#store(bodies, head);
  }

  #store(bodies: readonly Uint8Array[], head: Uint8Array | undefined): void {
    this.counter += 1;
    const last = (this.log.at(-1)?.sequence ?? this.oldest - 1) + bodies.length;
    const headBytes = (head ?? this.head.bytes).length;
    this.notices.set(last, { counter: this.counter, first: last - bodies.length + 1, last, headBytes });
    if (head !== undefined) {
      this.previousHead = this.head;
      this.head = { bytes: head.slice(), counter: this.counter, last };
    } else {
      this.head = { ...this.head, counter: this.counter };
    }
    for (const body of bodies) this.append(body);
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
    else if (frame.value.operation === 'stage') this.#stage(connection, frame.value);
    else if (frame.value.operation === 'commit') this.#commit(connection, frame.value);
    else if (frame.value.operation === 'fill') this.fills += 1;
    else if (frame.value.operation === 'fetch') this.#fetch(connection, frame.value);
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

  #stage(connection: Connection, frame: Frame): void {
    const piece = decodeStage(frame);
    if (!piece.ok) throw new Error('the client staged something that is no piece');
    if (piece.value.index === 0) connection.staged = [];
    if (piece.value.index !== connection.staged.length) throw new Error('the client staged out of order');
    connection.staged.push(piece.value.data.slice());
  }

  #commit(connection: Connection, frame: Frame): void {
    const request = decodeCommit(frame);
    if (!request.ok) throw new Error('the client committed something that is no commit');
    const { counter, uploadId, frameSize, frameCount, headBytes } = request.value;
    const bytes = concatBytes(...connection.staged);
    const size = bodyBytes(FRAME_BYTES[frameSize] ?? 0);
    if (bytes.length !== frameCount * size + headBytes) throw new Error('the upload has another length than it says');
    if (counter !== this.counter || !this.takes(request.value, connection.index)) {
      this.#write(connection, encodeRefused('conflict', this.counter, concatBytes(uploadId, new Uint8Array(8))));
      return;
    }
    const bodies = Array.from({ length: frameCount }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    this.commit(bodies, bytes.subarray(frameCount * size));
  }

  #fetch(connection: Connection, frame: Frame): void {
    const request = decodeFetch(frame);
    if (!request.ok) throw new Error('the client fetched something that is no request');
    if (request.value.what === 'log') {
      const { from } = request.value;
      for (const entry of this.log) if (entry.sequence >= from) this.#send(connection, entry);
      return;
    }
    const which = request.value.what;
    const { bytes, counter, last } = which === 'head' ? this.head : this.previousHead;
    for (let offset = 0; offset === 0 || offset < bytes.length; offset += HEAD_DATA_BYTES) {
      const data = bytes.subarray(offset, offset + HEAD_DATA_BYTES);
      this.#write(connection, encodeHead({ which, counter, last, headBytes: bytes.length, offset, data }));
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
    const notice = this.notices.get(entry.sequence);
    if (notice !== undefined) this.#write(connection, encodeCounter(notice));
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
