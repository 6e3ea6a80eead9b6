// Cuts a commit's upload into STAGE frames, with the COMMIT frame behind them. PROTOCOL.md §4.7.

import { digestOf } from '@sotto/crypto';
import { concatBytes, encodeCommit, encodeStage, STAGE_DATA_BYTES } from '@sotto/protocol';
import type { Upload } from '../group/worker-tasks.ts';

/** @returns the frames to write, in their order; the last is the COMMIT under `commitNumber`. */
export function encodeUpload(upload: Upload, commitNumber: number): Uint8Array[] {
  const bytes = concatBytes(...upload.bodies, upload.snapshot);
  const count = Math.ceil(bytes.length / STAGE_DATA_BYTES);
  const stages = Array.from({ length: count }, (_, index) =>
    encodeStage({
      uploadId: upload.id,
      index,
      data: bytes.subarray(index * STAGE_DATA_BYTES, (index + 1) * STAGE_DATA_BYTES),
    }),
  );
  const commit = encodeCommit({
    commitNumber,
    uploadId: upload.id,
    frameSize: upload.frameSize,
    frameCount: upload.bodies.length,
    snapshotBytes: upload.snapshot.length,
    digest: digestOf(bytes),
  });
  return [...stages, commit];
}
