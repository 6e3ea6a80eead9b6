// The uploads that a room's connections have staged: bounded in number, length and time, one for
// each connection. PROTOCOL.md §4.7, §6.3.

import { createHash } from 'node:crypto';
import {
  COMMIT_BYTES_MAX,
  concatBytes,
  equalBytes,
  FRAME_BYTES,
  SNAPSHOT_BYTES_MAX,
  STAGE_DATA_BYTES,
  UPLOAD_GUARD_MS,
  UPLOAD_LEASE_MS,
  UPLOAD_LIMIT_MS,
  UPLOAD_HOLD_MS,
  UPLOAD_WAIT_MS,
  UPLOADS_PER_ROOM_MAX,
  uploadBodyBytes,
} from '@sotto/protocol';
import type { CommitRequest, RelayCode, StagedPiece } from '@sotto/protocol';

const UPLOAD_BYTES_MAX = COMMIT_BYTES_MAX + SNAPSHOT_BYTES_MAX;

/**
 * A connection's one upload. `refused` keeps only the id, so that its later pieces are ignored.
 * `committing` belongs to the room until it is answered, and keeps the id of an upload that came
 * too early.
 */
type Upload =
  | {
      readonly kind: 'staging';
      readonly id: Uint8Array;
      readonly pieces: readonly Uint8Array[];
      readonly bytes: number;
      readonly since: number;
      /** Since when its connection has had the place, with this upload or one that it replaced. */
      readonly placedAt: number;
      readonly touchedAt: number;
    }
  | { readonly kind: 'committing'; readonly id: Uint8Array; readonly early: Uint8Array | undefined }
  | { readonly kind: 'refused'; readonly id: Uint8Array };

/** What an upload held: the envelopes of the commit's frames, and the snapshot. */
export interface Staged {
  readonly envelopes: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
}

/** The answer to STAGE or COMMIT: a refusal to send, or none. */
export type UploadRefusal = { readonly kind: 'refused'; readonly code: RelayCode } | { readonly kind: 'ignored' };
const IGNORED: UploadRefusal = { kind: 'ignored' };

/** A connection that found no place: since when it waits, and when it last asked. */
interface Wait {
  readonly since: number;
  readonly askedAt: number;
}

export class Uploads {
  readonly #uploads = new Map<number, Upload>();
  /**
   * The order in which connections came, last began an upload, or let their wait for a place lapse.
   * The first has the first claim.
   */
  readonly #order = new Map<number, number>();
  #nextInOrder = 0;
  /** One wait for each connection at most, and only while it is attached. */
  readonly #waiting = new Map<number, Wait>();

  /** Uploads that hold a place, and their bytes. */
  get held(): { readonly places: number; readonly bytes: number } {
    let [places, bytes] = [0, 0];
    for (const upload of this.#uploads.values()) {
      if (upload.kind !== 'staging') continue;
      places += 1;
      bytes += upload.bytes;
    }
    return { places, bytes };
  }

  /** Connections that asked and will come back. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A new connection goes to the end, so reconnecting gains nothing. */
  enter(connection: number): void {
    this.#order.set(connection, (this.#nextInOrder += 1));
  }

  stage(connection: number, piece: StagedPiece, now: number): UploadRefusal {
    const { uploadId, index, data } = piece;
    const upload = this.#uploads.get(connection);
    const isSame = upload !== undefined && equalBytes(upload.id, uploadId);
    // An upload that was answered or is complete has no further pieces.
    if (isSame && upload.kind !== 'staging') return IGNORED;
    if (upload?.kind === 'committing') return this.#refuseEarly(connection, upload, uploadId);
    if (index === 0 && !isSame) return this.#begin(connection, { id: uploadId, data }, now);
    if (
      upload?.kind !== 'staging' ||
      !isSame ||
      isOver(upload, now) ||
      index !== upload.pieces.length ||
      isEnded(upload)
    ) {
      return this.#refuse(connection, uploadId, 'upload-incomplete');
    }
    const bytes = upload.bytes + data.length;
    if (bytes > UPLOAD_BYTES_MAX) return this.#refuse(connection, uploadId, 'upload-full');
    this.#uploads.set(connection, { ...upload, pieces: [...upload.pieces, data], bytes, touchedAt: now });
    return IGNORED;
  }

  /**
   * Hands the upload to its commit if it is as COMMIT says. Its connection stages no other until
   * `release`.
   */
  claim(
    connection: number,
    request: CommitRequest,
    now: number,
  ): UploadRefusal | ({ readonly kind: 'claimed' } & Staged) {
    const { uploadId, frameSize, frameCount, snapshotBytes, digest } = request;
    const upload = this.#uploads.get(connection);
    if (upload !== undefined && upload.kind !== 'staging' && equalBytes(upload.id, uploadId)) return IGNORED;
    if (upload?.kind === 'committing') return this.#refuseEarly(connection, upload, uploadId);
    const envelopeBytes = uploadBodyBytes(FRAME_BYTES[frameSize] ?? 0);
    const framesEnd = frameCount * envelopeBytes;
    const isWhole =
      upload?.kind === 'staging' &&
      equalBytes(upload.id, uploadId) &&
      !isOver(upload, now) &&
      upload.bytes === framesEnd + snapshotBytes;
    if (!isWhole) return this.#refuse(connection, uploadId, 'upload-incomplete');
    const whole = concatBytes(...upload.pieces);
    if (!equalBytes(createHash('sha256').update(whole).digest(), digest)) {
      return this.#refuse(connection, uploadId, 'upload-incomplete');
    }
    this.#uploads.set(connection, { kind: 'committing', id: upload.id, early: undefined });
    // Frames and snapshot live for different times, so each get bytes of their own: neither keeps
    // the whole.
    const frames = whole.slice(0, framesEnd);
    const envelopes = Array.from({ length: frameCount }, (_, index) =>
      frames.subarray(index * envelopeBytes, (index + 1) * envelopeBytes),
    );
    return { kind: 'claimed', envelopes, snapshot: whole.slice(framesEnd) };
  }

  /** The commit of this connection was answered: it may stage another. */
  release(connection: number): void {
    const upload = this.#uploads.get(connection);
    if (upload?.kind === 'committing')
      this.#uploads.set(connection, { kind: 'refused', id: upload.early ?? upload.id });
  }

  drop(connection: number): void {
    this.#uploads.delete(connection);
    this.#order.delete(connection);
    this.#waiting.delete(connection);
  }

  /**
   * Frees uploads whose leases have ended. Their connections hear of it when they send more. A
   * connection that waited for a place and did not ask again goes to the end.
   */
  sweep(now: number): void {
    for (const [connection, upload] of this.#uploads) {
      if (upload.kind === 'staging' && isOver(upload, now)) this.#uploads.delete(connection);
    }
    for (const [connection, { askedAt }] of this.#waiting) {
      if (now - askedAt <= UPLOAD_WAIT_MS) continue;
      this.#waiting.delete(connection);
      this.enter(connection);
    }
  }

  clear(): void {
    this.#uploads.clear();
    this.#waiting.clear();
  }

  #begin(
    connection: number,
    { id, data }: { readonly id: Uint8Array; readonly data: Uint8Array },
    now: number,
  ): UploadRefusal {
    if (!this.#order.has(connection)) this.enter(connection);
    this.sweep(now);
    const replaced = this.#uploads.get(connection);
    const isPlaced = replaced?.kind === 'staging';
    if (!isPlaced && !this.#claimPlace(connection, now)) {
      this.#waiting.set(connection, { since: this.#waiting.get(connection)?.since ?? now, askedAt: now });
      return this.#refuse(connection, id, 'upload-full');
    }
    this.#waiting.delete(connection);
    this.enter(connection);
    this.#uploads.set(connection, {
      kind: 'staging',
      id: id.slice(),
      pieces: [data],
      bytes: data.length,
      since: now,
      placedAt: isPlaced ? replaced.placedAt : now,
      touchedAt: now,
    });
    return IGNORED;
  }

  /**
   * Finds a place: a free one, or that of the upload that began last among those that can be
   * preempted. Places are kept for connections of higher rank that have waited longer than
   * UPLOAD_GUARD_MS; for a shorter wait the first to ask is served, so that places do not stand
   * empty.
   * @returns whether there is one.
   */
  #claimPlace(connection: number, now: number): boolean {
    const free = UPLOADS_PER_ROOM_MAX - this.held.places;
    const giveWay = this.#preemptibleBy(connection, now);
    const kept = [...this.#waiting].filter(
      ([other, { since }]) => now - since >= UPLOAD_GUARD_MS && this.#rank(other) < this.#rank(connection),
    );
    if (kept.length >= free + giveWay.length) return false;
    if (free > 0) return true;
    const [latest] = giveWay.sort((a, b) => this.#rank(b) - this.#rank(a));
    return latest !== undefined && this.#uploads.delete(latest);
  }

  /**
   * After UPLOAD_GUARD_MS: uploads of connections of lower rank. After UPLOAD_HOLD_MS: every
   * upload.
   */
  #preemptibleBy(connection: number, now: number): number[] {
    const gives = (owner: number, upload: Upload): boolean => {
      if (upload.kind !== 'staging') return false;
      const stayed = now - upload.placedAt;
      return stayed > UPLOAD_HOLD_MS || (stayed > UPLOAD_GUARD_MS && this.#rank(owner) > this.#rank(connection));
    };
    return [...this.#uploads].filter(([owner, upload]) => gives(owner, upload)).map(([owner]) => owner);
  }

  #rank(connection: number): number {
    return this.#order.get(connection) ?? Number.POSITIVE_INFINITY;
  }

  #refuseEarly(connection: number, committing: Extract<Upload, { kind: 'committing' }>, id: Uint8Array): UploadRefusal {
    if (committing.early !== undefined && equalBytes(committing.early, id)) return IGNORED;
    this.#uploads.set(connection, { ...committing, early: id.slice() });
    return { kind: 'refused', code: 'upload-full' };
  }

  #refuse(connection: number, id: Uint8Array, code: RelayCode): UploadRefusal {
    this.#uploads.set(connection, { kind: 'refused', id: id.slice() });
    return { kind: 'refused', code };
  }
}

function isOver({ since, touchedAt }: Extract<Upload, { kind: 'staging' }>, now: number): boolean {
  return now - touchedAt > UPLOAD_LEASE_MS || now - since > UPLOAD_LIMIT_MS;
}

/**
 * A piece that was not full was the last. So a piece holds what it costs: a frame of 4096 bytes.
 */
function isEnded({ pieces }: Extract<Upload, { kind: 'staging' }>): boolean {
  return (pieces.at(-1)?.length ?? 0) < STAGE_DATA_BYTES;
}
