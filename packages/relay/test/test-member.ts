// A member for tests: speaks the wire over a real socket and keeps every frame that the relay sends.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  bodyBytes,
  capabilityStatement,
  concatBytes,
  decodeAttached,
  decodeChallenge,
  decodeCommitted,
  decodeFrame,
  decodeSnapshot,
  encodeAttach,
  encodePing,
  encodeCommit,
  encodeFetch,
  encodeFrame,
  encodeStage,
  FRAME_BYTES,
  FrameSplitter,
  STAGE_DATA_BYTES,
} from '@sotto/protocol';
import type { Attached, CommitNotice, CommitRequest, Frame, SnapshotName } from '@sotto/protocol';
import type { Listen } from '../src/listen.ts';

/** A room's capability as its members hold it. */
export interface TestRoom {
  readonly roomId: Uint8Array;
  readonly roomTag: Uint8Array;
  readonly capabilityKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export function makeRoom(): TestRoom {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const capabilityKey = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return {
    roomId: new Uint8Array(randomBytes(16)),
    roomTag: new Uint8Array(randomBytes(16)),
    capabilityKey,
    privateKey,
  };
}

export function signAttach(room: TestRoom, challenge: Uint8Array, from: number): Uint8Array {
  const statement = capabilityStatement(challenge, room.roomTag, room.roomId, from);
  return new Uint8Array(sign(null, statement, room.privateKey));
}

/** A body of random bytes, as long as a frame of this size class takes. */
export function makeBody(size: 0 | 1 | 2 | 3 = 0): Uint8Array {
  return new Uint8Array(randomBytes(bodyBytes(FRAME_BYTES[size])));
}

export function publishFrame(body: Uint8Array, commitNumber = 0): Uint8Array {
  return encodeFrame({ operation: 'publish', number: commitNumber, body });
}

/** A commit as its maker holds it: the frames to send in turn, and what will come of it. */
export interface TestCommit {
  readonly uploadId: Uint8Array;
  readonly bodies: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
  readonly stages: readonly Uint8Array[];
  commit(commitNumber: number, change?: Partial<CommitRequest>): Uint8Array;
}

export function makeCommit(
  options: { readonly snapshotBytes?: number; readonly frames?: number; readonly size?: 0 | 1 | 2 | 3 } = {},
): TestCommit {
  const { snapshotBytes = 4_096, frames = 2, size = 1 } = options;
  const bodies = Array.from({ length: frames }, () => makeBody(size));
  const snapshot = new Uint8Array(randomBytes(snapshotBytes));
  const uploadId = new Uint8Array(randomBytes(16));
  const whole = concatBytes(...bodies, snapshot);
  const digest = new Uint8Array(createHash('sha256').update(whole).digest());
  const stages = Array.from({ length: Math.ceil(whole.length / STAGE_DATA_BYTES) }, (_, index) =>
    encodeStage({ uploadId, index, data: whole.subarray(index * STAGE_DATA_BYTES, (index + 1) * STAGE_DATA_BYTES) }),
  );
  const request = { uploadId, frameSize: size, frameCount: frames, snapshotBytes, digest };
  const commit: TestCommit['commit'] = (commitNumber, change) => encodeCommit({ ...request, commitNumber, ...change });
  return { uploadId, bodies, snapshot, stages, commit };
}

/** A short name for a body, so that a failed test prints something that can be read. */
export function fingerprint(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 12);
}

export interface TestSnapshot {
  readonly commitNumber: number;
  readonly last: number;
  readonly bytes: Uint8Array;
  /** What else came before its last piece. */
  readonly between: readonly Frame[];
}

export function refusalOf(code: string, commitNumber: number, uploadId: Uint8Array): string {
  return `${code} ${commitNumber} ${Buffer.from(uploadId).toString('hex')}${'00'.repeat(8)}`;
}

export class TestMember {
  readonly socket: Socket;
  /** Whatever came, in order, and what of it nobody has taken yet. */
  readonly received: Frame[] = [];
  closed = false;
  readonly #splitter = new FrameSplitter();
  #taken = 0;
  #wake: () => void = () => undefined;

  constructor(address: Listen) {
    this.socket = 'path' in address ? connect(address.path) : connect(address.port, address.host);
    this.socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A reset is an end like any other here: 'close' follows.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** @returns the next frame; undefined once the relay has closed the connection and nothing is left. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.received[this.#taken];
      if (frame !== undefined) {
        this.#taken += 1;
        return frame;
      }
      if (this.closed) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async expect(operation: Frame['operation']): Promise<Frame> {
    const frame = await this.next();
    if (frame?.operation !== operation) {
      throw new Error(`expected ${operation}, got ${frame?.operation ?? 'the end'} ${frame?.code ?? ''}`);
    }
    return frame;
  }

  async challenge(): Promise<Uint8Array> {
    const challenge = decodeChallenge(await this.expect('challenge'));
    if (!challenge.ok) throw new Error(challenge.code);
    return challenge.value;
  }

  async attach(room: TestRoom, from = 0): Promise<Attached> {
    const challenge = await this.challenge();
    this.send(encodeAttach({ roomId: room.roomId, from, signature: signAttach(room, challenge, from) }));
    const attached = decodeAttached(await this.expect('attached'));
    if (!attached.ok) throw new Error(attached.code);
    return attached.value;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  publish(...bodies: readonly Uint8Array[]): void {
    this.send(...bodies.map((body) => publishFrame(body)));
  }

  /** @returns the next so many entries as `number fingerprint`. */
  async entries(count: number): Promise<string[]> {
    const entries: string[] = [];
    while (entries.length < count) {
      const { number, body } = await this.expect('entry');
      entries.push(`${number} ${fingerprint(body)}`);
    }
    return entries;
  }

  /** Sends all of a commit. */
  commit(made: TestCommit, commitNumber: number): void {
    this.send(...made.stages, made.commit(commitNumber));
  }

  async commitNumber(): Promise<CommitNotice> {
    const notice = decodeCommitted(await this.expect('committed'));
    if (!notice.ok) throw new Error(notice.code);
    return notice.value;
  }

  /** @returns the refusal that comes next, as `code commit number upload`. */
  async refusal(): Promise<string> {
    const { code, number, body } = await this.expect('refused');
    if (body.subarray(24).some((byte) => byte !== 0)) throw new Error('a refusal with more than it refuses');
    return `${code ?? ''} ${number} ${Buffer.from(body.subarray(0, 24)).toString('hex')}`;
  }

  async fetchSnapshot(which: SnapshotName = 'snapshot'): Promise<TestSnapshot> {
    this.send(encodeFetch({ what: which }));
    return this.snapshot(which);
  }

  /** @returns the snapshot whose pieces come next, whatever comes between; one that is begun anew counts from there. */
  async snapshot(which: SnapshotName = 'snapshot'): Promise<TestSnapshot> {
    let parts: Uint8Array[] = [];
    const between: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error('closed instead of a snapshot');
      if (frame.operation !== 'snapshot') {
        between.push(frame);
        continue;
      }
      const piece = decodeSnapshot(frame);
      if (!piece.ok) throw new Error(piece.code);
      const { commitNumber, last, snapshotBytes, offset, data } = piece.value;
      if (piece.value.which !== which) throw new Error('a piece of the other snapshot');
      if (offset === 0) parts = [];
      if (parts.reduce((sum, part) => sum + part.length, 0) !== offset) throw new Error('a piece out of order');
      parts.push(data);
      if (offset + data.length === snapshotBytes) return { commitNumber, last, bytes: concatBytes(...parts), between };
    }
  }

  /** Waits until the relay has dealt with all that was sent before, and says what came instead of the answer. */
  async ping(number = 1): Promise<Frame[]> {
    this.send(encodePing('ping', number));
    const before: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error('closed instead of an answer');
      if (frame.operation === 'pong' && frame.number === number) return before;
      before.push(frame);
    }
  }

  /** @returns the code with which the relay ends the connection, and nothing else may come before it. */
  async closing(): Promise<string> {
    const { code } = await this.expect('closing');
    if ((await this.next()) !== undefined) throw new Error('a frame after CLOSING');
    return code ?? '';
  }

  async leave(): Promise<void> {
    if (this.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }

  #receive(chunk: Buffer): void {
    const pieces = this.#splitter.push(chunk);
    if (!pieces.ok) throw new Error(`the relay sent ${pieces.code}`);
    for (const piece of pieces.value) {
      const frame = decodeFrame(piece);
      if (!frame.ok) throw new Error(`the relay sent ${frame.code}`);
      this.received.push(frame.value);
    }
    this.#wake();
  }
}
