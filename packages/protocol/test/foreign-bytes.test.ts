import {
  damageBytes,
  damageText,
  fuzz,
  FUZZ_CASES,
  FUZZ_GROWTH_BYTES_MAX,
  FUZZ_LIMIT_MS,
  FUZZ_SLOWEST_MS,
  SeededRandom,
} from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import {
  bodyBytes,
  checkEmpty,
  cutText,
  decodeAdminReply,
  decodeAdminRequest,
  decodeAttach,
  decodeAttached,
  decodeChallenge,
  decodeCommit,
  decodeContent,
  decodeCommittedBody,
  decodeFetch,
  decodeFrame,
  decodeGroupPlaintext,
  decodeSnapshot,
  decodeSnapshotPlaintext,
  decodeInvite,
  decodeMove,
  decodeRefused,
  decodeSignedOrder,
  decodeStage,
  encodeAdminRequest,
  encodeAttached,
  encodeCommit,
  encodeCommittedBody,
  encodeContent,
  encodeFetch,
  encodeFrame,
  encodeGroupPlaintext,
  encodeSnapshot,
  encodeSnapshotPlaintext,
  encodeInvite,
  encodeMove,
  encodeSignedOrder,
  encodeStage,
  FRAME_BYTES,
  FrameSplitter,
  joinFragment,
  NO_PARTIAL_TEXTS,
  uploadBodyBytes,
} from '../src/index.ts';
import type { Frame, GroupPlaintext } from '../src/index.ts';

const decodeText = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
};
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

const roomId = new Uint8Array(16).fill(4);
const frame = encodeFrame({ operation: 'entry', number: 3, body: new Uint8Array(bodyBytes(FRAME_BYTES[0])) });
const header = { number: 1, seen: 0, logHash: roomId };
const content = encodeContent(
  { type: 'presence', ...header, before: new Uint8Array(64).fill(4), status: 'here', name: 'Anna' },
  encode,
);
const signature = new Uint8Array(64).fill(6);
const farewell = encodeContent(
  { type: 'presence', ...header, before: new Uint8Array(64).fill(4), status: 'leaving', name: 'Anna', signature },
  encode,
);
const key = new Uint8Array(32).fill(5);
const move = { type: 'move', onionKey: key, roomSecret: key, cover: 'jitter', signature } as const;
const order = { type: 'access', number: 3, mode: 'knock', signature } as const;
const eviction = { type: 'evict', number: 3, memberId: roomId, listed: [roomId, roomId], signature } as const;
const leave = { memberId: roomId, signature };
const plaintexts: readonly GroupPlaintext[] = [
  { kind: 'message', bytes: content },
  { kind: 'piece', index: 1, count: 3, bytes: content },
  { kind: 'leave', ...leave },
  { kind: 'order', order: eviction },
  { kind: 'knock', name: encode('Anna'), keyPackage: content },
  { kind: 'welcome', index: 0, count: 1, bytes: content },
];

const commit = {
  commitNumber: 1,
  uploadId: roomId,
  frameSize: 0,
  frameCount: 2,
  snapshotBytes: 4_096,
  digest: new Uint8Array(32),
} as const;

const committed = encodeCommittedBody({
  commitNumber: 1,
  index: 1,
  count: 2,
  envelope: new Uint8Array(uploadBodyBytes(FRAME_BYTES[0])).fill(8),
});

type FuzzCase = readonly [name: string, accepted: Uint8Array, decode: (bytes: Uint8Array) => { readonly ok: boolean }];
const texts: readonly FuzzCase[] = [
  [
    'decodeInvite',
    encode(encodeInvite({ onionKey: roomId, roomSecret: roomId })),
    (bytes) => decodeInvite(latin(bytes)),
  ],
  [
    'decodeAdminRequest',
    encode(encodeAdminRequest({ operation: 'close', roomId })),
    (bytes) => decodeAdminRequest(latin(bytes)),
  ],
  ['decodeAdminReply', encode('{"ok":false,"code":"room-exists"}'), (bytes) => decodeAdminReply(latin(bytes))],
];
const TEXT_DECODERS = new Set(texts.map(([, , decode]) => decode));

/** Each decoder with a thing that it accepts: cases are made by damaging it, and out of nothing. */
const decoders: readonly FuzzCase[] = [
  ['decodeFrame', frame, decodeFrame],
  ['FrameSplitter', frame, (bytes) => new FrameSplitter().push(bytes)],
  [
    'the control frames',
    encodeAttached({ commitNumber: 1, oldest: 2, next: 3, patienceSeconds: 86_400 }),
    decodeControl,
  ],
  ['decodeStage', encodeStage({ uploadId: roomId, index: 2, data: content }), framed(decodeStage)],
  ['decodeCommit', encodeCommit(commit), framed(decodeCommit)],
  ['decodeCommittedBody', committed, decodeCommittedBody],
  ['decodeFetch', encodeFetch({ what: 'log', from: 9 }), framed(decodeFetch)],
  [
    'decodeSnapshot',
    encodeSnapshot({
      which: 'snapshot',
      commitNumber: 1,
      last: 3,
      snapshotBytes: content.length,
      offset: 0,
      data: content,
    }),
    framed(decodeSnapshot),
  ],
  ['decodeContent', content, (bytes) => decodeContent(bytes, decodeText)],
  ['decodeContent of a farewell', farewell, (bytes) => decodeContent(bytes, decodeText)],
  [
    'decodeContent of a receipt',
    encodeContent({ type: 'receipt', ...header, before: new Uint8Array(64).fill(4) }, encode),
    (bytes) => decodeContent(bytes, decodeText),
  ],
  [
    'decodeGroupPlaintext of a move',
    encodeGroupPlaintext({ kind: 'move', move }, 444),
    (bytes) => decodeGroupPlaintext(bytes),
  ],
  [
    'decodeSignedOrder of a list',
    encodeSignedOrder({ ...order, mode: 'listed', listed: [roomId, roomId] }),
    decodeSignedOrder,
  ],
  [
    'decodeContent of an order',
    encodeContent({ ...header, type: 'order', order }, encode),
    (bytes) => decodeContent(bytes, decodeText),
  ],
  ['decodeMove', encodeMove(move), decodeMove],
  ['decodeSignedOrder', encodeSignedOrder(order), decodeSignedOrder],
  ['decodeSignedOrder of an eviction', encodeSignedOrder(eviction), decodeSignedOrder],
  ...plaintexts.map(
    (one) =>
      [`decodeGroupPlaintext of kind ${one.kind}`, encodeGroupPlaintext(one, 456), decodeGroupPlaintext] as const,
  ),
  [
    'decodeSnapshotPlaintext',
    encodeSnapshotPlaintext({ groupInfo: content, tree: content, proofs: [leave], access: order }, 40),
    decodeSnapshotPlaintext,
  ],
  ...texts,
];

/** A decoder of bodies behind the decoder of frames, as it is used. */
function framed(decode: (frame: Frame) => { readonly ok: boolean }): (bytes: Uint8Array) => { readonly ok: boolean } {
  return (bytes) => {
    const decoded = decodeFrame(bytes);
    return decoded.ok ? decode(decoded.value) : decoded;
  };
}

function decodeControl(bytes: Uint8Array): { readonly ok: boolean } {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) return decoded;
  const fields = [decodeAttach, decodeAttached, decodeChallenge, decodeRefused, checkEmpty].map((decode) =>
    decode(decoded.value),
  );
  return { ok: fields.some((one) => one.ok) };
}

describe('foreign bytes', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each(decoders)('never make %s throw, hang or grow', async (_name, accepted, decode) => {
    const isText = TEXT_DECODERS.has(decode);
    const report = await fuzz(accepted, (bytes) => decode(bytes).ok, { damage: isText ? damageText : damageBytes });
    expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
    // Control: the thing itself is accepted, so that what is made of it reaches further than the
    // first check.
    expect(decode(accepted).ok).toBe(true);
    expect(report.refused).toBeGreaterThan(0);
  });

  test('never make the fragment joiner throw, or hold more than its limit', () => {
    const random = new SeededRandom(12);
    let partial = NO_PARTIAL_TEXTS;
    for (let index = 0; index < FUZZ_CASES; index += 1) {
      const fragment = { index: random.below(4), count: random.below(5), bytes: random.bytes(random.below(64)) };
      partial = joinFragment(partial, random.below(4), fragment).partial;
      if (partial.length > 2) throw new Error('held more than two texts');
    }
    expect(cutText(new Uint8Array(1), 456)).toHaveLength(1);
    expect(partial.length).toBeLessThanOrEqual(2);
  });
});
