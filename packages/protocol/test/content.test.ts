import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BEFORE_BYTES,
  bodyBytes,
  concatBytes,
  CONTENT_CODES,
  CONTENT_HEADER_BYTES,
  cutText,
  decodeContent,
  encodeContent,
  encodeSignedOrder,
  ENVELOPE_OVERHEAD_BYTES,
  FRAME_BYTES,
  fragmentCapacity,
  joinFragment,
  LOG_HASH_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  messageCapacity,
  NAME_BYTES_MAX,
  NO_PARTIAL_TEXTS,
  TEXT_BYTES_MAX,
} from '../src/index.ts';
import type { Content, ContentCode, Fragment, PartialTexts } from '../src/index.ts';

const PLAINTEXT_SIZES = FRAME_BYTES.map((length) => bodyBytes(length) - ENVELOPE_OVERHEAD_BYTES);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};
const read = (bytes: Uint8Array): ReturnType<typeof decodeContent> => decodeContent(bytes, decode);

const above = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const seen = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 48 }).filter((text) => {
  const length = encode(text).length;
  return length > 0 && length <= NAME_BYTES_MAX;
});
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const header = { number: above, seen, logHash: bytesOf(LOG_HASH_BYTES) };
const before = bytesOf(BEFORE_BYTES);
const presenceHeader = { type: fc.constant('presence' as const), ...header, before };

const contents: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ type: fc.constant('receipt' as const), ...header, before }),
  fc.record({ type: fc.constant('roll-call' as const), ...header }),
  fc.record({ ...presenceHeader, status: fc.constantFrom('arriving' as const, 'here' as const), name }),
  fc.record({ ...presenceHeader, status: fc.constant('leaving' as const), name, signature: bytesOf(64) }),
  fc.record({
    type: fc.constant('order' as const),
    ...header,
    order: fc.record({
      type: fc.constant('access' as const),
      number: fc.nat(),
      mode: fc.constantFrom('open' as const, 'knock' as const, 'locked' as const),
      signature: bytesOf(64),
    }),
  }),
  fc
    .record({ count: fc.integer({ min: 1, max: 256 }), at: fc.nat(), ...header, bytes: fc.uint8Array() })
    .map(({ count, at, number, ...rest }) => {
      const index = at % count;
      return { type: 'text' as const, count, index, number: Math.max(number, index + 1), ...rest };
    }),
);

function changed(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[index] = value;
  return copy;
}

const logHash = new Uint8Array(LOG_HASH_BYTES).fill(7);
const first = { number: 1, seen: 0, logHash };
const text = encodeContent(
  { type: 'text', number: 9, seen: 3, logHash, index: 1, count: 2, bytes: encode('hello') },
  encode,
);
const named = { type: 'presence', ...first, before: new Uint8Array(BEFORE_BYTES).fill(6), name: 'Anna' } as const;
const presence = encodeContent({ ...named, status: 'here' }, encode);
const farewell = encodeContent({ ...named, status: 'leaving', signature: new Uint8Array(64).fill(8) }, encode);
const receipt = encodeContent({ type: 'receipt', ...first, before: named.before }, encode);
/** where the status is, the name's length, and the name. */
const STATUS_AT = CONTENT_HEADER_BYTES + BEFORE_BYTES;
const NAME_LENGTH_AT = STATUS_AT + 1;
const NAME_AT = NAME_LENGTH_AT + 1;
const rollCall = encodeContent({ type: 'roll-call', ...first }, encode);
const signature = new Uint8Array(64);
const order = encodeContent(
  { type: 'order', ...first, order: { type: 'access', number: 1, mode: 'locked', signature } },
  encode,
);
const memberId = new Uint8Array(16);
const listed = concatBytes(
  order.slice(0, CONTENT_HEADER_BYTES),
  encodeSignedOrder({ type: 'access', number: 1, mode: 'listed', listed: [memberId], signature }),
);
const eviction = concatBytes(
  order.slice(0, CONTENT_HEADER_BYTES),
  encodeSignedOrder({ type: 'evict', number: 1, memberId, listed: [memberId], signature }),
);

describe('content', () => {
  test('decodes to the same content after encoding', () => {
    fc.assert(
      fc.property(contents, (content) => {
        expect(read(encodeContent(content, encode))).toEqual({ ok: true, value: content });
      }),
    );
  });

  const refusals: readonly (readonly [string, ContentCode, Uint8Array])[] = [
    ['an unknown type', 'content-kind', changed(receipt, 0, 9)],
    ['an unknown status', 'content-kind', changed(presence, STATUS_AT, 9)],
    ['a header one byte short', 'content-length', receipt.slice(0, 32)],
    ['no bytes', 'content-length', new Uint8Array(0)],
    ['a receipt without its field `before`', 'content-length', receipt.slice(0, CONTENT_HEADER_BYTES)],
    ['a receipt one byte short', 'content-length', receipt.slice(0, -1)],
    ['a receipt with something behind', 'content-length', concatBytes(receipt, Uint8Array.of(0))],
    ['a roll call with something behind', 'content-length', concatBytes(rollCall, Uint8Array.of(0))],
    ['a type that is no more', 'content-kind', changed(rollCall, 0, 5)],
    ['an order with a list', 'content-kind', listed],
    ['an order one byte short', 'content-length', order.slice(0, -1)],
    ['an order with something behind', 'content-length', concatBytes(order, Uint8Array.of(0))],
    ['an order that evicts', 'content-kind', eviction],
    ['a farewell without its proof', 'content-length', farewell.slice(0, -64)],
    ['a farewell with something behind', 'content-length', concatBytes(farewell, Uint8Array.of(0))],
    ['a presence with a proof', 'content-length', concatBytes(presence, new Uint8Array(64))],
    ['a fragment without its count', 'content-length', text.slice(0, 36)],
    ['a fragment above the limit of a text', 'content-length', concatBytes(text, new Uint8Array(TEXT_BYTES_MAX))],
    ['a presence without a name length', 'content-length', presence.slice(0, NAME_LENGTH_AT)],
    ['a name shorter than its length', 'content-length', presence.slice(0, -1)],
    ['a name longer than its length', 'content-length', concatBytes(presence, encode('a'))],
    ['number 0', 'content-number', changed(receipt, 8, 0)],
    ['a number above 2^53-1', 'content-number', changed(receipt, 2, 0x20)],
    ['a seen above 2^53-1', 'content-number', changed(receipt, 10, 0x20)],
    ['a name that is not UTF-8', 'content-text', changed(presence, NAME_AT, 0xff)],
    ['an empty name', 'content-text', changed(presence.slice(0, NAME_AT), NAME_LENGTH_AT, 0)],
    [
      'a name of 49 bytes',
      'content-text',
      concatBytes(changed(presence.slice(0, NAME_AT), NAME_LENGTH_AT, 49), new Uint8Array(49).fill(97)),
    ],
    ['a count of 0', 'fragment-index', changed(text, 36, 0)],
    ['an index as high as the count', 'fragment-index', changed(text, 34, 2)],
    ['a count above 256', 'fragment-index', changed(text, 35, 2)],
    ['a fragment before its member could have begun the text', 'fragment-index', changed(text, 8, 1)],
  ];

  test.each(refusals)('is refused with its code: %s', (_name, code, bytes) => {
    expect(read(bytes)).toEqual({ ok: false, code });
  });

  test('control: the contents from which these were made are accepted', () => {
    for (const bytes of [text, presence, farewell, receipt, rollCall, order]) expect(read(bytes).ok).toBe(true);
    const longest = concatBytes(changed(presence.slice(0, NAME_AT), NAME_LENGTH_AT, 48), new Uint8Array(48).fill(97));
    expect(read(longest).ok).toBe(true);
  });

  test('has a case here for every code but that of padding, which group-plaintext.test.ts covers', () => {
    const codes = new Set([...refusals.map(([, code]) => code), 'content-padding']);
    expect(codes).toEqual(new Set(Object.keys(CONTENT_CODES)));
  });
});

/** Joins fragments that come in turn under the numbers from `first` on. */
function join(
  fragments: readonly Fragment[],
  first = 1,
  begun: PartialTexts = NO_PARTIAL_TEXTS,
): { partial: PartialTexts; texts: Uint8Array[] } {
  const texts: Uint8Array[] = [];
  let partial = begun;
  for (const fragment of fragments) {
    const joined = joinFragment(partial, first, fragment);
    partial = joined.partial;
    if (joined.text !== undefined) texts.push(joined.text);
  }
  return { partial, texts };
}

/** All bytes that what is under way keeps alive, whole buffers and not only the views. */
function heldBytes(partial: PartialTexts): number {
  const buffers = new Set(partial.flatMap((one) => one.parts.map((part) => part.buffer)));
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

describe('fragments', () => {
  test.each(PLAINTEXT_SIZES)('join to the same text in plaintexts of %i bytes, from 0 to 65,536 bytes', (size) => {
    const capacity = fragmentCapacity(size);
    const lengths = [
      0,
      1,
      capacity - 1,
      capacity,
      capacity + 1,
      2 * capacity,
      10_000,
      TEXT_BYTES_MAX - 1,
      TEXT_BYTES_MAX,
    ];
    for (const length of lengths) {
      const whole = Uint8Array.from({ length }, (_, index) => (index * 31) & 0xff);
      const fragments = cutText(whole, size);
      expect(fragments.length).toBe(Math.max(1, Math.ceil(length / capacity)));
      expect(fragments.length).toBeLessThanOrEqual(256);
      for (const fragment of fragments) expect(fragment.bytes.length).toBeLessThanOrEqual(capacity);
      const joined = join(fragments);
      expect(joined.texts).toEqual([whole]);
      expect(joined.partial).toEqual([]);
    }
  });

  test('are never made of a text above the limit', () => {
    expect(() => cutText(new Uint8Array(TEXT_BYTES_MAX + 1), 456)).toThrow(RangeError);
  });

  test('fill their frame exactly', () => {
    for (const size of PLAINTEXT_SIZES) {
      const [fragment] = cutText(new Uint8Array(TEXT_BYTES_MAX), size);
      if (fragment === undefined) throw new Error('a text has a fragment');
      const content = encodeContent({ type: 'text', ...first, ...fragment }, encode);
      expect(content.length + MESSAGE_OVERHEAD_BYTES).toBe(messageCapacity(size));
    }
  });

  const part = (index: number, count: number, length = 1): Fragment => ({
    index,
    count,
    bytes: new Uint8Array(length),
  });

  test('drop their text if they are out of order, repeated or with another count', () => {
    expect(join([part(1, 3), part(0, 3), part(2, 3)]).texts).toEqual([]);
    expect(join([part(0, 3), part(0, 3), part(1, 3), part(2, 3)]).texts).toEqual([]);
    expect(join([part(0, 3), part(1, 2)]).texts).toEqual([]);
    expect(join([part(0, 3), part(1, 4), part(2, 4), part(3, 4)]).texts).toEqual([]);
    // Control: in order they make one.
    expect(join([part(0, 3), part(1, 3), part(2, 3)]).texts).toHaveLength(1);
  });

  test('drop their text if they are together above the limit', () => {
    const half = TEXT_BYTES_MAX / 2;
    expect(join([part(0, 2, half), part(1, 2, half + 1)])).toEqual({ partial: [], texts: [] });
    expect(join([part(0, 2, half), part(1, 2, half)]).texts).toHaveLength(1);
  });

  test('hold memory for two texts at most, in any order of arrival', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 3 }), fc.nat({ max: 5 }), fc.nat({ max: 40_000 })), {
          maxLength: 60,
        }),
        (steps) => {
          let partial = NO_PARTIAL_TEXTS;
          for (const [first, index, count, length] of steps) {
            partial = joinFragment(partial, first, part(index, count, length)).partial;
            expect(partial.length).toBeLessThanOrEqual(2);
            expect(heldBytes(partial)).toBeLessThanOrEqual(2 * TEXT_BYTES_MAX);
          }
        },
      ),
    );
  });

  test('do not retain the frames that carried them, even if they have one byte each', () => {
    let partial = NO_PARTIAL_TEXTS;
    for (let index = 0; index < 255; index += 1) {
      const bytes = new Uint8Array(4_040).subarray(0, 1);
      partial = joinFragment(partial, 1, { index, count: 256, bytes }).partial;
    }
    expect(partial[0]?.parts).toHaveLength(255);
    expect(heldBytes(partial)).toBeLessThanOrEqual(TEXT_BYTES_MAX);
  });
});
