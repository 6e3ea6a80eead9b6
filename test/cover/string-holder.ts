// A stranger with the connection string in a room of the real relay: it speaks the wire by hand,
// with every key that the string gives.

import { deriveRoomKeys, openEnvelope, plaintextBytes, sealEnvelope, signCapability } from '@sotto/crypto';
import { deriveGroupKeys } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  bodyBytes,
  coverOf,
  decodeChallenge,
  decodeCommittedBody,
  decodeFrame,
  decodeGroupPlaintext,
  decodeSnapshot,
  encodeAttach,
  encodeFetch,
  encodeFrame,
  encodeGroupPlaintext,
  FrameSplitter,
  LARGEST_FRAME_BYTES,
} from '@sotto/protocol';
import type { Decoded, Frame } from '@sotto/protocol';
import { createStreamPair } from '@sotto/fixtures';
import type { StreamEnd } from '@sotto/fixtures';
import { GroupMembership } from '../../packages/client/src/group/membership.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';
import { NO_SNAPSHOT_PARTS, processSnapshotPiece } from '../../packages/client/src/session/slices/connection.ts';
import type { Snapshot, SnapshotParts } from '../../packages/client/src/session/slices/connection.ts';
import { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
import type { CoveredRoom } from './covered-room.ts';

/** What one fetches and makes takes less than so long. */
const ANSWER_MS = 5_000;

export class StringHolder {
  readonly #room: CoveredRoom;
  readonly #keys: ReturnType<typeof deriveRoomKeys>;
  readonly #stream: StreamEnd;
  readonly #frames: Frame[] = [];
  #parts: SnapshotParts = NO_SNAPSHOT_PARTS;
  #snapshot: Snapshot | undefined;
  /** Called with each frame, and with each snapshot that is whole. */
  onFrame: (frame: Frame) => void = () => undefined;
  onSnapshot: (snapshot: Snapshot) => void = () => undefined;

  private constructor(room: CoveredRoom) {
    const { near, far } = createStreamPair(room.clock, room.conditions);
    const { roomSecret, onionKey } = room.invite;
    this.#room = room;
    this.#keys = deriveRoomKeys({ roomSecret, onionKey, cover: coverOf(room.invite) });
    this.#stream = near;
    room.relay.accept(far);
    const splitter = new FrameSplitter();
    near.onData((chunk) => {
      for (const bytes of value(splitter.push(chunk))) this.#onFrame(value(decodeFrame(bytes)));
    });
  }

  static async attach(room: CoveredRoom): Promise<StringHolder> {
    const holder = new StringHolder(room);
    await room.clock.advance(ANSWER_MS);
    return holder;
  }

  /** A newcomer's commit on the room's present snapshot, and the commit number for it. */
  async makeJoin(): Promise<{ readonly upload: Upload; readonly commitNumber: number }> {
    this.fetchSnapshot('snapshot');
    await this.#room.clock.advance(ANSWER_MS);
    if (this.#snapshot === undefined) throw new Error('no snapshot came');
    const { onionKey, roomSecret } = this.#room.invite;
    const membership = await GroupMembership.open({
      roomSecret,
      roomId: this.#room.roomId,
      crypto: nativeCrypto,
      suite: 'x-wing',
      random: this.#room.random.bytes,
      moderatorKey: onionKey,
      cover: coverOf(this.#room.invite),
    });
    const upload = value(await membership.join(this.#snapshot.bytes, false));
    return { upload, commitNumber: this.#snapshot.commitNumber };
  }

  /** The same plaintexts, sealed again for frames that are published: those have more room. */
  sealForPublish({ bodies }: Upload): Uint8Array[] {
    const { joinKey } = deriveGroupKeys({
      roomSecret: this.#room.invite.roomSecret,
      roomId: this.#keys.roomId,
    });
    return bodies.map((body) => {
      const plaintext = value(decodeGroupPlaintext(value(openEnvelope(joinKey, body))));
      const padded = encodeGroupPlaintext(plaintext, plaintextBytes(bodyBytes(LARGEST_FRAME_BYTES)));
      return sealEnvelope(joinKey, padded, this.#room.random.bytes);
    });
  }

  fetchSnapshot(what: 'snapshot' | 'previous-snapshot'): void {
    this.#stream.write(encodeFetch({ what }));
  }

  write(frame: Uint8Array): void {
    this.#stream.write(frame);
  }

  publish(bodies: readonly Uint8Array[], commitNumber: number): void {
    for (const body of bodies) this.#stream.write(encodeFrame({ operation: 'publish', number: commitNumber, body }));
  }

  commit(upload: Upload, commitNumber: number): void {
    for (const frame of encodeUpload(upload, commitNumber)) this.#stream.write(frame);
  }

  /** The envelopes that came, as frames of this operation. */
  received(operation: 'entry' | 'committed'): Uint8Array[] {
    return this.#frames
      .filter((frame) => frame.operation === operation)
      .map(({ body }) => (operation === 'entry' ? body : value(decodeCommittedBody(body)).envelope));
  }

  leave(): void {
    this.#stream.close();
  }

  #onFrame(frame: Frame): void {
    this.#frames.push(frame);
    this.onFrame(frame);
    if (frame.operation === 'challenge') {
      const { roomId } = this.#keys;
      const signature = signCapability(this.#keys, { challenge: value(decodeChallenge(frame)), from: 0 });
      this.#stream.write(encodeAttach({ roomId, from: 0, signature }));
    }
    if (frame.operation !== 'snapshot') return;
    const piece = value(decodeSnapshot(frame));
    const { parts, snapshot } = processSnapshotPiece(this.#parts, { ...piece, data: piece.data.slice() });
    this.#parts = parts;
    this.#snapshot = snapshot ?? this.#snapshot;
    if (snapshot !== undefined) this.onSnapshot(snapshot);
  }
}

function value<Value>(decoded: Decoded<Value, string>): Value {
  if (!decoded.ok) throw new Error(decoded.code);
  return decoded.value;
}
