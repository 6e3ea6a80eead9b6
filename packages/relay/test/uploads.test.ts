import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COMMIT_BYTES_MAX,
  FRAME_BYTES,
  SNAPSHOT_BYTES_MAX,
  STAGE_DATA_BYTES,
  UPLOAD_LEASE_MS,
  UPLOADS_PER_ROOM_MAX,
  uploadBodyBytes,
} from '@sotto/protocol';
import { Uploads } from '../src/uploads.ts';

const arbitraryStep = fc.record({
  connection: fc.nat(11),
  id: fc.nat(2),
  what: fc.constantFrom('stage', 'stage', 'stage', 'claim', 'release', 'drop', 'wait', 'sweep'),
  index: fc.nat(3),
  length: fc.constantFrom(1, 100, STAGE_DATA_BYTES, STAGE_DATA_BYTES),
});

describe('the uploads of a room', () => {
  test('hand a claimed upload over as it was staged, cut at the ends of frames', () => {
    fc.assert(
      fc.property(
        fc.nat(3),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 30_000 }),
        (size, count, snapshotBytes) => {
          const envelopeBytes = uploadBodyBytes(FRAME_BYTES[size as 0]);
          const whole = new Uint8Array(randomBytes(count * envelopeBytes + snapshotBytes));
          const uploadId = new Uint8Array(16).fill(1);
          const uploads = new Uploads();
          for (let index = 0; index * STAGE_DATA_BYTES < whole.length; index += 1) {
            const data = whole.slice(index * STAGE_DATA_BYTES, (index + 1) * STAGE_DATA_BYTES);
            expect(uploads.stage(1, { uploadId, index, data }, 0)).toEqual({ kind: 'ignored' });
          }
          const digest = createHash('sha256').update(whole).digest();
          const request = { commitNumber: 0, uploadId, frameSize: size, frameCount: count, snapshotBytes, digest };
          const claim = uploads.claim(1, request, 0);
          if (claim.kind !== 'claimed') throw new Error(claim.kind);
          expect(Buffer.concat([...claim.envelopes, claim.snapshot]).equals(whole)).toBe(true);
          expect(claim.envelopes.every(({ length }) => length === envelopeBytes)).toBe(true);
          // It is the room's now: its place is free, but its connection stages no other until it is
          // answered.
          expect(uploads.held).toEqual({ places: 0, bytes: 0 });
          const other = { uploadId: new Uint8Array(16).fill(2), index: 0, data: new Uint8Array(1) };
          expect(uploads.stage(1, other, 0)).toEqual({ kind: 'refused', code: 'upload-full' });
          uploads.release(1);
          expect(uploads.held.places).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('never take more places or bytes than allowed, and none once all leases have ended', () => {
    fc.assert(
      fc.property(fc.array(arbitraryStep, { maxLength: 200 }), (steps) => {
        const uploads = new Uploads();
        let now = 0;
        for (const { connection, id, what, index, length } of steps) {
          const uploadId = new Uint8Array(16).fill(id);
          const digest = new Uint8Array(32);
          const request = { commitNumber: 0, uploadId, frameSize: 0, frameCount: 1, snapshotBytes: 1, digest };
          if (what === 'stage') uploads.stage(connection, { uploadId, index, data: new Uint8Array(length) }, now);
          if (what === 'claim') uploads.claim(connection, request, now);
          if (what === 'release') uploads.release(connection);
          if (what === 'drop') uploads.drop(connection);
          if (what === 'wait') now += UPLOAD_LEASE_MS / 3;
          if (what === 'sweep') uploads.sweep(now);
          const { places, bytes } = uploads.held;
          expect(places).toBeLessThanOrEqual(UPLOADS_PER_ROOM_MAX);
          expect(bytes).toBeLessThanOrEqual(places * (COMMIT_BYTES_MAX + SNAPSHOT_BYTES_MAX));
        }
        uploads.sweep(now + UPLOAD_LEASE_MS + 1);
        expect(uploads.held).toEqual({ places: 0, bytes: 0 });
      }),
    );
  });

  test('hold no more memory than their bytes, even in small pieces', () => {
    const uploads = new Uploads();
    const uploadId = new Uint8Array(16);
    uploads.stage(1, { uploadId, index: 0, data: new Uint8Array(1) }, 0);
    expect(uploads.stage(1, { uploadId, index: 1, data: new Uint8Array(1) }, 0)).toEqual({
      kind: 'refused',
      code: 'upload-incomplete',
    });
    expect(uploads.held.places).toBe(0);
  });
});
