// The functions that `npm run bench -- commit` calls of this tree. `d97a35e.txt` is the same file
// for that commit, which had other names.

import { deriveRoomKeys, signCapability } from '@sotto/crypto';
import type { RoomKeys } from '@sotto/crypto';
import { nativeCrypto } from '@sotto/crypto/native';
import { deriveGroupKeys, PublicGroup } from '@sotto/crypto/public-group';
import type { GroupKeys } from '@sotto/crypto/public-group';
import {
  concatBytes,
  encodeAdminRequest,
  encodeAttach,
  encodeBundleFrame,
  PATIENCE_SECONDS_MOST,
} from '@sotto/protocol';
import { GroupEnvelopes, leastSizes } from '../../packages/client/src/group/envelopes.ts';
import { GroupMembership } from '../../packages/client/src/group/membership.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';

export { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
export type { GroupMembership, RoomKeys, Upload };

const SUITE = 'x-wing';
const COVER = 'off';

/** The secrets that anyone with the connection string has. All of 32 bytes. */
export interface RoomSecrets {
  readonly roomSecret: Uint8Array;
  readonly onionKey: Uint8Array;
}

export const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export function roomKeysOf({ roomSecret, onionKey }: RoomSecrets): RoomKeys {
  return deriveRoomKeys({ roomSecret, onionKey, cover: COVER });
}

export function openMember({ roomSecret, onionKey }: RoomSecrets, { roomId }: RoomKeys): Promise<GroupMembership> {
  const options = { crypto: nativeCrypto, suite: SUITE, random, moderatorKey: onionKey, cover: COVER } as const;
  return GroupMembership.open({ ...options, roomSecret, roomId });
}

/** The sealed snapshot that the relay stores with the upload. */
export function snapshotOf({ snapshot }: Upload): Uint8Array {
  return snapshot;
}

/** How many frames of a commit each connection gets. */
export function framesDownstream({ bodies }: Upload): number {
  return bodies.length;
}

export function createRequest({ roomId, capabilityKey, roomTag }: RoomKeys): string {
  const terms = { roomId, capabilityKey, roomTag, cover: COVER, patienceSeconds: PATIENCE_SECONDS_MOST } as const;
  return encodeAdminRequest({ operation: 'create', ...terms });
}

export function attachFrame(keys: RoomKeys, challenge: Uint8Array): Uint8Array {
  const signature = signCapability(keys, { challenge, from: 0 });
  return encodeAttach({ roomId: keys.roomId, from: 0, signature });
}

/** A host that follows each commit, without a secret of the group. */
export class Host {
  readonly #keys: GroupKeys;
  readonly #envelopes: GroupEnvelopes;
  #group: PublicGroup | undefined;

  constructor({ roomSecret }: RoomSecrets, { roomId }: RoomKeys) {
    this.#keys = deriveGroupKeys({ roomSecret, roomId });
    this.#envelopes = new GroupEnvelopes(this.#keys, random, leastSizes(COVER));
  }

  /** Begins with the snapshot of the founding. */
  async begin(founding: Upload): Promise<void> {
    const snapshot = this.#envelopes.openSnapshot(founding.snapshot);
    if (!snapshot.ok) throw new Error(snapshot.code);
    const group = await PublicGroup.open({ crypto: nativeCrypto, suite: SUITE, keys: this.#keys }, snapshot.value);
    if (!group.ok) throw new Error(group.code);
    this.#group = group.value;
  }

  /** Follows a commit, from its envelopes. */
  async onCommit({ bodies }: Upload): Promise<void> {
    const pieces: Uint8Array[] = [];
    const frames: Uint8Array[] = [];
    let groupInfo: Uint8Array | undefined;
    for (const body of bodies) {
      const { plaintext } = this.#envelopes.open(body, undefined);
      if (!plaintext.ok) continue;
      const { value } = plaintext;
      if (value.kind === 'piece') pieces.push(value.bytes);
      if (value.kind === 'group-info') groupInfo = value.bytes;
      if (value.kind === 'leave' || value.kind === 'order') frames.push(encodeBundleFrame(value));
    }
    const commit = concatBytes(...pieces);
    const advanced = await this.#group?.apply({ commit, groupInfo, frames, policy: () => 'accept' });
    if (advanced?.ok !== true) throw new Error(advanced?.code ?? 'a host that has not begun');
    this.#group = advanced.value.group;
  }

  /** @returns the sealed snapshot of the epoch, as a newcomer would have it from the host */
  sealSnapshot(): Uint8Array {
    if (this.#group === undefined) throw new Error('a host that has not begun');
    return this.#envelopes.sealSnapshot({ ...this.#group.snapshot, proofs: [], access: undefined });
  }
}
