// What a host needs to open a room, and the proof that a connection string leads into it. PROTOCOL.md §4, §6.5.

import { deriveRoomKeys } from '@sotto/crypto';
import type { RandomSource, Secret } from '@sotto/crypto';
import {
  decodeAttached,
  decodeChallenge,
  decodeFrame,
  encodeAttach,
  FrameSplitter,
  ROOM_SECRET_BYTES,
} from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { RELAY_REASONS } from './errors.ts';
import type { ClientCode } from './errors.ts';
import { Membership } from './membership.ts';
import { DialError } from './client.ts';
import type { ByteStream } from './client.ts';

/** What the relay is told of a room (id, capability key, tag), and the seed of the onion's client authorisation key. */
export interface RoomRegistration {
  readonly roomId: Uint8Array;
  readonly capabilityKey: Uint8Array;
  readonly roomTag: Uint8Array;
  readonly clientAuthorisationSeed: Secret;
}

export function createRoomSecret(random: RandomSource): Uint8Array {
  return random(ROOM_SECRET_BYTES);
}

export function registrationOf(invite: Invite): RoomRegistration {
  const keys = deriveRoomKeys(invite.roomSecret, invite.onionKey);
  keys.capabilitySecret.destroy();
  keys.frameKey.destroy();
  return {
    roomId: keys.roomId,
    capabilityKey: keys.capabilityKey,
    roomTag: keys.roomTag,
    clientAuthorisationSeed: keys.clientAuthorisationSeed,
  };
}

/**
 * Goes through a whole join handshake on `stream` and closes it: challenge, signature, ATTACHED. Writes nothing into the room.
 * Rejects with a DialError if the relay does not admit the invite, misbehaves or ends the stream first.
 */
export function proveAdmission(invite: Invite, stream: ByteStream, random: RandomSource): Promise<void> {
  const membership = new Membership(invite, random);
  const splitter = new FrameSplitter();
  const proof = new Promise<void>((resolve, reject) => {
    const refuse = (code: string): void => reject(new DialError(code, 'the relay did not admit the connection string'));
    stream.onClose(() => refuse('relay-unreachable'));
    stream.onData((chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) {
        refuse(frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved');
        return;
      }
      for (const bytes of frames.value) {
        const answer = answerHandshake(membership, bytes);
        if (answer === 'admitted') resolve();
        else if (typeof answer === 'string') refuse(answer);
        else stream.write(answer);
      }
    });
  });
  return proof.finally(() => {
    stream.close();
    membership.destroy();
  });
}

/** @returns what to write next, that it is done, or why it failed. */
function answerHandshake(membership: Membership, bytes: Uint8Array): Uint8Array | 'admitted' | ClientCode {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return 'relay-misbehaved';
  if (frame.value.code !== undefined) return RELAY_REASONS[frame.value.code].code;
  if (frame.value.operation === 'attached') return decodeAttached(frame.value).ok ? 'admitted' : 'relay-misbehaved';
  if (frame.value.operation !== 'challenge') return 'relay-misbehaved';
  const challenge = decodeChallenge(frame.value);
  if (!challenge.ok) return 'relay-misbehaved';
  return encodeAttach({ roomId: membership.roomId, from: 0, signature: membership.signAttach(challenge.value, 0) });
}
