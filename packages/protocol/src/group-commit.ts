// The bodies of the frames that move a room from one commit number to the next: STAGE, COMMIT,
// COMMITTED, FETCH and SNAPSHOT. PROTOCOL.md §4.7, §4.8.

import { ByteReader, ByteWriter } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { Decoded, FrameCode } from './errors.ts';
import { CONTROL_BODY_BYTES, controlFields, dataBehind, LARGE_BODY_BYTES } from './fields.ts';
import { bodyBytes, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import {
  COMMIT_BYTES_MAX,
  COMMIT_PLACE_BYTES,
  DIGEST_BYTES,
  FRAME_BYTES,
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_DATA_BYTES,
  STAGE_DATA_BYTES,
  UPLOAD_ID_BYTES,
} from './limits.ts';

/**
 * One piece of an upload; every one but the last carries STAGE_DATA_BYTES. `index` counts from 0.
 */
export interface StagedPiece {
  readonly uploadId: Uint8Array;
  readonly index: number;
  readonly data: Uint8Array;
}

/**
 * The parts of an upload: the envelopes of so many log frames of one size, followed by the
 * snapshot.
 */
export interface CommitRequest {
  readonly commitNumber: number;
  readonly uploadId: Uint8Array;
  /** 0, 1, 2 or 3, as in a frame's header. */
  readonly frameSize: number;
  /** From 1. */
  readonly frameCount: number;
  /** From 1. */
  readonly snapshotBytes: number;
  /** SHA-256 of the whole upload, 32 bytes. */
  readonly digest: Uint8Array;
}

/**
 * The place of a frame in the commit that put it into the log: the commit number that the commit
 * makes, the frame's index from 0, and how many frames the commit has.
 */
export interface CommitPlace {
  readonly commitNumber: number;
  readonly index: number;
  readonly count: number;
}

/** The body of a COMMITTED frame; `envelope` is one body of the upload. */
export interface CommittedBody extends CommitPlace {
  readonly envelope: Uint8Array;
}

/** Which of the two snapshots that the relay keeps. */
export type SnapshotName = 'snapshot' | 'previous-snapshot';
/** A FETCH: of the log from a sequence number on, or of a snapshot. */
export type FetchRequest = { readonly what: 'log'; readonly from: number } | { readonly what: SnapshotName };

/**
 * A part of a snapshot. `commitNumber` is the one that its commit made, `last` the last sequence
 * number of that commit; both 0 if there is no such snapshot, which is told by one piece with
 * `snapshotBytes` 0.
 */
export interface SnapshotPiece {
  readonly which: SnapshotName;
  readonly commitNumber: number;
  readonly last: number;
  readonly snapshotBytes: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

const STAGE_FIELD_BYTES = LARGE_BODY_BYTES - STAGE_DATA_BYTES;
const COMMIT_FIELD_BYTES = UPLOAD_ID_BYTES + 1 + 2 + 4 + DIGEST_BYTES;
/** Of a frame of the log, which can have each of the four sizes. */
const LOG_BODY_BYTES: ReadonlySet<number> = new Set(FRAME_BYTES.map(bodyBytes));
const SNAPSHOT_FIELD_BYTES = LARGE_BODY_BYTES - SNAPSHOT_DATA_BYTES;
/** The numbers on the wire. */
const FETCHABLE = { log: 0, snapshot: 1, 'previous-snapshot': 2 } as const;
const snapshotNames: Readonly<Record<number, SnapshotName>> = { 1: 'snapshot', 2: 'previous-snapshot' };

/** STAGE: upload id 16, length 2, data; the header's number is the index. PROTOCOL.md §4.7. */
export function encodeStage({ uploadId, index, data }: StagedPiece): Uint8Array {
  const body = new ByteWriter(LARGE_BODY_BYTES).put(uploadId).u16(data.length).put(data).bytes;
  return encodeFrame({ operation: 'stage', number: index, body });
}

export function decodeStage(frame: Frame): Decoded<StagedPiece, FrameCode> {
  if (frame.body.length !== LARGE_BODY_BYTES) return refuse('frame-length');
  const reader = new ByteReader(frame.body);
  const uploadId = reader.take(UPLOAD_ID_BYTES);
  const length = reader.u16();
  if (length === 0) return refuse('frame-field');
  const data = dataBehind(frame, STAGE_FIELD_BYTES, length);
  return data.ok ? accept({ uploadId, index: frame.number, data: data.value }) : data;
}

/**
 * COMMIT: upload id 16, size class 1, frames 2, bytes of the snapshot 4, digest 32; the header's
 * number is the commit number. PROTOCOL.md §4.7.
 */
export function encodeCommit(request: CommitRequest): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES)
    .put(request.uploadId)
    .u8(request.frameSize)
    .u16(request.frameCount)
    .u32(request.snapshotBytes)
    .put(request.digest).bytes;
  return encodeFrame({ operation: 'commit', number: request.commitNumber, body });
}

export function decodeCommit(frame: Frame): Decoded<CommitRequest, FrameCode> {
  const fields = controlFields(frame, COMMIT_FIELD_BYTES, (reader) => ({
    commitNumber: frame.number,
    uploadId: reader.take(UPLOAD_ID_BYTES),
    frameSize: reader.u8(),
    frameCount: reader.u16(),
    snapshotBytes: reader.u32(),
    digest: reader.take(DIGEST_BYTES),
  }));
  if (!fields.ok) return fields;
  const { frameSize, frameCount, snapshotBytes } = fields.value;
  const frameBytes = FRAME_BYTES[frameSize];
  if (frameBytes === undefined || frameCount < 1 || frameCount * bodyBytes(frameBytes) > COMMIT_BYTES_MAX) {
    return refuse('frame-field');
  }
  return snapshotBytes < 1 || snapshotBytes > SNAPSHOT_BYTES_MAX ? refuse('frame-field') : fields;
}

/** Bytes of one body of an upload, in a COMMITTED frame of this length. PROTOCOL.md §4.7. */
export function uploadBodyBytes(frameBytes: number): number {
  return bodyBytes(frameBytes) - COMMIT_PLACE_BYTES;
}

/**
 * The body of a COMMITTED frame: commit number 8, index 2, count 2, envelope; the header's number
 * is the sequence number. PROTOCOL.md §4.7.
 */
export function encodeCommittedBody({ commitNumber, index, count, envelope }: CommittedBody): Uint8Array {
  const writer = new ByteWriter(COMMIT_PLACE_BYTES + envelope.length);
  return writer.u64(commitNumber).u16(index).u16(count).put(envelope).bytes;
}

/** Nothing is copied: the envelope is a view. */
export function decodeCommittedBody(body: Uint8Array): Decoded<CommittedBody, FrameCode> {
  if (!LOG_BODY_BYTES.has(body.length)) return refuse('frame-length');
  const reader = new ByteReader(body);
  const commitNumber = reader.u64();
  const index = reader.u16();
  const count = reader.u16();
  if (commitNumber === undefined) return refuse('frame-number');
  if (commitNumber < 1 || index >= count || count * body.length > COMMIT_BYTES_MAX) return refuse('frame-field');
  return accept({ commitNumber, index, count, envelope: reader.rest() });
}

/**
 * FETCH: what 1; the header's number is the first sequence number wanted, and 0 for a snapshot.
 * PROTOCOL.md §4.8.
 */
export function encodeFetch(request: FetchRequest): Uint8Array {
  const body = new ByteWriter(CONTROL_BODY_BYTES).u8(FETCHABLE[request.what]).bytes;
  return encodeFrame({ operation: 'fetch', number: request.what === 'log' ? request.from : 0, body });
}

export function decodeFetch(frame: Frame): Decoded<FetchRequest, FrameCode> {
  const what = controlFields(frame, 1, (reader) => reader.u8());
  if (!what.ok) return what;
  if (what.value === FETCHABLE.log) return accept({ what: 'log', from: frame.number });
  const snapshot = snapshotNames[what.value];
  return snapshot === undefined || frame.number !== 0 ? refuse('frame-field') : accept({ what: snapshot });
}

/**
 * SNAPSHOT: which 1, bytes of the snapshot 4, offset 4, last 8, data; the header's number is the
 * snapshot's commit number. PROTOCOL.md §4.8.
 */
export function encodeSnapshot({ which, commitNumber, last, snapshotBytes, offset, data }: SnapshotPiece): Uint8Array {
  const fields = new ByteWriter(LARGE_BODY_BYTES).u8(FETCHABLE[which]).u32(snapshotBytes).u32(offset).u64(last);
  return encodeFrame({ operation: 'snapshot', number: commitNumber, body: fields.put(data).bytes });
}

export function decodeSnapshot(frame: Frame): Decoded<SnapshotPiece, FrameCode> {
  if (frame.body.length !== LARGE_BODY_BYTES) return refuse('frame-length');
  const reader = new ByteReader(frame.body);
  const which = snapshotNames[reader.u8()];
  const snapshotBytes = reader.u32();
  const offset = reader.u32();
  const last = reader.u64();
  if (last === undefined) return refuse('frame-number');
  const commitNumber = frame.number;
  if (which === undefined || snapshotBytes > SNAPSHOT_BYTES_MAX || offset % SNAPSHOT_DATA_BYTES !== 0)
    return refuse('frame-field');
  const isNone = snapshotBytes === 0 && offset === 0 && commitNumber === 0 && last === 0;
  if (!isNone && (offset >= snapshotBytes || commitNumber < 1 || last < 1)) return refuse('frame-field');
  const data = dataBehind(frame, SNAPSHOT_FIELD_BYTES, Math.min(SNAPSHOT_DATA_BYTES, snapshotBytes - offset));
  return data.ok ? accept({ which, commitNumber, last, snapshotBytes, offset, data: data.value }) : data;
}
