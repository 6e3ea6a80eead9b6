import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bodyBytes,
  COMMIT_BYTES_MAX,
  decodeCommit,
  decodeCounter,
  decodeFetch,
  decodeFrame,
  decodeHead,
  decodeStage,
  encodeCommit,
  encodeCounter,
  encodeFetch,
  encodeFrame,
  encodeHead,
  encodeStage,
  FRAME_BYTES,
  HEAD_BYTES_MAX,
  HEAD_DATA_BYTES,
  HEADER_BYTES,
  STAGE_DATA_BYTES,
} from '../src/index.ts';
import type { CommitRequest, Frame, HeadPiece } from '../src/index.ts';

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
  counter: 3,
  uploadId,
  frameSize: 1,
  frameCount: 4,
  headBytes: 8_192,
  digest: new Uint8Array(32).fill(5),
};
const piece: HeadPiece = {
  which: 'head',
  counter: 4,
  last: 9,
  headBytes: HEAD_DATA_BYTES + 2,
  offset: HEAD_DATA_BYTES,
  data: Uint8Array.of(1, 2),
};
const none: HeadPiece = { which: 'head', counter: 0, last: 0, headBytes: 0, offset: 0, data: new Uint8Array(0) };

describe('the frames of a commit', () => {
  test('leave no byte of a 4096-byte frame unused', () => {
    expect(STAGE_DATA_BYTES).toBe(bodyBytes(4_096) - 16 - 2);
    expect(HEAD_DATA_BYTES).toBe(bodyBytes(4_096) - 1 - 4 - 4 - 8);
  });

  test('carry a piece of an upload there and back, whatever its length', () => {
    fc.assert(
      fc.property(fixed(16), number, fc.integer({ min: 1, max: STAGE_DATA_BYTES }), (id, index, length) => {
        const staged = { uploadId: id, index, data: new Uint8Array(length).fill(length) };
        const bytes = encodeStage(staged);
        expect(bytes).toHaveLength(4_096);
        expect(decodeStage(parsed(bytes))).toEqual({ ok: true, value: staged });
      }),
    );
  });

  test('carry a commit and its notice there and back', () => {
    fc.assert(
      fc.property(
        number,
        fixed(16),
        fc.nat(3),
        number,
        fc.integer({ min: 1, max: HEAD_BYTES_MAX }),
        fixed(32),
        (...v) => {
          const [counter, id, frameSize, any, headBytes, digest] = v;
          const most = Math.floor(COMMIT_BYTES_MAX / bodyBytes(FRAME_BYTES[frameSize as 0]));
          const asked = { counter, uploadId: id, frameSize, frameCount: 1 + (any % most), headBytes, digest };
          expect(decodeCommit(parsed(encodeCommit(asked)))).toEqual({ ok: true, value: asked });
          const notice = {
            counter: counter + (counter === 0 ? 1 : 0),
            first: 1 + (any % 1_000),
            last: 2_000,
            headBytes,
          };
          expect(decodeCounter(parsed(encodeCounter(notice)))).toEqual({ ok: true, value: notice });
        },
      ),
    );
  });

  test('ask for the log or a head, and carry any piece of one', () => {
    fc.assert(
      fc.property(number, fc.integer({ min: 1, max: HEAD_BYTES_MAX }), fc.boolean(), (value, headBytes, previous) => {
        const which = previous ? 'previous-head' : 'head';
        for (const asked of [{ what: 'log', from: value } as const, { what: which } as const]) {
          expect(decodeFetch(parsed(encodeFetch(asked)))).toEqual({ ok: true, value: asked });
        }
        const pieces = Math.ceil(headBytes / HEAD_DATA_BYTES);
        const offset = (value % pieces) * HEAD_DATA_BYTES;
        const data = new Uint8Array(Math.min(HEAD_DATA_BYTES, headBytes - offset)).fill(3);
        const part = { which, counter: Math.max(1, value), last: Math.max(1, value), headBytes, offset, data } as const;
        expect(decodeHead(parsed(encodeHead(part)))).toEqual({ ok: true, value: part });
      }),
    );
    expect(decodeHead(parsed(encodeHead(none)))).toEqual({ ok: true, value: none });
  });

  const stage = encodeStage({ uploadId, index: 0, data: new Uint8Array(10).fill(1) });
  const kinds = [
    ['STAGE', decodeStage, stage, 28],
    ['COMMIT', decodeCommit, encodeCommit(request), 55],
    ['COUNTER', decodeCounter, encodeCounter({ counter: 1, first: 1, last: 1, headBytes: 1 }), 20],
    ['FETCH', decodeFetch, encodeFetch({ what: 'log', from: 1 }), 1],
    ['HEAD', decodeHead, encodeHead(piece), 19],
    ['HEAD of none', decodeHead, encodeHead(none), 17],
  ] as const;

  test.each(kinds)('%s is refused with padding that is not zero, from its first byte to its last', (...kind) => {
    const [, decode, bytes, fields] = kind;
    for (const index of [HEADER_BYTES + fields, 500, bytes.length - 1]) {
      expect(decode(parsed(changed(bytes, index, 1)))).toEqual({ ok: false, code: 'frame-padding' });
    }
    expect(decode(parsed(bytes)).ok).toBe(true);
  });

  test.each(kinds)('%s is refused in a frame of another size', (_name, decode, bytes) => {
    for (const length of FRAME_BYTES.filter((other) => other !== bytes.length)) {
      const frame = parsed(encodeFrame({ operation: 'entry', number: 1, body: new Uint8Array(bodyBytes(length)) }));
      expect(decode(frame)).toEqual({ ok: false, code: 'frame-length' });
    }
  });

  const commit = (change: Partial<CommitRequest>): Uint8Array => encodeCommit({ ...request, ...change });
  const bad: readonly (readonly [string, (frame: Frame) => unknown, Uint8Array])[] = [
    ['a piece of no bytes', decodeStage, changed(stage, 32, 0, 0)],
    ['a piece longer than its frame', decodeStage, changed(stage, 32, 0x0f, 0xdf)],
    ['a commit of a size class that there is not', decodeCommit, commit({ frameSize: 4 })],
    ['a commit without a frame', decodeCommit, commit({ frameCount: 0 })],
    ['a commit of 17 frames of 4096', decodeCommit, commit({ frameSize: 3, frameCount: 17 })],
    ['a commit of 133 frames of 512', decodeCommit, commit({ frameSize: 0, frameCount: 133 })],
    ['a commit without a head', decodeCommit, commit({ headBytes: 0 })],
    ['a commit with a head one byte too long', decodeCommit, commit({ headBytes: HEAD_BYTES_MAX + 1 })],
    ['a counter of 0', decodeCounter, encodeCounter({ counter: 0, first: 1, last: 1, headBytes: 1 })],
    ['a notice that begins at 0', decodeCounter, encodeCounter({ counter: 1, first: 0, last: 1, headBytes: 1 })],
    [
      'a notice that ends before it begins',
      decodeCounter,
      encodeCounter({ counter: 1, first: 2, last: 1, headBytes: 1 }),
    ],
    ['a notice of no head', decodeCounter, encodeCounter({ counter: 1, first: 1, last: 1, headBytes: 0 })],
    ['a fetch of what there is not', decodeFetch, changed(encodeFetch({ what: 'head' }), HEADER_BYTES, 3)],
    ['a fetch of a head from a number', decodeFetch, changed(encodeFetch({ what: 'head' }), 15, 1)],
    ['a piece of the log as a head', decodeHead, changed(encodeHead(piece), HEADER_BYTES, 0)],
    ['a head that is too long', decodeHead, encodeHead({ ...piece, headBytes: HEAD_BYTES_MAX + 1 })],
    ['a piece of a head at no piece’s beginning', decodeHead, encodeHead({ ...piece, offset: 1 })],
    ['a piece of a head behind its end', decodeHead, encodeHead({ ...piece, headBytes: HEAD_DATA_BYTES })],
    ['a head without a counter', decodeHead, encodeHead({ ...piece, counter: 0 })],
    ['a head without a place in the log', decodeHead, encodeHead({ ...piece, last: 0 })],
    ['no head with a counter', decodeHead, encodeHead({ ...none, counter: 1 })],
  ];
  test.each(bad)('are refused: %s', (_name, decode, bytes) => {
    expect(decode(parsed(bytes))).toEqual({ ok: false, code: 'frame-field' });
  });

  test('may be as large as the limits say', () => {
    for (const most of [
      { frameSize: 3, frameCount: 16 },
      { frameSize: 0, frameCount: 132 },
      { headBytes: HEAD_BYTES_MAX },
    ]) {
      expect(decodeCommit(parsed(commit(most))).ok).toBe(true);
    }
  });

  test('are refused with numbers above 2^53-1', () => {
    const notice = encodeCounter({ counter: 1, first: 1, last: 1, headBytes: 1 });
    for (const index of [17, 25]) {
      expect(decodeCounter(parsed(changed(notice, index, 0x20)))).toEqual({ ok: false, code: 'frame-number' });
    }
    expect(decodeHead(parsed(changed(encodeHead(piece), 26, 0x20)))).toEqual({ ok: false, code: 'frame-number' });
  });
});
