// An attacker with the connection string: it speaks the wire protocol by hand, with every key that
// the string gives.

import { randomBytes } from 'node:crypto';
import { deriveRoomKeys, openEnvelope, plaintextBytes, sealEnvelope, signCapability } from '@sotto/crypto';
import type { RoomKeys } from '@sotto/crypto';
import { deriveGroupKeys } from '@sotto/crypto/mls';
import type { GroupKeys } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  bodyBytes,
  decodeCommittedBody,
  decodeSnapshot,
  decodeSnapshotPlaintext,
  decodeRefused,
  encodeAttach,
  encodeFetch,
  encodeFrame,
  encodeGroupPlaintext,
  LARGEST_FRAME_BYTES,
  pieceCapacity,
  toHex,
  UPLOAD_ID_BYTES,
  uploadBodyBytes,
} from '@sotto/protocol';
import type { CommitPlace, Decoded, Frame, GroupPlaintext, SnapshotPlaintext, Invite } from '@sotto/protocol';
import { GroupMembership } from '../../packages/client/src/group/membership.ts';
import { NO_SNAPSHOT_PARTS, processSnapshotPiece } from '../../packages/client/src/session/slices/connection.ts';
import type { Snapshot, SnapshotParts } from '../../packages/client/src/session/slices/connection.ts';
import { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';
import type { TestMember } from '@sotto/fixtures/relay-member';

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const UPLOAD_BODY_BYTES = uploadBodyBytes(LARGEST_FRAME_BYTES);

export class StringHolder {
  commitNumber = 0;
  /** Commits of anybody's that were stored since it came. */
  commitsSeen = 0;
  /** Frames of the log, those of commits aside, that came since it joined; and the texts in them. */
  entriesSeen = 0;
  readonly texts: string[] = [];
  /** While this is true it takes no commit: its keys stay those of its epoch. */
  keepsKeys = false;
  readonly roomKeys: RoomKeys;
  readonly groupKeys: GroupKeys;
  readonly #wire: TestMember;
  #parts: SnapshotParts = NO_SNAPSHOT_PARTS;
  #snapshots: Snapshot[] = [];
  /** Refused uploads, by their ids. */
  readonly #refused = new Map<string, string>();
  readonly #echoed = new Set<string>();
  #isOver = false;
  #hear: ((envelope: Uint8Array, place: CommitPlace | undefined) => Promise<void>) | undefined;
  #wake: (() => void)[] = [];

  private constructor(wire: TestMember, invite: Invite) {
    this.#wire = wire;
    this.roomKeys = deriveRoomKeys({ roomSecret: invite.roomSecret, onionKey: invite.onionKey });
    this.groupKeys = deriveGroupKeys({ roomSecret: invite.roomSecret, roomId: this.roomKeys.roomId });
  }

  static async attach(wire: TestMember, invite: Invite): Promise<StringHolder> {
    const holder = new StringHolder(wire, invite);
    const signature = signCapability(holder.roomKeys, { challenge: await wire.challenge(), from: 0 });
    wire.send(encodeAttach({ roomId: holder.roomKeys.roomId, from: 0, signature }));
    holder.commitNumber = (await wire.expect('attached')).number;
    void holder.#read();
    return holder;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.#wire.send(...frames);
  }

  /** Under the commit number that it knows; nobody waits for the answer. */
  publish(body: Uint8Array): void {
    this.send(encodeFrame({ operation: 'publish', number: this.commitNumber, body }));
  }

  /**
   * Sends a whole upload and its COMMIT.
   *
   * @returns `taken`, `closed`, or the code of the refusal.
   */
  async commit(upload: Upload, commitNumber: number = this.commitNumber): Promise<string> {
    const id = toHex(upload.id);
    const last = toHex(upload.bodies.at(-1)?.subarray(0, UPLOAD_ID_BYTES) ?? upload.id);
    this.send(...encodeUpload(upload, commitNumber));
    await this.#until(() => this.#refused.has(id) || (this.#echoed.has(last) && this.commitNumber > commitNumber));
    if (this.#echoed.has(last)) return 'taken';
    return this.#refused.get(id) ?? 'closed';
  }

  /**
   * Makes an upload and commits it, anew for as long as another commit comes first: members commit
   * when they like.
   *
   * @returns the outcome, as of `commit`, but `conflict`.
   */
  async commitFirst(make: () => Upload | Promise<Upload>): Promise<string> {
    for (;;) {
      const { commitNumber } = this;
      const outcome = await this.commit(await make(), commitNumber);
      if (outcome !== 'conflict') return outcome;
    }
  }

  async snapshot(): Promise<Snapshot> {
    this.#snapshots = [];
    this.send(encodeFetch({ what: 'snapshot' }));
    await this.#until(() => this.#snapshots.length > 0);
    const [snapshot] = this.#snapshots;
    if (snapshot === undefined) throw new Error('closed instead of a snapshot');
    return snapshot;
  }

  /** A body to publish, under the key that whoever has the string can derive. */
  sealForJoiners(plaintext: GroupPlaintext, frameBytes: number = LARGEST_FRAME_BYTES): Uint8Array {
    return this.#seal(plaintext, bodyBytes(frameBytes));
  }

  #seal(plaintext: GroupPlaintext, envelopeBytes: number): Uint8Array {
    const padded = encodeGroupPlaintext(plaintext, plaintextBytes(envelopeBytes));
    return sealEnvelope(this.groupKeys.joinKey, padded, random);
  }

  /** An upload that is no commit of anybody's: one piece of nothing, and junk for a snapshot. */
  junkUpload(snapshotBytes = 4_096): Upload {
    return this.makeUpload([{ kind: 'piece', index: 0, count: 1, bytes: random(1_000) }], snapshotBytes);
  }

  /** An upload of these frames, under the key that the string gives, and junk for a snapshot. */
  makeUpload(frames: readonly GroupPlaintext[], snapshotBytes = 4_096): Upload {
    const bodies = frames.map((frame) => this.#seal(frame, UPLOAD_BODY_BYTES));
    return { id: random(UPLOAD_ID_BYTES), frameSize: 3, bodies, snapshot: random(snapshotBytes) };
  }

  /** A commit with its GroupInfo, in pieces, and junk for a snapshot. */
  wrapCommit({ commit, groupInfo }: { readonly commit: Uint8Array; readonly groupInfo: Uint8Array }): Upload {
    const capacity = pieceCapacity(plaintextBytes(UPLOAD_BODY_BYTES));
    const count = Math.ceil(commit.length / capacity);
    const pieces = Array.from({ length: count }, (_, index) => {
      const bytes = commit.subarray(index * capacity, (index + 1) * capacity);
      return { kind: 'piece', index, count, bytes } as const;
    });
    return this.makeUpload([{ kind: 'group-info', bytes: groupInfo }, ...pieces]);
  }

  /** Opens the snapshot as a newcomer does. */
  async openSnapshot(): Promise<SnapshotPlaintext> {
    const snapshot = await this.snapshot();
    return value(decodeSnapshotPlaintext(value(openEnvelope(this.groupKeys.snapshotKey, snapshot.bytes))));
  }

  /**
   * Joins as anybody may, under a new identity. `spoil` may change what is uploaded.
   *
   * @returns its place in the group.
   */
  async join(invite: Invite, spoil: (upload: Upload) => Upload = (upload) => upload): Promise<GroupMembership> {
    for (;;) {
      const surroundings = { crypto: nativeCrypto, suite: 'x-wing', random, moderatorKey: invite.onionKey } as const;
      const membership = await GroupMembership.open({
        roomSecret: invite.roomSecret,
        roomId: this.roomKeys.roomId,
        ...surroundings,
      });
      const snapshot = await this.snapshot();
      const upload = spoil(value(await membership.join(snapshot.bytes, false)));
      // From here on its keys go with the log.
      this.#hear = async (envelope, place) => {
        if (place === undefined) this.entriesSeen += 1;
        else if (this.keepsKeys) return;
        const opened = await membership.open(envelope, place);
        if (opened.kind === 'content' && opened.content.type === 'text')
          this.texts.push(Buffer.from(opened.content.bytes).toString());
      };
      if ((await this.commit(upload, snapshot.commitNumber)) === 'taken') return membership;
      this.#hear = undefined;
      membership.destroy();
    }
  }

  get isClosed(): boolean {
    return this.#isOver;
  }

  async leave(): Promise<void> {
    await this.#wire.leave();
  }

  /**
   * Lets so many milliseconds pass, or the connection end: a string holder keeps time with nobody.
   */
  async pause(milliseconds: number): Promise<void> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#stir();
    }, milliseconds);
    await this.#until(() => isOver);
    clearTimeout(timer);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.#isOver) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  async #read(): Promise<void> {
    for (let frame = await this.#wire.next(); frame !== undefined; frame = await this.#wire.next()) {
      await this.#onFrame(frame);
      this.#stir();
    }
    this.#isOver = true;
    this.#stir();
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #onFrame(frame: Frame): Promise<void> {
    switch (frame.operation) {
      case 'entry':
        await this.#hear?.(frame.body, undefined);
        return;
      case 'committed': {
        const { envelope, ...place } = value(decodeCommittedBody(frame.body));
        this.#echoed.add(toHex(envelope.subarray(0, UPLOAD_ID_BYTES)));
        await this.#hear?.(envelope, place);
        if (place.index < place.count - 1) return;
        this.commitsSeen += 1;
        this.commitNumber = Math.max(this.commitNumber, place.commitNumber);
        return;
      }
      case 'refused': {
        const what = value(decodeRefused(frame));
        this.#refused.set(toHex(what.subarray(0, UPLOAD_ID_BYTES)), frame.code ?? '');
        this.commitNumber = Math.max(this.commitNumber, frame.number);
        return;
      }
      case 'snapshot': {
        const piece = value(decodeSnapshot(frame));
        const taken = processSnapshotPiece(this.#parts, { ...piece, data: piece.data.slice() });
        this.#parts = taken.parts;
        if (taken.snapshot !== undefined) this.#snapshots.push(taken.snapshot);
        return;
      }
      default:
    }
  }
}

function value<Value>(decoded: Decoded<Value, string>): Value {
  if (!decoded.ok) throw new Error(decoded.code);
  return decoded.value;
}
