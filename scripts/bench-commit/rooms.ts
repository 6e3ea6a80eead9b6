// Rooms of one tree whose commits are measured: the members' group layer, and the host beside it.

import { encodeUpload, Host, openMember, random, roomKeysOf, snapshotOf } from './tree.ts';
import type { GroupMembership, RoomKeys, RoomSecrets, Upload } from './tree.ts';
import type { Bytes, Cpu } from './messages.ts';

/** Microseconds of CPU, of all threads of this process. Young garbage of before is collected first. */
async function cpuOf(work: () => unknown): Promise<number> {
  globalThis.gc?.({ type: 'minor', execution: 'sync' });
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function value<Value>(answer: { ok: true; value: Value } | { ok: false; code: string }): Value {
  if (!answer.ok) throw new Error(`refused: ${answer.code}`);
  return answer.value;
}

/**
 * A room of a given size. Two members stay and are measured; the others have joined and are silent.
 */
export class CommitRoom {
  readonly #keys: RoomKeys;
  readonly #secrets: RoomSecrets;
  readonly #host: Host;
  #commitNumber = 0;
  /** The last upload: each begins an epoch, and brings the snapshot to join from. */
  #last: Upload;
  #maker: GroupMembership;
  #other: GroupMembership;

  private constructor(
    { secrets, keys, host }: { secrets: RoomSecrets; keys: RoomKeys; host: Host },
    founding: Upload,
    [maker, other]: readonly [GroupMembership, GroupMembership],
  ) {
    this.#keys = keys;
    this.#secrets = secrets;
    this.#host = host;
    this.#last = founding;
    this.#maker = maker;
    this.#other = other;
  }

  static async open(members: number): Promise<CommitRoom> {
    const secrets = { roomSecret: random(32), onionKey: random(32) };
    const keys = roomKeysOf(secrets);
    const founder = await openMember(secrets, keys);
    const founding = await founder.found();
    founder.destroy();
    const host = new Host(secrets, keys);
    await host.begin(founding);
    const pair = [await openMember(secrets, keys), await openMember(secrets, keys)] as const;
    const room = new CommitRoom({ secrets, keys, host }, founding, pair);
    await room.#grow(members);
    return room;
  }

  async #grow(members: number): Promise<void> {
    const [first, second] = [this.#maker, this.#other];
    await this.#join(first, []);
    // The founder has left: the first rotation removes it.
    await this.#commit(value(await first.rotate()), [first]);
    await this.#join(second, [first]);
    for (let count = 2; count < members; count += 1) {
      const silent = await openMember(this.#secrets, this.#keys);
      await this.#join(silent, [first, second]);
      silent.destroy();
    }
    for (const member of [first, second]) {
      if (member.view?.members.length !== members) throw new Error('a room of another size');
    }
  }

  async #join(joiner: GroupMembership, others: readonly GroupMembership[]): Promise<void> {
    await this.#commit(value(await joiner.join(snapshotOf(this.#last), false)), [joiner, ...others]);
  }

  async #commit(upload: Upload, readers: readonly GroupMembership[]): Promise<void> {
    for (const reader of readers) await this.#open(upload, reader);
    await this.#host.onCommit(upload);
    this.#last = upload;
    this.#commitNumber += 1;
  }

  /** Opens all frames of an upload, as they stand in the log. */
  async #open({ bodies }: Upload, reader: GroupMembership): Promise<void> {
    let kind: string | undefined;
    for (const [index, body] of bodies.entries()) {
      const place = { commitNumber: this.#commitNumber + 1, index, count: bodies.length };
      ({ kind } = await reader.open(body, place));
    }
    if (kind !== 'epoch') throw new Error(`a commit that was opened as ${kind}`);
  }

  /** One rotation, and one join that only its maker sees. @returns the rotation and its costs */
  async measure(): Promise<{ readonly upload: Upload; readonly cpu: Omit<Cpu, 'relay'> }> {
    const [maker, other] = [this.#maker, this.#other];
    const joiner = await openMember(this.#secrets, this.#keys);
    const join = await cpuOf(async () => {
      const upload = value(await joiner.join(snapshotOf(this.#last), false));
      encodeUpload(upload, this.#commitNumber);
      await this.#open(upload, joiner);
    });
    joiner.destroy();
    let upload = this.#last;
    const make = await cpuOf(async () => {
      upload = value(await maker.rotate());
      encodeUpload(upload, this.#commitNumber);
      await this.#open(upload, maker);
    });
    const processed = await cpuOf(() => this.#open(upload, other));
    const follow = await cpuOf(() => this.#host.onCommit(upload));
    const seal = await cpuOf(() => this.#host.sealSnapshot());
    this.#last = upload;
    this.#commitNumber += 1;
    [this.#maker, this.#other] = [other, maker];
    return { upload, cpu: { make, process: processed, join, follow, seal } };
  }
}

/** The bytes of an upload but those that the relay sends. */
export function bytesOf(upload: Upload): Omit<Bytes, 'downstream'> {
  const sum = (parts: readonly Uint8Array[]): number => parts.reduce((bytes, part) => bytes + part.length, 0);
  return {
    upstream: sum(encodeUpload(upload, 0)),
    log: sum(upload.bodies),
    snapshot: snapshotOf(upload).length,
  };
}
