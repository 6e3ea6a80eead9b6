// The keys that a session uses without waiting: to attach and to say goodbye.

import { deriveRoomKeys, destroyRoomKeys, fingerprint, signCapability } from '@sotto/crypto';
import type { RoomKeys } from '@sotto/crypto';
import { proveLeave } from '@sotto/crypto/mls';
import type { GroupIdentity } from '@sotto/crypto/mls';
import type { Invite } from '@sotto/protocol';

export class RoomAccess {
  readonly memberKey: Uint8Array;
  readonly fingerprint: string;
  /** 64 bytes: this member's leave proof. PROTOCOL.md §5.8. */
  readonly leaveSignature: Uint8Array;
  readonly #keys: RoomKeys;

  constructor(invite: Invite, identity: GroupIdentity) {
    this.#keys = deriveRoomKeys(invite);
    this.memberKey = identity.memberKey;
    this.fingerprint = fingerprint(identity.memberKey);
    this.leaveSignature = proveLeave(identity, this.#keys.roomId).signature;
  }

  get roomId(): Uint8Array {
    return this.#keys.roomId;
  }

  /** PROTOCOL.md §4.2. */
  signAttach(challenge: Uint8Array, from: number): Uint8Array {
    return signCapability(this.#keys, { challenge, from });
  }

  destroy(): void {
    destroyRoomKeys(this.#keys);
  }
}

export type Room = Pick<RoomAccess, 'memberKey' | 'fingerprint' | 'leaveSignature' | 'roomId' | 'signAttach'>;
