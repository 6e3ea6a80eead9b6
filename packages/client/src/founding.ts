// Opens a room for a host: its secret, its registration, and the reachability check that proves the
// invite and founds the group. PROTOCOL.md §4, §5.8, §6.5.

import { message } from '@sotto/messages';
import { deriveRoomKeys, destroyRoomKeys, signCapability } from '@sotto/crypto';
import type { RandomSource, RoomKeys, Secret } from '@sotto/crypto';
import type { GroupCrypto, GroupSuite } from '@sotto/crypto/mls';
import {
  coverOf,
  decodeAttached,
  decodeChallenge,
  decodeCommittedBody,
  decodeRefused,
  encodeAttach,
  equalBytes,
  followCommits,
  ROOM_SECRET_BYTES,
} from '@sotto/protocol';
import type { Attached, CommitProgress, Decoded, Frame, FrameCode, Invite, SignedAccess } from '@sotto/protocol';
import { DialError } from './connections.ts';
import type { ByteStream } from './connections.ts';
import type { ClientCode } from './errors.ts';
import { FrameQueue } from './frame-reader.ts';
import { GroupMembership } from './group/membership.ts';
import { encodeUpload } from './session/upload-frames.ts';
import type { Upload } from './group/worker-tasks.ts';

/** The relay's knowledge of a room, and the seed of the onion's client authorisation key. */
export interface RoomRegistration {
  readonly roomId: Uint8Array;
  readonly capabilityKey: Uint8Array;
  readonly roomTag: Uint8Array;
  readonly clientAuthorisationSeed: Secret;
}

/** The primitives of a room's group, and its first access order; absent: the room is open. */
export interface Founding {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly access?: SignedAccess | undefined;
}

export function createRoomSecret(random: RandomSource): Uint8Array {
  return random(ROOM_SECRET_BYTES);
}

export function registrationOf(invite: Invite): RoomRegistration {
  const keys = deriveRoomKeys(invite);
  keys.capabilitySecret.destroy();
  return {
    roomId: keys.roomId,
    capabilityKey: keys.capabilityKey,
    roomTag: keys.roomTag,
    clientAuthorisationSeed: keys.clientAuthorisationSeed,
  };
}

/**
 * Enters the room on `stream` and leaves it: CHALLENGE, ATTACH, ATTACHED. If the room has no group
 * yet, it sends the commit that founds one; a commit number above 0 shows that there is a group.
 * When this resolves, anyone with the connection string can join. Rejects with a DialError if the
 * relay does not admit the invite, refuses the commit, misbehaves or ends the stream. It can be
 * tried again.
 *
 * @returns the room's commit number; 1 if nobody but its founder was there
 */
export async function proveAdmission(
  invite: Invite,
  stream: ByteStream,
  random: RandomSource,
  founding: Founding,
): Promise<number> {
  const keys = deriveRoomKeys(invite);
  const frames = new FrameQueue(stream);
  try {
    const { commitNumber } = await attach(keys, stream, frames);
    if (commitNumber > 0) return commitNumber;
    const upload = await makeFoundingUpload(invite, keys.roomId, random, founding);
    for (const frame of encodeUpload(upload, commitNumber)) stream.write(frame);
    await awaitCommit(upload, commitNumber, frames);
    return commitNumber + 1;
  } finally {
    stream.close();
    destroyRoomKeys(keys);
  }
}

async function attach(keys: RoomKeys, stream: ByteStream, frames: FrameQueue): Promise<Attached> {
  const challenge = expect('challenge', await frames.next(), decodeChallenge);
  const signature = signCapability(keys, { challenge, from: 0 });
  stream.write(encodeAttach({ roomId: keys.roomId, from: 0, signature }));
  return expect('attached', await frames.next(), decodeAttached);
}

/** The founder's keys are zeroed before the relay sees a byte of the upload. */
async function makeFoundingUpload(
  invite: Invite,
  roomId: Uint8Array,
  random: RandomSource,
  { crypto, suite, access }: Founding,
): Promise<Upload> {
  const surroundings = { crypto, suite, random, moderatorKey: invite.onionKey, cover: coverOf(invite) };
  const membership = await GroupMembership.open({ roomSecret: invite.roomSecret, roomId, ...surroundings });
  try {
    return await membership.found(access);
  } finally {
    membership.destroy();
  }
}

/**
 * Awaits the answer to a commit: its own frames, as COMMITTED, or REFUSED. Frames of another commit
 * that came first are skipped; the own one is refused then.
 */
async function awaitCommit(upload: Upload, commitNumber: number, frames: FrameQueue): Promise<void> {
  let progress: CommitProgress | undefined = { phase: 'between', commitNumber };
  let echoed = 0;
  for (;;) {
    const frame = await frames.next();
    switch (frame.operation) {
      case 'committed': {
        const { envelope, ...place } = expect('committed', frame, ({ body }) => decodeCommittedBody(body));
        progress = followCommits(progress, place);
        if (progress === undefined) throw misbehaved();
        if (equalBytes(envelope, upload.bodies[place.index] ?? new Uint8Array(0))) echoed += 1;
        if (echoed === upload.bodies.length && progress.phase === 'between') return;
        break;
      }
      case 'entry':
        progress = followCommits(progress, undefined);
        if (progress === undefined) throw misbehaved();
        break;
      case 'noise':
        break;
      default: {
        const what = expect('refused', frame, decodeRefused);
        if (!equalBytes(what.subarray(0, upload.id.length), upload.id)) throw misbehaved();
        throw new DialError('relay-busy' satisfies ClientCode, message('client.first-commit-refused'));
      }
    }
  }
}

function expect<Value>(
  operation: Frame['operation'],
  frame: Frame,
  decode: (frame: Frame) => Decoded<Value, FrameCode>,
): Value {
  const decoded = frame.operation === operation ? decode(frame) : undefined;
  if (decoded?.ok !== true) throw misbehaved();
  return decoded.value;
}

function misbehaved(): DialError {
  return new DialError('relay-misbehaved' satisfies ClientCode, message('client.relay-misbehaved'));
}
