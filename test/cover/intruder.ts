// A stranger with the connection string that comes in by a join of its own, keeps no rule, and tries
// every key that it gets on every frame that it was shown.

import { openEnvelope, Secret } from '@sotto/crypto';
import { createGroupIdentity, deriveGroupKeys, GroupEngine, memberIdOf } from '@sotto/crypto/mls';
import type { Group, GroupIdentity, GroupKeys, PendingCommit } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  concatBytes,
  coverOf,
  decodeCommittedBody,
  decodeContent,
  decodeGroupPlaintext,
  decodeSnapshotPlaintext,
  encodeBundleFrame,
  UPLOAD_ID_BYTES,
} from '@sotto/protocol';
import type { CommittedBody, Frame, GroupPlaintext, SnapshotPlaintext } from '@sotto/protocol';
import { COMMIT_FRAME_SIZE, GroupEnvelopes, leastSizes } from '../../packages/client/src/group/envelopes.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';
import type { Snapshot } from '../../packages/client/src/session/slices/connection.ts';
import { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
import type { CoveredRoom } from './covered-room.ts';
import { StringHolder } from './string-holder.ts';

const text = new TextDecoder();

export class Intruder {
  readonly #room: CoveredRoom;
  readonly #holder: StringHolder;
  readonly #engine: GroupEngine;
  readonly #keys: GroupKeys;
  readonly #envelopes: GroupEnvelopes;
  /** Every key of an envelope that it ever had. */
  readonly #held: Secret[];
  readonly #envelopesSeen: Uint8Array[] = [];
  /** Of each leaf under which it came in, 16 bytes. */
  readonly memberIds: Uint8Array[] = [];
  /** Every plaintext that one of its keys opened. */
  readonly #read: Uint8Array[] = [];
  #good: SnapshotPlaintext | undefined;
  #number = 0;
  #group: Group | undefined;
  #pending: PendingCommit | undefined;
  #identity: GroupIdentity | undefined;
  #pieces: Uint8Array[] = [];
  #groupInfo: Uint8Array | undefined;
  #frames: Uint8Array[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(room: CoveredRoom, holder: StringHolder, engine: GroupEngine, keys: GroupKeys) {
    this.#room = room;
    this.#holder = holder;
    this.#engine = engine;
    this.#keys = keys;
    this.#envelopes = new GroupEnvelopes(keys, room.random.bytes, leastSizes(coverOf(room.invite)));
    this.#held = [keys.joinKey];
    holder.onFrame = (frame) => this.#onFrame(frame);
  }

  /** Attached at once, and on its way in when `comeIn` says so. */
  static async attach(room: CoveredRoom): Promise<Intruder> {
    const keys = deriveGroupKeys({ roomSecret: room.invite.roomSecret, roomId: room.roomId });
    const engine = await GroupEngine.open({ crypto: nativeCrypto, suite: 'x-wing', keys, policy: () => 'accept' });
    return new Intruder(room, await StringHolder.attach(room), engine, keys);
  }

  /** Whether a commit of its own was stored. */
  get isIn(): boolean {
    return this.memberIds.length > 0;
  }

  /** Whether anything that it could read has these bytes in it. */
  hasRead(bytes: Uint8Array): boolean {
    const wanted = Buffer.from(bytes);
    return this.#read.some((plaintext) => Buffer.from(plaintext).includes(wanted));
  }

  /**
   * Joins from the present snapshot, as a stranger, and again until its commit is stored. A snapshot
   * that is junk has the last good one before it.
   */
  comeIn(): void {
    this.#holder.onSnapshot = (snapshot) => this.#work(() => this.#join(snapshot));
    this.#holder.fetchSnapshot('snapshot');
  }

  async #join({ bytes, commitNumber }: Snapshot): Promise<void> {
    this.#number = Math.max(this.#number, commitNumber);
    const plaintext = openEnvelope(this.#keys.snapshotKey, bytes);
    const snapshot = plaintext.ok ? decodeSnapshotPlaintext(plaintext.value) : plaintext;
    if (snapshot.ok) this.#good = snapshot.value;
    if (this.#good === undefined) {
      this.#holder.fetchSnapshot('previous-snapshot');
      return;
    }
    this.#identity = createGroupIdentity(this.#room.random.bytes);
    const made = await this.#engine.joinGroup(this.#good, this.#identity);
    if (!made.ok) throw new Error(made.code);
    this.#pending = made.value;
    const { commit, snapshot: state } = made.value;
    const { groupInfo } = state;
    const parts = { leaves: [], orders: [], welcome: undefined, groupInfo, commit, move: undefined };
    const bodies = this.#envelopes.sealCommit(parts, this.#keys.joinKey) ?? [];
    const sealed = this.#envelopes.sealSnapshot({ ...this.#good, ...state });
    const id = this.#room.random.bytes(UPLOAD_ID_BYTES);
    this.#holder.commit({ id, frameSize: COMMIT_FRAME_SIZE, bodies, snapshot: sealed }, this.#number);
  }

  #work(work: () => Promise<void>): void {
    const done = this.#queue.then(work);
    this.#queue = done;
    this.#room.work.add(done);
    void done.finally(() => this.#room.work.delete(done));
  }

  #onFrame(frame: Frame): void {
    if (frame.operation === 'entry') this.#work(() => this.#onEnvelope(frame.body.slice(), undefined));
    if (frame.operation === 'refused' && this.#pending !== undefined) {
      this.#pending.clear();
      this.#pending = undefined;
      this.#holder.fetchSnapshot('snapshot');
    }
    if (frame.operation !== 'committed') return;
    const body = decodeCommittedBody(frame.body.slice());
    if (!body.ok) throw new Error(body.code);
    this.#number = Math.max(this.#number, body.value.commitNumber);
    this.#work(() => this.#onEnvelope(body.value.envelope, body.value));
  }

  async #onEnvelope(envelope: Uint8Array, place: CommittedBody | undefined): Promise<void> {
    this.#envelopesSeen.push(envelope);
    const opened = this.#tryKeys([envelope], this.#held);
    const plaintext = opened[0] === undefined ? undefined : decodeGroupPlaintext(opened[0]);
    if (plaintext?.ok === true) await this.#onPlaintext(plaintext.value, place);
  }

  async #onPlaintext(plaintext: GroupPlaintext, place: CommittedBody | undefined): Promise<void> {
    if (plaintext.kind === 'message') await this.#onMessage(plaintext.bytes);
    if (plaintext.kind === 'leave' || plaintext.kind === 'order') this.#frames.push(encodeBundleFrame(plaintext));
    if (plaintext.kind === 'group-info') this.#groupInfo = plaintext.bytes.slice();
    if (plaintext.kind !== 'piece' || place === undefined) return;
    if (plaintext.index === 0) this.#pieces = [];
    this.#pieces.push(plaintext.bytes.slice());
    if (place.index < place.count - 1) return;
    const commit = concatBytes(...this.#pieces);
    const frames = this.#frames.splice(0);
    const isOwn = this.#pending !== undefined && Buffer.from(this.#pending.commit).equals(commit);
    if (isOwn) this.#group = await this.#pending?.merge();
    else await this.#group?.processCommit({ commit, groupInfo: this.#groupInfo, frames });
    if (isOwn && this.#identity !== undefined) this.memberIds.push(memberIdOf(this.#identity.memberKey));
    if (isOwn) this.#pending = undefined;
    // A commit has removed it.
    if (this.#group?.status !== 'active') this.#group = undefined;
    this.#onEpoch();
  }

  async #onMessage(bytes: Uint8Array): Promise<void> {
    const message = await this.#group?.openMessage(bytes);
    const content = message?.ok === true ? decodeContent(message.value.bytes, (name) => text.decode(name)) : undefined;
    if (content?.ok === true && content.value.type === 'text') this.#read.push(content.value.bytes.slice());
  }

  /** A new key is tried on all that it has seen. */
  #onEpoch(): void {
    const key = this.#group?.envelopeKey(this.#group.epoch);
    if (key === undefined) return;
    const held = new Secret(key.use((bytes) => Uint8Array.from(bytes)));
    this.#held.push(held);
    this.#tryKeys(this.#envelopesSeen, [held]);
  }

  #tryKeys(envelopes: readonly Uint8Array[], keys: readonly Secret[]): Uint8Array[] {
    const opened = envelopes.flatMap((envelope) =>
      keys.flatMap((key) => {
        const plaintext = openEnvelope(key, envelope);
        return plaintext.ok ? [plaintext.value] : [];
      }),
    );
    this.#read.push(...opened);
    return opened;
  }
}

/** A string holder whose junk commit is staged, and is stored behind the next commit that it sees. */
export class Spoiler {
  readonly #holder: StringHolder;
  readonly #upload: Upload;
  #status: 'waiting' | 'armed' | 'spent' = 'waiting';

  private constructor(holder: StringHolder, upload: Upload) {
    this.#holder = holder;
    this.#upload = upload;
  }

  static async attach(room: CoveredRoom): Promise<Spoiler> {
    const { random } = room;
    const bodies = [random.bytes(4_096 - 28)];
    const upload = {
      id: random.bytes(UPLOAD_ID_BYTES),
      frameSize: COMMIT_FRAME_SIZE,
      bodies,
      snapshot: random.bytes(512),
    };
    return new Spoiler(await StringHolder.attach(room), upload);
  }

  /** Stages its junk; the place at the relay holds for 30 s. */
  arm(): void {
    this.#status = 'armed';
    for (const frame of encodeUpload(this.#upload, 0).slice(0, -1)) this.#holder.write(frame);
    this.#holder.onFrame = (frame) => {
      const body = frame.operation === 'committed' ? decodeCommittedBody(frame.body) : undefined;
      if (body?.ok !== true || body.value.index < body.value.count - 1 || this.#status !== 'armed') return;
      this.#status = 'spent';
      const commit = encodeUpload(this.#upload, body.value.commitNumber).at(-1);
      if (commit !== undefined) this.#holder.write(commit);
    };
  }

  get isSpent(): boolean {
    return this.#status === 'spent';
  }
}
