// What the members of a room have staged: bounded in number, length and time, each upload its own connection's. PROTOCOL.md §4.7, §6.3.

import { createHash } from 'node:crypto';
import {
  bodyBytes,
  COMMIT_BYTES_MAX,
  concatBytes,
  equalBytes,
  FRAME_BYTES,
  HEAD_BYTES_MAX,
  STAGE_DATA_BYTES,
  UPLOAD_GUARD_MS,
  UPLOAD_LEASE_MS,
  UPLOAD_LIMIT_MS,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';
import type { CommitRequest, RelayCode, StagedPiece } from '@sotto/protocol';

const UPLOAD_BYTES_MAX = COMMIT_BYTES_MAX + HEAD_BYTES_MAX;

/**
 * A connection's one upload. `refused` keeps the id only, so that what still comes of it is passed over; `committing` is the
 * room's until it is answered, and keeps the id of another that came too early.
 */
type Upload =
  | {
      readonly kind: 'staging';
      readonly id: Uint8Array;
      readonly pieces: readonly Uint8Array[];
      readonly bytes: number;
      readonly since: number;
      /** Since when its connection has had the place, with this upload or with one that it replaced. */
      readonly placedAt: number;
      readonly touchedAt: number;
    }
  | { readonly kind: 'committing'; readonly id: Uint8Array; readonly early: Uint8Array | undefined }
  | { readonly kind: 'refused'; readonly id: Uint8Array };

/** What an upload held: the bodies of the commit's frames, and the head. */
export interface Staged {
  readonly bodies: readonly Uint8Array[];
  readonly head: Uint8Array;
}

/** To whoever staged or committed: a refusal to send, or nothing to say. */
export type UploadRefusal = { readonly kind: 'refused'; readonly code: RelayCode } | { readonly kind: 'silence' };
const SILENCE: UploadRefusal = { kind: 'silence' };

export class Uploads {
  readonly #uploads = new Map<number, Upload>();
  /** In which order connections came, or last began an upload: the later, the sooner they give way. */
  readonly #order = new Map<number, number>();
  #nextInOrder = 0;

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

  enter(connection: number): void {
    this.#order.set(connection, (this.#nextInOrder += 1));
  }

  stage(connection: number, piece: StagedPiece, now: number): UploadRefusal {
    const { uploadId, index, data } = piece;
    const upload = this.#uploads.get(connection);
    const isSame = upload !== undefined && equalBytes(upload.id, uploadId);
    // What has been answered, or was complete, has nothing more to come.
    if (isSame && upload.kind !== 'staging') return SILENCE;
    if (upload?.kind === 'committing') return this.#refuseEarly(connection, upload, uploadId);
    if (index === 0 && !isSame) return this.#begin(connection, uploadId, data, now);
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
    return SILENCE;
  }

  /** Takes the upload out for its commit if it is what COMMIT says. Its connection stages no other until `release`. */
  claim(
    connection: number,
    request: CommitRequest,
    now: number,
  ): UploadRefusal | ({ readonly kind: 'claimed' } & Staged) {
    const { uploadId, frameSize, frameCount, headBytes, digest } = request;
    const upload = this.#uploads.get(connection);
    if (upload !== undefined && upload.kind !== 'staging' && equalBytes(upload.id, uploadId)) return SILENCE;
    if (upload?.kind === 'committing') return this.#refuseEarly(connection, upload, uploadId);
    const frameBytes = bodyBytes(FRAME_BYTES[frameSize] ?? 0);
    const framesEnd = frameCount * frameBytes;
    const isWhole =
      upload?.kind === 'staging' &&
      equalBytes(upload.id, uploadId) &&
      !isOver(upload, now) &&
      upload.bytes === framesEnd + headBytes;
    if (!isWhole) return this.#refuse(connection, uploadId, 'upload-incomplete');
    const whole = concatBytes(...upload.pieces);
    if (!equalBytes(createHash('sha256').update(whole).digest(), digest)) {
      return this.#refuse(connection, uploadId, 'upload-incomplete');
    }
    this.#uploads.set(connection, { kind: 'committing', id: upload.id, early: undefined });
    const bodies = Array.from({ length: frameCount }, (_, index) =>
      whole.subarray(index * frameBytes, (index + 1) * frameBytes),
    );
    // The head outlives the frames, so it gets bytes of its own.
    return { kind: 'claimed', bodies, head: whole.slice(framesEnd) };
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
  }

  /** Frees what leases have ended. Whoever it was hears of it when more of it comes. */
  sweep(now: number): void {
    for (const [connection, upload] of this.#uploads) {
      if (upload.kind === 'staging' && isOver(upload, now)) this.#uploads.delete(connection);
    }
  }

  clear(): void {
    this.#uploads.clear();
  }

  #begin(connection: number, id: Uint8Array, data: Uint8Array, now: number): UploadRefusal {
    const replaced = this.#uploads.get(connection);
    const placedAt = replaced?.kind === 'staging' && !isOver(replaced, now) ? replaced.placedAt : now;
    this.#uploads.delete(connection);
    this.sweep(now);
    if (this.held.places >= UPLOADS_PER_ROOM_MAX && !this.#makePlace(connection, now)) {
      return this.#refuse(connection, id, 'upload-full');
    }
    this.enter(connection);
    this.#uploads.set(connection, {
      kind: 'staging',
      id: id.slice(),
      pieces: [data],
      bytes: data.length,
      since: now,
      placedAt,
      touchedAt: now,
    });
    return SILENCE;
  }

  /** Who began an upload last gives way to who has waited longer, but not while the guard lasts. @returns whether somebody did. */
  #makePlace(connection: number, now: number): boolean {
    let latest: { readonly owner: number; readonly order: number } | undefined;
    for (const [owner, upload] of this.#uploads) {
      const order = this.#order.get(owner) ?? 0;
      const mayGo = upload.kind === 'staging' && now - upload.placedAt > UPLOAD_GUARD_MS;
      if (mayGo && order > (latest?.order ?? this.#order.get(connection) ?? order)) latest = { owner, order };
    }
    if (latest === undefined) return false;
    this.#uploads.delete(latest.owner);
    return true;
  }

  #refuseEarly(connection: number, committing: Extract<Upload, { kind: 'committing' }>, id: Uint8Array): UploadRefusal {
    if (committing.early !== undefined && equalBytes(committing.early, id)) return SILENCE;
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

/** A piece that was not full was the last. So a piece holds what it costs: a frame of 4096 bytes. */
function isEnded({ pieces }: Extract<Upload, { kind: 'staging' }>): boolean {
  return (pieces.at(-1)?.length ?? 0) < STAGE_DATA_BYTES;
}
