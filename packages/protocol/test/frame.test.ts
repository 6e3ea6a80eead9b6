import { SeededRandom } from '@sotto/fixtures';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bodyBytes,
  checkEmpty,
  decodeAttach,
  decodeAttached,
  decodeChallenge,
  decodeFrame,
  decodeRefused,
  encodeAttach,
  encodeAttached,
  encodePing,
  encodeChallenge,
  encodeClosing,
  encodeFrame,
  encodeRefused,
  FRAME_BYTES,
  FRAME_CODES,
  FrameSplitter,
  HEADER_BYTES,
  LARGEST_FRAME_BYTES,
  OPERATIONS,
  RELAY_CODES,
  toHex,
} from '../src/index.ts';
import type { Frame, Operation, RelayCode } from '../src/index.ts';

const operations = Object.keys(OPERATIONS) as Operation[];
const relayCodes = Object.keys(RELAY_CODES) as RelayCode[];
const fixed = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const patience = fc.integer({ min: 600, max: 86_400 });

/** The frame in these bytes; fails if there is none. */
function parsed(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes);
  if (!frame.ok) throw new Error(frame.code);
  return frame.value;
}

function changed(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[index] = value;
  return copy;
}

const plain = encodeFrame({ operation: 'publish', number: 7, body: new Uint8Array(496).fill(9) });

describe('a frame', () => {
  test('decodes to the same frame for every operation, size, code and number', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...operations),
        fc.constantFrom(...FRAME_BYTES),
        number,
        fc.constantFrom(...relayCodes),
        fc.nat({ max: 255 }),
        (operation, length, value, anyCode, fill) => {
          const code = operation === 'refused' || operation === 'closing' ? anyCode : undefined;
          const body = new Uint8Array(bodyBytes(length)).fill(fill);
          const bytes = encodeFrame({ operation, number: value, body, code });
          expect(bytes).toHaveLength(length);
          expect(decodeFrame(bytes)).toEqual({ ok: true, value: { operation, code, number: value, body } });
        },
      ),
    );
  });

  test('is encoded only with a body of a frame size', () => {
    for (const length of [0, 495, 497, 4_081]) {
      const body = new Uint8Array(length);
      expect(() => encodeFrame({ operation: 'entry', number: 0, body })).toThrow(RangeError);
    }
  });

  const refusals: readonly (readonly [string, keyof typeof FRAME_CODES, Uint8Array])[] = [
    ['no bytes at all', 'frame-version', new Uint8Array(0)],
    ['another version', 'frame-version', changed(plain, 0, 0x20)],
    ['an unknown size', 'frame-size', changed(plain, 0, 0x14)],
    ['a frame one byte short', 'frame-size', plain.slice(0, 511)],
    ['a frame one byte long', 'frame-size', new Uint8Array([...plain, 0])],
    ['a frame of another size than it names', 'frame-size', changed(plain, 0, 0x11)],
    ['an unknown operation', 'frame-operation', changed(plain, 1, 0x7f)],
    ['a code where there is none', 'frame-code', changed(plain, 3, 1)],
    ['a REFUSED without a code', 'frame-code', changed(encodeRefused('stale', 1, new Uint8Array(24)), 3, 0)],
    ['a CLOSING with an unknown code', 'frame-code', changed(encodeClosing('silent'), 3, 99)],
    ['a reserved byte that is not zero', 'frame-reserved', changed(plain, 7, 1)],
    ['a number above 2^53-1', 'frame-number', changed(plain, 9, 0x20)],
  ];
  test.each(refusals)('is refused with its code: %s', (_name, code, bytes) => {
    expect(decodeFrame(bytes)).toEqual({ ok: false, code });
    expect(decodeFrame(plain).ok).toBe(true);
  });
});

describe('control frames', () => {
  test('decode to the same fields after encoding', () => {
    fc.assert(
      fc.property(fixed(32), fixed(16), fixed(64), number, number, number, patience, (...given) => {
        const [challenge, roomId, signature, a, b, c, patienceSeconds] = given;
        const from = a;
        const oldest = Math.max(1, Math.min(a, b));
        const next = Math.max(oldest, a, b);
        expect(decodeChallenge(parsed(encodeChallenge(challenge)))).toEqual({ ok: true, value: challenge });
        const attach = { roomId, from, signature };
        expect(decodeAttach(parsed(encodeAttach(attach)))).toEqual({ ok: true, value: attach });
        const attached = { commitNumber: c, oldest, next, patienceSeconds };
        expect(decodeAttached(parsed(encodeAttached(attached)))).toEqual({ ok: true, value: attached });
        const nonce = challenge.slice(0, 24);
        const refused = parsed(encodeRefused('stale', c, nonce));
        expect([refused.code, refused.number]).toEqual(['stale', c]);
        expect(decodeRefused(refused)).toEqual({ ok: true, value: nonce });
        expect(checkEmpty(parsed(encodePing('ping', a)))).toEqual({ ok: true, value: a });
        expect(checkEmpty(parsed(encodePing('pong', b)))).toEqual({ ok: true, value: b });
      }),
    );
  });

  test('have a code for every reason of the relay', () => {
    for (const code of relayCodes) {
      expect(parsed(encodeClosing(code)).code).toBe(code);
      expect(parsed(encodeRefused(code, 0, new Uint8Array(24))).code).toBe(code);
    }
  });

  const decoders = [
    ['CHALLENGE', decodeChallenge, encodeChallenge(new Uint8Array(32)), 32],
    ['ATTACH', decodeAttach, encodeAttach({ roomId: new Uint8Array(16), from: 0, signature: new Uint8Array(64) }), 80],
    ['ATTACHED', decodeAttached, encodeAttached({ commitNumber: 0, oldest: 1, next: 1, patienceSeconds: 86_400 }), 20],
    ['REFUSED', decodeRefused, encodeRefused('stale', 0, new Uint8Array(24)), 24],
    ['PING', checkEmpty, encodePing('ping', 0), 0],
  ] as const;

  test.each(decoders)('are refused with any byte of padding that is not zero: %s', (_name, decode, bytes, fields) => {
    for (const index of [HEADER_BYTES + fields, 400, 511]) {
      expect(decode(parsed(changed(bytes, index, 1)))).toEqual({ ok: false, code: 'frame-padding' });
    }
    expect(decode(parsed(bytes)).ok).toBe(true);
  });

  test.each(decoders)('are refused in a larger frame: %s', (_name, decode, bytes) => {
    const frame = { ...parsed(bytes), body: new Uint8Array(bodyBytes(1024)) };
    expect(decode(frame)).toEqual({ ok: false, code: 'frame-length' });
  });

  test('are refused as ATTACHED with a log that begins at 0, ends before it begins, or passes 2^53-1, or a patience that no room has', () => {
    const good = encodeAttached({ commitNumber: 0, oldest: 5, next: 9, patienceSeconds: 86_400 });
    const bad = [changed(good, 23, 0), changed(good, 31, 4), changed(good, 17, 0x20), changed(good, 25, 0x20)];
    for (const bytes of bad) expect(decodeAttached(parsed(bytes))).toEqual({ ok: false, code: 'frame-number' });
    for (const patienceSeconds of [0, 599, 86_401, 2 ** 32 - 1])
      expect(decodeAttached(parsed(encodeAttached({ commitNumber: 0, oldest: 5, next: 9, patienceSeconds })))).toEqual({
        ok: false,
        code: 'frame-field',
      });
    expect(decodeAttached(parsed(changed(good, 31, 5)))).toEqual({
      ok: true,
      value: { commitNumber: 0, oldest: 5, next: 5, patienceSeconds: 86_400 },
    });
  });
});

/** Frames of all sizes one after the other, and where they end. */
function stream(random: SeededRandom, count: number): { frames: Uint8Array[]; bytes: Uint8Array } {
  const frames = Array.from({ length: count }, () =>
    encodeFrame({ operation: 'entry', number: 1, body: random.bytes(bodyBytes(random.pick(FRAME_BYTES))) }),
  );
  return { frames, bytes: Uint8Array.from(frames.flatMap((frame) => [...frame])) };
}

function hexes(frames: readonly Uint8Array[]): string[] {
  return frames.map(toHex);
}

/**
 * Pushes `bytes` in pieces.
 * @returns the frames until the first refusal, the refusals' codes, and the most that was held.
 */
function push(bytes: Uint8Array, piece: () => number): { frames: Uint8Array[]; codes: string[] } {
  const splitter = new FrameSplitter();
  const frames: Uint8Array[] = [];
  const codes: string[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = Math.max(1, piece());
    const result = splitter.push(bytes.slice(offset, offset + length));
    if (result.ok) frames.push(...result.value);
    else codes.push(result.code);
    offset += length;
  }
  return { frames, codes };
}

describe('the frame splitter', () => {
  test('gives the same frames for every division of the stream', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(1, 13, 511, 512, 513, 4_096, 20_000), (seed, piece) => {
        const random = new SeededRandom(seed);
        const { frames, bytes } = stream(random, 4);
        const got = push(bytes, () => random.below(piece) + 1);
        expect(hexes(got.frames)).toEqual(hexes(frames));
        expect(got.codes).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('gives frames of their own bytes, which a later chunk does not change', () => {
    const { frames, bytes } = stream(new SeededRandom(1), 2);
    const splitter = new FrameSplitter();
    const got = splitter.push(bytes);
    bytes.fill(0);
    expect(got.ok ? hexes(got.value) : []).toEqual(hexes(frames));
  });

  test('accepts an empty chunk, and keeps its buffered bytes', () => {
    const { frames, bytes } = stream(new SeededRandom(2), 1);
    const splitter = new FrameSplitter();
    expect(splitter.push(bytes.slice(0, 100))).toEqual({ ok: true, value: [] });
    expect(splitter.push(new Uint8Array(0))).toEqual({ ok: true, value: [] });
    const rest = splitter.push(bytes.slice(100));
    expect(rest.ok ? hexes(rest.value) : []).toEqual(hexes(frames));
  });

  test('gives no frame after a refusal, for any input', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(0x00, 0x14, 0x2f, 0xff), (seed, bad) => {
        const random = new SeededRandom(seed);
        const before = stream(random, 2);
        const after = stream(random, 3);
        const bytes = Uint8Array.from([...before.bytes, bad, ...after.bytes]);
        const got = push(bytes, () => random.below(700) + 1);
        const code = bad === 0x14 ? 'frame-size' : 'frame-version';
        // Frames that came in the same chunk as the bad byte are dropped with it: never more than
        // there were.
        expect(hexes(before.frames).slice(0, got.frames.length)).toEqual(hexes(got.frames));
        expect(got.codes.length).toBeGreaterThan(1);
        expect(new Set(got.codes)).toEqual(new Set([code]));
      }),
      { numRuns: 60 },
    );
  });

  test('refuses at the first byte, before a whole frame has arrived', () => {
    expect(new FrameSplitter().push(Uint8Array.of(0x1f))).toEqual({ ok: false, code: 'frame-size' });
    expect(new FrameSplitter().push(Uint8Array.of(LARGEST_FRAME_BYTES & 0xff))).toEqual({
      ok: false,
      code: 'frame-version',
    });
  });
});
