import { createHash } from 'node:crypto';
import { concatBytes, decodeCommit, decodeFrame, decodeStage, FRAME_BYTES, LARGEST_FRAME_BYTES } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { expect, test } from 'vitest';
import { encodeUpload } from '../src/session/upload-frames.ts';

test('an upload consists of its bodies and its snapshot in pieces, and a COMMIT that names them all', () => {
  const random = new SeededRandom(3);
  const bodies = [random.bytes(4_068), random.bytes(4_068)];
  const snapshot = random.bytes(8_192);
  const id = random.bytes(16);
  const frames = encodeUpload({ id, frameSize: 3, bodies, snapshot }, 41);
  const staged = frames.slice(0, -1).map((bytes, index) => {
    expect(bytes.length).toBe(LARGEST_FRAME_BYTES);
    const frame = decodeFrame(bytes);
    const stage = frame.ok ? decodeStage(frame.value) : frame;
    if (!stage.ok) throw new Error(stage.code);
    expect(stage.value).toMatchObject({ uploadId: id, index });
    return stage.value.data;
  });
  const all = concatBytes(...staged);
  expect(all).toEqual(concatBytes(...bodies, snapshot));
  const last = decodeFrame(frames.at(-1) ?? new Uint8Array(0));
  const commit = last.ok ? decodeCommit(last.value) : last;
  expect(frames.at(-1)?.length).toBe(FRAME_BYTES[0]);
  expect(commit).toEqual({
    ok: true,
    value: {
      commitNumber: 41,
      uploadId: id,
      frameSize: 3,
      frameCount: 2,
      snapshotBytes: snapshot.length,
      digest: new Uint8Array(createHash('sha256').update(all).digest()),
    },
  });
});
