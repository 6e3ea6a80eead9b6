// Cover: how a room hides when its members send. Its modes, their numbers and their costs stand
// here, so that all sides compute the same. PROTOCOL.md §12.

import { bodyBytes } from './frame.ts';
import { fragmentCapacity } from './fragment.ts';
import { uploadBodyBytes } from './group-commit.ts';
import {
  COVER_FRAME_BYTES,
  ENVELOPE_OVERHEAD_BYTES,
  JITTER_DUMMY_LEAST_MS,
  JITTER_DUMMY_MOST_MS,
  JITTER_SEND_LEAST_MS,
  JITTER_SEND_MOST_MS,
  KEY_CYCLE_MS,
  LARGEST_FRAME_BYTES,
  LOG_BYTES_MAX,
  MEMBERS_MAX,
  PATIENCE_SECONDS_MOST,
  SEAL_LEAD_MS,
  STAGE_DATA_BYTES,
  STEALTH_TICK_MS,
} from './limits.ts';

/** The mode's number in the connection string. */
const NUMBERS = {
  off: 0x00,
  jitter: 0x10,
  'stealth-4': 0x20,
  'stealth-8': 0x21,
  'stealth-16': 0x22,
  'stealth-32': 0x23,
} as const;

/** A room's cover mode, from its founding to its end. */
export type Cover = keyof typeof NUMBERS;
export type StealthCover = Exclude<Cover, 'off' | 'jitter'>;

export const COVERS: readonly Cover[] = Object.keys(NUMBERS) as Cover[];

/** The traffic of a stealth room, whatever its members send. */
export interface StealthShape {
  /** At most so many members. */
  readonly members: number;
  /** A member sends one frame of COVER_FRAME_BYTES every so many milliseconds. */
  readonly sendEveryMs: number;
  /**
   * Frames that a member receives each tick: `shared` for all that a full room can send, `spare`
   * for refusals, commits and late frames.
   */
  readonly shared: number;
  readonly spare: number;
  /** The least frames of a commit, and the bytes of its snapshot: enough for a full room. */
  readonly commitFrames: number;
  readonly snapshotBytes: number;
  /** From one member's new keys to the next one's. */
  readonly keyRotationMs: number;
}

/**
 * Frames of a commit that removes a member: enough for a full room of 32, and for a room of 4 with
 * the leaver's notice.
 */
const COMMIT_FRAMES = 8;

const SHAPES: Readonly<Record<StealthCover, StealthShape>> = {
  'stealth-4': shape(4, 1, 4, 16_384),
  'stealth-8': shape(8, 2, 4, 32_768),
  'stealth-16': shape(16, 2, 8, 65_536),
  'stealth-32': shape(32, 4, 8, 131_072),
};

function shape(members: number, ticks: number, shared: number, snapshotBytes: number): StealthShape {
  const commitFrames = COMMIT_FRAMES;
  const keyRotationMs = KEY_CYCLE_MS / members;
  return {
    members,
    sendEveryMs: ticks * STEALTH_TICK_MS,
    shared,
    spare: shared / 4,
    commitFrames,
    snapshotBytes,
    keyRotationMs,
  };
}

export function isStealth(cover: Cover): cover is StealthCover {
  return cover !== 'off' && cover !== 'jitter';
}

export function coverNumber(cover: Cover): number {
  return NUMBERS[cover];
}

export function coverOfNumber(number: number): Cover | undefined {
  return COVERS.find((cover) => NUMBERS[cover] === number);
}

export function coverOfName(name: unknown): Cover | undefined {
  return COVERS.find((cover) => cover === name);
}

export function stealthShape(cover: StealthCover): StealthShape {
  return SHAPES[cover];
}

/** Members that a room of this mode has at most. */
export function coverMembersMax(cover: Cover): number {
  return isStealth(cover) ? SHAPES[cover].members : MEMBERS_MAX;
}

/** @returns the smallest stealth mode that holds so many members; undefined if none does. */
export function stealthFor(members: number): StealthCover | undefined {
  return COVERS.filter(isStealth).find((cover) => SHAPES[cover].members >= members);
}

/** Bytes of one slot from the relay to a member. */
export function slotBytes(cover: StealthCover): number {
  const { shared, spare } = SHAPES[cover];
  return (shared + spare) * COVER_FRAME_BYTES;
}

/** Bytes of the upload with which a member has new keys. */
function keyRotationBytes(cover: StealthCover): number {
  const { commitFrames, snapshotBytes } = SHAPES[cover];
  return (
    Math.ceil((commitFrames * uploadBodyBytes(LARGEST_FRAME_BYTES) + snapshotBytes) / STAGE_DATA_BYTES) *
    LARGEST_FRAME_BYTES
  );
}

/**
 * @returns the longest patience that a room of this mode can keep, in seconds. A full stealth room
 *   fills its log by the clock: each member's frames, and the commits of the rotation.
 */
export function patienceSecondsMax(cover: Cover): number {
  if (!isStealth(cover)) return PATIENCE_SECONDS_MOST;
  const { members, sendEveryMs, commitFrames, keyRotationMs } = SHAPES[cover];
  const said = (members * bodyBytes(COVER_FRAME_BYTES)) / sendEveryMs;
  const committed = (commitFrames * bodyBytes(LARGEST_FRAME_BYTES)) / keyRotationMs;
  return Math.floor(LOG_BYTES_MAX / (1_000 * (said + committed)));
}

/** The cost of a mode by the clock; 0 where it depends on the contents. PROTOCOL.md §12.6. */
export interface CoverCost {
  readonly upBytesPerHour: number;
  readonly downBytesPerHour: number;
  /** The mean wait of a text of one frame, without the network. */
  readonly meanDelayMs: number;
}

const HOUR_MS = 3_600_000;

/**
 * @param members in the room: a member that is alone rotates its keys every `keyRotationMs`, in a
 *   full room each does once in KEY_CYCLE_MS.
 */
export function coverCost(cover: Cover, members: number = coverMembersMax(cover)): CoverCost {
  if (cover === 'off') return { upBytesPerHour: 0, downBytesPerHour: 0, meanDelayMs: 0 };
  if (cover === 'jitter') {
    const dummies = (HOUR_MS / ((JITTER_DUMMY_LEAST_MS + JITTER_DUMMY_MOST_MS) / 2)) * COVER_FRAME_BYTES;
    const meanDelayMs = JITTER_SEND_LEAST_MS + JITTER_SEND_MOST_MS;
    return { upBytesPerHour: dummies, downBytesPerHour: dummies, meanDelayMs };
  }
  const { sendEveryMs, keyRotationMs } = SHAPES[cover];
  const keyBytesPerHour = (HOUR_MS / (keyRotationMs * Math.max(1, members))) * keyRotationBytes(cover);
  return {
    upBytesPerHour: Math.round((HOUR_MS / sendEveryMs) * COVER_FRAME_BYTES + keyBytesPerHour),
    downBytesPerHour: (HOUR_MS / STEALTH_TICK_MS) * slotBytes(cover),
    meanDelayMs: sendEveryMs / 2 + SEAL_LEAD_MS + STEALTH_TICK_MS / 2,
  };
}

/** Plaintext of a frame that fills one slot. */
export const COVER_PLAINTEXT_BYTES: number = bodyBytes(COVER_FRAME_BYTES) - ENVELOPE_OVERHEAD_BYTES;

/**
 * @returns how long the frames of a text of so many bytes take to leave, on average; 0 in `off`.
 */
export function sendingMs(cover: Cover, textBytes: number): number {
  if (!isStealth(cover)) return cover === 'off' ? 0 : (JITTER_SEND_LEAST_MS + JITTER_SEND_MOST_MS) / 2;
  return Math.ceil(textBytes / fragmentCapacity(COVER_PLAINTEXT_BYTES)) * SHAPES[cover].sendEveryMs;
}
