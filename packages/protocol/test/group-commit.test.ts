import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bodyBytes,
  COMMIT_BYTES_MAX,
  COMMIT_PLACE_BYTES,
  decodeCommit,
  decodeCommittedBody,
  decodeFetch,
  decodeFrame,
  decodeSnapshot,
  decodeStage,
  encodeCommit,
  encodeCommittedBody,
  encodeFetch,
  encodeFrame,
  encodeSnapshot,
  encodeStage,
  FRAME_BYTES,
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_DATA_BYTES,
  HEADER_BYTES,
  STAGE_DATA_BYTES,
  uploadBodyBytes,
} from '../src/index.ts';
import type { CommitRequest, CommittedBody, Frame, SnapshotPiece } from '../src/index.ts';

const fixed = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });

function parsed(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes);
  if (!frame.ok) throw new Error(frame.code);
  return frame.value;
}

function changed(bytes: Uint8Array, index: number, ...values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, index);
  return copy;
}

const uploadId = new Uint8Array(16).fill(7);
const request: CommitRequest = {
  commitNumber: 3,
  uploadId,
  frameSize: 1,
  frameCount: 4,
  snapshotBytes: 8_192,
  digest: new Uint8Array(32).fill(5),
};
const piece: SnapshotPiece = {
  which: 'snapshot',
  commitNumber: 4,
  last: 9,
  snapshotBytes: SNAPSHOT_DATA_BYTES + 2,
  offset: SNAPSHOT_DATA_BYTES,
  data: Uint8Array.of(1, 2),
};
const none: SnapshotPiece = {
  which: 'snapshot',
  commitNumber: 0,
  last: 0,
  snapshotBytes: 0,
  offset: 0,
  data: new Uint8Array(0),
};

describe('the frames of a commit', () => {
  test('leave no byte of a 4096-byte frame unused', () => {
    expect(STAGE_DATA_BYTES).toBe(bodyBytes(4_096) - 16 - 2);
    expect(SNAPSHOT_DATA_BYTES).toBe(bodyBytes(4_096) - 1 - 4 - 4 - 8);
  });

  test('decode to the same piece of an upload, for every length', () => {
    fc.assert(
      fc.property(fixed(16), number, fc.integer({ min: 1, max: STAGE_DATA_BYTES }), (id, index, length) => {
        const staged = { uploadId: id, index, data: new Uint8Array(length).fill(length) };
        const bytes = encodeStage(staged);
        expect(bytes).toHaveLength(4_096);
        expect(decodeStage(parsed(bytes))).toEqual({ ok: true, value: staged });
      }),
    );
  });

  test('decode to the same commit request', () => {
    fc.assert(
      fc.property(
        number,
        fixed(16),
        fc.nat(3),
        number,
        fc.integer({ min: 1, max: SNAPSHOT_BYTES_MAX }),
        fixed(32),
        (...v) => {
          const [commitNumber, id, frameSize, any, snapshotBytes, digest] = v;
          const most = Math.floor(COMMIT_BYTES_MAX / bodyBytes(FRAME_BYTES[frameSize as 0]));
          const asked = { commitNumber, uploadId: id, frameSize, frameCount: 1 + (any % most), snapshotBytes, digest };
          expect(decodeCommit(parsed(encodeCommit(asked)))).toEqual({ ok: true, value: asked });
        },
      ),
    );
  });

  test('decode to the same body of an upload and its place in the commit, in a frame of every size', () => {
    const places = fc.record({ commitNumber: number, at: number, frames: number, frameSize: fc.nat(3) });
    fc.assert(
      fc.property(places, ({ commitNumber, at, frames, frameSize }) => {
        const frameBytes = FRAME_BYTES[frameSize as 0];
        const count = 1 + (frames % Math.floor(COMMIT_BYTES_MAX / bodyBytes(frameBytes)));
        const envelope = new Uint8Array(uploadBodyBytes(frameBytes)).fill(9);
        const one = { commitNumber: Math.max(1, commitNumber), index: at % count, count, envelope };
        const frame = encodeFrame({ operation: 'committed', number: 5, body: encodeCommittedBody(one) });
        expect(frame).toHaveLength(frameBytes);
        expect(decodeCommittedBody(parsed(frame).body)).toEqual({ ok: true, value: one });
      }),
    );
    expect(COMMIT_PLACE_BYTES).toBe(8 + 2 + 2);
  });

  test('decode to the same request for the log or a snapshot, and to the same piece', () => {
    fc.assert(
      fc.property(
        number,
        fc.integer({ min: 1, max: SNAPSHOT_BYTES_MAX }),
        fc.boolean(),
        (value, snapshotBytes, previous) => {
          const which = previous ? 'previous-snapshot' : 'snapshot';
          for (const asked of [{ what: 'log', from: value } as const, { what: which } as const]) {
            expect(decodeFetch(parsed(encodeFetch(asked)))).toEqual({ ok: true, value: asked });
          }
          const pieces = Math.ceil(snapshotBytes / SNAPSHOT_DATA_BYTES);
          const offset = (value % pieces) * SNAPSHOT_DATA_BYTES;
          const data = new Uint8Array(Math.min(SNAPSHOT_DATA_BYTES, snapshotBytes - offset)).fill(3);
          const part = {
            which,
            commitNumber: Math.max(1, value),
            last: Math.max(1, value),
            snapshotBytes,
            offset,
            data,
          } as const;
          expect(decodeSnapshot(parsed(encodeSnapshot(part)))).toEqual({ ok: true, value: part });
        },
      ),
    );
    expect(decodeSnapshot(parsed(encodeSnapshot(none)))).toEqual({ ok: true, value: none });
  });

  const stage = encodeStage({ uploadId, index: 0, data: new Uint8Array(10).fill(1) });
  const kinds = [
    ['STAGE', decodeStage, stage, 28],
    ['COMMIT', decodeCommit, encodeCommit(request), 55],
    ['FETCH', decodeFetch, encodeFetch({ what: 'log', from: 1 }), 1],
    ['SNAPSHOT', decodeSnapshot, encodeSnapshot(piece), 19],
    ['SNAPSHOT of none', decodeSnapshot, encodeSnapshot(none), 17],
  ] as const;

  test.each(kinds)('are refused with any byte of padding that is not zero: %s', (...kind) => {
    const [, decode, bytes, fields] = kind;
    for (const index of [HEADER_BYTES + fields, 500, bytes.length - 1]) {
      expect(decode(parsed(changed(bytes, index, 1)))).toEqual({ ok: false, code: 'frame-padding' });
    }
    expect(decode(parsed(bytes)).ok).toBe(true);
  });

  test.each(kinds)('are refused in a frame of another size: %s', (_name, decode, bytes) => {
    for (const length of FRAME_BYTES.filter((other) => other !== bytes.length)) {
      const frame = parsed(encodeFrame({ operation: 'entry', number: 1, body: new Uint8Array(bodyBytes(length)) }));
      expect(decode(frame)).toEqual({ ok: false, code: 'frame-length' });
    }
  });

  const committedBytes = (change: Partial<CommittedBody>, frameBytes = 4_096): Uint8Array => {
    const envelope = new Uint8Array(uploadBodyBytes(frameBytes));
    const body = encodeCommittedBody({ commitNumber: 1, index: 0, count: 1, envelope, ...change });
    return encodeFrame({ operation: 'committed', number: 1, body });
  };
  const committed = ({ body }: Frame): unknown => decodeCommittedBody(body);
  const commit = (change: Partial<CommitRequest>): Uint8Array => encodeCommit({ ...request, ...change });

  test('are refused as the body of a COMMITTED frame if no frame has that length', () => {
    for (const length of [0, 11, 12, 495, 497, 4_079, 4_081]) {
      expect(decodeCommittedBody(new Uint8Array(length))).toEqual({ ok: false, code: 'frame-length' });
    }
  });

  const bad: readonly (readonly [string, (frame: Frame) => unknown, Uint8Array])[] = [
    ['a piece of no bytes', decodeStage, changed(stage, 32, 0, 0)],
    ['a piece longer than its frame', decodeStage, changed(stage, 32, 0x0f, 0xdf)],
    ['a commit of an unknown size class', decodeCommit, commit({ frameSize: 4 })],
    ['a commit without a frame', decodeCommit, commit({ frameCount: 0 })],
    ['a commit of 17 frames of 4096', decodeCommit, commit({ frameSize: 3, frameCount: 17 })],
    ['a commit of 133 frames of 512', decodeCommit, commit({ frameSize: 0, frameCount: 133 })],
    ['a commit without a snapshot', decodeCommit, commit({ snapshotBytes: 0 })],
    ['a commit with a snapshot one byte too long', decodeCommit, commit({ snapshotBytes: SNAPSHOT_BYTES_MAX + 1 })],
    ['a frame of a commit that makes the commit number 0', committed, committedBytes({ commitNumber: 0 })],
    ['a frame of a commit that has none', committed, committedBytes({ count: 0 })],
    ['a frame behind the end of its commit', committed, committedBytes({ index: 2, count: 2 })],
    ['a frame of a commit of 17 frames of 4096', committed, committedBytes({ count: 17 })],
    ['a frame of a commit of 133 frames of 512', committed, committedBytes({ count: 133 }, 512)],
    ['a fetch of an unknown kind', decodeFetch, changed(encodeFetch({ what: 'snapshot' }), HEADER_BYTES, 3)],
    ['a fetch of a snapshot from a number', decodeFetch, changed(encodeFetch({ what: 'snapshot' }), 15, 1)],
    ['a piece of the log as a snapshot', decodeSnapshot, changed(encodeSnapshot(piece), HEADER_BYTES, 0)],
    [
      'a snapshot that is too long',
      decodeSnapshot,
      encodeSnapshot({ ...piece, snapshotBytes: SNAPSHOT_BYTES_MAX + 1 }),
    ],
    ['a piece of a snapshot at no piece’s beginning', decodeSnapshot, encodeSnapshot({ ...piece, offset: 1 })],
    [
      'a piece of a snapshot behind its end',
      decodeSnapshot,
      encodeSnapshot({ ...piece, snapshotBytes: SNAPSHOT_DATA_BYTES }),
    ],
    ['a snapshot without a commit number', decodeSnapshot, encodeSnapshot({ ...piece, commitNumber: 0 })],
    ['a snapshot without a place in the log', decodeSnapshot, encodeSnapshot({ ...piece, last: 0 })],
    ['no snapshot with a commit number', decodeSnapshot, encodeSnapshot({ ...none, commitNumber: 1 })],
  ];
  test.each(bad)('are refused: %s', (_name, decode, bytes) => {
    expect(decode(parsed(bytes))).toEqual({ ok: false, code: 'frame-field' });
  });

  test('may be as large as the limits allow', () => {
    for (const most of [
      { frameSize: 3, frameCount: 16 },
      { frameSize: 0, frameCount: 132 },
      { snapshotBytes: SNAPSHOT_BYTES_MAX },
    ]) {
      expect(decodeCommit(parsed(commit(most))).ok).toBe(true);
    }
    for (const most of [committedBytes({ index: 15, count: 16 }), committedBytes({ index: 131, count: 132 }, 512)]) {
      expect(decodeCommittedBody(parsed(most).body).ok).toBe(true);
    }
  });

  test('are refused with numbers above 2^53-1', () => {
    const above = parsed(changed(committedBytes({}), 17, 0x20));
    expect(decodeCommittedBody(above.body)).toEqual({ ok: false, code: 'frame-number' });
    expect(decodeSnapshot(parsed(changed(encodeSnapshot(piece), 26, 0x20)))).toEqual({
      ok: false,
      code: 'frame-number',
    });
  });
});
